//! From the products to the gradient of the filters: dw = Aᵀ M A, divided by what [`mod@super::transform`] left to be divided.
//!
//! # Zeros
//!
//! The errors of this sum are relative to the terms it is made of, and all nine taps of two channels are made of the same.
//! Behind a ReLU many a tap is zero in truth (a channel that few pixels reach), and comes out as a rounding error here. An
//! optimiser like Adam looks at the sign of a gradient and not at its size, and would follow that noise. So a tap that is
//! less than one rounding of its terms, of which nothing can be known, is taken to be zero.

use super::transform::{POINTS, TAPS, TAPS_TIMES, sizes_of_taps, taps};
use crate::simd::Simd;

/// Aᵀ M A of one channel of x and NR of dy, divided: `products` has a row for each point, `stride` rows apart, and `to` gets
/// one for each tap, `of_tap` numbers apart.
#[inline(always)]
pub(super) fn store_taps<S: Simd, const NR: usize>(
    s: S,
    products: &[[f32; NR]],
    stride: usize,
    to: &mut [f32],
    of_tap: usize,
) {
    let (times, rounding) = (s.splat(TAPS_TIMES * TAPS_TIMES), s.splat(f32::EPSILON / 2.0));
    for lane in (0..NR).step_by(S::LANES) {
        let zero = s.splat(0.0);
        let (mut columns, mut sizes) = ([[zero; POINTS]; TAPS], [[zero; POINTS]; TAPS]);
        for x in 0..POINTS {
            let (mut column, mut size) = ([zero; POINTS], [zero; POINTS]);
            for y in 0..POINTS {
                column[y] = s.load(&products[(y * POINTS + x) * stride][lane..]);
                size[y] = s.abs(column[y]);
            }
            let (column, size) = (taps(s, column), sizes_of_taps(s, size));
            for i in 0..TAPS {
                (columns[i][x], sizes[i][x]) = (column[i], size[i]);
            }
        }
        for i in 0..TAPS {
            let (row, size) = (taps(s, columns[i]), sizes_of_taps(s, sizes[i]));
            for j in 0..TAPS {
                let known = s.drop_up_to(row[j], s.mul(rounding, size[j]));
                s.store(s.div(known, times), &mut to[(i * TAPS + j) * of_tap + lane..]);
            }
        }
    }
}
