//! Blots of every size, scattered thinly over a light ground.

use graft_kernels::random::Stream;

use super::super::math::{between, blend, plus, step, times};
use super::super::noise::Noise;
use super::super::palette::Palette;
use super::super::voronoi::Voronoi;
use super::Skin;

pub(super) fn skin(s: &mut Stream, pixel: f32) -> Skin {
    let colours = Palette::varied(s, [[0.96, 0.95, 0.93], [0.6, 0.58, 0.55], [0.08, 0.07, 0.07]]);
    let many = between(s, 4.2, 5.6);
    let large = Voronoi::new(s, 1.0);
    let small = Voronoi::new(s, 1.0);
    let ragged = Noise::new(s);
    Box::new(move |p| {
        let rough = ragged.push(times(3.2 * many, p));
        let soft = (0.8 * many * pixel).min(0.2);
        // A share of the cells stays empty, so that no grid can be seen.
        let blots = |cells: Voronoi, scale: f32, share: f32| {
            let cell = cells.at(plus(times(scale * many, p), 0.14, rough));
            let radius = 0.13 + 0.22 * cell.own[1];
            let there = f32::from(u8::from(cell.own[0] < share));
            there * (1.0 - step(radius, scale * soft, cell.radius))
        };
        let dark = blots(large, 1.0, 0.62).max(blots(small, 1.9, 0.22));
        blend(colours.light, colours.dark, dark)
    })
}
