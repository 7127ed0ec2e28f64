//! Softmax: every instruction set, forward and backward.

mod support;

use graft_kernels::Isa;
use graft_kernels::softmax::{self, reference};
use support::{Verdict, bits, every_isa, floats, poisoned, same_on_any_pool, stream};

/// Rows and columns on both sides of a register, of sixteen lanes and of a block of rows.
const SHAPES: [[usize; 2]; 12] = [
    [0, 3],
    [1, 1],
    [3, 2],
    [5, 7],
    [2, 15],
    [4, 16],
    [3, 17],
    [7, 22],
    [2, 33],
    [3, 1000],
    [3, 20_000],
    [20_000, 2],
];

/// Within `ulps` units of the last place of `scale`.
fn close(found: &[f32], expected: &[f32], ulps: f32, scale: impl Fn(usize) -> f32) -> Verdict {
    let bound = |i: usize| ulps * (f32::EPSILON * scale(i)).max(f32::from_bits(1));
    let wrong = (0..found.len()).find(|&i| {
        let error = (found[i] - expected[i]).abs();
        error.is_nan() || error > bound(i)
    });
    wrong.map_or(Ok(()), |i| Err(format!("[{i}] = {}, expected {} ± {:e}", found[i], expected[i], bound(i))))
}

fn logits(case: usize, len: usize, spread: f32) -> Vec<f32> {
    floats(&mut stream(case as u64), len).into_iter().map(|v| v * spread).collect()
}

#[test]
fn forward_is_within_four_ulp_of_f64() {
    for isa in every_isa() {
        for (case, [rows, cols]) in SHAPES.into_iter().enumerate() {
            for spread in [0.1, 3.0, 40.0] {
                let x = logits(case, rows * cols, spread);
                let (mut y, mut expected) = (poisoned(x.len()), poisoned(x.len()));
                softmax::forward(isa, rows, cols, &x, &mut y);
                reference::forward(rows, cols, &x, &mut expected);
                // One from exp, one from its argument x − m (relative to m, hence the spread), two from the division.
                let slack = 4.0 + spread * 4.0;
                close(&y, &expected, slack, |i| expected[i])
                    .unwrap_or_else(|e| panic!("{isa}, {rows}×{cols}, spread {spread}: {e}"));
            }
        }
    }
}

#[test]
fn backward_agrees_with_f64() {
    for isa in every_isa() {
        for (case, [rows, cols]) in SHAPES.into_iter().enumerate() {
            let mut y = poisoned(rows * cols);
            softmax::forward(isa, rows, cols, &logits(case, rows * cols, 2.0), &mut y);
            let dy = logits(case + 100, rows * cols, 1.0);
            let (mut dx, mut expected) = (poisoned(y.len()), poisoned(y.len()));
            softmax::backward(isa, rows, cols, &y, &dy, &mut dx);
            reference::backward(rows, cols, &y, &dy, &mut expected);
            // Each operation rounds once, relative to the larger of dy and the mean of dy, which is at most max |dy|.
            let largest = dy.iter().fold(0.0f32, |m, v| m.max(v.abs()));
            close(&dx, &expected, 2.0, |i| y[i] * largest)
                .unwrap_or_else(|e| panic!("{isa}, {rows}×{cols}: {e}"));
        }
    }
}

#[test]
fn the_gradient_is_the_slope() {
    let (rows, cols) = (2, 5);
    let x: Vec<f64> = logits(1, rows * cols, 1.0).into_iter().map(f64::from).collect();
    let weights = logits(2, rows * cols, 1.0);
    // f(x) = Σ w·softmax(x), in f64; its gradient is what `backward` makes of dy = w.
    let f = |x: &[f64]| -> f64 {
        x.chunks(cols)
            .zip(weights.chunks(cols))
            .map(|(x, w)| {
                let sum: f64 = x.iter().map(|v| v.exp()).sum();
                x.iter().zip(w).map(|(v, &w)| v.exp() / sum * f64::from(w)).sum::<f64>()
            })
            .sum()
    };
    let (mut y, mut dx) = (poisoned(x.len()), poisoned(x.len()));
    let single: Vec<f32> = x.iter().map(|&v| v as f32).collect();
    softmax::forward(Isa::best(), rows, cols, &single, &mut y);
    softmax::backward(Isa::best(), rows, cols, &y, &weights, &mut dx);
    for i in 0..x.len() {
        let moved = |h: f64| {
            let mut x = x.clone();
            x[i] += h;
            f(&x)
        };
        let slope = (moved(1e-5) - moved(-1e-5)) / 2e-5;
        assert!((f64::from(dx[i]) - slope).abs() < 1e-6, "dx[{i}] = {}, slope {slope}", dx[i]);
    }
}

#[test]
fn rows_stay_apart_and_what_is_not_a_number_spreads() {
    for isa in every_isa() {
        for cols in [2, 16, 40] {
            for (bad, at) in [(f32::NAN, 0), (f32::NAN, cols - 1), (f32::INFINITY, 1)] {
                let mut x = logits(3, 3 * cols, 1.0);
                x[cols + at] = bad;
                let mut y = vec![0.0; 3 * cols];
                softmax::forward(isa, 3, cols, &x, &mut y);
                assert!(y[cols..2 * cols].iter().all(|v| v.is_nan()), "{isa}: {bad} in {y:?}");
                for row in [0, 2] {
                    let sum: f32 = y[row * cols..][..cols].iter().sum();
                    assert!((sum - 1.0).abs() < 1e-5);
                }
            }
            let mut y = poisoned(cols);
            let mut x = vec![f32::NEG_INFINITY; cols];
            x[1] = -1e30;
            softmax::forward(isa, 1, cols, &x, &mut y);
            assert_eq!(y.iter().sum::<f32>(), 1.0);
            assert_eq!(y[1], 1.0);
        }
    }
}

#[test]
fn bits_depend_neither_on_instruction_set_nor_on_threads() {
    let (rows, cols) = (100, 1000);
    let (x, dy) = (logits(4, rows * cols, 5.0), logits(5, rows * cols, 1.0));
    let run = |isa| {
        let (mut y, mut dx) = (poisoned(x.len()), poisoned(x.len()));
        softmax::forward(isa, rows, cols, &x, &mut y);
        softmax::backward(isa, rows, cols, &y, &dy, &mut dx);
        y.extend(dx);
        y
    };
    let portable = bits(&run(Isa::Portable));
    for isa in every_isa() {
        assert!(bits(&run(isa)) == portable, "{isa}");
        same_on_any_pool("softmax", || run(isa));
    }
}

#[test]
fn a_wrong_kernel_is_caught() {
    let (rows, cols) = (3, 17);
    let x = logits(6, rows * cols, 3.0);
    let (mut y, mut expected) = (poisoned(x.len()), poisoned(x.len()));
    reference::forward(rows, cols, &x, &mut expected);
    softmax::forward(Isa::best(), rows, cols, &x, &mut y);
    close(&y, &expected, 16.0, |i| expected[i]).unwrap();
    y[20] *= 1.0 + 20.0 * f32::EPSILON;
    assert!(close(&y, &expected, 16.0, |i| expected[i]).is_err());
    y[20] = f32::NAN;
    assert!(close(&y, &expected, 16.0, |i| expected[i]).is_err());
}
