//! The loops around the tile, the same for every instruction set and every operand that can be packed.
//!
//! ```text
//! for each rectangle of C, in parallel                      see `blocks`
//!     for each block of two chains of KC k, in order
//!         pack B[block, columns] into panels of NR           ≤ 1 MB: L2
//!         for each MR rows                                   pack A[rows, block]: 28 KB, L1
//!             for each panel of B                            streams from L2
//!                 for both chains
//!                     C = tile(A panel, B panel), or C + tile after the first chain
//!                 bias and ReLU after the last block
//! ```
//!
//! This is the scheme of Goto and van de Geijn (*Anatomy of high-performance matrix multiplication*, 2008), with the
//! two inner loops in the order that suits a wide tile: the small panel of A stays in L1 and B streams past it, two
//! cache lines for 28 multiply-adds.
//!
//! Nothing that the tile needs may come as a surprise: its rows of C, the next rows of A and the B that lies a little
//! further on are asked for while it multiplies (`prefetch`), or a wait for memory would cost as much as the tile itself.
//! And it writes to C at once, where it can: through a buffer, each tile would be stored, loaded and stored again.
//!
//! Rows are cut evenly (32 rows are 11 + 11 + 10, not 14 + 14 + 4), since a tile with fewer rows costs less.

use std::ops::Range;

use super::blocks::block_size;
use super::pack::{Every, Left, Right};
use super::tile::{Ahead, KC, LINE, Panel, Rows, Target, WithTile, tile, with_tile};
use super::{Epilogue, GemmShape};
use crate::isa::Isa;
use crate::parallel::{BlockMut, even_parts, for_each_block, with_scratch};
use crate::simd::Simd;

/// How many chains of KC follow each other on a tile of C while it is in L1. Two of them halve the traffic of C, and their
/// 14 rows of A, 28 KB, still fit beside it.
const CHAINS: usize = 2;

/// How many k one block has.
const DEPTH: usize = CHAINS * KC;

/// How far before its use a row of a panel of B is asked for, in numbers: 32 rows of AVX-512, whose multiply-adds take as
/// long as L3 does to answer.
const B_AHEAD: usize = 1024;

/// `c` (m, n) = a (m, k) · b (k, n), then the epilogue.
pub(crate) fn multiply<A: Left, B: Right>(
    isa: Isa,
    shape: GemmShape,
    a: &A,
    b: &B,
    epilogue: Epilogue<'_>,
    c: &mut [f32],
) {
    with_tile(isa, Product { shape, a, b, epilogue, c });
}

/// A product, and where it goes.
struct Product<'a, A, B> {
    shape: GemmShape,
    a: &'a A,
    b: &'a B,
    epilogue: Epilogue<'a>,
    c: &'a mut [f32],
}

impl<A: Left, B: Right> WithTile for Product<'_, A, B> {
    type Output = ();
    fn run<S: Simd, const MR: usize, const NR: usize, const NV: usize>(self, s: S) {
        let Product { shape, a, b, epilogue, c } = self;
        let GemmShape { n, k, .. } = shape;
        let size = block_size(shape, MR, NR, rayon::current_num_threads());
        for_each_block(c, n, size, |rows, cols, mut block| {
            let len_b = cols.len().next_multiple_of(NR) * k.min(DEPTH);
            with_scratch(len_b + LINE * DEPTH, |scratch| {
                let (panels_b, packed_a) = scratch.split_at_mut(len_b);
                let panels_b = panels_b.as_chunks_mut::<NR>().0;
                for first in (0..k.max(1)).step_by(DEPTH) {
                    let ks = first..k.min(first + DEPTH);
                    let part = Part { s, k, a, epilogue, rows: rows.clone(), cols: cols.clone(), ks };
                    s.vectorize(
                        #[inline(always)]
                        || {
                            b.pack(s, part.ks.clone(), cols.clone(), panels_b);
                            part.add_to::<MR, NR, NV>(&mut block, panels_b, packed_a);
                        },
                    );
                }
            });
        });
    }
}

/// One rectangle of C, and one block of k.
struct Part<'a, S, A> {
    s: S,
    /// All k of the product.
    k: usize,
    a: &'a A,
    epilogue: Epilogue<'a>,
    rows: Range<usize>,
    cols: Range<usize>,
    ks: Range<usize>,
}

