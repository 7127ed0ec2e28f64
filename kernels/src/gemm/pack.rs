//! Packing: the operands as the tiles want them, a block at a time.
//!
//! A tile reads B in rows of NR numbers and A by a column of MR numbers for each k. Neither lies like that in memory,
//! where rows are thousands of numbers apart (and, at distances of 4 KiB, fall on each other in the cache). So a block
//! of rows of B is copied into panels `[[f32; NR]]`, and the rows of A into a [`Panel`], before the tiles run.
//!
//! A convolution is the same matrix product with a left operand that exists nowhere: its packing gathers the patches
//! of the picture. Hence the traits: what can be packed can be multiplied.
//!
//! A has two layouts. Where the k of one row lie together (dense layers, the patches of a convolution) copying runs of
//! a row is nearly free, while interleaving the rows would cost about as much as a tile of 16 columns. Where the rows
//! of one k lie together (the transposed operands of the gradients of weights) it is the other way round.

use std::ops::Range;

use super::MatRef;
use super::tile::{Far, KC, LINE, Panel};
use crate::half::Narrow;
use crate::simd::Simd;

/// How many rows before its turn a row of B is asked for, when it is copied: 512 columns of 8 rows are 16 KB of L2.
const ROWS_AHEAD: usize = 8;

/// Every so-manyth row.
#[derive(Copy, Clone)]
pub(crate) struct Every {
    /// Number of the first.
    pub(crate) first: usize,
    /// How many.
    pub(crate) count: usize,
    /// How many rows from one to the next.
    pub(crate) apart: usize,
}

/// The left operand of a product, (m, k).
pub(crate) trait Left: Sync {
    /// Packs these rows (at most MR) and these k (at most KC) into `scratch`, which has room for KC lines.
    fn pack<'p>(&self, rows: Range<usize>, ks: Range<usize>, scratch: &'p mut [f32]) -> Panel<'p>;

    /// What of these rows a tile is to ask for while it multiplies, as long as it multiplies them from `k` on, because
    /// [`Left::pack`] will soon read it; nothing, if that is of no use.
    #[inline(always)]
    fn ahead(&self, rows: Every, k: usize) -> Far<'_> {
        let _ = (rows, k);
        Far::default()
    }
}

/// The right operand of a product, (k, n).
pub(crate) trait Right: Sync {
    /// Packs these k and these columns: one panel for NR columns after the other, in each one row a k, with zeros
    /// after the last column.
    fn pack<S: Simd, const NR: usize>(
        &self,
        s: S,
        ks: Range<usize>,
        cols: Range<usize>,
        panels: &mut [[f32; NR]],
    );
}

/// A matrix in 16 bits, of `cols` columns.
#[derive(Copy, Clone)]
pub(crate) struct NarrowRef<'a> {
    pub(crate) data: Narrow<'a>,
    pub(crate) cols: usize,
}

impl Right for NarrowRef<'_> {
    #[inline(always)]
    fn pack<S: Simd, const NR: usize>(
        &self,
        _: S,
        ks: Range<usize>,
        cols: Range<usize>,
        panels: &mut [[f32; NR]],
    ) {
        let depth = ks.len();
        for (at, k) in ks.enumerate() {
            for (p, start) in cols.clone().step_by(NR).enumerate() {
                let (to, rest) = panels[p * depth + at].split_at_mut(NR.min(cols.end - start));
                self.data.widen(k * self.cols + start, to);
                rest.fill(0.0);
            }
        }
    }
}

impl Left for MatRef<'_> {
    #[inline(always)]
    fn pack<'p>(&self, rows: Range<usize>, ks: Range<usize>, scratch: &'p mut [f32]) -> Panel<'p> {
        let [row_stride, col_stride] = self.strides;
        if row_stride == 1 && col_stride != 1 {
            let a = &mut scratch.as_chunks_mut::<LINE>().0[..ks.len()];
            for (to, k) in a.iter_mut().zip(ks) {
                to[..rows.len()].copy_from_slice(&self.data[k * col_stride..][rows.clone()]);
            }
            return Panel::Columns { a, first: 0 };
        }
        lines(rows, ks, scratch, |row, ks, held| {
            if col_stride == 1 {
                // To the end of a line, if there is more behind: a line is a move, part of one is a loop. No tile reads it.
                let from = &self.data[row * row_stride + ks.start..];
                return Some(&from[..from.len().min(ks.len().next_multiple_of(LINE))]);
            }
            held.iter_mut().zip(ks).for_each(|(to, k)| *to = self.at(row, k));
            None
        })
    }

    #[inline(always)]
    fn ahead(&self, rows: Every, k: usize) -> Far<'_> {
        let [row_stride, col_stride] = self.strides;
        if col_stride != 1 {
            return Far::default();
        }
        let first = rows.first * row_stride + k;
        Far { data: self.data, first, count: rows.count, apart: rows.apart * row_stride, step: LINE }
    }
}

/// Rows of A as [`Panel::Lines`]. `row` shows where these k of a row lie in memory, with whatever follows up to the end of
/// the last line, or writes them to the place that it is given.
#[inline(always)]
pub(crate) fn lines<'p, 'a>(
    rows: Range<usize>,
    ks: Range<usize>,
    scratch: &'p mut [f32],
    row: impl Fn(usize, Range<usize>, &mut [f32]) -> Option<&'a [f32]>,
) -> Panel<'p> {
    let (count, mut held) = (rows.len(), [0.0; KC]);
    let panel = &mut scratch.as_chunks_mut::<LINE>().0[..count * ks.len().div_ceil(LINE)];
    for (i, at) in rows.enumerate() {
        let lying = row(at, ks.clone(), &mut held[..ks.len()]);
        let (whole, tail) = lying.unwrap_or(&held[..ks.len()]).as_chunks::<LINE>();
        let mut to = panel.iter_mut().skip(i).step_by(count);
        whole.iter().zip(to.by_ref()).for_each(|(from, to)| *to = *from);
        if let Some(to) = to.next() {
            to[..tail.len()].copy_from_slice(tail);
        }
    }
    Panel::Lines(panel)
}

impl Right for MatRef<'_> {
    #[inline(always)]
    fn pack<S: Simd, const NR: usize>(
        &self,
        s: S,
        ks: Range<usize>,
        cols: Range<usize>,
        panels: &mut [[f32; NR]],
    ) {
        let [row_stride, col_stride] = self.strides;
        let depth = ks.len();
        for (at, k) in ks.enumerate() {
            if col_stride != 1 {
                for (j, col) in cols.clone().enumerate() {
                    panels[j / NR * depth + at][j % NR] = self.at(k, col);
                }
            } else {
                // A whole row at once, since memory is fast at what follows, not at every so-manyth line. The copies
                // of NR numbers have a length known to the compiler: a few moves rather than a call.
                // The rows lie far apart, where no CPU expects them: those that will follow are asked for.
                let later = (k + ROWS_AHEAD) * row_stride + cols.start;
                (0..cols.len()).step_by(LINE).for_each(|at| s.prefetch_far(self.data, later + at));
                let (whole, rest) = self.data[k * row_stride..][cols.clone()].as_chunks::<NR>();
                for (p, from) in whole.iter().enumerate() {
                    panels[p * depth + at] = *from;
                }
                if !rest.is_empty() {
                    panels[whole.len() * depth + at][..rest.len()].copy_from_slice(rest);
                }
            }
            if !cols.len().is_multiple_of(NR) {
                panels[cols.len() / NR * depth + at][cols.len() % NR..].fill(0.0);
            }
        }
    }
}
