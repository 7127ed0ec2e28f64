//! One picture: background, body with its coat, foreground, and the camera that looks at them.

use graft_kernels::random::Stream;

use super::background::background;
use super::body::Body;
use super::camera::Camera;
use super::foreground::Foreground;
use super::math::{Rgb, blend, shade, step, times};
use super::noise::Noise;
use super::pattern::Skin;
use crate::Rgb8;

/// Draws an animal in a scene of its own. All that is random is drawn from `s`; `skin` makes its coat of it, and of the
/// side of a pixel.
pub(super) fn picture(skin: impl Fn(&mut Stream, f32) -> Skin, s: &mut Stream, size: usize) -> Rgb8 {
    let pixel = 1.0 / size as f32;
    let (behind, body, before) = (background(s), Body::new(s), Foreground::new(s));
    let (camera, hair) = (Camera::new(s), Noise::new(s));
    let skin = skin(s, body.pixel(pixel));
    let place = |i: usize| (i as f32 + 0.5) * pixel - 0.5;
    let colour = |i: usize| -> Rgb {
        let p = [place(i % size), place(i / size)];
        let surface = body.at(p, pixel);
        // The body's own shadow lies around it.
        let ground = shade(0.55 + 0.45 * step(0.1, 0.12, surface.beside), behind(p));
        let animal = || {
            let hairs = 1.0 + 0.07 * hair.at(times(26.0, surface.skin));
            let lit = shade(hairs * surface.light, skin(surface.skin));
            blend(lit, [1.0; 3], surface.shine)
        };
        let seen = if surface.cover > 0.0 { blend(ground, animal(), surface.cover) } else { ground };
        before.over(p, pixel, seen)
    };
    let scene = (0..size * size).map(colour).collect();
    camera.photo(s, size, scene)
}
