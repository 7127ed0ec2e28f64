//! Packing: the operands as the tiles want them, a block at a time.
//!
//! A tile reads B in rows of NR numbers and A by a column of MR numbers for each k. Neither lies like that in memory,
//! where rows are thousands of numbers apart (and, at distances of 4 KiB, fall on each other in the cache). So a block
//! of rows of B is copied into panels `[[f32; NR]]`, and the rows of A into [`Lines`] or [`Columns`], before the tiles run.
//!
//! A convolution is the same matrix product with a left operand that exists nowhere: its packing gathers the patches
//! of the picture. Hence the traits: what can be packed can be multiplied.
//!
//! A is packed in one of two layouts. Where the k of one row lie together (dense layers, the patches of a convolution) copying runs of
//! a row is nearly free, while interleaving the rows would cost about as much as a tile of 16 columns. Where the rows
//! of one k lie together (the transposed operands of the gradients of weights) it is the other way round.

use std::ops::Range;

use super::MatRef;
use super::panels::{Columns, Lines, Panel};
use super::tile::{Ahead, Beside, KC, LINE, Line, Target};
use crate::half::Narrow;
use crate::simd::Simd;

/// How many rows before its turn a row of B is asked for, when it is copied: 512 columns of 8 rows are 16 KB of L2.
const ROWS_AHEAD: usize = 8;

/// How far ahead of itself a row of A is asked for at least, in numbers, when it is copied: 2 KB.
const FAR: usize = 512;

/// Rows of A as they were packed.
#[derive(Copy, Clone)]
pub(crate) enum Packed<'p> {
    /// Where the k of a row lay together.
    Lines(Lines<'p>),
    /// Where the rows of a k did.
    Columns(Columns<'p>),
}

impl Panel for Packed<'_> {
    #[inline(always)]
    fn multiply<S: Simd, const R: usize, const NR: usize, const NV: usize>(
        self,
        s: S,
        b: &[[f32; NR]],
        ahead: Ahead<'_>,
        c: &mut impl Target<NR>,
        other: &mut impl Beside,
        acc: &mut [[S::V; NV]; R],
    ) {
        match self {
            Self::Lines(a) => a.multiply(s, b, ahead, c, other, acc),
            Self::Columns(a) => a.multiply(s, b, ahead, c, other, acc),
        }
    }
}

/// The left operand of a product, (m, k).
pub(crate) trait Left: Sync {
    /// Packs these rows (at most MR) and these k (at most KC) into `scratch`, which has a line for each k.
    fn pack<'p>(&'p self, rows: Range<usize>, ks: Range<usize>, scratch: &'p mut [Line]) -> Packed<'p>;

    /// Where these k of these rows lie, if those of a row lie together: then they can be packed a line at a time, while
    /// something else is computed ([`Copying`]).
    #[inline(always)]
    fn lying(&self, rows: Range<usize>, ks: Range<usize>) -> Option<Lying<'_>> {
        let _ = (rows, ks);
        None
    }
}

/// Some rows of a matrix, the numbers of each next to one another.
#[derive(Copy, Clone)]
pub(crate) struct Lying<'a> {
    data: &'a [f32],
    /// The first number of the first row.
    first: usize,
    /// From one row to the next.
    stride: usize,
    rows: usize,
    /// Of each row.
    len: usize,
}

/// Rows on their way into [`Lines`], as many lines at a time as there is time for.
///
/// Those of the first row come first, as memory is fast at what follows. What a line needs is counted along rather than
/// computed: this runs beside a tile, in units of the CPU that the tile multiplies in.
pub(crate) struct Copying<'a, 'p> {
    data: &'a [f32],
    /// Where the next line lies.
    from: usize,
    /// From behind the last line of a row to the next row.
    skip: usize,
    /// How far ahead memory is asked for.
    far: usize,
    /// Lines of a row, and how many are still to come of this one.
    lines: [usize; 2],
    to: &'p mut [Line],
    /// Where the next line goes; beyond the end if there is none.
    at: usize,
    /// How many there are, and the number of this one.
    rows: [usize; 2],
}

