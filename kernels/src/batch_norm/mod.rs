//! Batch normalisation: each channel is brought to mean 0 and variance 1, and then to a mean β and a scale γ that are
//! learnt.
//!
//! ```text
//! training    μ = Σ x / R,  σ² = Σ (x − μ)² / R    over the R rows of the batch (pictures times positions)
//!             moving ← moving·momentum + batch·(1 − momentum)
//! inference   μ, σ² = the moving ones
//! both        y = γ·(x − μ) / √(σ² + ε) + β
//! ```
//!
//! The variance is the biased one (divided by R), in the moving average too, as in Keras; Keras's momentum of 0.99 is
//! PyTorch's 0.01. The output is computed in TensorFlow's order, `x·k + (β − μ·k)` with `k = γ / √(σ² + ε)`: one
//! multiplication and one addition a number.
//!
//! # Backward
//! With `x̂ = (x − μ) / √(σ² + ε)`:
//!
//! ```text
//! dβ = Σ dy,    dγ = Σ dy·x̂
//! training    dx = k·(dy − dβ/R − x̂·dγ/R)      μ and σ² depend on x too
//! inference   dx = k·dy                         they are constants: a frozen layer, in Keras
//! ```
//!
//! All sums run in f64, over blocks of rows that do not depend on the number of threads.
//!
//! Source: S. Ioffe, C. Szegedy, *Batch normalization*, ICML 2015; Keras 3, `BatchNormalization`.

pub mod reference;

use crate::Isa;
use crate::elementwise::BLOCK;
use rayon::prelude::*;

/// Channels that are summed up at once, one cache line of each row: two sums of 16 f64 fill half of AVX-512's registers.
const CHANNELS: usize = 16;

/// Rows that one task sums up. Fixed, so that the order of the sums does not depend on the number of threads.
const ROWS: usize = 1024;

/// Keras's default of what is added to the variance.
pub const EPSILON: f32 = 1e-3;

/// The sizes of a batch normalisation, x (rows, c), and its ε.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct BatchNormShape {
    /// Everything but the channels: pictures times height times width.
    pub rows: usize,
    /// Channels.
    pub c: usize,
    /// ε: keeps the division finite.
    pub epsilon: f32,
}

impl BatchNormShape {
    fn check(&self, matrices: &[&[f32]], vectors: &[&[f32]]) {
        let fits = matrices.iter().all(|m| m.len() == self.rows * self.c);
        assert!(fits && vectors.iter().all(|v| v.len() == self.c), "{self:?}: a slice has another length");
    }

    /// 1 / √(σ² + ε).
    fn inverse(&self, variance: f32) -> f32 {
        1.0 / (variance + self.epsilon).sqrt()
    }
}

/// `y`, and the mean and variance of the batch. `x, y: (rows, c)`, all others `(c)`.
///
/// ```
/// use graft_kernels::{Isa, batch_norm::{self, BatchNormShape}};
/// let s = BatchNormShape { rows: 2, c: 1, epsilon: 0.0 };
/// let (mut y, mut mean, mut variance) = ([0.0; 2], [0.0], [0.0]);
/// batch_norm::forward_training(Isa::best(), &s, &[1.0, 5.0], &[1.0], &[0.0], &mut y, [&mut mean, &mut variance]);
/// assert_eq!((y, mean, variance), ([-1.0, 1.0], [3.0], [4.0]));
/// ```
///
/// # Panics
/// If a length does not fit `s`.
pub fn forward_training(
    isa: Isa,
    s: &BatchNormShape,
    x: &[f32],
    gamma: &[f32],
    beta: &[f32],
    y: &mut [f32],
    [mean, variance]: [&mut [f32]; 2],
) {
    s.check(&[x], &[mean, variance]);
    let rows = s.rows as f64;
    // Seen from the first row, which is as good as any, the numbers are small: no digits cancel in Σ x² − (Σ x)²/R.
    let origin = &x[..if s.rows == 0 { 0 } else { s.c }];
    let sums = row_sums(
        isa,
        s,
        [x, x],
        #[inline(always)]
        |c, [x, _]| {
            let x = f64::from(x) - f64::from(origin[c]);
            [x, x * x]
        },
    );
    for (c, [sum, squares]) in sums.into_iter().enumerate() {
        let off = sum / rows;
        mean[c] = (f64::from(origin.get(c).copied().unwrap_or(f32::NAN)) + off) as f32;
        let square = squares / rows - off * off;
        // Rounding may leave less than nothing; NaN stays.
        variance[c] = if square < 0.0 { 0.0 } else { square as f32 };
    }
    forward_inference(isa, s, x, gamma, beta, [mean, variance], y);
}

