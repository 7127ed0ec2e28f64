//! Dropout: every instruction set.

mod support;

use graft_kernels::Isa;
use graft_kernels::dropout::{self, Key, reference};
use graft_kernels::elementwise::BLOCK;
use support::{bits, every_isa, floats, poisoned, same_on_any_pool, stream};

const KEY: Key = Key { seed: 9, layer: 2, epoch: 3 };

fn forward(isa: Isa, rate: f32, key: Key, samples: &[u64], row_len: usize, x: &[f32]) -> Vec<f32> {
    let mut y = poisoned(x.len());
    dropout::forward(isa, rate, key, samples, row_len, x, &mut y);
    y
}

#[test]
fn bits_are_those_of_the_reference() {
    let samples = [7, 0, 7, (1 << 40) - 1];
    for isa in every_isa() {
        for rate in [0.0, 0.1, 0.5, 0.999, 1.0] {
            for row_len in [0, 1, 15, 63, 64, 65, 1000, BLOCK + 70] {
                let x = floats(&mut stream(row_len as u64), samples.len() * row_len);
                let mut expected = poisoned(x.len());
                reference::forward(rate, KEY, &samples, row_len, &x, &mut expected);
                let y = forward(isa, rate, KEY, &samples, row_len, &x);
                // A kept −0 and a dropped number are both zeros.
                assert_eq!(y, expected, "{isa}, rate {rate}, rows of {row_len}");
                let mut dx = poisoned(x.len());
                dropout::backward(isa, rate, KEY, &samples, row_len, &x, &mut dx);
                assert_eq!(bits(&dx), bits(&y), "the mask of the backward pass is another");
            }
        }
    }
}

#[test]
fn the_mask_belongs_to_the_sample_not_to_its_place() {
    let x = vec![1.0; 3 * 500];
    let isa = Isa::best();
    let y = forward(isa, 0.5, KEY, &[4, 5, 6], 500, &x);
    let moved = forward(isa, 0.5, KEY, &[6, 4, 5], 500, &x);
    assert_eq!([&moved[500..], &moved[..500]].concat(), y);
    assert_ne!(y[..500], y[500..1000]);
    for other in [Key { seed: 10, ..KEY }, Key { layer: 3, ..KEY }, Key { epoch: 4, ..KEY }] {
        assert_ne!(forward(isa, 0.5, other, &[4, 5, 6], 500, &x), y);
    }
}

#[test]
fn the_mean_stays_and_the_rate_is_kept() {
    let n = 400_000;
    for rate in [0.1f32, 0.25, 0.5, 0.9] {
        let y = forward(Isa::best(), rate, KEY, &[1], n, &vec![1.0; n]);
        let dropped = y.iter().filter(|&&v| v == 0.0).count() as f64 / n as f64;
        // Five standard deviations of a binomial distribution.
        let rate = f64::from(rate);
        assert!(
            (dropped - rate).abs() < 5.0 * (rate * (1.0 - rate) / n as f64).sqrt(),
            "{dropped} for {rate}"
        );
        assert!(y.iter().all(|&v| v == 0.0 || f64::from(v) == f64::from((1.0 / (1.0 - rate)) as f32)));
    }
}

#[test]
fn nan_that_is_kept_stays() {
    let y = forward(Isa::best(), 0.5, KEY, &[1], 100, &poisoned(100));
    let nans = y.iter().filter(|v| v.is_nan()).count();
    assert!((25..75).contains(&nans), "{nans} of 100");
}

#[test]
fn bits_depend_neither_on_instruction_set_nor_on_threads() {
    let x = floats(&mut stream(5), 3 * 40_000);
    let portable = bits(&forward(Isa::Portable, 0.3, KEY, &[1, 2, 3], 40_000, &x));
    for isa in every_isa() {
        assert!(bits(&forward(isa, 0.3, KEY, &[1, 2, 3], 40_000, &x)) == portable, "{isa}");
        same_on_any_pool("dropout", || forward(isa, 0.3, KEY, &[1, 2, 3], 40_000, &x));
    }
}
