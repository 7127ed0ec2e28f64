//! Categorical cross-entropy, `−Σ_j t_j · log p_j`, in the two forms that Keras computes.
//!
//! # From logits: [`forward`], [`backward`]
//! Where the model ends in a softmax, Keras hands the *logits* `x` to the loss, and the logarithm of the softmax is
//! taken as one function,
//!
//! ```text
//! −log p_j = log Σ_k exp(x_k − m) − (x_j − m),    m = max_k x_k
//! ```
//!
//! which is finite for any finite logits, while the logarithm of a rounded `p_j` is not. The gradient is simpler than
//! either half: `dx_j = p_j·Σt − t_j`, that is `p − t` where the targets of a row sum to one, as one-hot and smoothed
//! ones do. (TensorFlow writes `p − t` in any case, which for other targets is not the gradient of its loss.)
//!
//! # From probabilities: [`forward_probabilities`], [`backward_probabilities`]
//! Any other last activation yields numbers `o` that need not sum to one, and Keras makes probabilities of them:
//!
//! ```text
//! q_j = o_j / Σ_k o_k,    p_j = clip(q_j, 10⁻⁷, 1 − 10⁻⁷),    loss = −Σ_j t_j · log p_j
//! ```
//!
//! so no row costs more than −log 10⁻⁷ = 16.118. The clip has no slope outside its ends: with `g_j = −t_j / q_j` there
//! and 0 outside, `do_j = (g_j − Σ_k g_k·q_k) / Σ_k o_k`.
//!
//! # Weights
//! Both backward passes take one factor a row: the row's weight (of its class or sample) times the upstream gradient,
//! over the number of rows. Keras divides the weighted sum by N, not by the sum of the weights.
//!
//! Source: Keras 3, `keras.losses.CategoricalCrossentropy`; TensorFlow, `softmax_cross_entropy_with_logits`.

pub mod reference;

use crate::Isa;
use crate::elementwise::{dot, sum_lanes};
use crate::softmax::{self, rows_per_block};
use rayon::prelude::*;

/// Keras's `backend.epsilon()`: the smallest probability that a loss is taken of.
pub const EPSILON: f32 = 1e-7;

/// `probs = softmax(logits)` and `losses = −Σ targets·log probs`, row by row.
///
/// `logits, targets, probs: (rows, cols)`, `losses: (rows)`. A class of target 0 costs nothing, be its logit −∞; a row
/// with a NaN (or +∞) has the loss NaN.
///
/// ```
/// use graft_kernels::{Isa, cross_entropy};
/// let (mut probs, mut losses) = ([0.0; 2], [0.0]);
/// cross_entropy::forward(Isa::best(), 1, 2, &[0.0, 0.0], &[1.0, 0.0], &mut probs, &mut losses);
/// assert_eq!((probs, losses), ([0.5, 0.5], [2f32.ln()]));
/// ```
///
/// # Panics
/// If a length does not fit `rows` and `cols`.
pub fn forward(
    isa: Isa,
    rows: usize,
    cols: usize,
    logits: &[f32],
    targets: &[f32],
    probs: &mut [f32],
    losses: &mut [f32],
) {
    check(rows, cols, &[logits, targets, probs], losses);
    let block = rows_per_block(cols);
    let outputs = losses.par_chunks_mut(block).zip(probs.par_chunks_mut(block * cols.max(1)));
    outputs.enumerate().for_each(|(b, (losses, probs))| {
        isa.vectorize(
            #[inline(always)]
            || {
                for (r, loss) in losses.iter_mut().enumerate() {
                    let (x, t) = (row(logits, cols, b * block + r), row(targets, cols, b * block + r));
                    let (max, sum) = softmax::row(x, &mut probs[r * cols..][..cols]);
                    *loss = loss_from_logits(x, t, max, sum);
                }
            },
        );
    });
}

/// `dlogits = (probs·Σtargets − targets)·scale`, row by row.
///
/// `probs, targets, dlogits: (rows, cols)`, `scale: (rows)`.
///
/// # Panics
/// If a length does not fit `rows` and `cols`.
pub fn backward(
    isa: Isa,
    rows: usize,
    cols: usize,
    probs: &[f32],
    targets: &[f32],
    scale: &[f32],
    dlogits: &mut [f32],
) {
    check(rows, cols, &[probs, targets, dlogits], scale);
    each_row(
        isa,
        cols,
        dlogits,
        #[inline(always)]
        |r, dx| {
            let (p, t, scale) = (row(probs, cols, r), row(targets, cols, r), scale[r]);
            let total = sum_lanes(t) as f32;
            for ((dx, &p), &t) in dx.iter_mut().zip(p).zip(t) {
                *dx = (p * total - t) * scale;
            }
        },
    );
}

