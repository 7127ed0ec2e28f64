//! The matrix of patches, which makes a convolution a matrix product, and which is never written down as a whole.
//!
//! Row = output pixel (n, oy, ox); column = tap (ky, kx, c). Its element is what the window, placed for that pixel, sees
//! under that tap: a number of the map, or a zero of the padding. With the filters (kh, kw, cin, cout) read as a
//! matrix of kh·kw·cin rows,
//!
//! ```text
//! y (pixels, cout) = patches(x) (pixels, kh·kw·cin) · w (kh·kw·cin, cout)
//! ```
//!
//! In NHWC the columns of one ky are kw·c numbers that lie together in memory, so that a row of the matrix is kh runs.
//!
//! # The gradient is a convolution, too
//!
//! dx gathers, for each input pixel, dy under the window of all outputs that the pixel took part in: a convolution of
//! dy with the filters turned by 180° and their channels swapped, padded by k - 1 - pad instead of pad. Where
//! the forward pass stepped by s, its outputs are s pixels apart, and s - 1 zeros lie between: `spread`.

use std::ops::Range;

use super::Conv2dShape;
use crate::gemm::pack::{Left, Packed, lines};
use crate::gemm::panels::Columns;
use crate::gemm::tile::{LINE, Line};

/// The patches of a batch of maps (n, h, w, c).
#[derive(Copy, Clone)]
pub(super) struct Patches<'a> {
    map: &'a [f32],
    h: usize,
    w: usize,
    c: usize,
    kernel: [usize; 2],
    stride: [usize; 2],
    pad: [usize; 2],
    /// Distance of neighbouring pixels of the map, the zeros between them included.
    spread: [usize; 2],
    out: [usize; 2],
}

/// One output pixel: its picture, and the position of its window, counted from the first row and column of padding.
#[derive(Copy, Clone)]
struct Window {
    n: usize,
    y: usize,
    x: usize,
}

impl<'a> Patches<'a> {
    /// What the windows of the forward pass see of x.
    pub(super) fn of_input(s: &Conv2dShape, x: &'a [f32]) -> Self {
        let (kernel, out) = ([s.kh, s.kw], [s.out_h(), s.out_w()]);
        Self { map: x, h: s.h, w: s.w, c: s.cin, kernel, stride: s.stride, pad: s.pad(), spread: [1, 1], out }
    }

    /// What the windows of the backward pass see of dy; its filters are those of [`super::direct::turned`].
    pub(super) fn of_gradient(s: &Conv2dShape, dy: &'a [f32]) -> Self {
        let [pad_y, pad_x] = s.pad();
        let pad = [s.kh - 1 - pad_y, s.kw - 1 - pad_x];
        let (kernel, out) = ([s.kh, s.kw], [s.h, s.w]);
        Self {
            map: dy,
            h: s.out_h(),
            w: s.out_w(),
            c: s.cout,
            kernel,
            stride: [1, 1],
            pad,
            spread: s.stride,
            out,
        }
    }

    /// Columns of the matrix.
    pub(super) fn taps(&self) -> usize {
        self.kernel[0] * self.kernel[1] * self.c
    }

    fn window(&self, pixel: usize) -> Window {
        let [out_h, out_w] = self.out;
        let (row, x) = (pixel / out_w, pixel % out_w);
        Window { n: row / out_h, y: row % out_h * self.stride[0], x: x * self.stride[1] }
    }

    /// The index in the map of this row or column, counted with padding and spread, or `None` for a zero.
    #[inline(always)]
    fn index(&self, axis: usize, position: usize) -> Option<usize> {
        let len = [self.h, self.w][axis];
        let inside = position.checked_sub(self.pad[axis])?;
        let index = inside / self.spread[axis];
        (index < len && inside == index * self.spread[axis]).then_some(index)
    }

