//! Max-pooling: every instruction set, forward and backward.

mod support;

use graft_kernels::Isa;
use graft_kernels::conv2d::Padding::{self, Same, Valid};
use graft_kernels::max_pool2d::{self, Pool2dShape, reference};
use support::{Verdict, every_isa, exact, integers, pick, poisoned, same_on_any_pool, stream};

fn shape(input: [usize; 4], pool: [usize; 2], stride: [usize; 2], padding: Padding) -> Pool2dShape {
    Pool2dShape::new(input, pool, stride, padding).expect("the window fits")
}

/// VGG16's window at even and odd sizes, around registers and bands of rows; and windows that overlap, leave gaps,
/// hang over the edge.
fn shapes() -> Vec<Pool2dShape> {
    let mut all =
        vec![shape([0, 4, 4, 3], [2, 2], [2, 2], Valid), shape([2, 4, 4, 0], [2, 2], [2, 2], Valid)];
    for c in [1, 3, 16, 17, 64, 65] {
        for [h, w] in [[2, 2], [3, 2], [4, 5], [7, 7], [8, 14]] {
            all.push(shape([2, h, w, c], [2, 2], [2, 2], Valid));
            all.push(shape([2, h, w, c], [2, 2], [2, 2], Same));
        }
        all.push(shape([2, 9, 8, c], [3, 3], [2, 2], Same));
        all.push(shape([1, 9, 11, c], [3, 2], [1, 1], Valid));
        all.push(shape([1, 10, 7, c], [2, 3], [3, 4], Same));
        all.push(shape([1, 3, 3, c], [5, 5], [1, 1], Same));
        all.push(shape([1, 6, 6, c], [6, 6], [1, 1], Valid));
    }
    let mut r = stream(0);
    for _ in 0..1000 {
        let pool = [pick(&mut r, 1..=4), pick(&mut r, 1..=4)];
        let input = [pick(&mut r, 1..=2), pick(&mut r, 4..=13), pick(&mut r, 4..=13), pick(&mut r, 1..=70)];
        let stride = [pick(&mut r, 1..=4), pick(&mut r, 1..=4)];
        all.push(shape(input, pool, stride, if r.below(2) == 0 { Same } else { Valid }));
    }
    all
}

fn as_i64(v: &[f32]) -> Vec<i64> {
    v.iter().map(|&v| v as i64).collect()
}

/// Runs both passes on integers, of which many tie, and compares with the reference.
fn judge(
    s: &Pool2dShape,
    case: u64,
    forward: impl Fn(&[f32], &mut [f32]),
    backward: impl Fn(&[f32], &[f32], &mut [f32]),
) -> Verdict {
    let mut r = stream(case);
    // All below zero now and then, so that a zero from the padding would be seen.
    let shift = if case.is_multiple_of(2) { 4.0 } else { 0.0 };
    let x: Vec<f32> = integers(&mut r, s.x_len()).iter().map(|v| v - shift).collect();
    let dy = integers(&mut r, s.y_len());
    let (mut y, mut expected) = (poisoned(s.y_len()), poisoned(s.y_len()));
    forward(&x, &mut y);
    reference::forward(s, &x, &mut expected);
    exact("y", &y, &as_i64(&expected))?;
    let (mut dx, mut expected) = (poisoned(s.x_len()), poisoned(s.x_len()));
    backward(&x, &dy, &mut dx);
    reference::backward(s, &x, &dy, &mut expected);
    exact("dx", &dx, &as_i64(&expected))?;
    // The adjoint identity: with the winners fixed, pooling is linear, and ⟨y, dy⟩ = ⟨x, dx⟩.
    let inner = |a: &[f32], b: &[f32]| a.iter().zip(b).map(|(&a, &b)| a as i64 * b as i64).sum::<i64>();
    if inner(&y, &dy) == inner(&x, &dx) { Ok(()) } else { Err("⟨y, dy⟩ is not ⟨x, dx⟩".into()) }
}

#[test]
fn integers_come_out_exactly() {
    for isa in every_isa() {
        for (case, s) in shapes().iter().enumerate() {
            let forward = |x: &[f32], y: &mut [f32]| max_pool2d::forward(isa, s, x, y);
            let backward = |x: &[f32], dy: &[f32], dx: &mut [f32]| max_pool2d::backward(isa, s, x, dy, dx);
            judge(s, case as u64, forward, backward).unwrap_or_else(|e| panic!("{isa} {s:?}: {e}"));
            if [s.pool, s.stride] == [[2, 2]; 2] && s.padding == Valid {
                let in_place = |x: &[f32], dy: &[f32], dx: &mut [f32]| {
                    dx.copy_from_slice(x);
                    max_pool2d::backward_in_place(isa, s, dx, dy);
                };
                judge(s, case as u64, forward, in_place).unwrap_or_else(|e| panic!("{isa} {s:?}: {e}"));
            }
        }
    }
}

