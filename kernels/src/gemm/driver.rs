//! The loops around the tile, the same for every instruction set and every operand that can be packed.
//!
//! ```text
//! for each rectangle of C, in parallel                      see `blocks`
//!     for each block of k, in order                          all k, if there are few columns
//!         pack B[block, columns] into panels of NR           ≤ 1 MB: L2
//!         for each MR rows                                   A[rows, block] was packed beside the rows before
//!             for each two chains of KC k                    28 KB of A: L1
//!                 for each panel of B                        streams from L2
//!                     for both chains
//!                         C = tile(A panel, B panel), or C + tile after the first chain
//!             bias and ReLU after the last block
//! ```
//!
//! This is the scheme of Goto and van de Geijn (*Anatomy of high-performance matrix multiplication*, 2008), with the
//! two inner loops in the order that suits a wide tile: the small panel of A stays in L1 and B streams past it, two
//! cache lines for 28 multiply-adds.
//!
//! Nothing that the tile needs may come as a surprise: its rows of C are asked for while it multiplies, and the next rows of A
//! are packed meanwhile, a line at a time ([`Beside`]), or a wait for memory would cost as much as the tile itself. With 64
//! columns, as many as VGG16's first filters, packing before the tiles took a fifth of all time.
//! And a tile writes to C at once, where it can: through a buffer, each would be stored, loaded and stored again.
//!
//! Rows are cut evenly (32 rows are 11 + 11 + 10, not 14 + 14 + 4), since a tile with fewer rows costs less.

use std::ops::Range;

use super::blocks::block_size;
use super::pack::{Copying, Left, Packed, Right};
use super::panels::Lines;
use super::tile::{Ahead, Beside, KC, LINE, Line, Rows, Target, WithTile, tile_beside, with_tile};
use super::{Epilogue, GemmShape};
use crate::isa::Isa;
use crate::parallel::{BlockMut, even_parts, for_each_block, with_scratch};
use crate::simd::Simd;

/// How many k are multiplied on one row of tiles before the next: two chains. They halve the traffic of C, and their 14 rows
/// of A, 28 KB, still fit into L1 beside it.
const PAIR: usize = 2 * KC;

/// Numbers of B that a rectangle packs at a time, 1 MB: they stay in an L2 of 2 MB.
const PACKED: usize = 1 << 18;

/// Up to so many k (of patches, or rows of A that lie far apart) a tile takes no longer than memory to answer.
const SOON_OVER: usize = 64;

