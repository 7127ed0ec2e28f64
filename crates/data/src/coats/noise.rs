//! Smooth randomness: gradient noise, and sums of it (K. Perlin, *Improving noise*, SIGGRAPH 2002).
//!
//! Every whole point of the plane has a random slope, which is a function of the point and of a key alone. In between,
//! the four slopes around are blended. The result is smooth, has no direction, and changes about once in a unit.

use graft_kernels::random::Stream;

use super::math::{Point, floor, mix, plus, times};

/// 32 random bits of a whole point. Two rounds of xor-shift and multiplication after the point and the key are put
/// together; the multipliers are odd with bits well spread, of which each input bit reaches each output bit.
pub(super) fn hash(key: u32, x: i32, y: i32) -> u32 {
    let mut h = key ^ (x as u32).wrapping_mul(0x9E37_79B1) ^ (y as u32).wrapping_mul(0x85EB_CA77);
    h = (h ^ h >> 16).wrapping_mul(0x7FEB_352D);
    h = (h ^ h >> 15).wrapping_mul(0x846C_A68B);
    h ^ h >> 16
}

/// Two numbers in [0, 1) out of 32 bits.
pub(super) fn pair(h: u32) -> Point {
    const UNIT: f32 = 1.0 / 65536.0;
    [(h & 0xFFFF) as f32 * UNIT, (h >> 16) as f32 * UNIT]
}

/// A noise of its own.
#[derive(Debug, Clone, Copy)]
pub(super) struct Noise {
    key: u32,
    /// Where the picture's middle lies among the whole points, at which every noise is 0.
    middle: Point,
}

impl Noise {
    pub(super) fn new(s: &mut Stream) -> Self {
        Self { key: s.next_u32(), middle: [s.uniform(), s.uniform()] }
    }

    /// About −1 to 1, 0 on average.
    pub(super) fn at(self, p: Point) -> f32 {
        let [x, y] = plus(p, 1.0, self.middle);
        let (i, j) = (floor(x), floor(y));
        let (fx, fy) = (x - i as f32, y - j as f32);
        let corner = |dx: i32, dy: i32| {
            let slope = pair(hash(self.key, i.wrapping_add(dx), j.wrapping_add(dy)));
            (2.0 * slope[0] - 1.0) * (fx - dx as f32) + (2.0 * slope[1] - 1.0) * (fy - dy as f32)
        };
        let (u, v) = (fade(fx), fade(fy));
        1.6 * mix(mix(corner(0, 0), corner(1, 0), u), mix(corner(0, 1), corner(1, 1), u), v)
    }

    /// Noise of several sizes, each half as large and half as strong as the one before.
    pub(super) fn fractal(self, p: Point, octaves: u32) -> f32 {
        let (mut sum, mut size) = (0.0, 1.0);
        for octave in 0..octaves {
            let layer = Self { key: self.key.wrapping_add(octave), ..self };
            sum += layer.at(times(size, p)) / size;
            size *= 2.0;
        }
        sum
    }

    /// Two noises, to push a point with.
    pub(super) fn push(self, p: Point) -> Point {
        [self.at(p), Self { key: !self.key, ..self }.at(p)]
    }
}

/// Perlin's blend: first and second derivatives are 0 at both ends.
fn fade(t: f32) -> f32 {
    t * t * t * (t * (t * 6.0 - 15.0) + 10.0)
}

#[cfg(test)]
mod tests {
    use super::*;
    use graft_kernels::random::Purpose;

    #[test]
    fn noise_is_continuous_and_centred() {
        let noise = Noise::new(&mut Stream::new(3, Purpose::Data, 0, 0));
        let n = 20_000;
        let (mut sum, mut largest) = (0.0, 0f32);
        for i in 0..n {
            let p = [i as f32 * 0.0137 - 100.0, i as f32 * 0.0071 - 90.0];
            let (here, there) = (noise.at(p), noise.at([p[0] + 1e-3, p[1]]));
            assert!((here - there).abs() < 0.01, "a jump at {p:?}");
            (sum, largest) = (sum + here, largest.max(here.abs()));
        }
        assert!((sum / n as f32).abs() < 0.03);
        assert!((0.6..1.6).contains(&largest), "{largest}");
        assert_eq!(Noise { middle: [0.0; 2], ..noise }.at([3.0, -4.0]), 0.0);
    }

    #[test]
    fn keys_and_layers_differ() {
        let mut s = Stream::new(3, Purpose::Data, 0, 0);
        let (a, b) = (Noise::new(&mut s), Noise::new(&mut s));
        let p = [0.3, 0.4];
        assert_ne!(a.at(p), b.at(p));
        assert_ne!(a.push(p)[0], a.push(p)[1]);
        assert_ne!(a.fractal(p, 1), a.fractal(p, 2));
    }
}
