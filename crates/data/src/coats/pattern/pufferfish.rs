//! A labyrinth without end, as a puffer's back or an emperor angelfish wears it: Turing's own pattern.

use graft_kernels::random::Stream;

use super::super::math::{between, blend, mix, step, times};
use super::super::palette::Palette;
use super::super::reaction_diffusion::ReactionDiffusion;
use super::Skin;

/// Feed and kill of mazes, and of worms with loose ends.
const RATES: [[f32; 2]; 2] = [[0.030, 0.0565], [0.040, 0.0605]];

pub(super) fn skin(s: &mut Stream, pixel: f32) -> Skin {
    let colours = Palette::varied(s, [[0.92, 0.88, 0.62], [0.3, 0.45, 0.5], [0.12, 0.16, 0.22]]);
    let t = s.uniform();
    let [feed, kill] = [0, 1].map(|i| mix(RATES[0][i], RATES[1][i], t));
    let pattern = ReactionDiffusion::new(s, feed, kill);
    let dark = blend(colours.dark, colours.middle, between(s, 0.0, 0.6));
    let turns = between(s, 0.9, 1.25);
    Box::new(move |p| {
        let v = pattern.at(times(turns, p));
        let soft = (2.4 * turns * pixel).clamp(0.03, 0.12);
        blend(colours.light, dark, step(0.2, soft, v))
    })
}
