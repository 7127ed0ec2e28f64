//! The gradient of the filters at the points: dw = Aᵀ [ Σ over tiles (Bᵀ x B) ⊙ (G dy Gᵀ) ] A, F(3×3, 4×4).
//!
//! For each point it is a matrix product again, (cin, tiles) · (tiles, cout), whose sums run over all tiles of the batch:
//!
//! ```text
//! for each chunk of tiles, in order                              X and Y at the points stay in L2 or L3
//!     X[16 of cin][point][tile][16] = x at the points            in parallel over channels
//!     Y[NR of cout][point][tile][NR] = dy at the points
//!     for each piece of dw, 16 to 128 of cin × NR of cout        in parallel
//!         for each point                                         M = Xᵀ · Y
//!         sums of the piece += Aᵀ M A
//! dw = the sums, in their own order
//! ```
//!
//! Chunks are added in order, and where they lie depends on the shape alone: the bits stay the same on any number of
//! threads. M is one chunk's, and is taken back to taps at once.
//!
//! # Zeros
//!
//! The errors of this sum are relative to the terms it is made of, and all nine taps of two channels are made of the same.
//! Behind a ReLU many a tap is zero in truth (a channel that few pixels reach), and comes out as a rounding error here. An
//! optimiser like Adam looks at the sign of a gradient and not at its size, and would follow that noise. So a tap that is
//! less than one rounding of its terms, of which nothing can be known, is taken to be zero.

use rayon::prelude::*;

use super::input::{Input, transform_tile};
use super::plan::{Cut, Maps, Region, Tile};
use super::transform::{OUT, PLANES, POINTS, TAPS, TAPS_TIMES, gradient, sizes_of_taps, taps};
use super::views::{Column, Planes};
use crate::conv2d::Conv2dShape;
use crate::gemm::tile::{Ahead, LINE, Panel, Rows, WithTile, tile, with_tile};
use crate::isa::Isa;
use crate::parallel::{even_parts, with_scratch};
use crate::simd::Simd;

/// Tiles of a chunk at most.
const CHUNK: usize = 98;

/// dw from x and dy.
pub(in crate::conv2d) fn backward_weights(isa: Isa, s: &Conv2dShape, x: &[f32], dy: &[f32], dw: &mut [f32]) {
    with_tile(isa, Gradient { m: Maps::forward(s), x, dy, dw });
}

struct Gradient<'a> {
    m: Maps,
    x: &'a [f32],
    dy: &'a [f32],
    dw: &'a mut [f32],
}

/// Lines of input channels of a piece of dw: 128 channels, whose M (0.6 MB) stays in L2, so that Y is read an eighth as
/// often as with 16; fewer where there would not be enough pieces for all cores.
fn lines_of_piece(lines: usize, panels: usize) -> usize {
    let mut piece = 8;
    while piece > 1 && lines.div_ceil(piece) * panels < 8 {
        piece /= 2;
    }
    piece
}

impl WithTile for Gradient<'_> {
    type Output = ();
    fn run<S: Simd, const MR: usize, const NR: usize, const NV: usize>(self, s: S) {
        let Gradient { m, x, dy, dw } = self;
        let cut = m.cut(CHUNK);
        // Of each point; odd, so that the points of one tile do not compete for a few places of L1.
        let stride = (cut.pictures * cut.rows * m.tiles()[1]) | 1;
        let [x_len, y_len] = [LINE, NR].map(|width| PLANES * stride * width);
        let (lines, panels) = (m.cin.div_ceil(LINE), m.cout.div_ceil(NR));
        let piece = lines_of_piece(lines, panels);
        let sums_len = TAPS * TAPS * piece * LINE * NR;
        let pieces = lines.div_ceil(piece) * panels;
        with_scratch(lines * x_len + panels * y_len + pieces * sums_len, |scratch| {
            let (x_points, rest) = scratch.split_at_mut(lines * x_len);
            let (y_points, sums) = rest.split_at_mut(panels * y_len);
            sums.fill(0.0);
            for region in regions(&m, cut) {
                let x_parts = x_points.par_chunks_exact_mut(x_len).enumerate();
                let y_parts = y_points.par_chunks_exact_mut(y_len).enumerate();
                rayon::join(
                    || x_parts.for_each(|(line, to)| x_at_points(s, &m, &region, x, line, stride, to)),
                    || y_parts.for_each(|(p, to)| dy_at_points::<S, NR>(s, &m, &region, dy, p, stride, to)),
                );
                let (x_points, y_points) = (&*x_points, &*y_points);
                sums.par_chunks_exact_mut(sums_len).enumerate().for_each(|(index, sums)| {
                    let (first, panel) = (index / panels * piece, index % panels);
                    let x = &x_points[first * x_len..lines.min(first + piece) * x_len];
                    let y = &y_points[panel * y_len..][..y_len];
                    add_chunk::<S, MR, NR, NV>(s, [region.tiles(), stride], x, y, sums);
                });
            }
            spread::<NR>(&m, piece * LINE, sums, dw);
        });
    }
}

