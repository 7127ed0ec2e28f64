//! Products with few rows, C (m, n) = A · B for m ≤ 8: a dense layer that classifies one picture.
//!
//! Here every number of B is used only m times, so that the time goes into reading B from memory: 411 MB for VGG16's
//! first dense layer. Packing would write and read it once more. Instead B is streamed, in the order in which it lies,
//! each core through parts of its own, while the sums stay in L1:
//!
//! ```text
//! for each block of KC k, for each strip of columns, in parallel       4 MB of B that lie together, if a strip is a whole row
//!     for each k of the block
//!         for each row i                                               what lies a row further on is asked for
//!             sums[block][i] += a[i][k]·B[k]
//! for each part of the columns, in parallel
//!     C[i] = sums[0][i] + sums[1][i] + …, and the epilogue
//! ```
//!
//! Blocks are shared out, not columns, because memory is fast at what lies together: a strip of a few hundred columns is
//! two or three KB of each row, and where they end, the CPU that read ahead has to begin again.
//!
//! B may also be kept in 16 bits ([`crate::half`]): half as much to read. A number is widened as it is used.
//!
//! Each output is still the chain of one block of k after the other that [`super::tile`] promises, so that a picture
//! gets the same bits alone as it gets in a large batch.

use std::ops::Range;

use super::driver::add;
use super::tile::{KC, LINE, WithTile, with_tile};
use super::{Epilogue, GemmShape, MatRef};
use crate::half::Wide;
use crate::isa::Isa;
use crate::parallel::{BlockMut, for_each_block, with_scratch};
use crate::simd::Simd;

/// Up to this many rows, streaming B beats packing it (the passes over the sums cost 2·m cycles for the 64 bytes of B
/// that take memory about 20).
pub(super) const MAX_ROWS: usize = 8;

/// Numbers of the sums that are in L1 at a time, 32 KB.
const IN_L1: usize = 8192;

/// Columns that are multiplied together: four registers of AVX-512.
const CHUNK: usize = 64;

/// How far before its turn B is asked for, in bytes at least; into L2, which has more requests under way at a time than L1.
const AHEAD: usize = 8192;

/// `c` = a · b and the epilogue; the rows of `b` are `stride` numbers apart.
pub(super) fn multiply<W: Wide>(
    isa: Isa,
    shape: GemmShape,
    a: MatRef<'_>,
    b: &[W],
    stride: usize,
    epilogue: Epilogue<'_>,
    c: &mut [f32],
) {
    if c.is_empty() {
        return;
    }
    // Whether the tile of this instruction set fuses multiplication and addition.
    let fused = isa != Isa::Portable;
    let blocks = shape.k.div_ceil(KC).max(1);
    with_scratch(blocks * c.len(), |sums| {
        with_tile(isa, Blocks { fused, shape, a, b, stride, sums });
        let sums = &*sums;
        for_each_block(c, shape.n, [shape.m, IN_L1 / shape.m], |_, cols, mut c| {
            for i in 0..shape.m {
                let c = c.row(i);
                for (block, sums) in sums.chunks_exact(shape.m * shape.n).enumerate() {
                    add(c, &sums[i * shape.n..][cols.clone()], block == 0);
                }
                epilogue.apply(cols.start, c);
            }
        });
    });
}

/// The sums of every block of k: a matrix (m, n) for each.
struct Blocks<'a, W> {
    fused: bool,
    shape: GemmShape,
    a: MatRef<'a>,
    b: &'a [W],
    stride: usize,
    sums: &'a mut [f32],
}

impl<W: Wide> WithTile for Blocks<'_, W> {
    type Output = ();
    fn run<S: Simd, const MR: usize, const NR: usize, const NV: usize>(self, s: S) {
        let Self { fused, shape, a, b, stride, sums } = self;
        let GemmShape { m, n, k } = shape;
        for_each_block(
            sums,
            n,
            [m, strip_width(shape, rayon::current_num_threads())],
            |rows, cols, mut sums| {
                let first = rows.start / m * KC;
                let ks = first..k.min(first + KC);
                s.vectorize(
                    #[inline(always)]
                    || strip(s, fused, ks, a, b, stride, cols, &mut sums),
                );
            },
        );
    }
}

/// Columns of a strip: as many as L1 has room for the sums of, for memory is fast at long runs; but some strips for each
/// thread, where there are few blocks.
fn strip_width(shape: GemmShape, threads: usize) -> usize {
    let blocks = shape.k.div_ceil(KC).max(1);
    let most = shape.n.div_ceil((2 * threads).div_ceil(blocks)).min(IN_L1 / shape.m);
    shape.n.div_ceil(shape.n.div_ceil(most)).next_multiple_of(CHUNK)
}

/// One block of k and these columns.
#[inline(always)]
#[expect(clippy::too_many_arguments, reason = "the body of a closure, named so that it can be read alone")]
fn strip<S: Simd, W: Wide>(
    s: S,
    fused: bool,
    ks: Range<usize>,
    a: MatRef<'_>,
    b: &[W],
    stride: usize,
    cols: Range<usize>,
    sums: &mut BlockMut<'_>,
) {
    let rows_ahead = AHEAD.div_ceil(cols.len() * size_of::<W>());
    for i in 0..sums.rows() {
        sums.row(i).fill(0.0);
    }
    for k in ks {
        let row = &b[k * stride..][cols.clone()];
        let (chunks, rest) = row.as_chunks::<CHUNK>();
        for (at, chunk) in chunks.iter().enumerate() {
            for line in (0..CHUNK).step_by(LINE * size_of::<f32>() / size_of::<W>()) {
                s.prefetch_far(chunk, rows_ahead * stride + line);
            }
            let mut wide = [0.0; CHUNK];
            for j in 0..CHUNK {
                wide[j] = chunk[j].wide();
            }
            for i in 0..sums.rows() {
                let a = a.at(i, k);
                let sums: &mut [f32; CHUNK] =
                    sums.row(i)[at * CHUNK..].first_chunk_mut().expect("a chunk lies within its strip");
                for j in 0..CHUNK {
                    sums[j] = multiply_add(fused, a, wide[j], sums[j]);
                }
            }
        }
        for i in 0..sums.rows() {
            let a = a.at(i, k);
            for (sum, b) in sums.row(i)[chunks.len() * CHUNK..].iter_mut().zip(rest) {
                *sum = multiply_add(fused, a, b.wide(), *sum);
            }
        }
    }
}

#[inline(always)]
fn multiply_add(fused: bool, a: f32, b: f32, c: f32) -> f32 {
    if fused { a.mul_add(b, c) } else { a * b + c }
}
