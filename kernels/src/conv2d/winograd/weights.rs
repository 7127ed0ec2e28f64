//! The gradient of the filters at the points: dw = Aᵀ [ Σ over tiles (Bᵀ x B) ⊙ (G dy Gᵀ) ] A, F(3×3, 4×4).
//!
//! For each point it is a matrix product again, (cin, tiles) · (tiles, cout), whose sums run over all tiles of the batch:
//!
//! ```text
//! for each block of dw, 64 of cin × 64 of cout, and each group of tiles           in parallel
//!     for each chunk of the group, ≤ 32 tiles, in order
//!         X[point][16 of cin][tile][16]  = x at the points      0.3 MB
//!         Y[point][NR of cout][tile][NR] = dy at the points     0.3 MB
//!         M[NR of cout][point][cin][NR] += Xᵀ · Y               0.6 MB
//!     part of dw = Aᵀ M A
//! dw = the parts of its groups, added in order
//! ```
//!
//! All that the products read and write stays in the L2 of the core that made it, and what the next chunk reads of x and dy
//! is asked for while they run. The price is that x is transformed anew for every 64 output channels, and dy for every 64
//! input channels; it is the same share of the time, a quarter, however wide a layer is. To transform them once, for all
//! cores, saves most of that, but the numbers at the points are 2.25 times those of the maps: far too many for L2, they are
//! written to L3 and read from there for every block. That took as long for 512 channels, and up to three times as long for
//! 64, where there are fewer products to wait behind.
//!
//! What belongs to which group and chunk depends on the shape alone: the bits stay the same on any number of threads.

use std::ops::Range;

use rayon::prelude::*;

use super::gradient::transform_gradients;
use super::input::{Input, transform_tile};
use super::plan::{Cut, Maps, Region};
use super::taps::store_taps;
use super::transform::{PLANES, TAPS};
use super::views::Planes;
use crate::conv2d::Conv2dShape;
use crate::gemm::panels::Columns;
use crate::gemm::tile::{Ahead, LINE, Line, Rows, WithTile, tile, with_tile};
use crate::isa::Isa;
use crate::parallel::{even_parts, with_scratch};
use crate::simd::Simd;

/// Lines of input channels of a block, and its output channels: its M takes 0.6 MB, so that X and Y of a chunk, and what the
/// next chunk reads, have room beside it in an L2 of 2 MB. Blocks twice as wide were no faster, with two or four times
/// fewer transforms.
const LINES: usize = 4;
const COLUMNS: usize = 64;

/// Tiles of a chunk at most (but at least a row): the length of a chain of additions, after which M is read and written once.
/// Twice as many are slower, since L2 overflows.
const CHUNK: usize = 32;

/// Parts that there should be at least, so that many cores have something to do.
const PARTS: usize = 32;

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

impl WithTile for Gradient<'_> {
    type Output = ();
    fn run<S: Simd, const MR: usize, const NR: usize, const NV: usize>(self, s: S) {
        let Gradient { m, x, dy, dw } = self;
        let division = Division::new::<NR>(&m);
        let len = division.part_len();
        with_scratch(division.parts() * len, |parts| {
            parts.par_chunks_exact_mut(len).enumerate().for_each(|(index, part)| {
                Part::<S, NR>::new(s, &m, &division, [x, dy], index).compute::<MR, NV>(part);
            });
            add_groups(&m, &division, parts, dw);
        });
    }
}

/// How the sums of dw are divided into parts: for each block of dw, one of every group of regions.
struct Division {
    cut: Cut,
    regions: usize,
    groups: usize,
    /// Channels of a block: of the input, whole lines, and of the output, whole panels.
    block: [usize; 2],
    /// Blocks across.
    across: usize,
    /// Blocks in all.
    blocks: usize,
}

impl Division {
    fn new<const NR: usize>(m: &Maps) -> Self {
        let block =
            [m.cin.next_multiple_of(LINE).min(LINES * LINE), m.cout.next_multiple_of(NR).min(COLUMNS)];
        let across = m.cout.div_ceil(block[1]);
        let blocks = m.cin.div_ceil(block[0]) * across;
        let cut = m.cut(CHUNK);
        let regions = cut.regions(m);
        Self { cut, regions, groups: PARTS.div_ceil(blocks).min(regions), block, across, blocks }
    }

