//! The input at the points: V = Bᵀ d B for every tile, in the order in which the register tile reads it.
//!
//! ```text
//! V[block][point 0..36][16 channels][tile of the block][16]      and a line to spare after each point
//! ```
//!
//! The transform runs over 16 channels at a time, which are a cache line: it reads 36 lines, one of each pixel of the
//! tile, and writes 36, one for each point. For a tile at the border, or channels that do not fill their last line, it asks
//! of each pixel whether there is one: where maps are small, that is most of them.
//!
//! The spare line keeps the 36 lines that are written together apart: at a distance of a multiple of 4 KiB they would all
//! compete for the same dozen places of L1.

use std::ops::Range;

use super::plan::{Maps, Tile};
use super::transform::{OUT, POINTS, both_axes, input};
use super::views::{Column, Edge, Pixels, Planes};
use crate::gemm::tile::LINE;
use crate::simd::Simd;

/// Lines of one point in a block of up to `rows` tiles.
pub(super) fn plane_lines(channels: usize, rows: usize) -> usize {
    channels.div_ceil(LINE) * rows + 1
}

/// The maps of a batch, and their sizes.
#[derive(Copy, Clone)]
pub(super) struct Input<'a> {
    pub(super) m: &'a Maps,
    pub(super) x: &'a [f32],
}

/// Transforms these lines of channels of a tile: line `i` of them goes to row `at(i)` of each point.
#[inline(always)]
pub(super) fn transform_tile<S: Simd>(
    s: S,
    Input { m, x }: Input<'_>,
    tile: Tile,
    lines: Range<usize>,
    v: &mut Planes<'_, LINE>,
    at: impl Fn(usize) -> usize,
) {
    let from = [(tile.row * OUT).wrapping_sub(m.pad[0]), (tile.column * OUT).wrapping_sub(m.pad[1])];
    let pixels = Edge::new(x, tile.picture, [m.h, m.w], m.cin, from);
    match pixels.window::<POINTS>() {
        Some(window) if lines.end * LINE <= m.cin => {
            for (i, line) in lines.enumerate() {
                window.prefetch_right(s, line * LINE);
                transform_line(s, &window, line * LINE, v.column(at(i)));
            }
        }
        _ => {
            for (i, line) in lines.enumerate() {
                transform_line(s, &pixels, line * LINE, v.column(at(i)));
            }
        }
    }
}

/// Bᵀ d B for sixteen channels of a tile.
#[inline(always)]
fn transform_line<S: Simd>(s: S, d: &impl Pixels, first: usize, mut v: Column<'_, LINE>) {
    for lane in (0..LINE).step_by(S::LANES) {
        both_axes(
            s,
            #[inline(always)]
            |y, x| d.load(s, y, x, first + lane),
            #[inline(always)]
            |axis| input(s, axis),
            #[inline(always)]
            |i, row| {
                for j in 0..POINTS {
                    s.store(row[j], &mut v.row(i * POINTS + j)[lane..]);
                }
            },
        );
    }
}
