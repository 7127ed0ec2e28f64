//! The animal's side as a rounded, uneven shape: where it is, how it bends the pattern, how light falls on it.

use graft_kernels::random::Stream;

use super::math::{Point, between, chance, direction, length, minus, plus, step, times, turned};
use super::noise::Noise;

/// An ellipse with an uneven outline, bulging towards the viewer. It may reach beyond the picture on all sides.
pub(super) struct Body {
    centre: Point,
    /// Half axes.
    axes: Point,
    /// Which way the first axis points.
    along: Point,
    outline: Noise,
    uneven: f32,
    /// Which way the pattern lies.
    pattern: Point,
    /// How much smaller than life the pattern is, across and down.
    scale: Point,
    folds: Noise,
    /// Where the light comes from: right, down, towards the viewer; of length 1.
    light: [f32; 3],
    /// The share of light that comes from everywhere.
    ambient: f32,
    gloss: f32,
}

/// The body at one place of the picture.
pub(super) struct Surface {
    /// How much of the place it covers, 0 to 1.
    pub(super) cover: f32,
    /// How far from the body the place is, in bodies: 0 on it.
    pub(super) beside: f32,
    /// The place on the skin.
    pub(super) skin: Point,
    /// How much light falls there.
    pub(super) light: f32,
    /// How much light is thrown back as by a mirror.
    pub(super) shine: f32,
}

impl Body {
    pub(super) fn new(s: &mut Stream) -> Self {
        let size = between(s, 0.40, 0.80);
        let from = direction(s);
        let height = between(s, 0.5, 0.9);
        let flat = (1.0 - height * height).sqrt();
        // Near or far, each as likely as the other: a pattern may be 1.6 times as large as life, or as small.
        let far = between(s, 1.0, 1.6);
        let scale = if chance(s, 0.5) { far } else { 1.0 / far };
        Self {
            centre: [between(s, -0.16, 0.16), between(s, -0.16, 0.16)],
            axes: [size * between(s, 0.9, 1.25), size * between(s, 0.72, 0.95)],
            along: direction(s),
            outline: Noise::new(s),
            uneven: between(s, 0.0, 0.22),
            pattern: direction(s),
            scale: [scale * between(s, 0.88, 1.12), scale],
            folds: Noise::new(s),
            light: [flat * from[0], flat * from[1], height],
            ambient: between(s, 0.25, 0.7),
            gloss: if chance(s, 0.35) { between(s, 0.15, 0.5) } else { 0.0 },
        }
    }

    /// The side of a pixel on the skin, where a picture's pixel has this side.
    pub(super) fn pixel(&self, pixel: f32) -> f32 {
        pixel * self.scale[0].max(self.scale[1])
    }

    /// What is seen at a place, the middle of the picture being (0, 0) and its side 1.
    pub(super) fn at(&self, p: Point, pixel: f32) -> Surface {
        let off = minus(p, self.centre);
        let [x, y] = turned(off, self.along);
        let q = [x / self.axes[0], y / self.axes[1]];
        let r = length(q) + self.uneven * self.outline.fractal(times(2.2, p), 2);
        let cover = 1.0 - step(1.0, pixel / self.axes[1], r);
        // The height of a ball over its disc, and the way it faces.
        let inside = r.clamp(0.0, 1.0);
        let up = (1.0 - 0.85 * inside * inside).sqrt();
        let back = turned(q, [self.along[0], -self.along[1]]);
        let facing = [0.92 * back[0], 0.92 * back[1], up];
        let norm = (facing[0] * facing[0] + facing[1] * facing[1] + up * up).sqrt();
        let dot = facing.iter().zip(&self.light).map(|(a, b)| a * b).sum::<f32>() / norm;
        let light = self.ambient + (1.0 - self.ambient) * dot.max(0.0);
        // Towards its outline a round body turns away, and shows more of its skin in less room.
        let bulge = 1.0 + 0.18 * inside * inside;
        let skin = turned(plus(times(bulge, off), 0.03, self.folds.push(times(2.0, p))), self.pattern);
        Surface {
            cover,
            beside: (r - 1.0).max(0.0),
            skin: [skin[0] * self.scale[0], skin[1] * self.scale[1]],
            light,
            shine: self.gloss * step(0.93, 0.06, dot),
        }
    }
}
