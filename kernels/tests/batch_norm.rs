//! Batch normalisation: every instruction set, training and inference, forward and backward.

mod support;

use graft_kernels::Isa;
use graft_kernels::batch_norm::{self, BatchNormShape, EPSILON, reference};
use support::{bits, every_isa, poisoned, same_on_any_pool, stream, within};

/// Everything an operation takes, drawn at random, and what the reference makes of it.
struct Case {
    s: BatchNormShape,
    x: Vec<f32>,
    dy: Vec<f32>,
    gamma: Vec<f32>,
    beta: Vec<f32>,
    mean: Vec<f64>,
    variance: Vec<f64>,
}

impl Case {
    fn new(rows: usize, c: usize) -> Self {
        let s = BatchNormShape { rows, c, epsilon: EPSILON };
        let mut r = stream((rows * 1000 + c) as u64);
        let mut normal = |len, mean: f64| (0..len).map(|_| (r.normal() + mean) as f32).collect::<Vec<_>>();
        let (x, dy, gamma, beta) =
            (normal(rows * c, 0.5), normal(rows * c, 0.0), normal(c, 1.0), normal(c, 0.0));
        let (mut mean, mut variance) = (vec![0.0; c], vec![0.0; c]);
        reference::moments(&s, &x, &mut mean, &mut variance);
        Self { s, x, dy, gamma, beta, mean, variance }
    }

    fn all() -> Vec<Self> {
        let mut all = Vec::new();
        for rows in [1, 2, 7, 98, 1000, 2049] {
            all.extend([1, 3, 16, 31, 32, 33, 200].map(|c| Self::new(rows, c)));
        }
        all
    }

    /// |γ| / √(σ² + ε).
    fn k(&self, c: usize) -> f64 {
        f64::from(self.gamma[c].abs()) / (self.variance[c] + f64::from(EPSILON)).sqrt()
    }

    /// |x| + |mean|: what |x − mean| is rounded relative to.
    fn distance(&self, i: usize) -> f64 {
        f64::from(self.x[i].abs()) + self.mean[i % self.s.c].abs()
    }

    /// y, mean and variance of a step of training.
    fn forward(&self, isa: Isa) -> [Vec<f32>; 3] {
        let (mut y, mut mean, mut variance) =
            (poisoned(self.x.len()), poisoned(self.s.c), poisoned(self.s.c));
        let moments = [&mut mean[..], &mut variance[..]];
        batch_norm::forward_training(isa, &self.s, &self.x, &self.gamma, &self.beta, &mut y, moments);
        [y, mean, variance]
    }

    /// dx, dgamma and dbeta, from the true moments.
    fn backward(&self, isa: Isa, training: bool) -> [Vec<f32>; 3] {
        let single = |v: &[f64]| v.iter().map(|&v| v as f32).collect::<Vec<_>>();
        let (mean, variance) = (single(&self.mean), single(&self.variance));
        let (mut dx, mut dgamma, mut dbeta) =
            (poisoned(self.x.len()), poisoned(self.s.c), poisoned(self.s.c));
        let (s, x, dy, moments) = (&self.s, &self.x, &self.dy, [&mean[..], &variance[..]]);
        let parameters = [&mut dgamma[..], &mut dbeta[..]];
        if training {
            batch_norm::backward_training(isa, s, x, &self.gamma, moments, dy, &mut dx, parameters);
        } else {
            batch_norm::backward_inference(isa, s, &self.gamma, &variance, dy, &mut dx);
            batch_norm::backward_parameters(isa, s, x, moments, dy, parameters);
        }
        [dx, dgamma, dbeta]
    }
}

fn magnitudes(len: usize, f: impl Fn(usize) -> f64) -> Vec<f64> {
    (0..len).map(|i| f(i).abs()).collect()
}

/// Roundings on the longest way through a pass: mean, variance, variance + ε, root, quotient, γ, and three more.
const ROUNDINGS: usize = 9;

#[test]
fn forward_agrees_with_f64() {
    for isa in every_isa() {
        for case in Case::all() {
            let (s, what) = (&case.s, |name| format!("{isa} {:?} {name}", case.s));
            let [y, mean, variance] = case.forward(isa);
            within(&what("mean"), &mean, &case.mean, &magnitudes(s.c, |c| case.mean[c]), 1).unwrap();
            let about_variance = magnitudes(s.c, |c| case.variance[c]);
            within(&what("variance"), &variance, &case.variance, &about_variance, 1).unwrap();
            let mut expected = vec![0.0; y.len()];
            let moments = [&case.mean[..], &case.variance[..]];
            reference::forward(s, &case.x, &case.gamma, &case.beta, moments, &mut expected);
            // y = x·k + (β − mean·k), each of the three as large as it is.
            let about_y = magnitudes(y.len(), |i| {
                let c = i % s.c;
                case.k(c) * case.distance(i) + f64::from(case.beta[c].abs())
            });
            within(&what("y"), &y, &expected, &about_y, ROUNDINGS).unwrap();
        }
    }
}

