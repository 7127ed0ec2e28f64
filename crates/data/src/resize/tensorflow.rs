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

//!
//! Most of the work is fetching neighbours, three bytes here and three there. Four are fetched instead, as many as a
//! small register holds; each pixel's fourth is overwritten by the next pixel. The rows' lerp then runs over whole lines.

use graft_kernels::Isa;

use super::zeros;
use crate::{CHANNELS, Rgb8, RgbF32};

/// The two neighbours of a target pixel along one axis, and how far it lies from the first to the second.
#[derive(Debug, Clone, Copy, PartialEq)]
struct Between {
    lower: usize,
    upper: usize,
    t: f32,
}

/// `None` if there is no memory for it.
pub(super) fn resize(isa: Isa, image: &Rgb8, height: usize, width: usize) -> Option<RgbF32> {
    let mut data = zeros(height.checked_mul(width)?.checked_mul(CHANNELS)?)?;
    let (rows, columns) = (neighbours(image.height, height)?, neighbours(image.width, width)?);
    let (mut top, mut bottom) = (zeros(width * CHANNELS + 1)?, zeros(width * CHANNELS + 1)?);
    isa.vectorize(
        #[inline(always)]
        || {
            for (y, out) in rows.iter().zip(data.chunks_exact_mut(width * CHANNELS)) {
                across(image, y.lower, &columns, &mut top);
                across(image, y.upper, &columns, &mut bottom);
                for ((value, &a), &b) in out.iter_mut().zip(&top).zip(&bottom) {
                    *value = lerp(a, b, y.t);
                }
            }
        },
    );
    Some(RgbF32 { height, width, data })
}

/// One row of the source, lerped between its columns, and a number of no meaning behind it.
#[inline(always)]
fn across(image: &Rgb8, row: usize, columns: &[Between], line: &mut [f32]) {
    let pixels = &image.data[row * image.width * CHANNELS..];
    for (i, x) in columns.iter().enumerate() {
        let (left, right) = (&pixels[x.lower * CHANNELS..], &pixels[x.upper * CHANNELS..]);
        // The last pixel of all has no fourth byte behind it.
        if let (Some(left), Some(right)) = (left.first_chunk::<4>(), right.first_chunk::<4>()) {
            let four = &mut line[i * CHANNELS..][..4];
            for c in 0..4 {
                four[c] = lerp(left[c].into(), right[c].into(), x.t);
            }
        } else {
            for c in 0..CHANNELS {
                line[i * CHANNELS + c] = lerp(left[c].into(), right[c].into(), x.t);
            }
        }
    }
}

#[inline(always)]
fn lerp(a: f32, b: f32, t: f32) -> f32 {
    a + (b - a) * t
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
        let half = resize(Isa::best(), &image, 1, 2).unwrap(); // looks at pixels 1, 2 and 5, 6 alone
        assert_eq!(half.pixel(0, 0), [0.0, 15.0, 7.0]);
        assert_eq!(half.pixel(0, 1), [0.0, 55.0, 7.0]);
    }

    /// Four neighbours, one value at a time.
    #[test]
    fn every_value_is_the_formulas_on_every_instruction_set() {
        let image = Rgb8::from_fn(13, 17, |y, x| [(y * 19) as u8, (x * 15) as u8, (y * x * 37 % 256) as u8]);
        for (height, width) in [(1, 1), (5, 6), (13, 40), (31, 17)] {
            for isa in Isa::available() {
                let found = resize(isa, &image, height, width).unwrap();
                for (i, y) in neighbours(13, height).unwrap().iter().enumerate() {
                    for (j, x) in neighbours(17, width).unwrap().iter().enumerate() {
                        let value = |c: usize| {
                            let at = |row, column| f32::from(image.pixel(row, column)[c]);
                            let top = lerp(at(y.lower, x.lower), at(y.lower, x.upper), x.t);
                            lerp(top, lerp(at(y.upper, x.lower), at(y.upper, x.upper), x.t), y.t)
                        };
                        assert_eq!(found.pixel(i, j), [0, 1, 2].map(value), "{isa}: ({i}, {j})");
                    }
                }
            }
        }
    }
}
