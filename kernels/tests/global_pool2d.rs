//! Global pooling: every instruction set, forward and backward.

mod support;

use graft_kernels::Isa;
use graft_kernels::global_pool2d::{self as pool, GlobalPool2dShape, reference};
use support::{bits, every_isa, integers, poisoned, same_on_any_pool, stream};

fn shapes() -> Vec<GlobalPool2dShape> {
    let mut all = vec![GlobalPool2dShape { n: 0, hw: 4, c: 3 }, GlobalPool2dShape { n: 2, hw: 4, c: 0 }];
    for n in [1, 3] {
        for hw in [1, 2, 4, 49, 64] {
            all.extend([1, 3, 15, 16, 17, 63, 64, 65, 512].map(|c| GlobalPool2dShape { n, hw, c }));
        }
    }
    all
}

/// x of integers, dy of multiples of hw, so that a mean over a power of two and all gradients are exact.
fn data(s: &GlobalPool2dShape, case: u64) -> (Vec<f32>, Vec<f32>) {
    let mut r = stream(case);
    (integers(&mut r, s.x_len()), integers(&mut r, s.y_len()).iter().map(|v| v * s.hw as f32).collect())
}

#[test]
fn the_mean_is_rounded_once_and_its_gradient_exact() {
    for isa in every_isa() {
        for (case, s) in shapes().iter().enumerate() {
            let (x, dy) = data(s, case as u64);
            let (mut y, mut expected) = (poisoned(s.y_len()), poisoned(s.y_len()));
            pool::average_forward(isa, s, &x, &mut y);
            reference::average_forward(s, &x, &mut expected);
            assert_eq!(bits(&y), bits(&expected), "{isa} {s:?}"); // sums of integers are exact in f64
            let (mut dx, mut expected) = (poisoned(s.x_len()), poisoned(s.x_len()));
            pool::average_backward(isa, s, &dy, &mut dx);
            reference::average_backward(s, &dy, &mut expected);
            assert_eq!(bits(&dx), bits(&expected), "{isa} {s:?}");
            let inner = |a: &[f32], b: &[f32]| {
                a.iter().zip(b).map(|(&a, &b)| f64::from(a) * f64::from(b)).sum::<f64>()
            };
            if s.hw.is_power_of_two() {
                assert_eq!(inner(&y, &dy), inner(&x, &dx), "{isa} {s:?}: the adjoint identity");
            }
        }
    }
}

#[test]
fn the_maximum_is_exact_and_ties_share() {
    for isa in every_isa() {
        for (case, s) in shapes().iter().enumerate() {
            let (x, dy) = data(s, case as u64);
            let (mut y, mut expected) = (poisoned(s.y_len()), poisoned(s.y_len()));
            pool::max_forward(isa, s, &x, &mut y);
            reference::max_forward(s, &x, &mut expected);
            assert_eq!(y, expected, "{isa} {s:?}");
            let (mut dx, mut expected) = (poisoned(s.x_len()), poisoned(s.x_len()));
            pool::max_backward(isa, s, &x, &y, &dy, &mut dx);
            reference::max_backward(s, &x, &dy, &mut expected);
            assert_eq!(dx, expected, "{isa} {s:?}");
        }
        // TensorFlow 2.21: the gradient of keras.ops.max([1, 3, 3, 3]) is [0, 0.33333334, 0.33333334, 0.33333334].
        let (s, mut dx) = (GlobalPool2dShape { n: 1, hw: 4, c: 1 }, poisoned(4));
        pool::max_backward(isa, &s, &[1.0, 3.0, 3.0, 3.0], &[3.0], &[1.0], &mut dx);
        assert_eq!(dx, [0.0, 0.33333334, 0.33333334, 0.33333334]);
    }
}

#[test]
fn nan_is_not_lost() {
    let s = GlobalPool2dShape { n: 1, hw: 3, c: 2 };
    let x = [1.0, 1.0, 2.0, f32::NAN, 3.0, 7.0];
    for isa in every_isa() {
        let (mut mean, mut max, mut dx) = ([0.0; 2], [0.0; 2], poisoned(6));
        pool::average_forward(isa, &s, &x, &mut mean);
        pool::max_forward(isa, &s, &x, &mut max);
        assert!(mean[0] == 2.0 && mean[1].is_nan() && max[0] == 3.0 && max[1].is_nan());
        pool::max_backward(isa, &s, &x, &max, &[5.0, 6.0], &mut dx);
        assert_eq!(dx, [0.0, 0.0, 0.0, 6.0, 5.0, 0.0]);
    }
}

#[test]
fn bits_depend_neither_on_instruction_set_nor_on_threads() {
    let s = GlobalPool2dShape { n: 5, hw: 49, c: 300 };
    let mut r = stream(3);
    let x: Vec<f32> = (0..s.x_len()).map(|_| r.normal() as f32).collect();
    let run = |isa| {
        let (mut mean, mut max, mut dmean, mut dmax) =
            (poisoned(s.y_len()), poisoned(s.y_len()), poisoned(s.x_len()), poisoned(s.x_len()));
        pool::average_forward(isa, &s, &x, &mut mean);
        pool::average_backward(isa, &s, &mean, &mut dmean);
        pool::max_forward(isa, &s, &x, &mut max);
        pool::max_backward(isa, &s, &x, &max, &mean, &mut dmax);
        [mean, max, dmean, dmax].concat()
    };
    let portable = bits(&run(Isa::Portable));
    for isa in every_isa() {
        assert!(bits(&run(isa)) == portable, "{isa}");
        same_on_any_pool("global pooling", || run(isa));
    }
}
