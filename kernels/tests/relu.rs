//! ReLU: every instruction set, forward and backward.

mod support;

use graft_kernels::elementwise::BLOCK;
use graft_kernels::relu::{self, reference};
use support::{bits, every_isa, floats, poisoned, same_on_any_pool, stream};

/// What a comparison can get wrong.
const SPECIAL: [f32; 12] = [
    0.0,
    -0.0,
    1.0,
    -1.0,
    f32::NAN,
    -f32::NAN,
    f32::INFINITY,
    f32::NEG_INFINITY,
    f32::MIN_POSITIVE,
    -f32::MIN_POSITIVE,
    f32::from_bits(1),
    f32::from_bits(0x8000_0001),
];

/// Lengths on both sides of every register and of a block.
const LENGTHS: [usize; 14] = [0, 1, 3, 4, 5, 7, 8, 9, 15, 16, 17, 1000, BLOCK, 2 * BLOCK + 33];

/// Random numbers with special ones in between.
fn data(case: u64, len: usize) -> Vec<f32> {
    let mut r = stream(case);
    let mut x = floats(&mut r, len);
    x.iter_mut().step_by(5).for_each(|v| *v = SPECIAL[r.below(12) as usize]);
    x
}

#[test]
fn bits_are_those_of_the_reference() {
    for isa in every_isa() {
        for (case, len) in LENGTHS.into_iter().enumerate() {
            let (x, dy) = (data(case as u64, len), data(case as u64 + 100, len));
            let (mut y, mut expected) = (poisoned(len), poisoned(len));
            relu::forward(isa, &x, &mut y);
            reference::forward(&x, &mut expected);
            assert_eq!(bits(&y), bits(&expected), "{isa}, {len} numbers, forward");
            let (mut dx, mut expected) = (poisoned(len), poisoned(len));
            relu::backward(isa, &y, &dy, &mut dx);
            reference::backward(&y, &dy, &mut expected);
            assert_eq!(bits(&dx), bits(&expected), "{isa}, {len} numbers, backward");
            let mut in_place = dy.clone();
            relu::backward_in_place(isa, &y, &mut in_place);
            assert_eq!(bits(&in_place), bits(&expected), "{isa}, {len} numbers, backward in place");
        }
    }
}

#[test]
fn nan_passes_and_zero_is_positive() {
    for isa in every_isa() {
        let mut y = poisoned(SPECIAL.len());
        relu::forward(isa, &SPECIAL, &mut y);
        for (x, y) in SPECIAL.into_iter().zip(y) {
            assert_eq!(x.is_nan(), y.is_nan());
            assert!(y.is_nan() || y == x.max(0.0) && y.is_sign_positive(), "{isa}: {x} became {y}");
        }
        let mut dx = poisoned(3);
        relu::backward(isa, &[f32::NAN, 0.0, 1.0], &[5.0, 6.0, f32::NAN], &mut dx);
        assert!(dx[0] == 5.0 && dx[1] == 0.0 && dx[2].is_nan());
    }
}

#[test]
fn a_wrong_kernel_is_caught() {
    let x = data(1, 1000);
    let mut expected = poisoned(x.len());
    reference::forward(&x, &mut expected);
    let swallows_nan: Vec<f32> = x.iter().map(|v| v.max(0.0)).collect();
    let keeps_minus_zero: Vec<f32> = x.iter().map(|&v| if v < 0.0 { 0.0 } else { v }).collect();
    assert_ne!(bits(&swallows_nan), bits(&expected));
    assert_ne!(bits(&keeps_minus_zero), bits(&expected));
}

#[test]
fn threads_change_nothing() {
    let x = data(2, 5 * BLOCK + 7);
    for isa in every_isa() {
        same_on_any_pool("relu", || {
            let mut y = poisoned(x.len());
            relu::forward(isa, &x, &mut y);
            y
        });
    }
}