/// All regions, in order.
fn regions(m: &Maps, cut: Cut) -> impl Iterator<Item = Region> {
    let parts = m.tiles()[0].div_ceil(cut.rows);
    (0..m.n)
        .step_by(cut.pictures)
        .flat_map(move |first| (0..parts).map(move |part| cut.region(m, first, part)))
}

/// Channels `16·line..` of x at the points: `to[point][tile][16]`, `stride` tiles a point.
fn x_at_points<S: Simd>(
    s: S,
    m: &Maps,
    region: &Region,
    x: &[f32],
    line: usize,
    stride: usize,
    to: &mut [f32],
) {
    let mut copy = [0.0; PLANES * LINE];
    s.vectorize(
        #[inline(always)]
        || {
            let mut to = Planes::new(to.as_chunks_mut().0, stride);
            for t in 0..region.tiles() {
                transform_tile(s, Input { m, x }, region.tile(t), line..line + 1, &mut copy, &mut to, |_| t);
            }
        },
    );
}

/// Channels `NR·panel..` of dy at the points: `to[point][tile][NR]`, `stride` tiles a point.
fn dy_at_points<S: Simd, const NR: usize>(
    s: S,
    m: &Maps,
    region: &Region,
    dy: &[f32],
    panel: usize,
    stride: usize,
    to: &mut [f32],
) {
    s.vectorize(
        #[inline(always)]
        || {
            let mut to = Planes::new(to.as_chunks_mut::<NR>().0, stride);
            for t in 0..region.tiles() {
                let mut padded = [[0.0; NR]; OUT * OUT];
                let d = gradients(m, dy, region.tile(t), panel * NR, &mut padded);
                transform_gradients(s, d, to.column(t));
            }
        },
    );
}

/// NR channels of the 4×4 gradients of a tile, where they lie; what is outside the output, or less than NR, in `padded`,
/// which holds zeros.
#[inline(always)]
fn gradients<'a, const NR: usize>(
    m: &Maps,
    dy: &'a [f32],
    tile: Tile,
    first: usize,
    padded: &'a mut [[f32; NR]; OUT * OUT],
) -> [&'a [f32; NR]; OUT * OUT] {
    let width = NR.min(m.cout - first);
    let inside = |i: usize| {
        let [y, x] = [tile.row * OUT + i / OUT, tile.column * OUT + i % OUT];
        let pixel = (tile.picture * m.out_h + y) * m.out_w + x;
        (y < m.out_h && x < m.out_w).then(|| &dy[pixel * m.cout + first..][..width])
    };
    if width < NR {
        for (i, padded) in padded.iter_mut().enumerate() {
            if let Some(from) = inside(i) {
                padded[..width].copy_from_slice(from);
            }
        }
    }
    let padded = &*padded;
    let mut d = [&padded[0]; OUT * OUT];
    for (i, d) in d.iter_mut().enumerate() {
        *d = inside(i).and_then(|from| from.first_chunk()).unwrap_or(&padded[i]);
    }
    d
}