/// `moving ← moving·momentum + batch·(1 − momentum)`, of a mean or a variance.
///
/// # Panics
/// If the lengths differ.
pub fn update_moving(momentum: f64, batch: &[f32], moving: &mut [f32]) {
    assert_eq!(batch.len(), moving.len(), "as many channels in the batch as in the moving average");
    for (moving, &batch) in moving.iter_mut().zip(batch) {
        *moving = *moving * momentum as f32 + batch * (1.0 - momentum) as f32;
    }
}

/// `y = γ·(x − mean) / √(variance + ε) + β`. `x, y: (rows, c)`, all others `(c)`.
///
/// # Panics
/// If a length does not fit `s`.
pub fn forward_inference(
    isa: Isa,
    s: &BatchNormShape,
    x: &[f32],
    gamma: &[f32],
    beta: &[f32],
    [mean, variance]: [&[f32]; 2],
    y: &mut [f32],
) {
    s.check(&[x, y], &[gamma, beta, mean, variance]);
    let k: Vec<f32> = (0..s.c).map(|c| s.inverse(variance[c]) * gamma[c]).collect();
    let offset: Vec<f32> = (0..s.c).map(|c| beta[c] - mean[c] * k[c]).collect();
    each_row(
        isa,
        s,
        y,
        #[inline(always)]
        |r, y| {
            for (((y, &x), &k), &offset) in y.iter_mut().zip(&x[r * s.c..]).zip(&k).zip(&offset) {
                *y = x * k + offset;
            }
        },
    );
}

/// The gradients of a layer in training, where `mean` and `variance` are those of this very batch.
///
/// `x, dy, dx: (rows, c)`, all others `(c)`.
///
/// # Panics
/// If a length does not fit `s`.
#[expect(clippy::too_many_arguments, reason = "the operands of the operation")]
pub fn backward_training(
    isa: Isa,
    s: &BatchNormShape,
    x: &[f32],
    gamma: &[f32],
    [mean, variance]: [&[f32]; 2],
    dy: &[f32],
    dx: &mut [f32],
    [dgamma, dbeta]: [&mut [f32]; 2],
) {
    s.check(&[x, dy, dx], &[gamma, mean, variance]);
    backward_parameters(isa, s, x, [mean, variance], dy, [dgamma, dbeta]);
    // dx = k·(dy − a − (x − μ)·b)
    let rows = s.rows as f32;
    let k: Vec<f32> = (0..s.c).map(|c| s.inverse(variance[c]) * gamma[c]).collect();
    let a: Vec<f32> = dbeta.iter().map(|dbeta| dbeta / rows).collect();
    let b: Vec<f32> = (0..s.c).map(|c| s.inverse(variance[c]) * dgamma[c] / rows).collect();
    each_row(
        isa,
        s,
        dx,
        #[inline(always)]
        |r, dx| {
            let (n, start) = (dx.len(), r * s.c);
            let (x, dy) = (&x[start..][..n], &dy[start..][..n]);
            let (k, a, b, mean) = (&k[..n], &a[..n], &b[..n], &mean[..n]);
            for c in 0..n {
                dx[c] = k[c] * (dy[c] - a[c] - (x[c] - mean[c]) * b[c]);
            }
        },
    );
}

/// The gradient of the input of a layer in inference, where `mean` and `variance` are constants: `dx = dy·γ / √(σ² + ε)`,
/// for which nobody has to remember `x`. `dy, dx: (rows, c)`, all others `(c)`.
///
/// # Panics
/// If a length does not fit `s`.
pub fn backward_inference(
    isa: Isa,
    s: &BatchNormShape,
    gamma: &[f32],
    variance: &[f32],
    dy: &[f32],
    dx: &mut [f32],
) {
    s.check(&[dy, dx], &[gamma, variance]);
    let k: Vec<f32> = (0..s.c).map(|c| s.inverse(variance[c]) * gamma[c]).collect();
    each_row(
        isa,
        s,
        dx,
        #[inline(always)]
        |r, dx| {
            for ((dx, &dy), &k) in dx.iter_mut().zip(&dy[r * s.c..]).zip(&k) {
                *dx = k * dy;
            }
        },
    );
}

