//! Softmax: a row of numbers becomes a row of probabilities.
//!
//! ```text
//! y_j = exp(x_j − m) / Σ_k exp(x_k − m),    m = max_k x_k
//! ```
//!
//! Taking `m` off changes nothing in exact arithmetic and everything in floats: the largest exponent is 0, so nothing
//! overflows and the sum is at least 1.
//!
//! Backward: ∂y_j/∂x_k = y_j·([j = k] − y_k), so `dx_j = y_j·(dy_j − Σ_k dy_k·y_k)`: the output is all that is needed.
//!
//! A row that holds a NaN, or +∞, becomes NaN throughout, for its sum is NaN. (TensorFlow zeroes some of the others;
//! a row with one unknown among its exponents has no known probability.)
//!
//! Rows are independent, so rayon takes blocks of rows; the sums of a row run in the fixed order of
//! [`elementwise`](crate::elementwise).

pub(crate) mod exp;
pub mod reference;

use crate::Isa;
use crate::elementwise::{BLOCK, LANES, dot, sum_lanes};
use exp::exp;
use rayon::prelude::*;

/// `y = softmax(x)`, row by row. `x, y: (rows, cols)`.
///
/// ```
/// use graft_kernels::{Isa, softmax};
/// let mut y = [0.0; 2];
/// softmax::forward(Isa::best(), 1, 2, &[1000.0, 1000.0], &mut y);
/// assert_eq!(y, [0.5, 0.5]);
/// ```
///
/// # Panics
/// If a length is not `rows·cols`.
pub fn forward(isa: Isa, rows: usize, cols: usize, x: &[f32], y: &mut [f32]) {
    assert!(x.len() == rows * cols && y.len() == rows * cols, "softmax of {rows} rows of {cols}");
    let block = rows_per_block(cols) * cols.max(1);
    y.par_chunks_mut(block).zip(x.par_chunks(block)).for_each(|(y, x)| {
        isa.vectorize(
            #[inline(always)]
            || {
                for (y, x) in y.chunks_exact_mut(cols).zip(x.chunks_exact(cols)) {
                    row(x, y);
                }
            },
        );
    });
}

/// `dx = y·(dy − Σ dy·y)`, row by row, from the *output* `y`. `y, dy, dx: (rows, cols)`.
///
/// # Panics
/// If a length is not `rows·cols`.
pub fn backward(isa: Isa, rows: usize, cols: usize, y: &[f32], dy: &[f32], dx: &mut [f32]) {
    let len = rows * cols;
    assert!(y.len() == len && dy.len() == len && dx.len() == len, "softmax of {rows} rows of {cols}");
    let block = rows_per_block(cols) * cols.max(1);
    let blocks = dx.par_chunks_mut(block).zip(y.par_chunks(block)).zip(dy.par_chunks(block));
    blocks.for_each(|((dx, y), dy)| {
        isa.vectorize(
            #[inline(always)]
            || {
                let rows = dx.chunks_exact_mut(cols).zip(y.chunks_exact(cols)).zip(dy.chunks_exact(cols));
                for ((dx, y), dy) in rows {
                    let mean = dot(y, dy) as f32;
                    for ((dx, &y), &dy) in dx.iter_mut().zip(y).zip(dy) {
                        *dx = y * (dy - mean);
                    }
                }
            },
        );
    });
}

/// Rows that make about one [`BLOCK`] of elements.
pub(crate) fn rows_per_block(cols: usize) -> usize {
    (BLOCK / cols.max(1)).max(1)
}

/// Softmax of one row; returns `m` and the sum of the exponentials.
#[inline(always)]
pub(crate) fn row(x: &[f32], y: &mut [f32]) -> (f32, f64) {
    let m = max(x);
    for (y, &x) in y.iter_mut().zip(x) {
        *y = exp(x - m);
    }
    let sum = sum_lanes(y);
    let divisor = sum as f32;
    y.iter_mut().for_each(|y| *y /= divisor);
    (m, sum)
}

/// The largest element that is a number, or −∞.
#[inline(always)]
fn max(x: &[f32]) -> f32 {
    let mut lanes = [f32::NEG_INFINITY; LANES];
    let (chunks, rest) = x.as_chunks::<LANES>();
    for chunk in chunks {
        for l in 0..LANES {
            lanes[l] = larger(lanes[l], chunk[l]);
        }
    }
    for (lane, &v) in lanes.iter_mut().zip(rest) {
        *lane = larger(*lane, v);
    }
    lanes.into_iter().fold(f32::NEG_INFINITY, larger)
}

#[inline(always)]
fn larger(a: f32, b: f32) -> f32 {
    if b > a { b } else { a }
}
