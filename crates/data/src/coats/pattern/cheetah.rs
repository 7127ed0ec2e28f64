//! Small solid dots, close together and all over.

use graft_kernels::random::Stream;

use super::super::math::{between, blend, plus, step, times};
use super::super::noise::Noise;
use super::super::palette::Palette;
use super::super::voronoi::Voronoi;
use super::Skin;

pub(super) fn skin(s: &mut Stream, pixel: f32) -> Skin {
    let colours = Palette::varied(s, [[0.95, 0.84, 0.62], [0.86, 0.66, 0.38], [0.10, 0.07, 0.06]]);
    let many = between(s, 7.5, 9.5);
    let cells = Voronoi::new(s, 0.5).hexagonal();
    let (bend, pale) = (Noise::new(s), Noise::new(s));
    Box::new(move |p| {
        let cell = cells.at(plus(times(many, p), 0.10, bend.push(times(many, p))));
        let soft = (0.8 * many * pixel).min(0.3);
        let dot = 1.0 - step(0.24 + 0.09 * cell.own[0], soft, cell.radius);
        let ground = blend(colours.middle, colours.light, step(0.0, 0.6, pale.at(times(1.5, p))));
        blend(ground, colours.dark, dot)
    })
}
