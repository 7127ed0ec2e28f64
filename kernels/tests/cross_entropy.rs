//! Categorical cross-entropy, from logits and from probabilities.

mod support;

use graft_kernels::Isa;
use graft_kernels::cross_entropy::{self, reference};
use support::{Verdict, bits, every_isa, floats, poisoned, same_on_any_pool, stream};

const SHAPES: [[usize; 2]; 8] = [[0, 2], [1, 1], [8, 2], [3, 16], [5, 17], [32, 22], [3, 1000], [9000, 2]];

/// Targets of one row: all on one class, smoothed, spread, or not even a distribution.
fn targets(case: u64, rows: usize, cols: usize) -> Vec<f32> {
    let mut r = stream(case + 1000);
    let mut t = vec![0.0; rows * cols];
    for (i, row) in t.chunks_mut(cols).enumerate() {
        let class = r.below(cols as u32) as usize;
        match i % 4 {
            0 => row[class] = 1.0,
            1 => {
                row.fill(0.1 / cols as f32);
                row[class] += 0.9;
            }
            2 => row.fill(1.0 / cols as f32),
            _ => row.iter_mut().for_each(|t| *t = r.uniform()),
        }
    }
    t
}

fn normal(case: u64, len: usize, spread: f32) -> Vec<f32> {
    floats(&mut stream(case), len).into_iter().map(|v| v * spread).collect()
}

/// Positive numbers that do not sum to one.
fn outputs(case: u64, len: usize) -> Vec<f32> {
    let mut r = stream(case);
    (0..len).map(|_| 0.01 + r.uniform()).collect()
}

/// Within `relative` of the expected value, or of 10⁻³ of the largest.
fn close(found: &[f32], expected: &[f32], relative: f32) -> Verdict {
    let largest = expected.iter().fold(0.0f32, |m, v| m.max(v.abs()));
    let bound = |e: f32| relative * e.abs().max(largest * 1e-3);
    let wrong = (0..found.len()).find(|&i| {
        let error = (found[i] - expected[i]).abs();
        error.is_nan() || error > bound(expected[i])
    });
    wrong.map_or(Ok(()), |i| {
        Err(format!("[{i}] = {}, expected {} ± {:e}", found[i], expected[i], bound(expected[i])))
    })
}

#[test]
fn from_logits_agrees_with_f64() {
    for isa in every_isa() {
        for (case, [rows, cols]) in SHAPES.into_iter().enumerate() {
            let (x, t) = (normal(case as u64, rows * cols, 4.0), targets(case as u64, rows, cols));
            let (mut probs, mut losses, mut dx) = (poisoned(x.len()), poisoned(rows), poisoned(x.len()));
            let (mut expected, mut dexpected) = (poisoned(rows), poisoned(x.len()));
            let scale = outputs(case as u64 + 50, rows);
            cross_entropy::forward(isa, rows, cols, &x, &t, &mut probs, &mut losses);
            reference::forward(rows, cols, &x, &t, &mut expected);
            close(&losses, &expected, 2e-6).unwrap_or_else(|e| panic!("{isa} {rows}×{cols} loss{e}"));
            cross_entropy::backward(isa, rows, cols, &probs, &t, &scale, &mut dx);
            reference::backward(rows, cols, &probs, &t, &scale, &mut dexpected);
            close(&dx, &dexpected, 2e-4).unwrap_or_else(|e| panic!("{isa} {rows}×{cols} dx{e}"));
        }
    }
}

#[test]
fn from_probabilities_agrees_with_f64() {
    for isa in every_isa() {
        for (case, [rows, cols]) in SHAPES.into_iter().enumerate() {
            let (o, t) = (outputs(case as u64, rows * cols), targets(case as u64, rows, cols));
            let (mut losses, mut expected) = (poisoned(rows), poisoned(rows));
            cross_entropy::forward_probabilities(isa, rows, cols, &o, &t, &mut losses);
            reference::forward_probabilities(rows, cols, &o, &t, &mut expected);
            // A probability of 1 − δ is rounded to a multiple of 2⁻²⁴, which the logarithm passes on as it is.
            for r in 0..rows {
                let total: f32 = t[r * cols..][..cols].iter().sum();
                let (found, expected) = (losses[r], expected[r]);
                let bound = f32::EPSILON * (2.0 * total + expected.abs());
                assert!((found - expected).abs() <= bound, "{isa} {rows}×{cols}: {found}, not {expected}");
            }
            let (mut d, mut expected) = (poisoned(o.len()), poisoned(o.len()));
            let scale = outputs(case as u64 + 50, rows);
            cross_entropy::backward_probabilities(isa, rows, cols, &o, &t, &scale, &mut d);
            reference::backward_probabilities(rows, cols, &o, &t, &scale, &mut expected);
            close(&d, &expected, 2e-3).unwrap_or_else(|e| panic!("{isa} {rows}×{cols} doutputs{e}"));
        }
    }
}

/// The figures of Keras 3.15.1 on TensorFlow 2.21, printed by
/// `keras.losses.categorical_crossentropy([[0, 1, 0], [1, 0, 0]], [[.2, .3, .9], [1e-9, 0, 1]])` and its gradient.
#[test]
fn from_probabilities_gives_the_figures_of_keras() {
    let (o, t) = ([0.2, 0.3, 0.9, 1e-9, 0.0, 1.0], [0.0, 1.0, 0.0, 1.0, 0.0, 0.0]);
    for isa in every_isa() {
        let (mut losses, mut d) = (poisoned(2), poisoned(6));
        cross_entropy::forward_probabilities(isa, 2, 3, &o, &t, &mut losses);
        close(&losses, &[1.540445, 16.118095], 1e-7).unwrap();
        cross_entropy::backward_probabilities(isa, 2, 3, &o, &t, &[1.0, 1.0], &mut d);
        close(&d, &[0.7142858, -2.6190474, 0.7142858, 0.0, 0.0, 0.0], 2e-7).unwrap();
    }
}

