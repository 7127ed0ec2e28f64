//! What the benches share: the shapes, the judge, and how a measurement is printed.
//!
//! ```text
//! cargo bench                                  everything, in less than ten minutes
//! cargo bench --bench conv2d -- block3_conv2   one file, and of it one layer
//! cargo bench -- --test                        every kernel once, its result checked, nothing measured
//! GRAFT_ISA=avx2 cargo bench                   one instruction set instead of all that the machine has
//! RAYON_NUM_THREADS=1 cargo bench              one thread
//! ```
//!
//! Every bench runs its kernel once and checks what it computed before it measures how fast that was: a wrong kernel
//! can be arbitrarily fast. Where the textbook version would take longer than the bench, it computes a sample of the
//! outputs.
//!
//! Floating-point operations are counted directly, as the textbook version would carry them out: two for each
//! multiply-add, those on padding included; a faster algorithm shows as a higher rate, not as fewer operations. Products
//! and convolutions end in a table that has the true count beside it, and what part that is of the machine's peak
//! ([`mod@peak`]).
//!
//! Whole passes, training steps and fits are measured by the binary `vgg-bench`, and compared with other engines by
//! `benches/compare`; `benches/RESULTS.md` has what came of it.

#![forbid(unsafe_code)]

mod check;
pub mod peak;
mod rate;
pub mod shapes;
mod sheet;

pub use check::{Check, Once};
pub use rate::{Criterion, Rate, bytes, flops};
pub use sheet::{Flops, Sheet, Variant};

use graft_kernels::Isa;
use graft_kernels::random::{Purpose, Stream};
use std::time::Duration;

/// The instruction sets to measure: what `GRAFT_ISA` asks for, or all.
///
/// # Panics
/// If `GRAFT_ISA` asks for what the machine lacks.
pub fn isas() -> Vec<Isa> {
    match std::env::var_os("GRAFT_ISA").filter(|v| !v.is_empty()) {
        Some(_) => vec![Isa::current()],
        None => Isa::available(),
    }
}

/// `len` numbers from [−1, 1), always the same for the same `name`.
pub fn data(name: u64, len: usize) -> Vec<f32> {
    let mut stream = Stream::new(0, Purpose::Data, 0, name);
    (0..len).map(|_| 2.0 * stream.uniform() - 1.0).collect()
}

/// Runs `benches` with criterion, set to be brief: the kernels are long loops, which ten samples describe well.
pub fn run(benches: impl Fn(&mut Criterion)) {
    run_rated(|criterion, _| benches(criterion));
}

/// The same for kernels whose rate is to be told as a part of the machine's peak.
pub fn run_rated(benches: impl Fn(&mut Criterion, &mut Sheet)) {
    let mut criterion = criterion::Criterion::default()
        .with_measurement(Rate)
        .sample_size(10)
        .warm_up_time(Duration::from_millis(50))
        .measurement_time(Duration::from_millis(300))
        .configure_from_args();
    let mut sheet = Sheet::default();
    benches(&mut criterion, &mut sheet);
    criterion.final_summary();
    // `--test` runs each kernel once and measures nothing.
    if !std::env::args().any(|a| a == "--test") {
        sheet.print();
    }
}
