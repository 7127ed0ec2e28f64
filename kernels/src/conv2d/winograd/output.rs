//! From the products to the outputs: Y = Aᵀ M A, then bias, ReLU and, if asked, the maximum of each 2×2, while all of it is
//! in registers.
//!
//! ```text
//! M[point 0..36][tile of the region][NR]
//! ```

use super::plan::{Maps, Region};
use super::transform::{OUT, POINTS, output};
use crate::conv2d::Finish;
use crate::parallel::BlockMut;
use crate::simd::Simd;

/// Rows of M for each point: an odd number, so that those of one tile do not compete for a few places of L1.
pub(super) fn plane_rows(tiles: usize) -> usize {
    tiles | 1
}

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
    let (tiles, width) = (region.tiles(), NR.min(m.cout - first));
    let mut bias = [0.0; NR];
    if let Some(all) = finish.bias {
        bias[..width].copy_from_slice(&all[first..][..width]);
    }
    let side = if finish.pool { OUT / 2 } else { OUT };
    let [height, out_w] = m.out(finish.pool);
    let rows = region.pixel_rows(side, height);
    for index in 0..tiles {
        let tile = region.tile(index);
        let picture = (tile.picture - region.pictures.start) * rows.len();
        let [top, left] = [tile.row * side, tile.column * side];
        let (down, across) = (side.min(height.saturating_sub(top)), side.min(out_w.saturating_sub(left)));
        for part in (0..NV * S::LANES).step_by(S::LANES) {
            let out = transform_part(s, &products[index..], plane_rows(tiles), part, &bias, finish);
            for i in 0..down {
                let pixel = (picture + top + i - rows.start) * out_w + left;
                for j in 0..across {
                    let to = &mut y.row(pixel + j)[column..][..width];
                    if let Some(to) = to.get_mut(part..part + S::LANES) {
                        s.store(out[i * OUT + j], to);
                    } else if part < width {
                        let mut lanes = [0.0; 16];
                        s.store(out[i * OUT + j], &mut lanes);
                        to[part..].copy_from_slice(&lanes[..width - part]);
                    }
                }
            }
        }
    }
}

/// The 4×4 outputs of one tile, or its 2×2 maxima in the same places of the first two rows: some of NR channels.
#[inline(always)]
fn transform_part<S: Simd, const NR: usize>(
    s: S,
    products: &[[f32; NR]],
    stride: usize,
    part: usize,
    bias: &[f32; NR],
    finish: Finish<'_>,
) -> [S::V; OUT * OUT] {
    let mut columns = [[s.splat(0.0); POINTS]; OUT];
    for x in 0..POINTS {
        let column: [S::V; POINTS] = std::array::from_fn(
            #[inline(always)]
            |i| s.load(&products[(i * POINTS + x) * stride][part..]),
        );
        let column = output(s, column);
        for i in 0..OUT {
            columns[i][x] = column[i];
        }
    }
    let mut out = [s.splat(0.0); OUT * OUT];
    for i in 0..OUT {
        out[i * OUT..][..OUT].copy_from_slice(&output(s, columns[i]));
    }
    // The maximum commutes with adding a number and with ReLU, and leaves a quarter of that to do.
    let side = if finish.pool { OUT / 2 } else { OUT };
    if finish.pool {
        for i in 0..side {
            for j in 0..side {
                let at = 2 * i * OUT + 2 * j;
                let [upper, lower] = [s.max(out[at], out[at + 1]), s.max(out[at + OUT], out[at + OUT + 1])];
                out[i * OUT + j] = s.max(upper, lower);
            }
        }
    }
    let bias = s.load(&bias[part..]);
    for i in 0..side {
        for j in 0..side {
            let mut v = s.add(out[i * OUT + j], bias);
            if finish.relu {
                v = s.relu(v);
            }
            out[i * OUT + j] = v;
        }
    }
    out
}
