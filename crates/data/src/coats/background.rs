//! What is behind the animal: a meadow, sand, leaves, or lights out of focus.

use graft_kernels::random::Stream;

use super::math::{Point, Rgb, between, blend, direction, mix, shade, step, times, turned};
use super::noise::Noise;
use super::voronoi::Voronoi;

/// Grass, straw, leaf, earth, sand, stone, snow, water, evening sky, night.
const COLOURS: [Rgb; 10] = [
    [0.36, 0.50, 0.20],
    [0.76, 0.68, 0.38],
    [0.16, 0.34, 0.16],
    [0.42, 0.29, 0.18],
    [0.84, 0.74, 0.56],
    [0.52, 0.52, 0.50],
    [0.90, 0.92, 0.95],
    [0.30, 0.48, 0.62],
    [0.86, 0.56, 0.40],
    [0.12, 0.13, 0.18],
];

/// A colour that things around an animal have.
pub(super) fn colour(s: &mut Stream) -> Rgb {
    let c = COLOURS[s.below(COLOURS.len() as u32) as usize];
    let level = between(s, 0.75, 1.2);
    c.map(|v| (level * v + between(s, -0.05, 0.05)).clamp(0.0, 1.0))
}

/// The colour of every place behind the animal.
pub(super) fn background(s: &mut Stream) -> Box<dyn Fn(Point) -> Rgb> {
    let (near, far) = (colour(s), colour(s));
    let down = direction(s);
    let grain = Noise::new(s);
    let large = between(s, 2.0, 6.0);
    // From one colour to the other across the picture, with something in it that tells what it is made of.
    let slope = move |p: Point| blend(near, far, step(0.0, 0.7, turned(p, down)[0]));
    match s.below(4) {
        0 => Box::new(move |p| {
            let blades = grain.fractal([5.0 * large * p[0], 0.8 * large * p[1]], 2);
            shade(1.0 + 0.35 * blades, slope(p))
        }),
        1 => Box::new(move |p| shade(1.0 + 0.22 * grain.fractal(times(large, p), 4), slope(p))),
        2 => {
            let leaves = Voronoi::new(s, 0.9);
            Box::new(move |p| {
                let cell = leaves.at(times(large, p));
                shade(mix(0.55, 1.25, cell.own[0]) * step(-0.1, 0.2, cell.border), slope(p))
            })
        }
        _ => {
            let (lights, bright) = (Voronoi::new(s, 0.9), colour(s));
            Box::new(move |p| {
                let cell = lights.at(times(large, p));
                let disc = 1.0 - step(0.2 + 0.25 * cell.own[0], 0.05, cell.radius);
                blend(slope(p), bright, 0.6 * disc * cell.own[1])
            })
        }
    }
}
