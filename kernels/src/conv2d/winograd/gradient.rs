//! The gradients of the outputs at the points, G dy Gᵀ: what happens to the filters forward, with four rows and columns for
//! three, and with the divisors left to the taps.

use super::plan::{Maps, Tile};
use super::transform::{OUT, POINTS, both_axes, gradient};
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
        both_axes(
            s,
            #[inline(always)]
            |y, x| d.load(s, y, x, first + lane),
            #[inline(always)]
            |axis| gradient(s, axis),
            #[inline(always)]
            |i, row| {
                for j in 0..POINTS {
                    s.store(row[j], &mut to.row(i * POINTS + j)[lane..]);
                }
            },
        );
    }
}
