//! What the machine can do at best, on several threads at once.

use std::time::Instant;

use graft_kernels::{Isa, peak};
use rayon::prelude::*;

/// Multiply-adds of each register: some ten milliseconds, against which starting the threads is nothing.
const STEPS: u64 = 1 << 21;

/// Tries, one of which is not disturbed.
const TRIES: usize = 30;

/// Multiplies and adds on every thread of the current pool; tells how many floating-point operations that were.
pub fn run(isa: Isa) -> u64 {
    (0..rayon::current_num_threads())
        .into_par_iter()
        .with_max_len(1)
        .map(|_| peak::multiply_add(isa, STEPS))
        .sum()
}

/// Operations a second of all threads of the current pool together: the best of several tries, half a second of them.
pub fn flops_per_second(isa: Isa) -> f64 {
    let once = |_| {
        let begun = Instant::now();
        run(isa) as f64 / begun.elapsed().as_secs_f64()
    };
    (0..TRIES).map(once).fold(0.0, f64::max)
}
