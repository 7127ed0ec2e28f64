//! ReLU: every instruction set, forward and backward.

mod support;

use graft_kernels::dense::{self, DenseShape};
use graft_kernels::elementwise::BLOCK;
use graft_kernels::relu::{self, NEGLIGIBLE, reference};
use support::{Verdict, bits, every_isa, floats, poisoned, same_on_any_pool, stream};

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

/// Judges `forward(x, y)` and `backward(y, dy, dx)` on `len` numbers: their bits must be those of the reference.
fn judge(
    case: u64,
    len: usize,
    forward: impl Fn(&[f32], &mut [f32]),
    backward: impl Fn(&[f32], &[f32], &mut [f32]),
) -> Verdict {
    let same = |what: &str, found: &[f32], expected: &[f32]| match bits(found) == bits(expected) {
        true => Ok(()),
        false => Err(format!("{what} of {len} numbers")),
    };
    let (x, dy) = (data(case, len), data(case + 100, len));
    let (mut found, mut y) = (poisoned(len), poisoned(len));
    forward(&x, &mut found);
    reference::forward(&x, &mut y);
    same("forward", &found, &y)?;
    let (mut dx, mut expected) = (poisoned(len), poisoned(len));
    backward(&y, &dy, &mut dx);
    reference::backward(&y, &dy, &mut expected);
    same("backward", &dx, &expected)
}

#[test]
fn bits_are_those_of_the_reference() {
    for isa in every_isa() {
        for (case, len) in LENGTHS.into_iter().enumerate() {
            let forward = |x: &[f32], y: &mut [f32]| relu::forward(isa, x, y);
            let backward = |y: &[f32], dy: &[f32], dx: &mut [f32]| relu::backward(isa, y, dy, dx);
            judge(case as u64, len, forward, backward).unwrap_or_else(|e| panic!("{isa}: {e}"));
            let in_place = |y: &[f32], dy: &[f32], dx: &mut [f32]| {
                dx.copy_from_slice(dy);
                relu::backward_in_place(isa, y, dx);
            };
            judge(case as u64, len, forward, in_place).unwrap_or_else(|e| panic!("{isa}, in place: {e}"));
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
fn negligible_gradients_end_and_others_do_not() {
    let dy = [1e-31, -1e-31, f32::MIN_POSITIVE, 1e-45, -1e-29, 2.0 * NEGLIGIBLE];
    for isa in every_isa() {
        let mut dx = poisoned(dy.len());
        relu::backward(isa, &[1.0; 6], &dy, &mut dx);
        assert_eq!(dx, [0.0, 0.0, 0.0, 0.0, -1e-29, 2.0 * NEGLIGIBLE], "{isa}");
    }
}

#[test]
fn with_the_bias_in_one_pass_are_the_bits_of_two() {
    for (rows, cols) in [(0, 3), (1, 1), (255, 5), (256, 64), (257, 33), (1000, 3)] {
        let mut r = stream(rows as u64);
        let (y, dy) = (floats(&mut r, rows * cols), floats(&mut r, rows * cols));
        let s = DenseShape { batch: rows, inputs: 1, outputs: cols };
        for isa in every_isa() {
            let (mut expected, mut expected_db) = (dy.clone(), poisoned(cols));
            relu::backward_in_place(isa, &y, &mut expected);
            dense::backward_bias(isa, &s, &expected, &mut expected_db);
            let (mut dx, mut db) = (dy.clone(), poisoned(cols));
            relu::backward_with_bias(isa, &y, &mut dx, &mut db);
            assert_eq!(bits(&dx), bits(&expected), "{isa}, {rows} rows of {cols}");
            assert_eq!(bits(&db), bits(&expected_db), "{isa}, {rows} rows of {cols}");
        }
    }
}

#[test]
fn a_wrong_kernel_is_caught() {
    type Forward = fn(f32) -> f32;
    type Backward = fn(f32, f32) -> f32;
    let verdict = |f: Forward, b: Backward| {
        let forward = |x: &[f32], y: &mut [f32]| y.iter_mut().zip(x).for_each(|(y, &x)| *y = f(x));
        let backward = |y: &[f32], dy: &[f32], dx: &mut [f32]| {
            dx.iter_mut().zip(y).zip(dy).for_each(|((dx, &y), &dy)| *dx = b(y, dy));
        };
        judge(1, 1000, forward, backward)
    };
    let right: (Forward, Backward) = (
        |x| if x <= 0.0 { 0.0 } else { x },
        |y, dy| if y <= 0.0 || dy.abs() < NEGLIGIBLE { 0.0 } else { dy },
    );
    verdict(right.0, right.1).expect("the right one passes");
    let forward: [(&str, Forward); 3] = [
        ("swallows NaN", |x| x.max(0.0)),
        ("keeps -0", |x| if x < 0.0 { 0.0 } else { x }),
        ("takes the magnitude", f32::abs),
    ];
    for (mistake, forward) in forward {
        assert!(verdict(forward, right.1).is_err(), "forward {mistake}");
    }
    let backward: [(&str, Backward); 3] = [
        ("passes at zero", |y, dy| if y < 0.0 || dy.abs() < NEGLIGIBLE { 0.0 } else { dy }),
        ("multiplies, so that 0 · ∞ is NaN", |y, dy| dy * f32::from(u8::from(y > 0.0))),
        ("gives y", |y, _| y),
    ];
    for (mistake, backward) in backward {
        assert!(verdict(right.0, backward).is_err(), "backward {mistake}");
    }
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
