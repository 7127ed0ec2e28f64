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
use super::tile::{KC, LINE, Panel};

/// The left operand of a product, (m, k).
pub(crate) trait Left: Sync {
    /// Packs these rows (at most MR) and these k (at most KC) into `scratch`, which has room for KC lines.
    fn pack<'p>(&self, rows: Range<usize>, ks: Range<usize>, scratch: &'p mut [f32]) -> Panel<'p>;
}

/// The right operand of a product, (k, n).
pub(crate) trait Right: Sync {
    /// Packs these k and these columns: one panel for NR columns after the other, in each one row a k, with zeros
    /// after the last column.
    fn pack<const NR: usize>(&self, ks: Range<usize>, cols: Range<usize>, panels: &mut [[f32; NR]]);
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
                return Some(&self.data[row * row_stride..][ks]);
            }
            held.iter_mut().zip(ks).for_each(|(to, k)| *to = self.at(row, k));
            None
        })
    }
}

/// Rows of A as [`Panel::Lines`]. `row` shows where these k of a row lie in memory, or writes them to the place that it
/// is given.
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
    fn pack<const NR: usize>(&self, ks: Range<usize>, cols: Range<usize>, panels: &mut [[f32; NR]]) {
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
