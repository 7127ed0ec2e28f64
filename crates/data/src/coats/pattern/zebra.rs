//! Broad stripes, black and white, that fork where those of the flank meet the wider ones of the haunch.

use graft_kernels::random::Stream;

use super::super::math::{between, blend, mix, plus, step, times, wave};
use super::super::noise::Noise;
use super::super::palette::Palette;
use super::Skin;

pub(super) fn skin(s: &mut Stream, pixel: f32) -> Skin {
    let colours = Palette::varied(s, [[0.96, 0.94, 0.90], [0.5, 0.45, 0.4], [0.07, 0.06, 0.06]]);
    let stripes = between(s, 3.6, 5.2);
    let (flank, haunch) = (stripes, stripes * between(s, 0.55, 0.72));
    let phase = [s.uniform(), s.uniform()];
    let black = between(s, -0.15, 0.2);
    let (bend, where_wide, ragged) = (Noise::new(s), Noise::new(s), Noise::new(s));
    Box::new(move |p| {
        let q = plus(p, 0.16, bend.push(times(1.3, p)));
        // Two trains of stripes, and a blend of the two where they meet: there a stripe becomes two.
        let wide = step(0.0, 0.25, where_wide.at(times(1.1, p)));
        let both = mix(wave(flank * q[0] + phase[0]), wave(haunch * q[0] + 0.3 * q[1] + phase[1]), wide);
        let edge = black + 0.18 * ragged.at(times(5.0, p));
        let soft = (6.0 * flank * pixel).min(0.9);
        blend(colours.dark, colours.light, step(edge, soft, both))
    })
}
