//! Views of memory whose bounds are checked once, when they are made, and not for each of the 36 numbers that a transform
//! reads and the 36 that it writes: those checks would take as long as the arithmetic.

use super::transform::{OUT, PLANES};
use crate::gemm::tile::LINE;
use crate::simd::Simd;

/// Pixels of a map from one of them on, down and to the right.
pub(super) trait Pixels {
    /// The channels from `channel` on of pixel (y, x), as many as a register holds.
    fn load<S: Simd>(&self, s: S, y: usize, x: usize, channel: usize) -> S::V;
}

/// A map as it is seen from a pixel that may itself lie beyond the edges: zeros are there, and behind the last channel.
#[derive(Copy, Clone)]
pub(super) struct Edge<'a> {
    map: &'a [f32],
    /// Height and width.
    size: [usize; 2],
    channels: usize,
    /// The row and the column that it is seen from; before the first they have wrapped around, and are beyond the last.
    from: [usize; 2],
}

impl<'a> Edge<'a> {
    /// Map number `index` of several.
    #[inline(always)]
    pub(super) fn new(
        maps: &'a [f32],
        index: usize,
        size: [usize; 2],
        channels: usize,
        from: [usize; 2],
    ) -> Self {
        let len = size[0] * size[1] * channels;
        Self { map: &maps[index * len..][..len], size, channels, from }
    }

    /// SIDE×SIDE pixels, if all of them are inside.
    #[inline(always)]
    pub(super) fn window<const SIDE: usize>(&self) -> Option<Window<'a, SIDE>> {
        let inside = |i: usize| self.from[i].checked_add(SIDE).is_some_and(|end| end <= self.size[i]);
        let [y, x] = self.from;
        (inside(0) && inside(1)).then(|| {
            let from = &self.map[(y * self.size[1] + x) * self.channels..];
            Window::new(from, self.size[1] * self.channels, self.channels)
        })
    }
}

impl Pixels for Edge<'_> {
    #[inline(always)]
    fn load<S: Simd>(&self, s: S, y: usize, x: usize, channel: usize) -> S::V {
        let [y, x] = [self.from[0].wrapping_add(y), self.from[1].wrapping_add(x)];
        if y >= self.size[0] || x >= self.size[1] || channel >= self.channels {
            return s.splat(0.0);
        }
        let pixel = &self.map[(y * self.size[1] + x) * self.channels..][..self.channels];
        match pixel.get(channel..channel + S::LANES) {
            Some(lanes) => s.load(lanes),
            None => {
                let mut lanes = [0.0; LINE];
                lanes[..self.channels - channel].copy_from_slice(&pixel[channel..]);
                s.load(&lanes)
            }
        }
    }
}

/// SIDE×SIDE pixels of a map, all of them inside.
#[derive(Copy, Clone)]
pub(super) struct Window<'a, const SIDE: usize> {
    /// From the first number of the first pixel on.
    from: &'a [f32],
    /// Numbers from a row to the next.
    row: usize,
    /// Numbers from a pixel to the next: its channels.
    pixel: usize,
}

impl<'a, const SIDE: usize> Window<'a, SIDE> {
    /// # Panics
    /// If `from` ends before the last pixel of the window does.
    #[inline(always)]
    fn new(from: &'a [f32], row: usize, pixel: usize) -> Self {
        let last = SIDE - 1;
        let end = row.checked_mul(last).and_then(|rows| rows.checked_add(pixel.checked_mul(last)?));
        let end = end.and_then(|at| at.checked_add(pixel));
        assert!(end.is_some_and(|end| end <= from.len()), "a window reaches beyond its map");
        Self { from, row, pixel }
    }

    /// Asks for the line of channels from `channel` on of the four columns that the next tile to the right adds.
    #[inline(always)]
    pub(super) fn prefetch_right<S: Simd>(&self, s: S, channel: usize) {
        for y in 0..SIDE {
            for x in SIDE..SIDE + OUT {
                s.prefetch(self.from, y * self.row + x * self.pixel + channel);
            }
        }
    }
}

impl<const SIDE: usize> Pixels for Window<'_, SIDE> {
    #[inline(always)]
    fn load<S: Simd>(&self, s: S, y: usize, x: usize, channel: usize) -> S::V {
        assert!(y < SIDE && x < SIDE && S::LANES <= self.pixel && channel <= self.pixel - S::LANES);
        let at = y * self.row + x * self.pixel + channel;
        // SAFETY: y and x are below SIDE and the lanes end at most where the pixel does; so they end at most where the last
        // pixel does, which `new` found to be inside `from`.
        s.load(unsafe { self.from.get_unchecked(at..at + S::LANES) })
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
