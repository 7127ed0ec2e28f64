//! The loops around the tile, the same for every instruction set and every operand that can be packed.
//!
//! ```text
//! pack B into panels of NR, if it is small                   else each rectangle packs its part, below
//! for each rectangle of C, in parallel                      see `blocks`
//!     for each block of KC k, in order
//!         the panels of B[block, columns]                    ≤ 512 KB: L2
//!         for each MR rows                                   pack A[rows, block]: 14 KB, L1
//!             for each panel of B                            streams from L2
//!                 acc = tile(A panel, B panel)
//!                 C = acc, or C + acc after the first block, and bias and ReLU after the last
//! ```
//!
//! This is the scheme of Goto and van de Geijn (*Anatomy of high-performance matrix multiplication*, 2008), with the
//! two inner loops in the order that suits a wide tile: the small panel of A stays in L1 and B streams past it, two
//! cache lines for 28 multiply-adds.
//!
//! Rows are cut evenly (32 rows are 11 + 11 + 10, not 14 + 14 + 4), since a tile with fewer rows costs less.

use std::ops::Range;

use rayon::prelude::*;

use super::blocks::block_size;
use super::pack::{Left, Right};
use super::tile::{Ahead, KC, LINE, Rows, WithTile, tile, with_tile};
use super::{Epilogue, GemmShape};
use crate::isa::Isa;
use crate::parallel::{BlockMut, even_parts, for_each_block, with_scratch};
use crate::simd::Simd;

/// A right operand of up to this many numbers (16 MB) that several rectangles share is packed once for all of them.
const SHARED: usize = 1 << 22;

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
        let size = block_size(shape, MR, NR);
        let panels = n.div_ceil(NR);
        let pack = |ks: Range<usize>, cols: Range<usize>, to: &mut [[f32; NR]]| {
            s.vectorize(
                #[inline(always)]
                || b.pack(ks, cols, to),
            );
        };
        let shared = shape.m > size[0] && k * panels * NR <= SHARED;
        with_scratch(if shared { k * panels * NR } else { 0 }, |packed_b| {
            let packed_b = packed_b.as_chunks_mut::<NR>().0;
            packed_b.par_chunks_mut((KC * panels).max(1)).enumerate().for_each(|(block, to)| {
                pack(block * KC..k.min((block + 1) * KC), 0..n, to);
            });
            let packed_b = &*packed_b;
            for_each_block(c, n, size, |rows, cols, mut block| {
                let own = cols.len().div_ceil(NR) * if shared { 0 } else { NR * k.min(KC) };
                with_scratch(own + LINE * KC, |scratch| {
                    let (own, packed_a) = scratch.split_at_mut(own);
                    let own = own.as_chunks_mut::<NR>().0;
                    for first in (0..k.max(1)).step_by(KC) {
                        let ks = first..k.min(first + KC);
                        let part = Part {
                            s,
                            k,
                            a,
                            epilogue,
                            rows: rows.clone(),
                            cols: cols.clone(),
                            ks: ks.clone(),
                        };
                        let panels_b = if shared {
                            &packed_b[first * panels + cols.start / NR * ks.len()..]
                        } else {
                            pack(ks, cols.clone(), own);
                            &*own
                        };
                        s.vectorize(
                            #[inline(always)]
                            || part.add_to::<MR, NR, NV>(&mut block, panels_b, packed_a),
                        );
                    }
                });
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
        let (rows, cols, depth) = (&self.rows, &self.cols, self.ks.len());
        let (first, last) = (self.ks.start == 0, self.ks.end == self.k);
        let mut acc = [[0.0; NR]; MR];
        for rows_of_tile in even_parts(rows.clone(), MR) {
            let panel_a = self.a.pack(rows_of_tile.clone(), self.ks.clone(), packed_a);
            let acc = &mut acc[..rows_of_tile.len()];
            for (p, start) in cols.clone().step_by(NR).enumerate() {
                let b = &panels_b[p * depth..][..depth];
                tile::<S, MR, NR, NV>(self.s, panel_a, b, Ahead::default(), false, Rows::all(acc));
                let width = NR.min(cols.end - start);
                for (acc, i) in acc.iter().zip(rows_of_tile.start - rows.start..) {
                    let c = &mut block.row(i)[start - cols.start..][..width];
                    add(c, &acc[..width], first);
                    if last {
                        self.epilogue.apply(start, c);
                    }
                }
            }
        }
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
