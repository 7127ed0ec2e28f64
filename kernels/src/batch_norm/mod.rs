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
//! All sums run in f64, row after row.
//!
//! Source: S. Ioffe, C. Szegedy, *Batch normalization*, ICML 2015; Keras 3, `BatchNormalization`.

pub mod reference;

use crate::Isa;
use crate::elementwise::BLOCK;
use rayon::prelude::*;
use std::ops::Range;

/// Channels that one task sums up, with the sums on the stack; two cache lines of each row.
const CHANNELS: usize = 32;

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
    let blocks = mean.par_chunks_mut(CHANNELS).zip(variance.par_chunks_mut(CHANNELS));
    blocks.enumerate().for_each(|(b, (mean, variance))| {
        isa.vectorize(
            #[inline(always)]
            || {
                let channels = b * CHANNELS..b * CHANNELS + mean.len();
                let center = sums(s, &channels, x).map(|sum| sum / rows);
                let squares = products(s, &channels, [x, x], [center, center]);
                for l in 0..mean.len() {
                    (mean[l], variance[l]) = (center[l] as f32, (squares[l] / rows) as f32);
                }
            },
        );
    });
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
    let blocks = dgamma.par_chunks_mut(CHANNELS).zip(dbeta.par_chunks_mut(CHANNELS));
    blocks.enumerate().for_each(|(b, (dgamma, dbeta))| {
        isa.vectorize(
            #[inline(always)]
            || {
                let channels = b * CHANNELS..b * CHANNELS + dbeta.len();
                let mut center = [0.0; CHANNELS];
                center.iter_mut().zip(&mean[channels.clone()]).for_each(|(c, &mean)| *c = mean.into());
                let sums = sums(s, &channels, dy);
                let products = products(s, &channels, [x, dy], [center, [0.0; CHANNELS]]);
                for l in 0..dbeta.len() {
                    let inverse = s.inverse(variance[channels.start + l]);
                    dgamma[l] = (products[l] * f64::from(inverse)) as f32;
                    dbeta[l] = sums[l] as f32;
                }
            },
        );
    });
}

/// Σ over rows of `x`, for up to [`CHANNELS`] channels.
#[inline(always)]
fn sums(s: &BatchNormShape, channels: &Range<usize>, x: &[f32]) -> [f64; CHANNELS] {
    let mut sums = [0.0; CHANNELS];
    for x in x.chunks_exact(s.c) {
        for (sum, &x) in sums.iter_mut().zip(&x[channels.clone()]) {
            *sum += f64::from(x);
        }
    }
    sums
}

/// Σ over rows of `(a − center of a)·(b − center of b)`, for up to [`CHANNELS`] channels.
#[inline(always)]
fn products(
    s: &BatchNormShape,
    channels: &Range<usize>,
    [a, b]: [&[f32]; 2],
    [a_center, b_center]: [[f64; CHANNELS]; 2],
) -> [f64; CHANNELS] {
    let mut sums = [0.0; CHANNELS];
    for (a, b) in a.chunks_exact(s.c).zip(b.chunks_exact(s.c)) {
        let pairs = a[channels.clone()].iter().zip(&b[channels.clone()]);
        for (l, (sum, (&a, &b))) in sums.iter_mut().zip(pairs).enumerate() {
            *sum += (f64::from(a) - a_center[l]) * (f64::from(b) - b_center[l]);
        }
    }
    sums
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
