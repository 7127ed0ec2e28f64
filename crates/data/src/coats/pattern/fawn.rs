//! Light spots in loose rows along the back, on dark ground.

use graft_kernels::random::Stream;

use super::super::math::{between, blend, plus, shade, step, times};
use super::super::noise::Noise;
use super::super::palette::Palette;
use super::super::voronoi::Voronoi;
use super::Skin;

pub(super) fn skin(s: &mut Stream, pixel: f32) -> Skin {
    let colours = Palette::varied(s, [[0.97, 0.93, 0.85], [0.62, 0.38, 0.20], [0.36, 0.22, 0.13]]);
    let many = between(s, 4.6, 6.2);
    let rows = between(s, 1.15, 1.45);
    let cells = Voronoi::new(s, 0.35).hexagonal();
    let (bend, flank) = (Noise::new(s), Noise::new(s));
    Box::new(move |p| {
        let q = plus(p, 0.05, bend.push(times(1.5, p)));
        let cell = cells.at([many * q[0], rows * many * q[1]]);
        let soft = (0.8 * many * pixel).clamp(0.06, 0.25);
        let spot = 1.0 - step(0.17 + 0.09 * cell.own[0], soft, cell.radius);
        let dusk = step(0.0, 0.8, flank.at(times(1.4, p)));
        let ground = blend(colours.middle, shade(1.15, colours.dark), 0.8 * dusk);
        blend(ground, colours.light, 0.95 * spot)
    })
}
