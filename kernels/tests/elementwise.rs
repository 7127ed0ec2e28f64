//! Sums and scalings: every instruction set.

mod support;

use graft_kernels::Isa;
use graft_kernels::elementwise::{self, BLOCK};
use support::{bits, every_isa, floats, integers, same_on_any_pool, stream};

const LENGTHS: [usize; 12] = [0, 1, 7, 8, 15, 16, 17, 31, 1000, BLOCK - 1, BLOCK + 1, 3 * BLOCK + 100];

#[test]
fn integers_come_out_exactly() {
    for isa in every_isa() {
        for (case, len) in LENGTHS.into_iter().enumerate() {
            let mut r = stream(case as u64);
            let (x, y) = (integers(&mut r, len), integers(&mut r, len));
            let expect =
                |f: &dyn Fn(f32, f32) -> f32| x.iter().zip(&y).map(|(&x, &y)| f(x, y)).collect::<Vec<_>>();
            let run = |f: &dyn Fn(&mut [f32])| {
                let mut y = y.clone();
                f(&mut y);
                y
            };
            assert_eq!(run(&|y| elementwise::add(isa, &x, y)), expect(&|x, y| y + x));
            assert_eq!(run(&|y| elementwise::scale(isa, 0.5, y)), expect(&|_, y| 0.5 * y));
            let squares: i64 = x.iter().map(|&v| v as i64 * v as i64).sum();
            assert_eq!(elementwise::sum(isa, &x), x.iter().map(|&v| v as i64).sum::<i64>() as f64);
            assert_eq!(elementwise::sum_of_squares(isa, &x), squares as f64);
        }
    }
}

#[test]
fn sums_have_the_precision_of_f64_and_the_same_bits_everywhere() {
    let x = floats(&mut stream(1), 3 * BLOCK + 77);
    let exact: f64 = x.iter().map(|&v| f64::from(v)).sum();
    let magnitude: f64 = x.iter().map(|&v| f64::from(v.abs())).sum();
    let portable = elementwise::sum(Isa::Portable, &x);
    assert!((portable - exact).abs() < 1e-13 * magnitude);
    let in_f32: f32 = x.iter().sum();
    assert!((f64::from(in_f32) - exact).abs() > 1e-13 * magnitude, "the bound cannot tell f32 from f64");
    for isa in every_isa() {
        assert_eq!(elementwise::sum(isa, &x).to_bits(), portable.to_bits(), "{isa}");
        same_on_any_pool("sums", || {
            vec![elementwise::sum(isa, &x) as f32, elementwise::sum_of_squares(isa, &x) as f32]
        });
    }
}

#[test]
fn zero_times_what_is_not_a_number_is_none() {
    for isa in every_isa() {
        let mut y = [1.0, f32::NAN];
        elementwise::scale(isa, 0.0, &mut y);
        assert_eq!(bits(&y[..1]), bits(&[0.0]));
        assert!(y[1].is_nan());
    }
}