#[test]
fn a_wrong_kernel_is_caught() {
    let s = shape([1, 6, 6, 5], [3, 3], [2, 2], Same);
    let isa = Isa::best();
    let right_forward = |x: &[f32], y: &mut [f32]| max_pool2d::forward(isa, &s, x, y);
    let right_backward = |x: &[f32], dy: &[f32], dx: &mut [f32]| max_pool2d::backward(isa, &s, x, dy, dx);
    judge(&s, 2, right_forward, right_backward).unwrap();
    // The padding wins over negative numbers.
    let zero_wins = |x: &[f32], y: &mut [f32]| {
        max_pool2d::forward(isa, &s, x, y);
        y.iter_mut().for_each(|v| *v = v.max(0.0));
    };
    assert!(judge(&s, 2, zero_wins, right_backward).is_err());
    // The last of several equals gets the gradient: pooling of the pictures turned by 180°, where windows are whole.
    let s = shape([1, 6, 6, 5], [2, 2], [2, 2], Valid);
    let last_wins = |x: &[f32], dy: &[f32], dx: &mut [f32]| {
        let turned = |v: &[f32]| v.chunks(s.c).rev().flatten().copied().collect::<Vec<_>>();
        max_pool2d::backward(isa, &s, &turned(x), &turned(dy), dx);
        let dx_turned = turned(dx);
        dx.copy_from_slice(&dx_turned);
    };
    let right_forward = |x: &[f32], y: &mut [f32]| max_pool2d::forward(isa, &s, x, y);
    assert!(judge(&s, 2, right_forward, last_wins).is_err());
}

#[test]
fn nan_wins_both_ways() {
    for isa in every_isa() {
        for (pool, stride) in [([2, 2], [2, 2]), ([2, 2], [1, 1])] {
            for at in 0..4 {
                let s = shape([1, 2, 2, 1], pool, stride, Valid);
                let mut x = [1.0, f32::INFINITY, 3.0, 2.0];
                x[at] = f32::NAN;
                let (mut y, mut dx) = ([0.0], [9.0; 4]);
                max_pool2d::forward(isa, &s, &x, &mut y);
                max_pool2d::backward(isa, &s, &x, &[5.0], &mut dx);
                assert!(y[0].is_nan(), "{isa}: {x:?} gave {y:?}");
                let expected: Vec<f32> = (0..4).map(|i| if i == at { 5.0 } else { 0.0 }).collect();
                assert_eq!(dx, *expected, "{isa}");
            }
        }
    }
}

#[test]
fn nan_wins_in_every_lane_and_cell() {
    for isa in every_isa() {
        for c in [17, 64, 65] {
            for stride in [[2, 2], [1, 1]] {
                let s = shape([1, 2, 2, c], [2, 2], stride, Valid);
                let dy: Vec<f32> = (0..c).map(|i| i as f32 + 1.0).collect();
                // The first and last channel of every group of four, eight and sixteen, and the odd one at the end.
                for channel in (0..c).filter(|ch| matches!(ch % 4, 0 | 3) || ch + 1 == c) {
                    for cell in 0..4 {
                        let mut x: Vec<f32> = (0..4 * c).map(|i| (i * 5 % 11) as f32 - 5.0).collect();
                        let (mut y, mut dx) = (poisoned(c), poisoned(4 * c));
                        let mut expected = poisoned(4 * c);
                        x[cell * c + channel] = f32::NAN;
                        max_pool2d::forward(isa, &s, &x, &mut y);
                        max_pool2d::backward(isa, &s, &x, &dy, &mut dx);
                        reference::backward(&s, &x, &dy, &mut expected);
                        let is_nan: Vec<usize> = (0..c).filter(|&i| y[i].is_nan()).collect();
                        assert_eq!(is_nan, [channel], "{isa}, {c} channels, cell {cell}");
                        assert_eq!(dx[cell * c + channel], dy[channel], "{isa}, {c} channels, cell {cell}");
                        assert_eq!(dx, expected, "{isa}, {c} channels, cell {cell}");
                    }
                }
            }
        }
    }
}

#[test]
fn threads_change_nothing() {
    for s in [shape([2, 30, 28, 20], [2, 2], [2, 2], Valid), shape([2, 30, 28, 20], [3, 3], [2, 2], Same)] {
        let mut r = stream(1);
        let normal = |r: &mut graft_kernels::random::Stream, len| {
            (0..len).map(|_| r.normal() as f32).collect::<Vec<_>>()
        };
        let (x, dy) = (normal(&mut r, s.x_len()), normal(&mut r, s.y_len()));
        for isa in every_isa() {
            same_on_any_pool("max-pooling", || {
                let (mut y, mut dx) = (poisoned(s.y_len()), poisoned(s.x_len()));
                max_pool2d::forward(isa, &s, &x, &mut y);
                max_pool2d::backward(isa, &s, &x, &dy, &mut dx);
                y.extend(dx);
                y
            });
        }
    }
}

#[test]
fn what_does_not_fit_is_told() {
    let new = |pool, stride, padding| {
        Pool2dShape::new([1, 3, 3, 1], pool, stride, padding).map_err(|e| e.to_string())
    };
    assert!(new([4, 2], [2, 2], Valid).unwrap_err().contains("[4, 2] does not fit into a map of [3, 3]"));
    assert!(new([4, 2], [2, 2], Same).is_ok());
    for (pool, stride) in [([usize::MAX; 2], [2, 2]), ([2, 2], [1, usize::MAX])] {
        assert!(new(pool, stride, Same).unwrap_err().contains("the sizes overflow"));
    }
    assert!(Pool2dShape::new([0, usize::MAX, 1, 1], [2, 2], [1, 1], Same).is_err());
    assert!(new([2, 2], [0, 2], Same).unwrap_err().contains("stride [0, 2] must be at least 1"));
}
