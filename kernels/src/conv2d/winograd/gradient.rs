//! The gradients of the outputs at the points, G dy Gᵀ: what happens to the filters forward, with four rows and columns for
//! three, and with the divisors left to the taps.

use super::plan::{Maps, Tile};
use super::transform::{OUT, POINTS, gradient};
use super::views::{Column, Edge, Pixels};
use crate::gemm::tile::LINE;
use crate::simd::Simd;

/// NR channels of a tile, from channel `first` on; what is beyond the outputs, or behind their last channel, is zero.
#[inline(always)]
pub(super) fn transform_gradients<S: Simd, const NR: usize>(
    s: S,
    m: &Maps,
    dy: &[f32],
    tile: Tile,
    first: usize,
    to: Column<'_, NR>,
) {
    let pixels = Edge::new(dy, tile.picture, [m.out_h, m.out_w], m.cout, [tile.row * OUT, tile.column * OUT]);
    match pixels.window::<OUT>() {
        Some(window) if first + NR <= m.cout => {
            for line in (0..NR).step_by(LINE) {
                window.prefetch_right(s, first + line);
            }
            transform(s, &window, first, to);
        }
        _ => transform(s, &pixels, first, to),
    }
}

/// G dy Gᵀ for NR channels of a tile.
#[inline(always)]
fn transform<S: Simd, const NR: usize>(s: S, d: &impl Pixels, first: usize, mut to: Column<'_, NR>) {
    for lane in (0..NR).step_by(S::LANES) {
        let mut columns = [[s.splat(0.0); OUT]; POINTS];
        for x in 0..OUT {
            let mut column = [s.splat(0.0); OUT];
            for y in 0..OUT {
                column[y] = d.load(s, y, x, first + lane);
            }
            let column = gradient(s, column);
            for i in 0..POINTS {
                columns[i][x] = column[i];
            }
        }
        for i in 0..POINTS {
            let row = gradient(s, columns[i]);
            for j in 0..POINTS {
                s.store(row[j], &mut to.row(i * POINTS + j)[lane..]);
            }
        }
    }
}
