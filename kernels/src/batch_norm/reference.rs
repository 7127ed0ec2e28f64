//! The textbook version, in f64.

use super::BatchNormShape;

/// Channel `c` of a matrix (rows, c), from top to bottom.
fn channel<'a>(s: &BatchNormShape, x: &'a [f32], c: usize) -> impl Iterator<Item = f64> + use<'a> {
    x.iter().skip(c).step_by(s.c).map(|&v| v.into())
}

/// Mean and biased variance of each channel of `x: (rows, c)`.
pub fn moments(s: &BatchNormShape, x: &[f32], mean: &mut [f64], variance: &mut [f64]) {
    for c in 0..s.c {
        mean[c] = channel(s, x, c).sum::<f64>() / s.rows as f64;
        variance[c] = channel(s, x, c).map(|v| (v - mean[c]).powi(2)).sum::<f64>() / s.rows as f64;
    }
}

/// `y = γ·(x − mean) / √(variance + ε) + β`. `x, y: (rows, c)`, all others `(c)`.
pub fn forward(
    s: &BatchNormShape,
    x: &[f32],
    gamma: &[f32],
    beta: &[f32],
    [mean, variance]: [&[f64]; 2],
    y: &mut [f64],
) {
    for i in 0..x.len() {
        let c = i % s.c;
        let normal = (f64::from(x[i]) - mean[c]) / (variance[c] + f64::from(s.epsilon)).sqrt();
        y[i] = f64::from(gamma[c]) * normal + f64::from(beta[c]);
    }
}

/// `dx`, `dγ` and `dβ`, where `training` says whether mean and variance are functions of `x` or constants.
#[expect(clippy::too_many_arguments, reason = "the operands of the operation")]
pub fn backward(
    s: &BatchNormShape,
    training: bool,
    x: &[f32],
    gamma: &[f32],
    [mean, variance]: [&[f64]; 2],
    dy: &[f32],
    dx: &mut [f64],
    [dgamma, dbeta]: [&mut [f64]; 2],
) {
    for c in 0..s.c {
        let deviation = (variance[c] + f64::from(s.epsilon)).sqrt();
        let normal = |x: f64| (x - mean[c]) / deviation;
        dbeta[c] = channel(s, dy, c).sum();
        dgamma[c] = channel(s, x, c).zip(channel(s, dy, c)).map(|(x, dy)| dy * normal(x)).sum();
        for i in (c..x.len()).step_by(s.c) {
            let through_moments = (dbeta[c] + normal(x[i].into()) * dgamma[c]) / s.rows as f64;
            let through_moments = if training { through_moments } else { 0.0 };
            dx[i] = f64::from(gamma[c]) / deviation * (f64::from(dy[i]) - through_moments);
        }
    }
}
