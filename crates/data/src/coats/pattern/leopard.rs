//! Rosettes: broken rings of dark fur around a centre that is darker than the ground.

use graft_kernels::random::Stream;

use super::super::math::{between, blend, plus, shade, step, times};
use super::super::noise::Noise;
use super::super::palette::Palette;
use super::super::voronoi::Voronoi;
use super::Skin;

pub(super) fn skin(s: &mut Stream, pixel: f32) -> Skin {
    let colours = Palette::varied(s, [[0.93, 0.76, 0.48], [0.72, 0.48, 0.22], [0.10, 0.07, 0.05]]);
    let many = between(s, 4.0, 5.4);
    let cells = Voronoi::new(s, 0.55).hexagonal();
    let (bend, gaps) = (Noise::new(s), Noise::new(s));
    let [ring, half_width] = [between(s, 0.28, 0.32), between(s, 0.085, 0.11)];
    Box::new(move |p| {
        let q = plus(times(many, p), 0.16, bend.push(times(2.2 * many, p)));
        let cell = cells.at(q);
        let soft = (0.8 * many * pixel).min(0.2);
        let off = (cell.radius - ring * (0.85 + 0.3 * cell.own[0])).abs();
        // Each ring is open at one or two places.
        let closed = step(-0.42, 0.12, gaps.at(times(1.9 * many, p)));
        let dark = (1.0 - step(half_width, soft, off)) * closed;
        let centre = 1.0 - step(ring, soft, cell.radius);
        blend(blend(colours.light, shade(0.95, colours.middle), centre), colours.dark, dark)
    })
}