impl<S: Simd, A: Left> Part<'_, S, A> {
    /// Adds the products of this block of k to `block`, which is the rectangle.
    #[inline(always)]
    fn add_to<const MR: usize, const NR: usize, const NV: usize>(
        &self,
        block: &mut BlockMut<'_>,
        panels_b: &[[f32; NR]],
        packed_a: &mut [f32],
    ) {
        let (s, depth) = (self.s, self.ks.len());
        let chains = || (0..CHAINS).map(|i| i * KC..depth.min((i + 1) * KC)).take(depth.div_ceil(KC).max(1));
        let of_chain = |chain: &Range<usize>| self.ks.start + chain.start..self.ks.start + chain.end;
        let mut edge = [[0.0; NR]; MR];
        for rows in even_parts(self.rows.clone(), MR) {
            let mut panels_a = [Panel::Lines(&[]); CHAINS];
            let scratch = packed_a.chunks_exact_mut(LINE * KC);
            for (panel, (chain, scratch)) in panels_a.iter_mut().zip(chains().zip(scratch)) {
                *panel = self.a.pack(rows.clone(), of_chain(&chain), scratch);
            }
            let next = rows.end..self.rows.end.min(rows.end + MR);
            let next_in_block = next.start - self.rows.start..next.end - self.rows.start;
            let in_block = rows.start - self.rows.start..rows.end - self.rows.start;
            let panels = self.cols.len().div_ceil(NR);
            for (p, start) in self.cols.clone().step_by(NR).enumerate() {
                let width = NR.min(self.cols.end - start);
                let first = start - self.cols.start;
                // C of the next rows is asked for here, their A by the tiles of all panels together.
                let mut c = Corner(block.part(next_in_block.clone(), first..first + width));
                c.each_line(|row, at| s.prefetch_far(row, at));
                let count = next.len().saturating_sub(p).div_ceil(panels);
                let later = Every { first: next.start + p, count, apart: panels };
                let mut c = Corner(block.part(in_block.clone(), first..first + width));
                c.each_line(|row, at| s.prefetch(row, at));
                for (chain, &panel) in chains().zip(&panels_a) {
                    let ks = of_chain(&chain);
                    let b = &panels_b[p * depth..][chain];
                    let ahead = Ahead { b: B_AHEAD, a: &[], far: self.a.ahead(later, ks.start) };
                    if width < NR {
                        let edge = &mut edge[..rows.len()];
                        tile::<S, MR, NR, NV>(s, panel, b, ahead, false, Rows::all(edge));
                        for (i, sums) in edge.iter().enumerate() {
                            add(c.0.row(i), &sums[..width], ks.start == 0);
                        }
                    } else {
                        tile::<S, MR, NR, NV>(s, panel, b, ahead, ks.start > 0, &mut c);
                    }
                }
                if self.ks.end == self.k {
                    (0..rows.len()).for_each(|i| self.epilogue.apply(start, c.0.row(i)));
                }
            }
        }
    }
}

/// A few rows and columns of C.
struct Corner<'c>(BlockMut<'c>);

impl Corner<'_> {
    /// Shows `ask` where each of its cache lines is: a row, and a number of it.
    #[inline(always)]
    fn each_line(&mut self, ask: impl Fn(&[f32], usize)) {
        for i in 0..self.0.rows() {
            let row = self.0.row(i);
            (0..row.len()).step_by(LINE).for_each(|at| ask(row, at));
        }
    }
}

impl<const NR: usize> Target<NR> for &mut Corner<'_> {
    #[inline(always)]
    fn count(&self) -> usize {
        self.0.rows()
    }

    #[inline(always)]
    fn row(&mut self, i: usize) -> &mut [f32; NR] {
        self.0.row(i).first_chunk_mut().expect("a tile lies within its block")
    }
}

/// The sums of one block of k, stored or added.
#[inline(always)]
pub(super) fn add(c: &mut [f32], sums: &[f32], first: bool) {
    if first {
        c.copy_from_slice(sums);
    } else {
        c.iter_mut().zip(sums).for_each(|(c, s)| *c += s);
    }
}