    fn parts(&self) -> usize {
        self.blocks * self.groups
    }

    /// Numbers of a part, `[tap][input channel][output channel]`.
    fn part_len(&self) -> usize {
        TAPS * TAPS * self.block[0] * self.block[1]
    }
}

/// A block of dw, summed over the tiles of one group.
struct Part<'a, S, const NR: usize> {
    s: S,
    m: &'a Maps,
    x: &'a [f32],
    dy: &'a [f32],
    division: &'a Division,
    regions: Range<usize>,
    /// Lines of input channels.
    lines: Range<usize>,
    /// Panels of output channels.
    panels: Range<usize>,
    /// Rows from one point to the next of X, Y and M: odd numbers, so that the 36 points of one tile do not compete for a few
    /// places of L1.
    strides: [usize; 3],
}

impl<'a, S: Simd, const NR: usize> Part<'a, S, NR> {
    fn new(s: S, m: &'a Maps, division: &'a Division, [x, dy]: [&'a [f32]; 2], index: usize) -> Self {
        let &Division { cut, regions, groups, block, across, .. } = division;
        let (at, group) = (index / groups, index % groups);
        let part = |at: usize, size: usize, of: usize| at * size..of.min((at + 1) * size);
        let lines = part(at / across, block[0] / LINE, m.cin.div_ceil(LINE));
        let panels = part(at % across, block[1] / NR, m.cout.div_ceil(NR));
        let regions = regions * group / groups..regions * (group + 1) / groups;
        let tiles = cut.pictures * cut.rows * m.tiles()[1];
        let strides = [lines.len() * tiles, panels.len() * tiles, lines.len() * LINE].map(|rows| rows | 1);
        Self { s, m, x, dy, division, regions, lines, panels, strides }
    }

    fn compute<const MR: usize, const NV: usize>(&self, part: &mut [f32]) {
        let [x_len, y_len, m_len] = self.strides.map(|rows| PLANES * rows);
        let [x_len, y_len, m_len] = [x_len * LINE, y_len * NR, m_len * self.panels.len() * NR];
        with_scratch(x_len + y_len + m_len, |scratch| {
            let (x, rest) = scratch.split_at_mut(x_len);
            let (y, products) = rest.split_at_mut(y_len);
            let (x, y) = (x.as_chunks_mut::<LINE>().0, y.as_chunks_mut::<NR>().0);
            let products = products.as_chunks_mut::<NR>().0;
            for index in self.regions.clone() {
                let region = self.division.cut.nth(self.m, index);
                self.x_at_points(&region, x);
                self.dy_at_points(&region, y);
                self.add_products::<MR, NV>(index, x, y, products);
            }
            self.back_to_taps(products, part);
        });
    }

    /// X of a region.
    fn x_at_points(&self, region: &Region, to: &mut [Line]) {
        let (s, input, tiles) = (self.s, Input { m: self.m, x: self.x }, region.tiles());
        s.vectorize(
            #[inline(always)]
            || {
                let mut to = Planes::new(to, self.strides[0]);
                for t in 0..tiles {
                    let at = |line: usize| line * tiles + t;
                    transform_tile(s, input, region.tile(t), self.lines.clone(), &mut to, at);
                }
            },
        );
    }

    /// Y of a region.
    fn dy_at_points(&self, region: &Region, to: &mut [[f32; NR]]) {
        let (s, m, tiles) = (self.s, self.m, region.tiles());
        s.vectorize(
            #[inline(always)]
            || {
                let mut to = Planes::new(to, self.strides[1]);
                for t in 0..tiles {
                    for (i, panel) in self.panels.clone().enumerate() {
                        let to = to.column(i * tiles + t);
                        transform_gradients(s, m, self.dy, region.tile(t), panel * NR, to);
                    }
                }
            },
        );
    }

    /// M = Xᵀ · Y for the first of the regions, M += Xᵀ · Y for the others. What the next one reads of x and dy is asked for
    /// meanwhile.
    fn add_products<const MR: usize, const NV: usize>(
        &self,
        index: usize,
        x: &[Line],
        y: &[[f32; NR]],
        products: &mut [[f32; NR]],
    ) {
        let (s, cut, [x_stride, y_stride, m_stride]) = (self.s, self.division.cut, self.strides);
        let tiles = cut.nth(self.m, index).tiles();
        let next = (index + 1 < self.regions.end).then(|| self.read_by(&cut.nth(self.m, index + 1)));
        let (lines, panels, add) = (self.lines.len(), self.panels.len(), index > self.regions.start);
        s.vectorize(
            #[inline(always)]
            || {
                let (mut piece, pieces) = (0, PLANES * panels * lines);
                for point in 0..PLANES {
                    for panel in 0..panels {
                        let b = &y[point * y_stride + panel * tiles..][..tiles];
                        let c = &mut products[(panel * PLANES + point) * m_stride..][..m_stride];
                        for line in 0..lines {
                            next.iter().flatten().for_each(|reading| reading.prefetch(s, piece, pieces));
                            piece += 1;
                            let a = &x[point * x_stride + line * tiles..][..tiles];
                            for rows in even_parts(0..LINE, MR) {
                                let c = &mut c[line * LINE..][rows.clone()];
                                let a = Columns { a, first: rows.start };
                                tile::<S, MR, NR, NV>(s, a, b, Ahead::default(), add, Rows::all(c));
                            }
                        }
                    }
                }
            },
        );
    }

    /// What the transforms of a region read of x and dy.
    fn read_by(&self, region: &Region) -> [Reading<'a>; 2] {
        let m = self.m;
        let columns = self.panels.start * NR..self.panels.end * NR;
        [
            Reading {
                map: self.x,
                pixels: region.pixels(m.h, m.w),
                of_pixel: m.cin,
                channels: self.lines.start * LINE..self.lines.end * LINE,
            },
            Reading {
                map: self.dy,
                pixels: region.pixels(m.out_h, m.out_w),
                of_pixel: m.cout,
                channels: columns,
            },
        ]
    }

    /// The part, from M.
    fn back_to_taps(&self, products: &[[f32; NR]], part: &mut [f32]) {
        let (s, [channels, columns], stride) = (self.s, self.division.block, self.strides[2]);
        s.vectorize(
            #[inline(always)]
            || {
                for panel in 0..self.panels.len() {
                    let products = &products[panel * PLANES * stride..];
                    for channel in 0..self.lines.len() * LINE {
                        let to = &mut part[channel * columns + panel * NR..];
                        store_taps(s, &products[channel..], stride, to, channels * columns);
                    }
                }
            },
        );
    }
}

/// Some channels of some pixels of a map.
struct Reading<'a> {
    map: &'a [f32],
    pixels: Range<usize>,
    /// Channels of a pixel.
    of_pixel: usize,
    channels: Range<usize>,
}

