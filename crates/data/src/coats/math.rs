//! The few functions that coats are drawn with, made of + − × ÷ √ alone.
//!
//! A platform's sine or power differs from another's in its last bit, and a pixel on the edge of a stripe with it. The
//! five operations here are rounded alike on every machine (IEEE 754), as long as nobody contracts `a * b + c`.

use graft_kernels::random::Stream;

/// A place, or a direction: across, down.
pub(super) type Point = [f32; 2];

/// Red, green, blue; 0 is black, 1 is full.
pub(super) type Rgb = [f32; 3];

/// Uniform in [from, to).
pub(super) fn between(s: &mut Stream, from: f32, to: f32) -> f32 {
    from + (to - from) * s.uniform()
}

/// True once in `1 / share` times.
pub(super) fn chance(s: &mut Stream, share: f32) -> bool {
    s.uniform() < share
}

/// A direction, each as likely as the other: a point within the unit circle, pushed out to its edge.
pub(super) fn direction(s: &mut Stream) -> Point {
    loop {
        let p = [between(s, -1.0, 1.0), between(s, -1.0, 1.0)];
        let r = length(p);
        if r > 0.1 && r <= 1.0 {
            return [p[0] / r, p[1] / r];
        }
    }
}

/// `p`, turned so that (1, 0) becomes `d`, which has length 1.
pub(super) fn turned(p: Point, d: Point) -> Point {
    [p[0] * d[0] - p[1] * d[1], p[0] * d[1] + p[1] * d[0]]
}

pub(super) fn length(p: Point) -> f32 {
    (p[0] * p[0] + p[1] * p[1]).sqrt()
}

pub(super) fn minus(a: Point, b: Point) -> Point {
    [a[0] - b[0], a[1] - b[1]]
}

/// `a + k · b`.
pub(super) fn plus(a: Point, k: f32, b: Point) -> Point {
    [a[0] + k * b[0], a[1] + k * b[1]]
}

pub(super) fn times(k: f32, p: Point) -> Point {
    [k * p[0], k * p[1]]
}

/// From `a` (at 0) to `b` (at 1).
pub(super) fn mix(a: f32, b: f32, t: f32) -> f32 {
    a + (b - a) * t
}

/// From colour `a` (at 0) to `b` (at 1).
pub(super) fn blend(a: Rgb, b: Rgb, t: f32) -> Rgb {
    [mix(a[0], b[0], t), mix(a[1], b[1], t), mix(a[2], b[2], t)]
}

/// A colour, lighter or darker.
pub(super) fn shade(k: f32, c: Rgb) -> Rgb {
    c.map(|v| k * v)
}

/// 0 below `edge − soft`, 1 above `edge + soft`, Hermite's cubic between.
pub(super) fn step(edge: f32, soft: f32, x: f32) -> f32 {
    let t = ((x - edge + soft) / (2.0 * soft)).clamp(0.0, 1.0);
    t * t * (3.0 - 2.0 * t)
}

/// The largest whole number that is not above `x`, for any `x` that fits.
pub(super) fn floor(x: f32) -> i32 {
    let i = x as i32;
    i - i32::from(x < i as f32)
}

/// A wave of period 1 from −1 to 1: a sine's two halves as parabolas.
pub(super) fn wave(x: f32) -> f32 {
    let t = 2.0 * (x - floor(x) as f32) - 1.0;
    4.0 * t * (t.abs() - 1.0)
}

#[cfg(test)]
mod tests {
    use super::*;
    use graft_kernels::random::Purpose;

    #[test]
    fn waves_go_up_and_down_and_start_at_nought() {
        assert_eq!([0.0, 0.25, 0.5, 0.75, 1.0, -0.75].map(wave), [0.0, 1.0, 0.0, -1.0, 0.0, 1.0]);
    }

    #[test]
    fn steps_rise_from_0_to_1_around_their_edge() {
        assert_eq!([0.0, 0.5, 1.0, 1.5, 9.0].map(|x| step(1.0, 0.5, x)), [0.0, 0.0, 0.5, 1.0, 1.0]);
    }

    #[test]
    fn the_floor_is_below() {
        assert_eq!([-1.0, -0.5, 0.0, 0.5, 1.0].map(floor), [-1, -1, 0, 0, 1]);
    }

    #[test]
    fn directions_have_length_1_and_every_quarter() {
        let mut s = Stream::new(0, Purpose::Data, 0, 0);
        let all = [0; 64].map(|_| direction(&mut s));
        assert!(all.iter().all(|&d| (length(d) - 1.0).abs() < 1e-6));
        for quarter in [[1.0, 1.0], [1.0, -1.0], [-1.0, 1.0], [-1.0, -1.0]] {
            assert!(all.iter().any(|d| d[0] * quarter[0] > 0.0 && d[1] * quarter[1] > 0.0));
        }
        assert_eq!(turned([1.0, 0.0], [0.6, 0.8]), [0.6, 0.8]);
    }
}