/// The slope of `loss`, which sums the losses of all rows in f64, along each coordinate.
fn slopes(x: &[f32], loss: impl Fn(&[f64]) -> f64) -> Vec<f32> {
    let x: Vec<f64> = x.iter().map(|&v| v.into()).collect();
    let along = |i: usize, h: f64| {
        let mut x = x.clone();
        x[i] += h;
        loss(&x)
    };
    (0..x.len()).map(|i| ((along(i, 1e-5) - along(i, -1e-5)) / 2e-5) as f32).collect()
}

#[test]
fn the_gradients_are_the_slopes() {
    let (rows, cols) = (4, 5);
    let t = targets(7, rows, cols);
    let ones = [1.0; 4];
    let rows_of = |x: &[f64], term: &dyn Fn(&[f64], &[f32]) -> f64| -> f64 {
        x.chunks(cols).zip(t.chunks(cols)).map(|(x, t)| term(x, t)).sum()
    };
    let x = normal(7, rows * cols, 2.0);
    let expected = slopes(&x, |x| {
        rows_of(x, &|x, t| {
            let log_sum = x.iter().map(|v| v.exp()).sum::<f64>().ln();
            x.iter().zip(t).map(|(x, &t)| f64::from(t) * (log_sum - x)).sum()
        })
    });
    let (mut probs, mut losses, mut dx) = (poisoned(x.len()), poisoned(rows), poisoned(x.len()));
    cross_entropy::forward(Isa::best(), rows, cols, &x, &t, &mut probs, &mut losses);
    cross_entropy::backward(Isa::best(), rows, cols, &probs, &t, &ones, &mut dx);
    close(&dx, &expected, 1e-5).unwrap();

    let o = outputs(8, rows * cols);
    let expected = slopes(&o, |o| {
        rows_of(o, &|o, t| {
            let sum: f64 = o.iter().sum();
            o.iter().zip(t).map(|(o, &t)| -f64::from(t) * (o / sum).ln()).sum()
        })
    });
    let mut d = poisoned(o.len());
    cross_entropy::backward_probabilities(Isa::best(), rows, cols, &o, &t, &ones, &mut d);
    close(&d, &expected, 1e-5).unwrap();
}

#[test]
fn extremes_are_finite_and_nan_is_seen() {
    for isa in every_isa() {
        let x = [1000.0, -1000.0, 0.0, f32::NEG_INFINITY, 1.0, f32::NAN];
        let t = [0.0, 1.0, 1.0, 0.0, 1.0, 0.0];
        let (mut probs, mut losses) = (poisoned(6), vec![0.0; 3]);
        cross_entropy::forward(isa, 3, 2, &x, &t, &mut probs, &mut losses);
        assert_eq!(losses[..2], [2000.0, 0.0]);
        assert!(losses[2].is_nan() && probs[4].is_nan());
        let mut losses = vec![0.0; 1];
        cross_entropy::forward_probabilities(isa, 1, 2, &[1.0, f32::NAN], &[1.0, 0.0], &mut losses);
        assert!(losses[0].is_nan());
        let mut d = vec![0.0; 2];
        cross_entropy::backward_probabilities(isa, 1, 2, &[1.0, f32::NAN], &[1.0, 0.0], &[1.0], &mut d);
        assert!(d.iter().all(|v| v.is_nan()));
    }
}

#[test]
fn bits_depend_neither_on_instruction_set_nor_on_threads() {
    let (rows, cols) = (500, 101);
    let (x, t, o) = (normal(9, rows * cols, 3.0), targets(9, rows, cols), outputs(9, rows * cols));
    let scale = outputs(10, rows);
    let run = |isa| {
        let (mut p, mut losses, mut dx) = (poisoned(x.len()), poisoned(rows), poisoned(x.len()));
        cross_entropy::forward(isa, rows, cols, &x, &t, &mut p, &mut losses);
        cross_entropy::backward(isa, rows, cols, &p, &t, &scale, &mut dx);
        let (mut from_probabilities, mut d) = (poisoned(rows), poisoned(x.len()));
        cross_entropy::forward_probabilities(isa, rows, cols, &o, &t, &mut from_probabilities);
        cross_entropy::backward_probabilities(isa, rows, cols, &o, &t, &scale, &mut d);
        [p, losses, dx, from_probabilities, d].concat()
    };
    let portable = bits(&run(Isa::Portable));
    for isa in every_isa() {
        assert!(bits(&run(isa)) == portable, "{isa}");
        same_on_any_pool("cross-entropy", || run(isa));
    }
}

#[test]
fn a_wrong_kernel_is_caught() {
    let (rows, cols) = (32, 22);
    let (x, t) = (normal(11, rows * cols, 3.0), targets(11, rows, cols));
    let (mut losses, mut expected, mut probs) = (poisoned(rows), poisoned(rows), poisoned(x.len()));
    reference::forward(rows, cols, &x, &t, &mut expected);
    cross_entropy::forward(Isa::best(), rows, cols, &x, &t, &mut probs, &mut losses);
    // The logarithm of a rounded, clipped probability: what one gets without the fused form.
    for r in 0..rows {
        let row = r * cols..(r + 1) * cols;
        losses[r] = row.map(|i| -t[i] * probs[i].clamp(1e-4, 1.0).ln()).sum();
    }
    assert!(close(&losses, &expected, 2e-6).is_err());
}
