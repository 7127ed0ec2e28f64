//! The input at the points: V = Bᵀ d B for every tile, in the order in which the register tile reads it.
//!
//! ```text
//! V[block][point 0..36][16 channels][tile of the block][16]      and a line to spare after each point
//! ```
//!
//! The transform runs over 16 channels at a time, which are a cache line: it reads 36 lines, one of each pixel of the
//! tile, and writes 36, one for each point. A tile at the border, or with channels that do not fill their last line, is
//! first copied to where zeros are around it.
//!
//! The spare line keeps the 36 lines that are written together apart: at a distance of a multiple of 4 KiB they would all
//! compete for the same dozen places of L1.

use std::ops::Range;

use super::plan::{Maps, Tile};
use super::transform::{OUT, POINTS, input};
use super::views::{Column, Planes, Window};
use crate::gemm::tile::LINE;
use crate::simd::Simd;

/// Lines of one point in a block of up to `rows` tiles.
pub(super) fn plane_lines(channels: usize, rows: usize) -> usize {
    channels.div_ceil(LINE) * rows + 1
}

/// Numbers that a copy of the pixels under a tile takes.
pub(super) fn copy_len(channels: usize) -> usize {
    POINTS * POINTS * channels.next_multiple_of(LINE)
}

/// The maps of a batch, and their sizes.
#[derive(Copy, Clone)]
pub(super) struct Input<'a> {
    pub(super) m: &'a Maps,
    pub(super) x: &'a [f32],
}

/// Transforms these lines of channels of a tile: line `i` of them goes to row `at(i)` of each point.
///
/// `copy` has room for [`copy_len`] of so many channels.
#[inline(always)]
pub(super) fn transform_tile<S: Simd>(
    s: S,
    Input { m, x }: Input<'_>,
    tile: Tile,
    lines: Range<usize>,
    copy: &mut [f32],
    v: &mut Planes<'_, LINE>,
    at: impl Fn(usize) -> usize,
) {
    let [top, left] = [(tile.row * OUT).wrapping_sub(m.pad[0]), (tile.column * OUT).wrapping_sub(m.pad[1])];
    let inside = |first: usize, len: usize| first.checked_add(POINTS).is_some_and(|end| end <= len);
    let channels = lines.start * LINE..m.cin.min(lines.end * LINE);
    let (window, first) = if inside(top, m.h) && inside(left, m.w) && channels.len() == lines.len() * LINE {
        let from = &x[((tile.picture * m.h + top) * m.w + left) * m.cin..];
        (Window::new(from, m.w * m.cin, m.cin), lines.start)
    } else {
        let pixel = lines.len() * LINE;
        copy_pixels(m, x, tile.picture, [top, left], channels, &mut copy[..POINTS * POINTS * pixel]);
        (Window::new(copy, POINTS * pixel, pixel), 0)
    };
    for i in 0..lines.len() {
        window.prefetch_right(s, first + i);
        transform_line(s, window, first + i, v.column(at(i)));
    }
}

/// The pixels of a window that may reach beyond the map, where zeros are; the channels filled up with zeros to a line.
#[inline(always)]
fn copy_pixels(
    m: &Maps,
    x: &[f32],
    picture: usize,
    [top, left]: [usize; 2],
    channels: Range<usize>,
    to: &mut [f32],
) {
    let pixel = to.len() / (POINTS * POINTS);
    for (i, to) in to.chunks_exact_mut(pixel).enumerate() {
        // A position before the first has wrapped around, and is beyond the last.
        let [y, column] = [top.wrapping_add(i / POINTS), left.wrapping_add(i % POINTS)];
        let mut filled = 0;
        if y < m.h && column < m.w {
            let from = &x[((picture * m.h + y) * m.w + column) * m.cin..][channels.clone()];
            to[..from.len()].copy_from_slice(from);
            filled = from.len();
        }
        to[filled..].fill(0.0);
    }
}

/// Bᵀ d B for sixteen channels of a tile.
#[inline(always)]
fn transform_line<S: Simd>(s: S, d: Window<'_>, line: usize, mut v: Column<'_, LINE>) {
    for lane in (0..LINE).step_by(S::LANES) {
        let mut columns = [[s.splat(0.0); POINTS]; POINTS];
        for x in 0..POINTS {
            let mut column = [s.splat(0.0); POINTS];
            for y in 0..POINTS {
                column[y] = s.load(&d.line(y, x, line)[lane..]);
            }
            let column = input(s, column);
            for i in 0..POINTS {
                columns[i][x] = column[i];
            }
        }
        for i in 0..POINTS {
            let row = input(s, columns[i]);
            for j in 0..POINTS {
                s.store(row[j], &mut v.row(i * POINTS + j)[lane..]);
            }
        }
    }
}
