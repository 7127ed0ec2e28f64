//! Two views of memory whose bounds are checked once, when they are made, and not for each of the 36 numbers that a
//! transform reads and the 36 that it writes: those checks would take as long as the arithmetic.

use super::transform::{OUT, PLANES, POINTS};
use crate::gemm::tile::LINE;
use crate::simd::Simd;

/// 6×6 pixels of a map, all of them inside.
#[derive(Copy, Clone)]
pub(super) struct Window<'a> {
    /// From the first number of the first pixel on.
    from: &'a [f32],
    /// Numbers from a row to the next.
    row: usize,
    /// Numbers from a pixel to the next: its channels.
    pixel: usize,
    /// Whole lines of channels.
    lines: usize,
}

impl<'a> Window<'a> {
    /// # Panics
    /// If `from` ends before the last pixel of the window does.
    #[inline(always)]
    pub(super) fn new(from: &'a [f32], row: usize, pixel: usize) -> Self {
        let last = POINTS - 1;
        let end = row.checked_mul(last).and_then(|rows| rows.checked_add(pixel.checked_mul(last)?));
        let end = end.and_then(|at| at.checked_add(pixel));
        assert!(end.is_some_and(|end| end <= from.len()), "a window reaches beyond its map");
        Self { from, row, pixel, lines: pixel / LINE }
    }

    /// Channels `16·line..` of pixel (y, x).
    #[inline(always)]
    pub(super) fn line(&self, y: usize, x: usize, line: usize) -> &'a [f32; LINE] {
        assert!(y < POINTS && x < POINTS && line < self.lines);
        let at = y * self.row + x * self.pixel + line * LINE;
        // SAFETY: y and x are below 6 and the line is a whole one; so it ends at most where the last pixel does, which `new`
        // found to be inside `from`.
        unsafe { &*self.from.as_ptr().add(at).cast() }
    }

    /// Asks for a line of channels of the four columns that the next tile to the right adds.
    #[inline(always)]
    pub(super) fn prefetch_right<S: Simd>(&self, s: S, line: usize) {
        for y in 0..POINTS {
            for x in POINTS..POINTS + OUT {
                s.prefetch(self.from, y * self.row + x * self.pixel + line * LINE);
            }
        }
    }
}

/// Rows of NR numbers, of which those of one point follow each other.
pub(super) struct Planes<'a, const NR: usize> {
    rows: &'a mut [[f32; NR]],
    /// Rows of a point.
    stride: usize,
}

impl<'a, const NR: usize> Planes<'a, NR> {
    /// # Panics
    /// If there is no room for 36 points.
    #[inline(always)]
    pub(super) fn new(rows: &'a mut [[f32; NR]], stride: usize) -> Self {
        assert!(stride.checked_mul(PLANES).is_some_and(|len| len <= rows.len()), "36 points have no room");
        Self { rows, stride }
    }

    /// The same rows from row `at` of each point on, of which only the first may be used.
    ///
    /// # Panics
    /// If a point has no such row.
    #[inline(always)]
    pub(super) fn column(&mut self, at: usize) -> Column<'_, NR> {
        assert!(at < self.stride);
        Column { rows: &mut self.rows[at..], stride: self.stride }
    }
}

/// One row of each of 36 points.
pub(super) struct Column<'a, const NR: usize> {
    rows: &'a mut [[f32; NR]],
    stride: usize,
}

impl<const NR: usize> Column<'_, NR> {
    /// The row of point `point`.
    #[inline(always)]
    pub(super) fn row(&mut self, point: usize) -> &mut [f32; NR] {
        assert!(point < PLANES);
        // SAFETY: `point` is below 36. `Planes::new` saw 36·stride rows, `column` took less
        // than stride of them away at the front, so that row 35·stride is still there.
        unsafe { self.rows.get_unchecked_mut(point * self.stride) }
    }
}
