//! From colours to a photo: the hour of the day, exposure, focus, grain.

use graft_kernels::random::Stream;

use super::math::{Rgb, between, mix};
use crate::{CHANNELS, Rgb8};

/// How one picture is taken.
pub(super) struct Camera {
    /// The light's own colour, and how much there is of it.
    gain: Rgb,
    /// How far mid-tones are lifted or lowered.
    gamma: f32,
    contrast: f32,
    /// How much darker corners are.
    vignette: f32,
    /// How far out of focus, in sides of the picture.
    blur: f32,
    /// The largest error of a grey level.
    grain: f32,
}

impl Camera {
    pub(super) fn new(s: &mut Stream) -> Self {
        let exposure = between(s, 0.62, 1.2);
        let warmth = between(s, -0.22, 0.22);
        let green = between(s, -0.06, 0.06);
        Self {
            gain: [exposure * (1.0 + warmth), exposure * (1.0 + green), exposure * (1.0 - warmth)],
            gamma: between(s, -0.45, 0.45),
            contrast: between(s, 0.5, 1.1),
            vignette: between(s, 0.0, 0.6),
            blur: between(s, 0.0, 1.0) * between(s, 0.0, 0.026),
            grain: between(s, 0.0, 0.065),
        }
    }

    /// The photo of `size` × `size` colours.
    pub(super) fn photo(&self, s: &mut Stream, size: usize, mut scene: Vec<Rgb>) -> Rgb8 {
        self.defocus(size, &mut scene);
        let middle = size as f32 / 2.0;
        let mut data = Vec::with_capacity(size * size * CHANNELS);
        for (i, colour) in scene.iter().enumerate() {
            let (x, y) = ((i % size) as f32 + 0.5 - middle, (i / size) as f32 + 0.5 - middle);
            let corner = 1.0 - self.vignette * (x * x + y * y) / (size * size) as f32;
            let noise = between(s, -self.grain, self.grain);
            for c in 0..CHANNELS {
                let v = (corner * self.gain[c] * colour[c]).clamp(0.0, 1.0);
                let v = v + self.gamma * v * (1.0 - v);
                let v = 0.5 + self.contrast * (v - 0.5) + noise;
                data.push((255.0 * v + 0.5) as u8);
            }
        }
        Rgb8 { height: size, width: size, data }
    }

    /// Blurs: three times, each row and then each column, by a box of a width that need not be whole.
    fn defocus(&self, size: usize, scene: &mut [Rgb]) {
        // Boxes of half width r have variance (2r + 1)² / 12 or so; three together look like Gauss's bell.
        let radius = self.blur * size as f32;
        let mut line = vec![[0.0; CHANNELS]; size];
        for _ in 0..3 {
            for at in 0..size {
                blur_line(scene, at * size, 1, radius, &mut line);
            }
            for at in 0..size {
                blur_line(scene, at, size, radius, &mut line);
            }
        }
    }
}

/// Each colour of one row or column becomes the mean of those within `radius`, the outermost counting in part. Places
/// beyond the border are like the border.
fn blur_line(scene: &mut [Rgb], from: usize, stride: usize, radius: f32, line: &mut [Rgb]) {
    let (whole, n) = (radius as usize, line.len());
    let part = radius - whole as f32;
    for (i, colour) in line.iter_mut().enumerate() {
        *colour = scene[from + i * stride];
    }
    let norm = 1.0 / (2.0 * radius + 1.0);
    for i in 0..n {
        let near = |d: usize| (line[i.saturating_sub(d)], line[(i + d).min(n - 1)]);
        let mut sum = line[i];
        for d in 1..=whole {
            let (a, b) = near(d);
            (0..CHANNELS).for_each(|c| sum[c] += a[c] + b[c]);
        }
        let (a, b) = near(whole + 1);
        let last = |c: usize| mix(0.0, a[c] + b[c], part);
        scene[from + i * stride] = [0, 1, 2].map(|c| norm * (sum[c] + last(c)));
    }
}
