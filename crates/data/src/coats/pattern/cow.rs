//! A few large patches with a winding border.

use graft_kernels::random::Stream;

use super::super::math::{between, blend, step, times};
use super::super::noise::Noise;
use super::super::palette::Palette;
use super::Skin;

pub(super) fn skin(s: &mut Stream, pixel: f32) -> Skin {
    let colours = Palette::varied(s, [[0.95, 0.93, 0.90], [0.5, 0.32, 0.2], [0.12, 0.09, 0.08]]);
    // Black, or brown.
    let patch = blend(colours.dark, colours.middle, between(s, 0.0, 1.2).min(1.0));
    let (large, share) = (between(s, 1.5, 2.1), between(s, -0.12, 0.12));
    let patches = Noise::new(s);
    Box::new(move |p| {
        let field = patches.fractal(times(large, p), 3);
        let soft = (3.0 * large * pixel).min(0.3);
        blend(colours.light, patch, step(share, soft, field))
    })
}
