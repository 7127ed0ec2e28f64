//! Scales in a lozenge lattice. Each has one colour: that of a zigzag band, looked up at the scale's middle.

use graft_kernels::random::Stream;

use super::super::math::{Point, between, blend, chance, floor, plus, shade, step, times, wave};
use super::super::noise::{Noise, hash, pair};
use super::super::palette::Palette;
use super::Skin;

pub(super) fn skin(s: &mut Stream, pixel: f32) -> Skin {
    let colours = Palette::varied(s, [[0.86, 0.82, 0.60], [0.55, 0.52, 0.28], [0.16, 0.13, 0.10]]);
    let many = between(s, 8.0, 10.5);
    let bands = between(s, 1.5, 2.2);
    let middle_of_picture = [s.uniform(), s.uniform()];
    let diamonds = chance(s, 0.5);
    let (bend, key) = (Noise::new(s), s.next_u32());
    Box::new(move |p| {
        let p = plus(p, 1.0, middle_of_picture);
        let p = [p[0], p[1] + 0.05 * bend.at(times(1.5, p))];
        // In the lattice's own axes a lozenge is a unit square.
        let [u, v] = [many * (p[0] + 0.6 * p[1]), many * (p[0] - 0.6 * p[1])];
        let (i, j) = (floor(u), floor(v));
        let (a, b) = (u - i as f32, v - j as f32);
        let middle = [(i as f32 + j as f32 + 1.0) / (2.0 * many), (i as f32 - j as f32) / (1.2 * many)];
        let own = pair(hash(key, i, j))[0];
        let border = a.min(1.0 - a).min(b).min(1.0 - b);
        let soft = (0.8 * many * pixel).min(0.3);
        // Upper and left edges catch the light, lower and right ones lie in the shadow of the next scale.
        let relief = 0.80 + 0.25 * (a + b - 1.0).clamp(-0.6, 0.6) + 0.2 * own;
        let scale =
            shade(relief, band(middle, bands, diamonds, [colours.light, colours.middle, colours.dark]));
        blend(shade(0.45, scale), scale, step(0.09, soft, border))
    })
}

/// The colour of a place without scales: lozenges along the back with a light rim, or one dark zigzag.
fn band(p: Point, bands: f32, diamonds: bool, [light, middle, dark]: [[f32; 3]; 3]) -> [f32; 3] {
    let swing = 0.14 * wave(bands * p[0]);
    // The back is repeated from side to side: a snake lies in coils.
    let y = p[1] * 1.4;
    let y = (y - floor(y) as f32 - 0.5) / 1.4;
    let off = if diamonds { y.abs() - swing.abs() - 0.05 } else { (y - swing).abs() - 0.075 };
    match off {
        off if off < 0.0 => dark,
        off if off < 0.06 => light,
        _ => middle,
    }
}