/// `losses = −Σ targets·log clip(outputs / Σ outputs)`, row by row.
///
/// `outputs, targets: (rows, cols)`, `losses: (rows)`. NaN among the outputs of a row makes its loss NaN.
///
/// # Panics
/// If a length does not fit `rows` and `cols`.
pub fn forward_probabilities(
    isa: Isa,
    rows: usize,
    cols: usize,
    outputs: &[f32],
    targets: &[f32],
    losses: &mut [f32],
) {
    check(rows, cols, &[outputs, targets], losses);
    each_row(
        isa,
        1,
        losses,
        #[inline(always)]
        |r, loss| {
            let (o, t) = (row(outputs, cols, r), row(targets, cols, r));
            let sum = sum_lanes(o) as f32;
            // Not `clamp(…).ln()` on NaN by accident: both pass it on.
            let terms = o.iter().zip(t).map(|(&o, &t)| f64::from(t) * f64::from(clip(o / sum)).ln());
            loss[0] = -terms.sum::<f64>() as f32;
        },
    );
}

/// `doutputs = (g − Σ g·q) / Σ outputs · scale` with `q = outputs / Σ outputs`, row by row; `g`: see the
/// [module](self).
///
/// `outputs, targets, doutputs: (rows, cols)`, `scale: (rows)`.
///
/// # Panics
/// If a length does not fit `rows` and `cols`.
pub fn backward_probabilities(
    isa: Isa,
    rows: usize,
    cols: usize,
    outputs: &[f32],
    targets: &[f32],
    scale: &[f32],
    doutputs: &mut [f32],
) {
    check(rows, cols, &[outputs, targets, doutputs], scale);
    each_row(
        isa,
        cols,
        doutputs,
        #[inline(always)]
        |r, d| {
            let (o, t) = (row(outputs, cols, r), row(targets, cols, r));
            let sum = sum_lanes(o) as f32;
            for ((g, &o), &t) in d.iter_mut().zip(o).zip(t) {
                let q = o / sum;
                *g = if clip(q) == q || q.is_nan() { -t / q } else { 0.0 };
            }
            let mean = (dot(d, o) / f64::from(sum)) as f32;
            d.iter_mut().for_each(|g| *g = (*g - mean) / sum * scale[r]);
        },
    );
}

/// `Σ t·(log Σexp − (x − max))`.
#[inline(always)]
fn loss_from_logits(x: &[f32], t: &[f32], max: f32, sum: f64) -> f32 {
    let log_sum = sum.ln();
    if log_sum.is_nan() {
        return f32::NAN;
    }
    let term = |(&x, &t): (&f32, &f32)| {
        if t == 0.0 { 0.0 } else { f64::from(t) * (log_sum - f64::from(x - max)) }
    };
    x.iter().zip(t).map(term).sum::<f64>() as f32
}

/// Into [10⁻⁷, 1 − 10⁻⁷]; NaN stays NaN.
#[inline(always)]
fn clip(q: f32) -> f32 {
    q.clamp(EPSILON, 1.0 - EPSILON)
}

#[inline(always)]
fn row(x: &[f32], cols: usize, r: usize) -> &[f32] {
    &x[r * cols..][..cols]
}

/// Calls `body` with the number of each row of `y` and the row, in parallel blocks of rows.
fn each_row(isa: Isa, cols: usize, y: &mut [f32], body: impl Fn(usize, &mut [f32]) + Sync) {
    let block = rows_per_block(cols);
    y.par_chunks_mut(block * cols.max(1)).enumerate().for_each(|(b, y)| {
        isa.vectorize(
            #[inline(always)]
            || {
                for (r, y) in y.chunks_exact_mut(cols).enumerate() {
                    body(b * block + r, y);
                }
            },
        );
    });
}

fn check(rows: usize, cols: usize, matrices: &[&[f32]], vector: &[f32]) {
    let fits = vector.len() == rows && matrices.iter().all(|m| m.len() == rows * cols);
    assert!(fits, "cross-entropy of {rows} rows of {cols}: a slice has another length");
}
