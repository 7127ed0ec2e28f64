//! Horny plates, each with the rings of its years around a light middle.

use graft_kernels::random::Stream;

use super::super::math::{between, blend, plus, shade, step, times, wave};
use super::super::noise::Noise;
use super::super::palette::Palette;
use super::super::voronoi::Voronoi;
use super::Skin;

pub(super) fn skin(s: &mut Stream, pixel: f32) -> Skin {
    let colours = Palette::varied(s, [[0.85, 0.72, 0.36], [0.46, 0.34, 0.16], [0.14, 0.11, 0.08]]);
    let many = between(s, 2.3, 3.2);
    let rings = between(s, 3.2, 4.2);
    let cells = Voronoi::new(s, 0.30).hexagonal();
    let (bend, worn) = (Noise::new(s), Noise::new(s));
    Box::new(move |p| {
        let q = plus(times(many, p), 0.03, bend.push(times(2.0 * many, p)));
        let cell = cells.at(q);
        let soft = (0.8 * many * pixel).min(0.1);
        let ring = wave(2.0 * rings * cell.border + 0.25 * worn.at(times(9.0, p)));
        let old = step(0.33 + 0.08 * cell.own[0], 0.08, cell.border);
        let plate = blend(blend(colours.middle, colours.dark, 0.4 + 0.6 * ring), colours.light, old);
        let plate = shade(0.9 + 0.25 * cell.own[1], plate);
        blend(shade(0.7, colours.dark), plate, step(0.045, soft, cell.border))
    })
}