#[test]
fn backward_agrees_with_f64() {
    for isa in every_isa() {
        for case in Case::all() {
            for training in [true, false] {
                let (s, len) = (&case.s, case.x.len());
                let what = |name| format!("{isa} {:?} training {training} {name}", case.s);
                let [dx, dgamma, dbeta] = case.backward(isa, training);
                let (mut edx, mut edgamma, mut edbeta) = (vec![0.0; len], vec![0.0; s.c], vec![0.0; s.c]);
                let moments = [&case.mean[..], &case.variance[..]];
                let parameters = [&mut edgamma[..], &mut edbeta[..]];
                reference::backward(
                    s,
                    training,
                    &case.x,
                    &case.gamma,
                    moments,
                    &case.dy,
                    &mut edx,
                    parameters,
                );
                within(&what("dbeta"), &dbeta, &edbeta, &magnitudes(s.c, |c| edbeta[c]), 1).unwrap();
                let inverse = |c: usize| 1.0 / (case.variance[c] + f64::from(EPSILON)).sqrt();
                let about_dgamma = magnitudes(s.c, |c| {
                    let terms = (c..len).step_by(s.c).map(|i| f64::from(case.dy[i].abs()) * case.distance(i));
                    terms.sum::<f64>() * inverse(c)
                });
                within(&what("dgamma"), &dgamma, &edgamma, &about_dgamma, ROUNDINGS).unwrap();
                // dx = k·(dy − dβ/R − (x − mean)·dγ·inverse/R)
                let about_dx = magnitudes(len, |i| {
                    let (c, rows) = (i % s.c, s.rows as f64);
                    let through_mean =
                        (edbeta[c].abs() + case.distance(i) * inverse(c) * about_dgamma[c]) / rows;
                    case.k(c) * (f64::from(case.dy[i].abs()) + if training { through_mean } else { 0.0 })
                });
                within(&what("dx"), &dx, &edx, &about_dx, 2 * ROUNDINGS).unwrap();
            }
        }
    }
}

#[test]
fn a_wrong_kernel_is_caught() {
    let case = Case::new(98, 33);
    let [y, ..] = case.forward(Isa::best());
    let mut expected = vec![0.0; y.len()];
    let unbiased: Vec<f64> = case.variance.iter().map(|v| v * 98.0 / 97.0).collect();
    let moments = [&case.mean[..], &unbiased[..]];
    reference::forward(&case.s, &case.x, &case.gamma, &case.beta, moments, &mut expected);
    let about_y =
        magnitudes(y.len(), |i| case.k(i % 33) * case.distance(i) + f64::from(case.beta[i % 33].abs()));
    assert!(within("y", &y, &expected, &about_y, ROUNDINGS).is_err());
}

#[test]
fn the_gradients_are_the_slopes() {
    let case = Case::new(6, 3);
    // f = Σ dy·y, in f64, through the moments of the batch.
    let f = |x: &[f32], gamma: &[f32], beta: &[f32]| -> f64 {
        let (mut mean, mut variance, mut y) = (vec![0.0; 3], vec![0.0; 3], vec![0.0; x.len()]);
        reference::moments(&case.s, x, &mut mean, &mut variance);
        reference::forward(&case.s, x, gamma, beta, [&mean, &variance], &mut y);
        y.iter().zip(&case.dy).map(|(y, &dy)| y * f64::from(dy)).sum()
    };
    let slope = |v: &[f32], f: &dyn Fn(&[f32]) -> f64, i: usize| {
        let (mut up, mut down) = (v.to_vec(), v.to_vec());
        (up[i], down[i]) = (v[i] + 1e-3, v[i] - 1e-3);
        (f(&up) - f(&down)) / (f64::from(up[i]) - f64::from(down[i]))
    };
    let [dx, dgamma, dbeta] = case.backward(Isa::best(), true);
    for i in 0..dx.len() {
        let slope = slope(&case.x, &|x| f(x, &case.gamma, &case.beta), i);
        assert!((f64::from(dx[i]) - slope).abs() < 1e-4, "dx[{i}] = {}, slope {slope}", dx[i]);
    }
    for i in 0..3 {
        let by_gamma = slope(&case.gamma, &|gamma| f(&case.x, gamma, &case.beta), i);
        let by_beta = slope(&case.beta, &|beta| f(&case.x, &case.gamma, beta), i);
        assert!(
            (f64::from(dgamma[i]) - by_gamma).abs() < 1e-5 && (f64::from(dbeta[i]) - by_beta).abs() < 1e-5
        );
    }
}

#[test]
fn moving_averages_move_as_in_keras() {
    let mut moving = [0.0, 1.0];
    batch_norm::update_moving(0.99, &[1.0, 5.0], &mut moving);
    assert_eq!(moving, [0.01, 0.99 + 0.05]);
}

#[test]
fn nan_stays_in_its_channel() {
    let mut case = Case::new(7, 20);
    case.x[3 * 20 + 4] = f32::NAN;
    for isa in every_isa() {
        let [y, mean, variance] = case.forward(isa);
        assert!(mean[4].is_nan() && variance[4].is_nan());
        assert!(y.iter().enumerate().all(|(i, v)| v.is_nan() == (i % 20 == 4)));
    }
}

#[test]
fn bits_depend_neither_on_instruction_set_nor_on_threads() {
    let case = Case::new(1500, 70);
    let run = |isa| {
        let passes = [case.forward(isa), case.backward(isa, true), case.backward(isa, false)];
        passes.into_iter().flatten().flatten().collect::<Vec<_>>()
    };
    let portable = bits(&run(Isa::Portable));
    for isa in every_isa() {
        assert!(bits(&run(isa)) == portable, "{isa}");
        same_on_any_pool("batch normalisation", || run(isa));
    }
}
