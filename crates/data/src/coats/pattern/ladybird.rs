//! A few large round dots, mirrored on a dark line where the wings meet, on a dome that shines.

use graft_kernels::random::Stream;

use super::super::math::{Point, between, blend, length, minus, step};
use super::super::palette::Palette;
use super::Skin;

/// Where the dots of one wing may lie: across from the line, down from the middle.
const PLACES: [Point; 5] = [[0.13, -0.20], [0.30, -0.08], [0.12, 0.06], [0.27, 0.20], [0.11, 0.30]];
/// Where the wings end and the neck begins.
const NECK: f32 = -0.36;

pub(super) fn skin(s: &mut Stream, pixel: f32) -> Skin {
    let colours = Palette::varied(s, [[0.96, 0.94, 0.90], [0.86, 0.17, 0.08], [0.06, 0.05, 0.05]]);
    let keep = 3 + s.below(3) as usize;
    let size = between(s, 0.07, 0.095);
    let mut dots = PLACES.map(|[x, y]| {
        let off = [between(s, -0.02, 0.02), between(s, -0.02, 0.02)];
        ([x + off[0], y + off[1]], size * between(s, 0.8, 1.2))
    });
    s.shuffle(&mut dots);
    let soft = 0.8 * pixel;
    Box::new(move |p| {
        let q = [p[0].abs(), p[1]];
        let mut dark = 1.0 - step(0.012, soft, q[0]);
        for (centre, radius) in &dots[..keep] {
            dark = f32::max(dark, 1.0 - step(*radius, soft, length(minus(q, *centre))));
        }
        let neck = 1.0 - step(NECK, soft, q[1] - 0.5 * q[0] * q[0]);
        let cheek = 1.0 - step(0.075, soft, length(minus(q, [0.20, NECK - 0.09])));
        blend(blend(colours.middle, colours.dark, dark.max(neck)), colours.light, cheek * neck)
    })
}
