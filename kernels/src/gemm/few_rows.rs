//! Products with few rows, C (m, n) = A · B for m ≤ 8: a dense layer that classifies one picture.
//!
//! Here every number of B is used only m times, so that the time goes into reading B from memory: 411 MB for VGG16's
//! first dense layer. Packing would write and read it once more. Instead B is streamed, in the order in which it lies,
//! four rows at once, and the sums stay in L1:
//!
//! ```text
//! for each strip of columns, in parallel            some hundreds: 2 to 4 KB of each row of B
//!     for each block of KC k
//!         for four k at a time, for each row i          the next four of 16 bits are asked for
//!             sums[i] += a[i][k]·B[k] + a[i][k+1]·B[k+1] + …        one pass over the strip
//!         C[i] += sums[i]
//! ```
//!
//! B may also be kept in 16 bits ([`crate::half::Narrow`]): half as much to read. A piece of a row is then
//! widened into L1 first.
//!
//! Each output is still the chain of one block of k after the other that [`super::tile`] promises, so that a picture
//! gets the same bits alone as it gets in a large batch.

use std::ops::Range;

use super::driver::add;
use super::pack::Runs;
use super::tile::{KC, WithTile, with_tile};
use super::{Epilogue, GemmShape, MatRef};
use crate::isa::Isa;
use crate::parallel::{BlockMut, for_each_block, with_scratch};
use crate::simd::Simd;

/// Up to this many rows, streaming B beats packing it (the passes over the sums cost 2·m cycles for the 64 bytes of B
/// that take memory about 20).
pub(super) const MAX_ROWS: usize = 8;

/// Numbers that share L1 while a strip is worked on, 32 KB: the sums, four rows of B, and the four that come next.
const IN_L1: usize = 8192;

/// Rows of B that are worked on at once.
const AT_ONCE: usize = 4;

/// `c` = a · b and the epilogue, where the rows of `b` are contiguous.
pub(super) fn multiply<B: Runs>(
    isa: Isa,
    shape: GemmShape,
    a: MatRef<'_>,
    b: &B,
    epilogue: Epilogue<'_>,
    c: &mut [f32],
) {
    // Whether the tile of this instruction set fuses multiplication and addition.
    let fused = isa != Isa::Portable;
    with_tile(isa, Product { fused, shape, a, b, epilogue, c });
}

/// A product, and where it goes.
struct Product<'a, B> {
    fused: bool,
    shape: GemmShape,
    a: MatRef<'a>,
    b: &'a B,
    epilogue: Epilogue<'a>,
    c: &'a mut [f32],
}

impl<B: Runs> WithTile for Product<'_, B> {
    type Output = ();
    fn run<S: Simd, const MR: usize, const NR: usize, const NV: usize>(self, s: S) {
        let Product { fused, shape, a, b, epilogue, c } = self;
        let width = strip_width(shape, rayon::current_num_threads());
        for_each_block(c, shape.n, [shape.m, width], |_, cols, mut block| {
            with_scratch((shape.m + AT_ONCE) * cols.len(), |scratch| {
                let scratch = scratch.split_at_mut(shape.m * cols.len());
                s.vectorize(
                    #[inline(always)]
                    || strip(s, fused, shape.k, a, b, epilogue, cols, &mut block, scratch),
                );
            });
        });
    }
}

/// Columns of a strip: as many as L1 allows, for memory is fast at long runs; but as many strips for each thread.
fn strip_width(shape: GemmShape, threads: usize) -> usize {
    let most = IN_L1 / (shape.m.max(1) + 2 * AT_ONCE) / 64 * 64;
    let strips = shape.n.div_ceil(most).next_multiple_of(threads);
    shape.n.div_ceil(strips.max(1)).next_multiple_of(64).max(64)
}

/// These columns of C, all rows.
#[inline(always)]
#[expect(clippy::too_many_arguments, reason = "the body of a closure, named so that it can be read alone")]
fn strip<S: Simd>(
    s: S,
    fused: bool,
    k: usize,
    a: MatRef<'_>,
    b: &impl Runs,
    epilogue: Epilogue<'_>,
    cols: Range<usize>,
    block: &mut BlockMut<'_>,
    (sums, held): (&mut [f32], &mut [f32]),
) {
    for first in (0..k.max(1)).step_by(KC) {
        let ks = first..k.min(first + KC);
        sums.fill(0.0);
        for k in ks.clone().step_by(AT_ONCE) {
            for next in k + AT_ONCE..k + 2 * AT_ONCE {
                b.prefetch(s, next, &cols);
            }
            let (h0, rest) = held.split_at_mut(cols.len());
            if ks.end - k >= AT_ONCE {
                // No iterators over closures here: they would be compiled for the least of all CPUs.
                let (h1, rest) = rest.split_at_mut(cols.len());
                let (h2, h3) = rest.split_at_mut(cols.len());
                let rows = [
                    b.run(k, cols.clone(), h0),
                    b.run(k + 1, cols.clone(), h1),
                    b.run(k + 2, cols.clone(), h2),
                    b.run(k + 3, cols.clone(), h3),
                ];
                for (i, sums) in sums.chunks_exact_mut(cols.len()).enumerate() {
                    let a = [a.at(i, k), a.at(i, k + 1), a.at(i, k + 2), a.at(i, k + 3)];
                    add_four(fused, sums, a, rows);
                }
            } else {
                for k in k..ks.end {
                    let row = b.run(k, cols.clone(), h0);
                    for (i, sums) in sums.chunks_exact_mut(cols.len()).enumerate() {
                        add_one(fused, sums, a.at(i, k), row);
                    }
                }
            }
        }
        for (i, sums) in sums.chunks_exact(cols.len()).enumerate() {
            let c = block.row(i);
            add(c, sums, first == 0);
            if ks.end == k {
                epilogue.apply(cols.start, c);
            }
        }
    }
}

#[inline(always)]
fn multiply_add(fused: bool, a: f32, b: f32, c: f32) -> f32 {
    if fused { a.mul_add(b, c) } else { a * b + c }
}

#[inline(always)]
fn add_four(fused: bool, sums: &mut [f32], a: [f32; 4], b: [&[f32]; 4]) {
    let [b0, b1, b2, b3] = b.map(|b| &b[..sums.len()]);
    for j in 0..sums.len() {
        let s = multiply_add(fused, a[0], b0[j], sums[j]);
        let s = multiply_add(fused, a[1], b1[j], s);
        let s = multiply_add(fused, a[2], b2[j], s);
        sums[j] = multiply_add(fused, a[3], b3[j], s);
    }
}

#[inline(always)]
fn add_one(fused: bool, sums: &mut [f32], a: f32, b: &[f32]) {
    sums.iter_mut().zip(b).for_each(|(s, b)| *s = multiply_add(fused, a, *b, *s));
}