    /// Row `pixel` of the matrix, columns `taps`.
    #[inline(always)]
    pub(super) fn gather(&self, pixel: usize, taps: Range<usize>, to: &mut [f32]) {
        let (window, run) = (self.window(pixel), self.kernel[1] * self.c);
        let mut rest = to;
        let mut tap = taps.start;
        while tap < taps.end {
            let (ky, offset) = (tap / run, tap % run);
            let len = (taps.end - tap).min(run - offset);
            let (part, after) = rest.split_at_mut(len);
            match self.index(0, window.y + ky) {
                Some(y) => self.gather_run((window.n * self.h + y) * self.w, window.x, offset, part),
                None => part.fill(0.0),
            }
            (rest, tap) = (after, tap + len);
        }
    }

    /// A part of a run of one ky: the pixels of the row of the map that starts at pixel `row`, seen from column `x`,
    /// from number `offset` of the run on.
    #[inline(always)]
    fn gather_run(&self, row: usize, x: usize, offset: usize, to: &mut [f32]) {
        if self.spread[1] == 1 {
            // Number j of the run is number x·c + j - pad·c of the row: zeros before, the map, zeros after.
            let start = x * self.c + offset;
            let (pad, row_len) = (self.pad[1] * self.c, self.w * self.c);
            let before = pad.saturating_sub(start).min(to.len());
            let until = (pad + row_len).saturating_sub(start).clamp(before, to.len());
            to[..before].fill(0.0);
            if before < until {
                let from = row * self.c + start + before - pad;
                to[before..until].copy_from_slice(&self.map[from..from + until - before]);
            }
            to[until..].fill(0.0);
        } else {
            let mut rest = to;
            let mut offset = offset;
            while !rest.is_empty() {
                let (kx, c) = (offset / self.c, offset % self.c);
                let len = rest.len().min(self.c - c);
                let (part, after) = rest.split_at_mut(len);
                match self.index(1, x + kx) {
                    Some(x) => part.copy_from_slice(&self.map[(row + x) * self.c + c..][..len]),
                    None => part.fill(0.0),
                }
                (rest, offset) = (after, offset + len);
            }
        }
    }
}

impl Left for Patches<'_> {
    #[inline(always)]
    fn pack<'p>(&'p self, rows: Range<usize>, ks: Range<usize>, scratch: &'p mut [Line]) -> Packed<'p> {
        lines(rows, ks, scratch, |pixel, taps, held| {
            self.gather(pixel, taps, held);
            None
        })
    }
}

/// The transposed matrix of patches, (taps, pixels), from pixel `first` on: the left operand of the gradient of the
/// weights, whose sums run over pixels.
#[derive(Copy, Clone)]
pub(super) struct Transposed<'a> {
    pub(super) patches: Patches<'a>,
    pub(super) first: usize,
}

impl Left for Transposed<'_> {
    #[inline(always)]
    fn pack<'p>(&'p self, rows: Range<usize>, ks: Range<usize>, scratch: &'p mut [Line]) -> Packed<'p> {
        let (p, panel) = (&self.patches, &mut scratch[..ks.len()]);
        let run = p.kernel[1] * p.c;
        let (ky, offset) = (rows.start / run, rows.start % run);
        // Nearly always the taps of a panel are of one ky, and then lie together for each pixel.
        let together = offset + rows.len() <= run && p.spread[1] == 1;
        let (pad, row_len) = (p.pad[1] * p.c, p.w * p.c);
        let mut pixels = panel.iter_mut().zip(self.first + ks.start..).peekable();
        while let Some(&(_, pixel)) = pixels.peek() {
            // The pixels of one row of the output: one row of the map, in equal steps.
            let window = p.window(pixel);
            let row = p.index(0, window.y + ky).map(|y| (window.n * p.h + y) * row_len);
            let columns = p.out[1] - window.x / p.stride[1];
            for (column, (to, pixel)) in pixels.by_ref().take(columns).enumerate() {
                let start = (window.x + column * p.stride[1]) * p.c + offset;
                let inside = together && start >= pad && start + rows.len() <= pad + row_len;
                let from =
                    row.filter(|_| inside).and_then(|row| p.map[row + start - pad..].first_chunk::<LINE>());
                match from {
                    // A length known to the compiler, a few moves rather than a call; no tile reads beyond its rows.
                    Some(from) => *to = *from,
                    None => p.gather(pixel, rows.clone(), &mut to[..rows.len()]),
                }
            }
        }
        Packed::Columns(Columns { a: panel, first: 0 })
    }
}
