//! Dark plates with light seams between them: the cells of a Voronoi diagram.

use graft_kernels::random::Stream;

use super::super::math::{between, blend, plus, shade, step, times};
use super::super::noise::Noise;
use super::super::palette::Palette;
use super::super::voronoi::Voronoi;
use super::Skin;

pub(super) fn skin(s: &mut Stream, pixel: f32) -> Skin {
    let colours = Palette::varied(s, [[0.95, 0.86, 0.68], [0.66, 0.36, 0.14], [0.38, 0.20, 0.09]]);
    let many = between(s, 3.4, 4.6);
    let cells = Voronoi::new(s, 0.85);
    let (bend, fur) = (Noise::new(s), Noise::new(s));
    let seam = between(s, 0.07, 0.11);
    Box::new(move |p| {
        let q = plus(times(many, p), 0.09, bend.push(times(2.0 * many, p)));
        let cell = cells.at(q);
        let soft = (0.8 * many * pixel).min(0.12);
        let plate = shade(0.85 + 0.3 * cell.own[0], blend(colours.middle, colours.dark, cell.own[1]));
        // A plate darkens towards its middle.
        let plate = shade(1.08 - 0.4 * cell.border + 0.06 * fur.at(times(20.0, p)), plate);
        blend(colours.light, plate, step(seam, soft, cell.border))
    })
}
