//! Thin dark stripes, broken and pointed, on a ground that pales towards the belly.

use graft_kernels::random::Stream;

use super::super::math::{between, blend, plus, step, times, wave};
use super::super::noise::Noise;
use super::super::palette::Palette;
use super::Skin;

pub(super) fn skin(s: &mut Stream, pixel: f32) -> Skin {
    let colours = Palette::varied(s, [[0.97, 0.88, 0.72], [0.90, 0.52, 0.16], [0.09, 0.06, 0.05]]);
    let stripes = between(s, 5.0, 7.0);
    let phase = s.uniform();
    let belly = between(s, -0.2, 0.5);
    let (bend, length, pale) = (Noise::new(s), Noise::new(s), Noise::new(s));
    let lengthwise = between(s, 2.6, 3.8);
    Box::new(move |p| {
        let q = plus(p, 0.10, bend.push(times(1.8, p)));
        // The threshold itself wanders along each stripe: where it rises, the stripe thins to a point and ends.
        let along = length.at([0.8 * stripes * q[0], lengthwise * q[1]]);
        let soft = (6.0 * stripes * pixel).min(0.9);
        let stripe = step(0.42 + 1.25 * along, soft, wave(stripes * q[0] + phase));
        let ground = step(belly, 0.5, p[1] + 0.3 * pale.at(times(2.0, p)));
        blend(blend(colours.middle, colours.light, ground), colours.dark, stripe)
    })
}