impl Reading<'_> {
    /// Asks for piece `index` of it, if it is cut into so many: it is to come into L2.
    #[inline(always)]
    fn prefetch<S: Simd>(&self, s: S, index: usize, pieces: usize) {
        let size = self.pixels.len().div_ceil(pieces);
        for pixel in self.pixels.clone().skip(index * size).take(size) {
            for channel in self.channels.clone().step_by(LINE) {
                s.prefetch_far(self.map, pixel * self.of_pixel + channel);
            }
        }
    }
}

/// dw (3, 3, cin, cout), from the parts: for each block, those of its groups follow each other.
fn add_groups(m: &Maps, division: &Division, parts: &[f32], dw: &mut [f32]) {
    let (len, groups, [channels, columns]) = (division.part_len(), division.groups, division.block);
    dw.par_chunks_exact_mut(m.cout).enumerate().for_each(|(row, dw)| {
        let (tap, channel) = (row / m.cin, row % m.cin);
        for (j, dw) in dw.chunks_mut(columns).enumerate() {
            let block = channel / channels * division.across + j;
            let at = (tap * channels + channel % channels) * columns;
            let width = dw.len();
            let of_group = |group: usize| &parts[(block * groups + group) * len + at..][..width];
            dw.copy_from_slice(of_group(0));
            for group in 1..groups {
                dw.iter_mut().zip(of_group(group)).for_each(|(dw, part)| *dw += part);
            }
        }
    });
}