/// Most chains of a block of k.
const MOST_CHAINS: usize = 16;

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
            let width = cols.len().next_multiple_of(NR);
            let depth = depth(k, width);
            let (len_b, len_a) = (width * depth, LINE * depth);
            with_scratch(len_b + 2 * len_a, |scratch| {
                let (panels_b, packed_a) = scratch.split_at_mut(len_b);
                let panels_b = panels_b.as_chunks_mut::<NR>().0;
                let packed_a = packed_a.as_chunks_mut::<LINE>().0;
                for first in (0..k.max(1)).step_by(depth) {
                    let ks = first..k.min(first + depth);
                    let part = Part { s, k, n, a, epilogue, rows: rows.clone(), cols: cols.clone(), ks };
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

/// How many k one block has, of which so many columns of B are packed: the fewer columns, the more. With 64 of them it is nearly
/// always all k, so that A is read once, in the order in which it lies, and C stays in L1 until it is finished.
fn depth(k: usize, width: usize) -> usize {
    let most = (PACKED / width / PAIR * PAIR).clamp(PAIR, KC * MOST_CHAINS);
    let blocks = k.div_ceil(most).max(1);
    k.div_ceil(blocks).next_multiple_of(KC).max(KC)
}

/// One rectangle of C, and one block of k.
struct Part<'a, S, A> {
    s: S,
    /// All k of the product.
    k: usize,
    /// All columns of it.
    n: usize,
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
        packed_a: &mut [Line],
    ) {
        let (depth, width) = (self.ks.len(), self.cols.len());
        let (mut packed, mut next_packed) = packed_a.split_at_mut(packed_a.len() / 2);
        let mut edge = [[0.0; NR]; MR];
        let mut is_packed = false;
        let mut parts = even_parts(self.rows.clone(), MR).peekable();
        while let Some(rows) = parts.next() {
            let mut panels = [Packed::Lines(Lines(&[])); MOST_CHAINS];
            if is_packed {
                let of_chains = packed.chunks(KC / LINE * rows.len());
                panels
                    .iter_mut()
                    .zip(of_chains)
                    .for_each(|(panel, lines)| *panel = Packed::Lines(Lines(lines)));
            } else {
                for (panel, (chain, lines)) in
                    panels.iter_mut().zip(chains(0..depth).zip(packed.chunks_mut(KC)))
                {
                    let ks = self.ks.start + chain.start..self.ks.start + chain.end;
                    *panel = self.a.pack(rows.clone(), ks, lines);
                }
            }
            let next = parts.peek().cloned().unwrap_or(rows.end..rows.end);
            let copying =
                self.a.lying(next.clone(), self.ks.clone()).map(|rows| Copying::new(rows, next_packed));
            // How many lines the tiles copy for every 16 k, so that it is done when they are.
            let steps = width.div_ceil(NR) * (depth / LINE).max(1);
            let count = (next.len() * depth.div_ceil(LINE)).div_ceil(steps);
            let mut later = Later { s: self.s, copying, count };

            // A short tile is over before its own rows of C could arrive: it asks for those of the next.
            let c_ahead = match depth {
                ..=SOON_OVER => (!next.is_empty()).then_some(rows.len() * self.n),
                _ => Some(0),
            };
            let in_block = rows.start - self.rows.start..rows.end - self.rows.start;
            let mut c = block.part(in_block, 0..width);
            for first in (0..depth.max(1)).step_by(PAIR) {
                let pair = first..depth.min(first + PAIR);
                let panels = &panels[first / KC..];
                self.row_of_tiles::<MR, NR, NV>(
                    rows.len(),
                    pair,
                    panels,
                    panels_b,
                    &mut c,
                    c_ahead,
                    &mut edge,
                    &mut later,
                );
            }
            if self.ks.end == self.k && !self.epilogue.is_nothing() {
                (0..rows.len()).for_each(|i| self.epilogue.apply(self.cols.start, c.row(i)));
            }
            is_packed = later.copying.map(Copying::finish).is_some();
            std::mem::swap(&mut packed, &mut next_packed);
        }
    }

    /// At most two chains of k, `pair` of this block, for a few rows and all columns; `c` is theirs.
    #[inline(always)]
    #[expect(clippy::too_many_arguments, reason = "the body of a loop, named so that it can be read alone")]
    fn row_of_tiles<const MR: usize, const NR: usize, const NV: usize>(
        &self,
        rows: usize,
        pair: Range<usize>,
        panels: &[Packed<'_>],
        panels_b: &[[f32; NR]],
        c: &mut BlockMut<'_>,
        c_ahead: Option<usize>,
        edge: &mut [[f32; NR]; MR],
        later: &mut Later<'_, '_, S>,
    ) {
        let (s, depth, width) = (self.s, self.ks.len(), self.cols.len());
        for (p, first) in (0..width).step_by(NR).enumerate() {
            let columns = NR.min(width - first);
            let mut c = Corner(c.part(0..rows, first..first + columns));
            for (chain, &panel) in chains(pair.clone()).zip(panels) {
                let (b, start) = (&panels_b[p * depth..][chain.clone()], self.ks.start + chain.start);
                if columns < NR {
                    let edge = &mut edge[..rows];
                    tile_beside::<S, MR, NR, NV>(
                        s,
                        panel,
                        b,
                        Ahead::default(),
                        false,
                        Rows::all(edge),
                        later,
                    );
                    for (i, sums) in edge.iter().enumerate() {
                        add(c.0.row(i), &sums[..columns], start == 0);
                    }
                } else {
                    let ahead =
                        Ahead { c: c_ahead.filter(|_| chain.start == pair.start), ..Ahead::default() };
                    tile_beside::<S, MR, NR, NV>(s, panel, b, ahead, start > 0, &mut c, later);
                }
            }
        }
    }
}

/// The rows of A that will be multiplied next, being packed beside the tiles of these.
struct Later<'a, 'p, S> {
    s: S,
    /// None where they cannot be packed so.
    copying: Option<Copying<'a, 'p>>,
    /// Lines for every 16 k.
    count: usize,
}

impl<S: Simd> Beside for Later<'_, '_, S> {
    #[inline(always)]
    fn step(&mut self) {
        if let Some(copying) = &mut self.copying {
            copying.copy(self.s, self.count);
        }
    }
}

/// The chains of a block of k, or of a part of it that begins with one; a single empty one of nothing.
#[inline(always)]
fn chains(ks: Range<usize>) -> impl Iterator<Item = Range<usize>> {
    let count = ks.len().div_ceil(KC).max(1);
    (0..count).map(move |i| ks.start + i * KC..ks.end.min(ks.start + (i + 1) * KC))
}

/// A few rows and columns of C.
pub(super) struct Corner<'c>(pub(super) BlockMut<'c>);

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
