//! The two passes of Pillow's filters, many sums at a time.
//!
//! Both are sums of products of a byte and a weight of 22 fractional bits, in i32. Integers may be added in any order,
//! so the sums are laid out for the vector registers, and the bytes that come out are Pillow's all the same.
//!
//! **Along the columns** neighbouring values of a line have the same weight: 64 sums are kept in registers while the
//! lines of the span go by, each multiplied by its one weight.
//!
//! **Along the rows** every target pixel has weights of its own. Its taps lie one after the other, though: five pixels
//! are 15 bytes, so that one load of 16 and one product with the weights, each written three times, does all of
//! them at once, and four additions of three neighbouring sums bring the five together:
//!
//! ```text
//! bytes      r₀ g₀ b₀ r₁ g₁ b₁ r₂ g₂ b₂ r₃ g₃ b₃ r₄ g₄ b₄ ×
//! weights    w₀ w₀ w₀ w₁ w₁ w₁ w₂ w₂ w₂ w₃ w₃ w₃ w₄ w₄ w₄ 0
//! red      =  ·        +  ·        +  ·        +  ·        +  ·           and so green and blue, one further right
//! ```
//!
//! 500 → 224 pixels takes at most five taps for each target pixel: one group. A filter that spans more has more groups,
//! added up before the five are brought together. The bytes after a span are multiplied by 0; after the last line there
//! are none, so that line is copied to where some follow.
//!
//! The sums of a row become grey levels in one go at the end, 16 at a time.

use graft_kernels::Isa;

use super::pillow::{BITS, Taps};
use super::{room, zeros};
use crate::{CHANNELS, Rgb8};

/// Half a grey level, in which sums start so that dropping the fraction rounds.
const HALF: i32 = 1 << (BITS - 1);

/// The taps of a group: as many pixels as 16 bytes hold.
const GROUP: usize = 5;
/// The bytes and the weights of a group, the last of which is idle: a vector register of i32.
const LANES: usize = 16;

/// Values of a line that are summed at a time: four registers of 16 sums. With eight, and with two, it takes longer.
const COLUMNS: usize = 64;

/// The grey level of a sum: overshoot of the cubic and the sinc is cut off.
#[inline(always)]
fn grey(sum: i32) -> u8 {
    (sum >> BITS).clamp(0, 255) as u8
}

/// `image` with its rows filtered, as wide as there are taps; `None` if there is no memory for it.
pub(super) fn along_rows(isa: Isa, image: &Rgb8, taps: &Taps) -> Option<Rgb8> {
    let (height, width) = (image.height, taps.spans.len());
    let groups = Groups::new(taps)?;
    let mut data = zeros(height.checked_mul(width)?.checked_mul(CHANNELS)?)?;
    let (mut products, mut sums) = (zeros(width)?, zeros(width * CHANNELS + 1)?);
    let stride = image.width * CHANNELS;
    let mut padded = zeros(stride + groups.overhang())?;
    isa.vectorize(
        #[inline(always)]
        || {
            for (y, out) in data.chunks_exact_mut(width * CHANNELS).enumerate() {
                let line = image.data.get(y * stride..(y + 1) * stride + groups.overhang());
                let line = line.unwrap_or_else(|| {
                    padded[..stride].copy_from_slice(&image.data[y * stride..][..stride]);
                    &padded
                });
                groups.products(line, &mut products);
                add_taps(&products, &mut sums);
                for (byte, &sum) in out.iter_mut().zip(&sums) {
                    *byte = grey(sum);
                }
            }
        },
    );
    Some(Rgb8 { height, width, data })
}

/// The taps along a row, each weight three times, five taps to a group.
struct Groups {
    /// The first byte of each target pixel's first group.
    starts: Vec<usize>,
    /// How many groups each target pixel has; those that need fewer end with zeros.
    each: usize,
    weights: Vec<[i32; LANES]>,
}

impl Groups {
    fn new(taps: &Taps) -> Option<Self> {
        let most = taps.spans.iter().map(|span| taps.weights(span).len()).max()?;
        let each = most.div_ceil(GROUP);
        let mut starts = room(1, taps.spans.len())?;
        let mut weights = zeros::<[i32; LANES]>(taps.spans.len().checked_mul(each)?)?;
        for (span, groups) in taps.spans.iter().zip(weights.chunks_exact_mut(each)) {
            starts.push(span.first * CHANNELS);
            for (tap, &weight) in taps.weights(span).iter().enumerate() {
                let at = tap % GROUP * CHANNELS;
                groups[tap / GROUP][at..at + CHANNELS].fill(weight);
            }
        }
        Some(Self { starts, each, weights })
    }

    /// How many bytes after the end of a line the groups of its last pixel may reach.
    fn overhang(&self) -> usize {
        self.each * GROUP * CHANNELS
    }

    /// The products of one line with its target pixels' weights, those of each group added up.
    #[inline(always)]
    fn products(&self, line: &[u8], products: &mut [[i32; LANES]]) {
        // A number of groups that the compiler knows is a loop less.
        match self.each {
            1 => self.products_of(1, line, products),
            2 => self.products_of(2, line, products),
            each => self.products_of(each, line, products),
        }
    }

