//! From the products to the outputs: Y = Aᵀ M A, then bias, ReLU and, if asked, the maximum of each 2×2, while all of it is
//! in registers.
//!
//! ```text
//! M[tile of the region][point 0..36][NR]
//! ```

use super::plan::{Maps, Region};
use super::transform::{OUT, PLANES, POINTS, both_axes, output};
use crate::conv2d::Finish;
use crate::gemm::tile::LINE;
use crate::parallel::BlockMut;
use crate::simd::Simd;

/// Stores the outputs of all tiles of a region, for the channels from `first` on. `y` is the matrix (pixels of the region,
/// channels), or some columns of it, of which `first` is number `column`.
#[inline(always)]
pub(super) fn transform_tiles<S: Simd, const NR: usize, const NV: usize>(
    s: S,
    m: &Maps,
    region: &Region,
    products: &[[f32; NR]],
    finish: Finish<'_>,
    [first, column]: [usize; 2],
    y: &mut BlockMut<'_>,
) {
    let width = NR.min(m.cout - first);
    let mut bias = [0.0; NR];
    if let Some(all) = finish.bias {
        bias[..width].copy_from_slice(&all[first..][..width]);
    }
    let side = if finish.pool { OUT / 2 } else { OUT };
    let [height, out_w] = m.out(finish.pool);
    let rows = region.pixel_rows(side, height);
    let (products, _) = products.as_chunks::<PLANES>();
    for (index, products) in products[..region.tiles()].iter().enumerate() {
        let tile = region.tile(index);
        let [top, left] = [tile.row * side, tile.column * side];
        let (down, across) = (side.min(height.saturating_sub(top)), side.min(out_w.saturating_sub(left)));
        // Where nothing of the tile is stored, there may be no such row.
        let first_row = (tile.picture - region.pictures.start) * rows.len() + top.saturating_sub(rows.start);
        if index + 1 < region.tiles() && down == side && across > 0 {
            // The next tile's pixels: they are to be in reach when their turn comes.
            for i in 0..side {
                let pixel = y.row((first_row + i) * out_w + left);
                for j in 0..side {
                    for line in (0..NR).step_by(LINE) {
                        s.prefetch(pixel, column + (side + j) * m.cout + line);
                    }
                }
            }
        }
        for part in (0..NR).step_by(S::LANES) {
            let out = transform_part(s, products, part, &bias, finish);
            for i in 0..OUT {
                for j in 0..OUT {
                    if i < down && j < across {
                        let to = &mut y.row((first_row + i) * out_w + left + j)[column..][..width];
                        store(s, out[i][j], part, to);
                    }
                }
            }
        }
    }
}

/// Stores the lanes that begin with number `part` of `to`, as far as it goes.
#[inline(always)]
fn store<S: Simd>(s: S, v: S::V, part: usize, to: &mut [f32]) {
    if let Some(to) = to.get_mut(part..part + S::LANES) {
        s.store(v, to);
    } else if part < to.len() {
        let mut lanes = [0.0; LINE];
        s.store(v, &mut lanes);
        let rest = to.len() - part;
        to[part..].copy_from_slice(&lanes[..rest]);
    }
}

/// The 4×4 outputs of one tile, or their 2×2 maxima in the same corner: some of NR channels.
#[inline(always)]
fn transform_part<S: Simd, const NR: usize>(
    s: S,
    products: &[[f32; NR]; PLANES],
    part: usize,
    bias: &[f32; NR],
    finish: Finish<'_>,
) -> [[S::V; OUT]; OUT] {
    let mut out = [[s.splat(0.0); OUT]; OUT];
    both_axes(
        s,
        #[inline(always)]
        |y, x| s.load(&products[y * POINTS + x][part..]),
        #[inline(always)]
        |axis| output(s, axis),
        #[inline(always)]
        |i, row| out[i] = row,
    );
    let bias = s.load(&bias[part..]);
    if finish.pool {
        // The maximum commutes with adding a number and with ReLU, and leaves a quarter of that to do.
        for i in 0..OUT / 2 {
            for j in 0..OUT / 2 {
                let upper = s.max(out[2 * i][2 * j], out[2 * i][2 * j + 1]);
                let lower = s.max(out[2 * i + 1][2 * j], out[2 * i + 1][2 * j + 1]);
                out[i][j] = finished(s, s.max(upper, lower), bias, finish.relu);
            }
        }
    } else {
        for i in 0..OUT {
            for j in 0..OUT {
                out[i][j] = finished(s, out[i][j], bias, finish.relu);
            }
        }
    }
    out
}

#[inline(always)]
fn finished<S: Simd>(s: S, v: S::V, bias: S::V, relu: bool) -> S::V {
    let v = s.add(v, bias);
    if relu { s.relu(v) } else { v }
}
