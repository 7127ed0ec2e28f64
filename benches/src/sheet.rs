//! The table at the end of a bench: rates beside the most that the machine can do.
//!
//! Two counts of the same work. *Direct* is what the textbook version would carry out, two operations for each
//! multiply-add, those on padding included: rates by it compare algorithms, and one that needs fewer operations may well
//! exceed the peak. *Carried out* is what the kernel really multiplies and adds: that rate is a part of the peak, and
//! tells how well the kernel uses the machine.

use std::collections::BTreeMap;
use std::hint::black_box;
use std::time::Instant;

use criterion::BenchmarkGroup;
use graft_kernels::Isa;

use crate::{Check, Once, Rate, peak};

/// How many floating-point operations a kernel's work is.
#[derive(Debug, Clone, Copy)]
pub struct Flops {
    /// As the textbook counts.
    pub direct: usize,
    /// As the kernel computes, the products alone.
    pub carried_out: usize,
}

impl Flops {
    /// Of a kernel that does what the textbook says.
    pub fn direct(n: usize) -> Self {
        Self { direct: n, carried_out: n }
    }
}

/// A way to compute something.
#[derive(Debug, Clone)]
pub struct Variant {
    /// Its name within the group.
    pub name: String,
    /// The instruction set; `None` for one that a library has chosen by itself.
    pub isa: Option<Isa>,
}

/// What was measured, line by line.
#[derive(Debug, Default)]
pub struct Sheet {
    lines: Vec<Line>,
}

#[derive(Debug)]
struct Line {
    group: String,
    variant: Variant,
    flops: Flops,
    seconds: f64,
}

impl Sheet {
    /// Checks what `compute` makes of `output`, and then measures it.
    ///
    /// # Panics
    /// If the result is wrong.
    pub fn measure(
        &mut self,
        (name, group): (&str, &mut BenchmarkGroup<'_, Rate>),
        variant: Variant,
        flops: Flops,
        (check, output): (&Check, &mut [f32]),
        compute: impl Fn(&mut [f32]),
    ) {
        let (mut checked, mut seconds) = (Once::default(), Vec::new());
        group.bench_function(&variant.name, |b| {
            checked.run(|| {
                output.fill(f32::NAN);
                compute(output);
                check.judge(&variant.name, output);
            });
            b.iter_custom(|times| {
                let begun = Instant::now();
                for _ in 0..times {
                    compute(black_box(&mut *output));
                }
                let taken = begun.elapsed();
                seconds.push(taken.as_secs_f64() / times as f64);
                taken
            });
        });
        if !seconds.is_empty() {
            seconds.sort_by(f64::total_cmp);
            let seconds = seconds[seconds.len() / 2];
            self.lines.push(Line { group: name.to_owned(), variant, flops, seconds });
        }
    }

    /// Prints the table.
    pub(crate) fn print(&self) {
        if self.lines.is_empty() {
            return;
        }
        let mut peaks = BTreeMap::new();
        let mut peak_of = |isa: Isa| *peaks.entry(isa.name()).or_insert_with(|| peak::flops_per_second(isa));
        println!("\n| kernel | by | ms | GFLOP/s, direct count | GFLOP/s carried out | % of peak |");
        println!("|---|---|---|---|---|---|");
        for Line { group, variant, flops, seconds } in &self.lines {
            let rate = |flops: usize| flops as f64 / seconds / 1e9;
            let (direct, done) = (rate(flops.direct), rate(flops.carried_out));
            let percent = 1e11 * done / peak_of(variant.isa.unwrap_or_else(Isa::best));
            let ms = seconds * 1e3;
            println!("| {group} | {} | {ms:.3} | {direct:.0} | {done:.0} | {percent:.0} |", variant.name);
        }
        let threads = rayon::current_num_threads();
        for (isa, peak) in peaks {
            println!(
                "\npeak of {isa} on {threads} threads, multiply-adds in registers: {:.0} GFLOP/s",
                peak / 1e9
            );
        }
    }
}
