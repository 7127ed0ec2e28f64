//! The input at the points: V = Bᵀ d B for every tile, in the order in which the register tile reads it.
//!
//! ```text
//! V[block][point 0..36][16 channels][tile of the block][16]      and a line to spare after each point
//! ```
//!
//! The transform runs over 16 channels at a time, which are a cache line: it reads 36 lines, one of each pixel of the
//! tile, and writes 36, one for each point. What lies outside the picture reads from a line of zeros, so that the border
//! needs no code of its own.
//!
//! The spare line keeps the 36 lines that are written together apart: at a distance of a multiple of 4 KiB they would all
//! compete for the same dozen places of L1.

use super::plan::{Maps, Tile};
use super::transform::{OUT, PLANES, POINTS, input};
use crate::gemm::tile::LINE;
use crate::simd::Simd;

/// Lines of one point in a block of up to `rows` tiles.
pub(super) fn plane_lines(channels: usize, rows: usize) -> usize {
    channels.div_ceil(LINE) * rows + 1
}

/// The channels of a pixel: whole lines, and what is left.
type Pixel<'a> = (&'a [[f32; LINE]], &'a [f32]);

/// The 6×6 pixels under a tile.
#[inline(always)]
fn pixels<'a>(m: &Maps, x: &'a [f32], zeros: &'a [f32], tile: Tile) -> [Pixel<'a>; PLANES] {
    let [top, left] = [tile.row * OUT, tile.column * OUT];
    std::array::from_fn(
        #[inline(always)]
        |i| {
            let y = (top + i / POINTS).checked_sub(m.pad[0]).filter(|&y| y < m.h);
            let x_ = (left + i % POINTS).checked_sub(m.pad[1]).filter(|&x| x < m.w);
            match (y, x_) {
                (Some(y), Some(x_)) => {
                    x[((tile.picture * m.h + y) * m.w + x_) * m.cin..][..m.cin].as_chunks()
                }
                _ => zeros[..m.cin].as_chunks(),
            }
        },
    )
}

/// Transforms one tile, row `row` of a block of `rows`, into `v`, the lines of that block. `zeros` are at least cin zeros.
#[inline(always)]
pub(super) fn transform_tile<S: Simd>(
    s: S,
    m: &Maps,
    x: &[f32],
    zeros: &[f32],
    tile: Tile,
    [row, rows]: [usize; 2],
    v: &mut [[f32; LINE]],
) {
    let pixels = pixels(m, x, zeros, tile);
    let stride = plane_lines(m.cin, rows);
    for line in 0..m.cin.div_ceil(LINE) {
        transform_line(s, &pixels, line, stride, line * rows + row, v);
    }
}

/// Transforms channels `16·line..` of one tile: point `p` goes to line `p * stride + at` of `v`.
#[inline(always)]
pub(super) fn transform_channels<S: Simd>(
    s: S,
    m: &Maps,
    x: &[f32],
    zeros: &[f32],
    tile: Tile,
    line: usize,
    [at, stride]: [usize; 2],
    v: &mut [[f32; LINE]],
) {
    transform_line(s, &pixels(m, x, zeros, tile), line, stride, at, v);
}

/// The same, from the pixels under the tile.
#[inline(always)]
fn transform_line<S: Simd>(
    s: S,
    pixels: &[Pixel<'_>; PLANES],
    line: usize,
    stride: usize,
    at: usize,
    v: &mut [[f32; LINE]],
) {
    if line < pixels[0].0.len() {
        let d = pixels.map(
            #[inline(always)]
            |(lines, _)| &lines[line],
        );
        return transform_lines(s, d, stride, at, v);
    }
    let mut padded = [[0.0; LINE]; PLANES];
    for (to, (_, rest)) in padded.iter_mut().zip(pixels) {
        to[..rest.len()].copy_from_slice(rest);
    }
    transform_lines(s, padded.each_ref(), stride, at, v);
}

/// The same, from 36 lines.
#[inline(always)]
fn transform_lines<S: Simd>(
    s: S,
    d: [&[f32; LINE]; PLANES],
    stride: usize,
    at: usize,
    v: &mut [[f32; LINE]],
) {
    for lane in (0..LINE).step_by(S::LANES) {
        let mut columns = [[s.splat(0.0); POINTS]; POINTS];
        for x in 0..POINTS {
            let column: [S::V; POINTS] = std::array::from_fn(
                #[inline(always)]
                |y| s.load(&d[y * POINTS + x][lane..]),
            );
            let column = input(s, column);
            for i in 0..POINTS {
                columns[i][x] = column[i];
            }
        }
        for i in 0..POINTS {
            let row = input(s, columns[i]);
            for j in 0..POINTS {
                s.store(row[j], &mut v[(i * POINTS + j) * stride + at][lane..]);
            }
        }
    }
}
