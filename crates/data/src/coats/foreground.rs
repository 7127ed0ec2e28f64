//! What is between the animal and the viewer: a few blades of grass, or nothing.

use graft_kernels::random::Stream;

use super::background::colour;
use super::math::{Point, Rgb, between, blend, chance, direction, plus, shade, step, turned};

/// One blade: a parabola that thins towards its end.
struct Blade {
    root: Point,
    along: Point,
    bend: f32,
    length: f32,
    width: f32,
    colour: Rgb,
}

impl Blade {
    fn new(s: &mut Stream) -> Self {
        let along = direction(s);
        // It comes in from beyond the border that it points away from.
        let root = plus([between(s, -0.5, 0.5), between(s, -0.5, 0.5)], -0.75, along);
        Self {
            root,
            along: [along[0], -along[1]],
            bend: between(s, -0.5, 0.5),
            length: between(s, 0.6, 1.3),
            width: between(s, 0.012, 0.05),
            colour: colour(s),
        }
    }

    /// The colour of a place behind the blade, or of the blade.
    fn over(&self, p: Point, pixel: f32, behind: Rgb) -> Rgb {
        let [along, across] = turned(plus(p, -1.0, self.root), self.along);
        let t = along / self.length;
        if !(0.0..1.0).contains(&t) {
            return behind;
        }
        let off = across - self.bend * t * along;
        let half_width = self.width * (1.0 - t * t);
        let cover = 1.0 - step(half_width, 0.8 * pixel, off.abs());
        let lit = 0.85 + 0.3 * (off / self.width).clamp(-0.5, 0.5);
        blend(behind, shade(lit, self.colour), cover)
    }
}

/// All that is in front.
pub(super) struct Foreground {
    blades: Vec<Blade>,
}

impl Foreground {
    pub(super) fn new(s: &mut Stream) -> Self {
        let many = if chance(s, 0.45) { 0 } else { 1 + s.below(8) };
        Self { blades: (0..many).map(|_| Blade::new(s)).collect() }
    }

    /// The colour of a place, `behind` being that of what is behind.
    pub(super) fn over(&self, p: Point, pixel: f32, behind: Rgb) -> Rgb {
        self.blades.iter().fold(behind, |c, blade| blade.over(p, pixel, c))
    }
}