/// G dy Gᵀ for NR channels of a tile.
#[inline(always)]
fn transform_gradients<S: Simd, const NR: usize>(s: S, d: [&[f32; NR]; OUT * OUT], mut to: Column<'_, NR>) {
    for lane in (0..NR).step_by(S::LANES) {
        let mut columns = [[s.splat(0.0); OUT]; POINTS];
        for x in 0..OUT {
            let mut column = [s.splat(0.0); OUT];
            for y in 0..OUT {
                column[y] = s.load(&d[y * OUT + x][lane..]);
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

/// Adds one chunk to a piece of dw, `sums[tap][channel of x][NR]`; `x` is `[line][point][tile][16]`.
fn add_chunk<S: Simd, const MR: usize, const NR: usize, const NV: usize>(
    s: S,
    [tiles, stride]: [usize; 2],
    x: &[f32],
    y: &[f32],
    sums: &mut [f32],
) {
    let (x, y, sums) = (x.as_chunks::<LINE>().0, y.as_chunks::<NR>().0, sums.as_chunks_mut::<NR>().0);
    // The last piece may have fewer.
    let lines = x.len() / y.len();
    with_scratch(lines * LINE * PLANES * NR, |products| {
        let products = products.as_chunks_mut::<NR>().0;
        let of_tap = sums.len() / (TAPS * TAPS);
        s.vectorize(
            #[inline(always)]
            || {
                for point in 0..PLANES {
                    let b = &y[point * stride..][..tiles];
                    for (line, x) in x.chunks_exact(y.len()).enumerate() {
                        let a = &x[point * stride..][..tiles];
                        for rows in even_parts(0..LINE, MR) {
                            let c = &mut products[(line * LINE + rows.start) * PLANES + point..];
                            let (panel, c) =
                                (Panel::Columns { a, first: rows.start }, Rows::every(c, rows.len(), PLANES));
                            tile::<S, MR, NR, NV>(s, panel, b, Ahead::default(), false, c);
                        }
                    }
                }
                for (channel, products) in products.as_chunks::<PLANES>().0.iter().enumerate() {
                    add_taps(s, products, of_tap, &mut sums[channel..]);
                }
            },
        );
    });
}

/// Aᵀ M A of one channel of x, divided, added to row `tap * of_tap` of `sums` for each tap.
#[inline(always)]
fn add_taps<S: Simd, const NR: usize>(
    s: S,
    products: &[[f32; NR]; PLANES],
    of_tap: usize,
    sums: &mut [[f32; NR]],
) {
    let (times, rounding) = (s.splat(TAPS_TIMES * TAPS_TIMES), s.splat(f32::EPSILON / 2.0));
    for lane in (0..NR).step_by(S::LANES) {
        let zero = s.splat(0.0);
        let (mut columns, mut sizes) = ([[zero; POINTS]; TAPS], [[zero; POINTS]; TAPS]);
        for x in 0..POINTS {
            let (mut column, mut size) = ([zero; POINTS], [zero; POINTS]);
            for y in 0..POINTS {
                column[y] = s.load(&products[y * POINTS + x][lane..]);
                size[y] = s.abs(column[y]);
            }
            let (column, size) = (taps(s, column), sizes_of_taps(s, size));
            for i in 0..TAPS {
                (columns[i][x], sizes[i][x]) = (column[i], size[i]);
            }
        }
        for i in 0..TAPS {
            let (row, size) = (taps(s, columns[i]), sizes_of_taps(s, sizes[i]));
            for j in 0..TAPS {
                let known = s.drop_up_to(row[j], s.mul(rounding, size[j]));
                let to = &mut sums[(i * TAPS + j) * of_tap][lane..];
                s.store(s.add(s.load(to), s.div(known, times)), to);
            }
        }
    }
}

/// dw (3, 3, cin, cout), from the sums of its pieces, each of `channels` input channels and NR output channels.
fn spread<const NR: usize>(m: &Maps, channels: usize, sums: &[f32], dw: &mut [f32]) {
    let (panels, of_tap) = (m.cout.div_ceil(NR), channels * NR);
    dw.par_chunks_exact_mut(m.cout).enumerate().for_each(|(row, dw)| {
        let (tap, channel) = (row / m.cin, row % m.cin);
        for (panel, dw) in dw.chunks_mut(NR).enumerate() {
            let piece = channel / channels * panels + panel;
            let from = piece * TAPS * TAPS * of_tap + tap * of_tap + channel % channels * NR;
            dw.copy_from_slice(&sums[from..][..dw.len()]);
        }
    });
}
