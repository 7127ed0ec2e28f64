//! The textbook version, in f64.

use super::EPSILON;
use std::ops::RangeInclusive;

/// What the clip leaves alone. Its ends are those of f32: 1 − 10⁻⁷ has no other float near it than 1 − 1.2·10⁻⁷.
const INSIDE: RangeInclusive<f64> = EPSILON as f64..=(1.0 - EPSILON) as f64;

/// `losses = −Σ targets·log softmax(logits)`. `logits, targets: (rows, cols)`, `losses: (rows)`.
pub fn forward(rows: usize, cols: usize, logits: &[f32], targets: &[f32], losses: &mut [f32]) {
    for r in 0..rows {
        let x = &logits[r * cols..][..cols];
        let max = x.iter().fold(f64::NEG_INFINITY, |m, &v| m.max(v.into()));
        let log_sum = x.iter().map(|&v| (f64::from(v) - max).exp()).sum::<f64>().ln();
        let mut loss = 0.0;
        for j in 0..cols {
            let t = f64::from(targets[r * cols + j]);
            if t != 0.0 {
                loss += t * (log_sum - (f64::from(x[j]) - max));
            }
        }
        losses[r] = loss as f32;
    }
}

/// `dlogits = (probs·Σtargets − targets)·scale`. `probs, targets, dlogits: (rows, cols)`, `scale: (rows)`.
pub fn backward(
    rows: usize,
    cols: usize,
    probs: &[f32],
    targets: &[f32],
    scale: &[f32],
    dlogits: &mut [f32],
) {
    for r in 0..rows {
        let total: f64 = targets[r * cols..][..cols].iter().map(|&t| f64::from(t)).sum();
        for i in r * cols..(r + 1) * cols {
            dlogits[i] = ((f64::from(probs[i]) * total - f64::from(targets[i])) * f64::from(scale[r])) as f32;
        }
    }
}

/// `losses = −Σ targets·log clip(outputs / Σ outputs)`. `outputs, targets: (rows, cols)`, `losses: (rows)`.
pub fn forward_probabilities(rows: usize, cols: usize, outputs: &[f32], targets: &[f32], losses: &mut [f32]) {
    for r in 0..rows {
        let o = &outputs[r * cols..][..cols];
        let sum: f64 = o.iter().map(|&v| f64::from(v)).sum();
        let mut loss = 0.0;
        for j in 0..cols {
            let p = (f64::from(o[j]) / sum).clamp(*INSIDE.start(), *INSIDE.end());
            loss -= f64::from(targets[r * cols + j]) * p.ln();
        }
        losses[r] = loss as f32;
    }
}

/// `doutputs_j = (g_j − Σ_k g_k·q_k) / Σ_k outputs_k · scale`, where `g_j = −targets_j / q_j` if the clip leaves `q_j`
/// alone, else 0. `outputs, targets, doutputs: (rows, cols)`, `scale: (rows)`.
pub fn backward_probabilities(
    rows: usize,
    cols: usize,
    outputs: &[f32],
    targets: &[f32],
    scale: &[f32],
    doutputs: &mut [f32],
) {
    for r in 0..rows {
        let o = &outputs[r * cols..][..cols];
        let sum: f64 = o.iter().map(|&v| f64::from(v)).sum();
        let q = |j: usize| f64::from(o[j]) / sum;
        let g =
            |j: usize| if INSIDE.contains(&q(j)) { -f64::from(targets[r * cols + j]) / q(j) } else { 0.0 };
        let mean: f64 = (0..cols).map(|k| g(k) * q(k)).sum();
        for j in 0..cols {
            doutputs[r * cols + j] = ((g(j) - mean) / sum * f64::from(scale[r])) as f32;
        }
    }
}