/// `dγ = Σ dy·x̂` and `dβ = Σ dy`, in training and in inference. `x, dy: (rows, c)`, all others `(c)`.
///
/// # Panics
/// If a length does not fit `s`.
pub fn backward_parameters(
    isa: Isa,
    s: &BatchNormShape,
    x: &[f32],
    [mean, variance]: [&[f32]; 2],
    dy: &[f32],
    [dgamma, dbeta]: [&mut [f32]; 2],
) {
    s.check(&[x, dy], &[mean, variance, dgamma, dbeta]);
    let sums = row_sums(
        isa,
        s,
        [x, dy],
        #[inline(always)]
        |c, [x, dy]| [f64::from(dy), (f64::from(x) - f64::from(mean[c])) * f64::from(dy)],
    );
    for (c, [sum, product]) in sums.into_iter().enumerate() {
        dgamma[c] = (product * f64::from(s.inverse(variance[c]))) as f32;
        dbeta[c] = sum as f32;
    }
}

/// Σ over rows of the two terms that a channel's pair of numbers gives, for each channel: blocks of [`ROWS`] rows are
/// summed in parallel, row after row, and then added up in their order.
fn row_sums(
    isa: Isa,
    s: &BatchNormShape,
    [a, b]: [&[f32]; 2],
    terms: impl Fn(usize, [f32; 2]) -> [f64; 2] + Sync,
) -> Vec<[f64; 2]> {
    let block = ROWS * s.c.max(1);
    let parts: Vec<Vec<[f64; 2]>> = (a.par_chunks(block).zip(b.par_chunks(block)))
        .map(|(a, b)| {
            let mut sums = vec![[0.0; 2]; s.c];
            isa.vectorize(
                #[inline(always)]
                || {
                    for first in (0..s.c).step_by(CHANNELS) {
                        let sums = &mut sums[first..s.c.min(first + CHANNELS)];
                        // A width that the compiler knows keeps the sums in registers.
                        match sums.len() {
                            CHANNELS => add_rows::<CHANNELS>(s.c, first, [a, b], &terms, sums),
                            _ => (first..s.c).zip(sums.chunks_exact_mut(1)).for_each(
                                #[inline(always)]
                                |(c, sum)| add_rows::<1>(s.c, c, [a, b], &terms, sum),
                            ),
                        }
                    }
                },
            );
            sums
        })
        .collect();
    let mut total = vec![[0.0; 2]; s.c];
    for part in parts {
        for (total, part) in total.iter_mut().zip(part) {
            *total = [total[0] + part[0], total[1] + part[1]];
        }
    }
    total
}

/// The same for channels `first` to `first + L` of some rows.
#[inline(always)]
fn add_rows<const L: usize>(
    c: usize,
    first: usize,
    [a, b]: [&[f32]; 2],
    terms: &impl Fn(usize, [f32; 2]) -> [f64; 2],
    out: &mut [[f64; 2]],
) {
    let mut sums = [[0.0; L]; 2];
    for (a, b) in a.chunks_exact(c).zip(b.chunks_exact(c)) {
        let (a, b) = (&a[first..][..L], &b[first..][..L]);
        for l in 0..L {
            let [one, two] = terms(first + l, [a[l], b[l]]);
            sums[0][l] += one;
            sums[1][l] += two;
        }
    }
    for l in 0..L {
        out[l] = [sums[0][l], sums[1][l]];
    }
}

/// Calls `body` with the number of each row of `y` and the row, in parallel blocks of rows.
fn each_row(isa: Isa, s: &BatchNormShape, y: &mut [f32], body: impl Fn(usize, &mut [f32]) + Sync) {
    let block = (BLOCK / s.c.max(1)).max(1);
    y.par_chunks_mut(block * s.c.max(1)).enumerate().for_each(|(b, y)| {
        isa.vectorize(
            #[inline(always)]
            || {
                for (r, y) in y.chunks_exact_mut(s.c).enumerate() {
                    body(b * block + r, y);
                }
            },
        );
    });
}
