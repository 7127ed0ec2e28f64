//! What the tests of all kernels share: data, poison, and judges.
//!
//! A judge returns what is wrong, rather than panicking, so that a test can show it a wrong kernel and see it caught.
#![allow(dead_code, unreachable_pub, reason = "each test binary uses a part of it")]

pub mod conv2d;
pub mod winograd;

use graft_kernels::Isa;
use graft_kernels::random::{Purpose, Stream};

/// What a judge says: nothing, or what is wrong.
pub type Verdict = Result<(), String>;

/// Every instruction set of this machine; it prints which, so that one that was not tested is seen.
pub fn every_isa() -> Vec<Isa> {
    let all = Isa::available();
    let names: Vec<_> = all.iter().map(|isa| isa.name()).collect();
    let lacking: Vec<_> =
        ["avx512", "avx2", "neon", "portable"].into_iter().filter(|n| !names.contains(n)).collect();
    println!("tested: {}; not on this machine: {}", names.join(", "), lacking.join(", "));
    all
}

/// A stream of test data of its own for each `case`.
pub fn stream(case: u64) -> Stream {
    Stream::new(0x6b65_726e_656c, Purpose::Data, 0, case)
}

/// A number from `range`, both ends included.
pub fn pick(stream: &mut Stream, range: std::ops::RangeInclusive<usize>) -> usize {
    range.start() + stream.next_u32() as usize % (range.end() - range.start() + 1)
}

/// `len` integers from -3 to 3: products of which add up exactly, in any order, as long as there are less than 10⁶.
pub fn integers(stream: &mut Stream, len: usize) -> Vec<f32> {
    (0..len).map(|_| (stream.next_u32() % 7) as f32 - 3.0).collect()
}

/// `len` numbers of a normal distribution, every third zero, as behind a ReLU.
pub fn floats(stream: &mut Stream, len: usize) -> Vec<f32> {
    (0..len).map(|_| if stream.next_u32().is_multiple_of(3) { 0.0 } else { stream.normal() as f32 }).collect()
}

/// An output that no kernel has written to yet: whatever it leaves out stays NaN.
pub fn poisoned(len: usize) -> Vec<f32> {
    vec![f32::NAN; len]
}

/// Integers must come out exactly.
pub fn exact(what: &str, found: &[f32], expected: &[i64]) -> Verdict {
    assert_eq!(found.len(), expected.len(), "{what}: lengths");
    assert!(
        expected.iter().all(|e| e.abs() < 1 << 24),
        "{what}: the test data leave the exact integers of f32"
    );
    let wrong = found.iter().zip(expected).position(|(&f, &e)| f != e as f32);
    wrong.map_or(Ok(()), |i| Err(format!("{what}[{i}] = {}, expected {}", found[i], expected[i])))
}

/// The worst that `n` roundings in a row can do to a sum of products, relative to Σ|a·b| (Higham's γₙ).
pub fn gamma(n: usize) -> f64 {
    let nu = n as f64 * f64::from(f32::EPSILON) / 2.0;
    nu / (1.0 - nu)
}

/// Floats must come out within `gamma(roundings)` of Σ|a·b|.
pub fn within(what: &str, found: &[f32], expected: &[f64], magnitude: &[f64], roundings: usize) -> Verdict {
    assert_eq!(found.len(), expected.len(), "{what}: lengths");
    let bound = |i: usize| gamma(roundings) * magnitude[i];
    let error = |i: usize| (f64::from(found[i]) - expected[i]).abs();
    let wrong = (0..found.len()).find(|&i| found[i].is_nan() || error(i) > bound(i));
    wrong.map_or(Ok(()), |i| {
        Err(format!("{what}[{i}] = {}, expected {} ± {:e}", found[i], expected[i], bound(i)))
    })
}

/// The very bits, so that -0 is not 0 and NaN equals itself.
pub fn bits(v: &[f32]) -> Vec<u32> {
    v.iter().map(|v| v.to_bits()).collect()
}

/// Runs `job` on pools of 1, 2 and 7 threads; the bits it returns must be the same.
pub fn same_on_any_pool(what: &str, job: impl Fn() -> Vec<f32> + Sync) {
    let on = |threads| {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().expect("a pool of threads");
        bits(&pool.install(&job))
    };
    let one = on(1);
    for threads in [2, 7] {
        assert!(on(threads) == one, "{what}: {threads} threads give other bits than one");
    }
}
