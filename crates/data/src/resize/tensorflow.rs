//! `tf.image.resize(method="bilinear", antialias=False)`: half-pixel centres, four neighbours, floats.
//!
//! The centre of target pixel i lies at x = (i + ½)·s − ½ when source pixels sit on the whole numbers. Per axis
//!
//! ```text
//! lower = max(⌊x⌋, 0),   upper = min(⌈x⌉, n − 1),   t = x − ⌊x⌋
//! ```
//!
//! and the value is the lerp with t of the two columns, then of the two rows. All of it is single precision, the
//! position included, as in TensorFlow's `resize_bilinear_op.cc`; the result is not rounded.

use super::room;
use crate::{CHANNELS, Rgb8, RgbF32};

/// The two neighbours of a target pixel along one axis, and how far it lies from the first to the second.
#[derive(Debug, Clone, Copy, PartialEq)]
struct Between {
    lower: usize,
    upper: usize,
    t: f32,
}

/// `None` if there is no memory for it.
pub(super) fn resize(image: &Rgb8, height: usize, width: usize) -> Option<RgbF32> {
    let mut data = room(height, width)?;
    let columns = neighbours(image.width, width)?;
    let line = |row: usize| &image.data[row * image.width * CHANNELS..][..image.width * CHANNELS];
    for y in neighbours(image.height, height)? {
        let (top, bottom) = (line(y.lower), line(y.upper));
        for x in &columns {
            let (left, right) = (x.lower * CHANNELS, x.upper * CHANNELS);
            data.extend((0..CHANNELS).map(|c| {
                lerp(
                    lerp(top[left + c], top[right + c], x.t),
                    lerp(bottom[left + c], bottom[right + c], x.t),
                    y.t,
                )
            }));
        }
    }
    Some(RgbF32 { height, width, data })
}

fn lerp(a: impl Into<f32>, b: impl Into<f32>, t: f32) -> f32 {
    let a = a.into();
    a + (b.into() - a) * t
}

fn neighbours(from: usize, to: usize) -> Option<Vec<Between>> {
    let mut all = Vec::new();
    all.try_reserve_exact(to).ok()?;
    let scale = from as f32 / to as f32;
    all.extend((0..to).map(|i| {
        let x = (i as f32 + 0.5) * scale - 0.5;
        // Converting a negative number to usize gives 0, which is what the maximum with 0 would.
        let clamp = |v: f32| (v as usize).min(from - 1);
        Between { lower: clamp(x.floor()), upper: clamp(x.ceil()), t: x - x.floor() }
    }));
    Some(all)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn centres_are_half_pixels() {
        let found = neighbours(4, 2).unwrap();
        assert_eq!(found, [Between { lower: 0, upper: 1, t: 0.5 }, Between { lower: 2, upper: 3, t: 0.5 }]);
        let found = neighbours(2, 4).unwrap();
        assert_eq!(found[0], Between { lower: 0, upper: 0, t: 0.75 });
        assert_eq!(found[1], Between { lower: 0, upper: 1, t: 0.25 });
        assert_eq!(found[3], Between { lower: 1, upper: 1, t: 0.25 });
    }

    #[test]
    fn nothing_is_rounded_and_nothing_antialiased() {
        let image = Rgb8::from_fn(1, 8, |_, x| [if x == 0 { 255 } else { 0 }, 10 * x as u8, 7]);
        let half = resize(&image, 1, 2).unwrap(); // looks at pixels 1, 2 and 5, 6 alone
        assert_eq!(half.pixel(0, 0), [0.0, 15.0, 7.0]);
        assert_eq!(half.pixel(0, 1), [0.0, 55.0, 7.0]);
    }
}