    #[inline(always)]
    fn products_of(&self, each: usize, line: &[u8], products: &mut [[i32; LANES]]) {
        let pixels = self.starts.iter().zip(self.weights.chunks_exact(each));
        for ((&start, groups), products) in pixels.zip(products) {
            let mut sums = [0; LANES];
            for (group, weights) in groups.iter().enumerate() {
                let bytes = &line[start + group * GROUP * CHANNELS..][..LANES];
                for k in 0..LANES {
                    sums[k] += i32::from(bytes[k]) * weights[k];
                }
            }
            *products = sums;
        }
    }
}

/// The sums of target pixels from their products, and a number of no meaning behind them.
#[inline(always)]
fn add_taps(products: &[[i32; LANES]], sums: &mut [i32]) {
    for (i, p) in products.iter().enumerate() {
        // Four sums where three are wanted fill a register; the next pixel overwrites the fourth.
        let four = &mut sums[i * CHANNELS..][..4];
        for c in 0..4 {
            four[c] = HALF + ((p[c] + p[c + 3]) + (p[c + 6] + p[c + 9])) + p[c + 12];
        }
    }
}

/// `image` with its columns filtered, as high as there are taps; `None` if there is no memory for it.
pub(super) fn along_columns(isa: Isa, image: &Rgb8, taps: &Taps) -> Option<Rgb8> {
    let (height, width) = (taps.spans.len(), image.width);
    let stride = width * CHANNELS;
    let mut data = zeros(height.checked_mul(stride)?)?;
    isa.vectorize(
        #[inline(always)]
        || {
            for (span, out) in taps.spans.iter().zip(data.chunks_exact_mut(stride)) {
                let (lines, weights) = (&image.data[span.first * stride..], taps.weights(span));
                for x in (0..stride).step_by(COLUMNS) {
                    if stride < COLUMNS {
                        (0..stride).for_each(|x| sum_columns::<1>(lines, stride, weights, x, out));
                    } else {
                        // The last step starts early enough to be a whole one, and does some values again.
                        sum_columns::<COLUMNS>(lines, stride, weights, x.min(stride - COLUMNS), out);
                    }
                }
            }
        },
    );
    Some(Rgb8 { height, width, data })
}

/// `N` values of `out`, from `x` on, from as many lines as there are weights.
#[inline(always)]
fn sum_columns<const N: usize>(lines: &[u8], stride: usize, weights: &[i32], x: usize, out: &mut [u8]) {
    let mut sums = [HALF; N];
    for (line, &weight) in weights.iter().enumerate() {
        let bytes = &lines[line * stride + x..][..N];
        for k in 0..N {
            sums[k] += i32::from(bytes[k]) * weight;
        }
    }
    let out = &mut out[x..][..N];
    for k in 0..N {
        out[k] = grey(sums[k]);
    }
}

#[cfg(test)]
mod tests {
    use super::super::pillow::{BICUBIC, BILINEAR, LANCZOS};
    use super::*;
    use graft_kernels::random::{Purpose, Stream};

    fn noise(height: usize, width: usize) -> Rgb8 {
        let mut stream = Stream::new(3, Purpose::Data, 0, (height * width) as u64);
        Rgb8::from_fn(height, width, |_, _| [0; CHANNELS].map(|_: u8| 255 * stream.below(2) as u8))
    }

    /// One value at a time, as the formula has it.
    fn textbook(taps: &Taps, pixel: impl Fn(usize) -> u8) -> Vec<u8> {
        let value = |span| {
            let products = taps.weights(span).iter().enumerate();
            grey(HALF + products.map(|(j, w)| i32::from(pixel(span.first + j)) * w).sum::<i32>())
        };
        taps.spans.iter().map(value).collect()
    }

    /// On black and white noise, whose overshoot is cut off, from one pixel to several groups and whole registers.
    #[test]
    fn both_passes_are_the_textbooks_sums_on_every_instruction_set() {
        for filter in [BILINEAR, BICUBIC, LANCZOS] {
            for (from, to) in [(1, 4), (2, 1), (5, 3), (21, 22), (22, 21), (64, 9), (100, 224), (333, 5)] {
                let taps = Taps::new(from, to, filter).unwrap();
                for other in [1, 2, 21, 22, 43] {
                    let (wide, tall) = (noise(other, from), noise(from, other));
                    for isa in Isa::available() {
                        let (rows, columns) = (
                            along_rows(isa, &wide, &taps).unwrap(),
                            along_columns(isa, &tall, &taps).unwrap(),
                        );
                        for (at, c) in (0..other).flat_map(|at| (0..CHANNELS).map(move |c| (at, c))) {
                            let row: Vec<u8> = (0..to).map(|i| rows.pixel(at, i)[c]).collect();
                            assert!(
                                row == textbook(&taps, |j| wide.pixel(at, j)[c]),
                                "{isa}: {from} to {to}"
                            );
                            let column: Vec<u8> = (0..to).map(|i| columns.pixel(i, at)[c]).collect();
                            assert!(
                                column == textbook(&taps, |j| tall.pixel(j, at)[c]),
                                "{isa}: {from} to {to}"
                            );
                        }
                    }
                }
            }
        }
    }
}
