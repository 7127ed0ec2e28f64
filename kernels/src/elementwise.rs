//! Sums and scalings over plain slices, and the blocks in which every elementwise kernel works.
//!
//! # Blocks
//! A kernel cuts its *output* into blocks of [`BLOCK`] elements, hands the blocks to rayon, and runs one plain loop
//! in each, compiled for the instruction set at hand ([`Isa::vectorize`]). The size of a block is a constant, never a
//! function of the number of threads, so the same block is computed by the same instructions wherever it runs.
//!
//! # Sums
//! The sum of many numbers depends on the order of the additions. Here the order is part of the definition: within a
//! block, element `i` goes to lane `i mod 16`, lane after lane in f64; the lanes are added from first to last, and
//! then the blocks, from first to last. So neither the width of a register nor the number of threads can change a bit.

use crate::Isa;
use rayon::prelude::*;

/// Elements of a block: 64 KiB of f32, so that the operands of one block lie in the L2 cache of any CPU of the last
/// ten years, while handing it to another thread (a microsecond or two) costs a fraction of working through it.
pub const BLOCK: usize = 16 * 1024;

/// Partial sums that run side by side: a full AVX-512 register of f32, and enough to hide the latency of an addition.
pub(crate) const LANES: usize = 16;

/// `y ← y + x`.
///
/// # Panics
/// If the lengths differ.
pub fn add(isa: Isa, x: &[f32], y: &mut [f32]) {
    update(
        isa,
        x,
        y,
        #[inline(always)]
        |x, y| y + x,
    );
}

/// `y ← a·y`.
pub fn scale(isa: Isa, a: f32, y: &mut [f32]) {
    y.par_chunks_mut(BLOCK).for_each(|y| {
        isa.vectorize(
            #[inline(always)]
            || y.iter_mut().for_each(|y| *y *= a),
        );
    });
}

/// Σ x, in f64.
///
/// ```
/// use graft_kernels::{Isa, elementwise};
/// // In f32 the ones would vanish beside 10⁸.
/// assert_eq!(elementwise::sum(Isa::best(), &[1e8, 1.0, 1.0, -1e8]), 2.0);
/// ```
pub fn sum(isa: Isa, x: &[f32]) -> f64 {
    sum_blocks(x, |x| {
        isa.vectorize(
            #[inline(always)]
            || sum_lanes(x),
        )
    })
}

/// Σ x², in f64: the square of the L2 norm, for clipping gradients by their norm.
pub fn sum_of_squares(isa: Isa, x: &[f32]) -> f64 {
    sum_blocks(x, |x| {
        isa.vectorize(
            #[inline(always)]
            || dot(x, x),
        )
    })
}

/// `y[i] = f(x[i])`.
pub(crate) fn map(isa: Isa, x: &[f32], y: &mut [f32], f: impl Fn(f32) -> f32 + Sync) {
    assert_eq!(x.len(), y.len(), "input and output differ in length");
    y.par_chunks_mut(BLOCK).zip(x.par_chunks(BLOCK)).for_each(|(y, x)| {
        isa.vectorize(
            #[inline(always)]
            || y.iter_mut().zip(x).for_each(|(y, &x)| *y = f(x)),
        );
    });
}

/// `y[i] = f(a[i], b[i])`.
pub(crate) fn map2(isa: Isa, a: &[f32], b: &[f32], y: &mut [f32], f: impl Fn(f32, f32) -> f32 + Sync) {
    assert!(a.len() == y.len() && b.len() == y.len(), "inputs and output differ in length");
    let blocks = y.par_chunks_mut(BLOCK).zip(a.par_chunks(BLOCK)).zip(b.par_chunks(BLOCK));
    blocks.for_each(|((y, a), b)| {
        isa.vectorize(
            #[inline(always)]
            || y.iter_mut().zip(a).zip(b).for_each(|((y, &a), &b)| *y = f(a, b)),
        );
    });
}

/// `y[i] = f(x[i], y[i])`.
pub(crate) fn update(isa: Isa, x: &[f32], y: &mut [f32], f: impl Fn(f32, f32) -> f32 + Sync) {
    assert_eq!(x.len(), y.len(), "the operands differ in length");
    y.par_chunks_mut(BLOCK).zip(x.par_chunks(BLOCK)).for_each(|(y, x)| {
        isa.vectorize(
            #[inline(always)]
            || y.iter_mut().zip(x).for_each(|(y, &x)| *y = f(x, *y)),
        );
    });
}

/// The sums of the blocks, added from first to last.
fn sum_blocks(x: &[f32], block: impl Fn(&[f32]) -> f64 + Sync + Send) -> f64 {
    x.par_chunks(BLOCK).map(block).collect::<Vec<_>>().iter().sum()
}

/// Σ x over one block or row, lane by lane.
#[inline(always)]
pub(crate) fn sum_lanes(x: &[f32]) -> f64 {
    let mut lanes = [0.0; LANES];
    let (chunks, rest) = x.as_chunks::<LANES>();
    for chunk in chunks {
        for l in 0..LANES {
            lanes[l] += f64::from(chunk[l]);
        }
    }
    for (lane, &v) in lanes.iter_mut().zip(rest) {
        *lane += f64::from(v);
    }
    lanes.iter().sum()
}

/// Σ a·b over one row, lane by lane; an f64 holds each product of two f32 exactly.
#[inline(always)]
pub(crate) fn dot(a: &[f32], b: &[f32]) -> f64 {
    let mut lanes = [0.0; LANES];
    let ((a, a_rest), (b, b_rest)) = (a.as_chunks::<LANES>(), b.as_chunks::<LANES>());
    for (a, b) in a.iter().zip(b) {
        for l in 0..LANES {
            lanes[l] += f64::from(a[l]) * f64::from(b[l]);
        }
    }
    for ((lane, &a), &b) in lanes.iter_mut().zip(a_rest).zip(b_rest) {
        *lane += f64::from(a) * f64::from(b);
    }
    lanes.iter().sum()
}
