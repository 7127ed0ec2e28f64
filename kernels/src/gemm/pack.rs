//! Packing: the operands as the tiles want them, a block at a time.
//!
//! A tile reads B in rows of NR numbers and A by a column of MR numbers for each k. Neither lies like that in memory,
//! where rows are thousands of numbers apart (and, at distances of 4 KiB, fall on each other in the cache). So a block
//! of KC rows of B is copied into panels `[[f32; NR]]`, and the rows of A into a [`Panel`], before the tiles run.
//!
//! A convolution is the same matrix product with a left operand that exists nowhere: its packing gathers the patches
//! of the picture. Hence the traits: what can be packed can be multiplied.
//!
//! A has two layouts. Where the k of one row lie together (dense layers, the patches of a convolution) copying runs of
//! a row is nearly free, while interleaving the rows would cost about as much as a tile of 16 columns. Where the rows
//! of one k lie together (the transposed operands of the gradients of weights) it is the other way round.

use std::ops::Range;

use super::MatRef;
use super::tile::{KC, Panel};

/// The left operand of a product, (m, k).
pub(crate) trait Left: Sync {
    /// Packs these rows (at most MR) and these k (at most KC) into `scratch`, which has room for MR · KC.
    fn pack<'p, const MR: usize>(
        &self,
        rows: Range<usize>,
        ks: Range<usize>,
        scratch: &'p mut [f32],
    ) -> Panel<'p, MR>;
}

/// The right operand of a product, (k, n).
pub(crate) trait Right: Sync {
    /// Packs these k and these columns: one panel for NR columns after the other, in each one row a k, with zeros
    /// after the last column.
    fn pack<const NR: usize>(&self, ks: Range<usize>, cols: Range<usize>, panels: &mut [[f32; NR]]);
}

impl Left for MatRef<'_> {
    #[inline(always)]
    fn pack<'p, const MR: usize>(
        &self,
        rows: Range<usize>,
        ks: Range<usize>,
        scratch: &'p mut [f32],
    ) -> Panel<'p, MR> {
        let [row_stride, col_stride] = self.strides;
        if row_stride == 1 && col_stride != 1 {
            let panel = &mut scratch.as_chunks_mut::<MR>().0[..ks.len()];
            for (to, k) in panel.iter_mut().zip(ks) {
                to[..rows.len()].copy_from_slice(&self.data[k * col_stride..][rows.clone()]);
            }
            return Panel::Columns(panel);
        }
        let panel = &mut scratch.as_chunks_mut::<KC>().0[..rows.len()];
        for (to, i) in panel.iter_mut().zip(rows) {
            if col_stride == 1 {
                to[..ks.len()].copy_from_slice(&self.data[i * row_stride..][ks.clone()]);
            } else {
                to.iter_mut().zip(ks.clone()).for_each(|(to, k)| *to = self.at(i, k));
            }
        }
        Panel::Rows(panel)
    }
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