impl<'a, 'p> Copying<'a, 'p> {
    /// None of them is there yet; `to` has room for them.
    #[inline(always)]
    pub(crate) fn new(from: Lying<'a>, to: &'p mut [Line]) -> Self {
        let Lying { data, first, stride, rows, len } = from;
        let lines = len.div_ceil(LINE);
        Self {
            data,
            from: first,
            skip: stride.wrapping_sub(lines * LINE),
            far: stride.max(FAR),
            lines: [lines, lines],
            at: if rows * lines == 0 { usize::MAX } else { 0 },
            to,
            rows: [rows, 0],
        }
    }

    /// Copies the next `count` lines, if there are so many.
    ///
    /// It stops at the end of the memory that they lie in, if that is within a line: a call to copy less than a line, even if
    /// it is never made, would have the tile beside this keep its accumulators in memory.
    #[inline(always)]
    pub(crate) fn copy<S: Simd>(&mut self, s: S, count: usize) {
        for _ in 0..count {
            let Some(to) = self.to.get_mut(self.at) else { return };
            let Some(line) = self.data.get(self.from..).and_then(|from| from.first_chunk()) else { return };
            s.prefetch_far(self.data, self.from.wrapping_add(self.far));
            // To the end of the line, whatever is there behind the last k: no tile reads it.
            *to = *line;
            self.next();
        }
    }

    /// Copies what is left.
    pub(crate) fn finish(mut self) {
        while let Some(to) = self.to.get_mut(self.at) {
            let from = &self.data[self.from..];
            let len = from.len().min(LINE);
            to[..len].copy_from_slice(&from[..len]);
            self.next();
        }
    }

    #[inline(always)]
    fn next(&mut self) {
        self.from += LINE;
        self.at += self.rows[0];
        self.lines[1] -= 1;
        if self.lines[1] == 0 {
            self.lines[1] = self.lines[0];
            self.from = self.from.wrapping_add(self.skip);
            self.rows[1] += 1;
            self.at = if self.rows[1] < self.rows[0] { self.rows[1] } else { usize::MAX };
        }
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
    fn pack<'p>(&'p self, rows: Range<usize>, ks: Range<usize>, scratch: &'p mut [Line]) -> Packed<'p> {
        let [row_stride, col_stride] = self.strides;
        if row_stride == 1 && col_stride != 1 {
            let a = &mut scratch[..ks.len()];
            for (to, k) in a.iter_mut().zip(ks) {
                to[..rows.len()].copy_from_slice(&self.data[k * col_stride..][rows.clone()]);
            }
            return Packed::Columns(Columns { a, first: 0 });
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
    fn lying(&self, rows: Range<usize>, ks: Range<usize>) -> Option<Lying<'_>> {
        let [stride, together] = self.strides;
        let first = rows.start * stride + ks.start;
        (together == 1).then_some(Lying { data: self.data, first, stride, rows: rows.len(), len: ks.len() })
    }
}

/// Rows of A as [`Lines`]. `row` shows where these k of a row lie in memory, with whatever follows up to the end of
/// the last line, or writes them to the place that it is given.
#[inline(always)]
pub(crate) fn lines<'p, 'a>(
    rows: Range<usize>,
    ks: Range<usize>,
    scratch: &'p mut [Line],
    row: impl Fn(usize, Range<usize>, &mut [f32]) -> Option<&'a [f32]>,
) -> Packed<'p> {
    let (count, mut held) = (rows.len(), [0.0; KC]);
    let panel = &mut scratch[..count * ks.len().div_ceil(LINE)];
    for (i, at) in rows.enumerate() {
        let lying = row(at, ks.clone(), &mut held[..ks.len()]);
        let (whole, tail) = lying.unwrap_or(&held[..ks.len()]).as_chunks::<LINE>();
        let mut to = panel.iter_mut().skip(i).step_by(count);
        whole.iter().zip(to.by_ref()).for_each(|(from, to)| *to = *from);
        if let Some(to) = to.next() {
            to[..tail.len()].copy_from_slice(tail);
        }
    }
    Packed::Lines(Lines(panel))
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
