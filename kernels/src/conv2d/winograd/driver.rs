//! The loops around the transforms and the register tile.
//!
//! ```text
//! for each region                                    ≤ some hundred tiles: V stays in L2 or L3
//!     for each of its tiles                          V = input at the points
//!     for each few panels of NR output channels
//!         for each point                             its NR × cin filters: L2, or a stream from memory
//!             for each block of tiles
//!                 for each of the panels             M = V · U, 128 channels of the sum at a time
//!         for each tile                              y = output of M, with bias, ReLU, pooling
//! ```
//!
//! Only a few panels are in flight, so that M stays in L2 however many channels a layer has.
//!
//! Cores share the work in one of two ways. With few filters, each takes *regions* and does everything for them: nothing
//! is shared but the filters, which fit into its cache. With many (block 4 of VGG16 has 37 MB a layer), every core would
//! read all of them; so the regions come one after the other, the cores transform its blocks together, and then each
//! takes *panels*, and reads its own part of the filters only. It makes no difference to the sums, so that the choice may
//! depend on the number of threads.

use std::ops::Range;

use rayon::prelude::*;

use super::input::{Input, copy_len, plane_lines, transform_tile};
use super::output::transform_tiles;
use super::plan::{Cut, Maps, Region};
use super::transform::PLANES;
use super::views::Planes;
use crate::conv2d::Finish;
use crate::gemm::tile::{Ahead, LINE, Panel, Rows, WithTile, tile};
use crate::parallel::{BlockMut, for_each_block, with_scratch};
use crate::simd::Simd;

/// Terms of a chain of additions before it is added to M. Shorter chains round less: 128 halve the error of 512, for an
/// access to M in every 128 multiply-adds.
const CHAIN: usize = 128;

/// Numbers of U up to which each core reads them all, 16 MB: with 56×56 tiles that costs less than sharing V does.
const OWN_FILTERS: usize = 1 << 22;

/// One pass over all pictures.
pub(super) struct Pass<'a> {
    pub(super) m: Maps,
    pub(super) x: &'a [f32],
    pub(super) u: &'a [f32],
    pub(super) finish: Finish<'a>,
    pub(super) y: &'a mut [f32],
}

/// What a pass reads, by the tile of an instruction set.
struct Job<'a, S, const MR: usize, const NR: usize> {
    s: S,
    m: Maps,
    x: &'a [f32],
    u: &'a [[f32; NR]],
    finish: Finish<'a>,
    /// Panels that are multiplied together.
    group: usize,
}

impl WithTile for Pass<'_> {
    type Output = ();
    fn run<S: Simd, const MR: usize, const NR: usize, const NV: usize>(self, s: S) {
        let Pass { m, x, u, finish, y } = self;
        let job = Job::<S, MR, NR> { s, m, x, u: u.as_chunks::<NR>().0, finish, group: panels_together(&m) };
        let threads = rayon::current_num_threads();
        let own = m.cut(own_tiles(&m).min((m.n * m.tiles()[0] * m.tiles()[1]).div_ceil(threads)));
        if u.len() <= OWN_FILTERS && own.regions(&m) >= threads {
            job.by_region::<NV>(own, y);
        } else {
            job.by_panel::<NV>(m.cut(SHARED_TILES), y);
        }
    }
}

/// Input channels up to which V and M of a region (56 tiles: 0.8 MB with 64 channels, 1.3 MB with 128) stay in an L2 of 2 MB.
const WIDE: usize = 128;

/// Tiles of a region that a core works through alone: as many as L2 holds, or, where the filters come from L3 for every
/// region (with 256 channels they are 9 MB), enough to be worth that.
fn own_tiles(m: &Maps) -> usize {
    if m.cin <= WIDE { 56 } else { 98 }
}

/// Rows of filters that are on their way from L2 to L1 where those of a point, 32 KB and more, fill L1 by themselves.
const ROWS_AHEAD: usize = 16;

/// Panels of output channels that are multiplied together. Where V does not fit into L2, each block of it comes from L3, and
/// then serves several panels: their M is longer in turn, and still fits.
fn panels_together(m: &Maps) -> usize {
    if m.cin <= WIDE { 1 } else { 4 }
}

/// Tiles of a region that all cores work through: with 512 channels V is 14 MB, and 37 MB of filters are read once for
/// 50 GFLOP.
const SHARED_TILES: usize = 196;

impl<S: Simd, const MR: usize, const NR: usize> Job<'_, S, MR, NR> {
    /// Each core does everything for its regions.
    fn by_region<const NV: usize>(&self, cut: Cut, y: &mut [f32]) {
        let (m, pool) = (&self.m, self.finish.pool);
        let part_len = cut.region_len(m, pool);
        let pictures = y.par_chunks_mut(cut.pictures * m.picture_len(pool)).enumerate();
        let regions = pictures.flat_map(|(i, y)| {
            let parts = y.par_chunks_mut(part_len).enumerate();
            parts.map(move |(part, y)| (cut.region(m, i * cut.pictures, part), y))
        });
        regions.for_each(|(region, y)| {
            let blocks = region.tiles().div_ceil(MR);
            with_scratch(blocks * self.block_len(), |v| {
                for (block, v) in v.chunks_exact_mut(self.block_len()).enumerate() {
                    self.transform_block(&region, block, v);
                }
                let mut y = BlockMut::whole(y, m.cout);
                let panels = m.cout.div_ceil(NR);
                for first in (0..panels).step_by(self.group) {
                    let group = first..panels.min(first + self.group);
                    self.panels::<NV>(&region, v, group, first * NR, &mut y);
                }
            });
        });
    }

    /// All cores work on one region after the other, each for some of the output channels.
    fn by_panel<const NV: usize>(&self, cut: Cut, y: &mut [f32]) {
        let (m, pool) = (&self.m, self.finish.pool);
        let part_len = cut.region_len(m, pool);
        // A group for every core.
        let group = self.group.min(m.cout.div_ceil(NR).div_ceil(rayon::current_num_threads()));
        for (i, y) in y.chunks_mut(cut.pictures * m.picture_len(pool)).enumerate() {
            for (part, y) in y.chunks_mut(part_len).enumerate() {
                let region = cut.region(m, i * cut.pictures, part);
                let blocks = region.tiles().div_ceil(MR);
                with_scratch(blocks * self.block_len(), |v| {
                    v.par_chunks_exact_mut(self.block_len()).enumerate().for_each(|(block, v)| {
                        self.transform_block(&region, block, v);
                    });
                    let (v, pixels) = (&*v, y.len() / m.cout);
                    for_each_block(y, m.cout, [pixels, group * NR], |_, columns, mut y| {
                        let panels = columns.start / NR..columns.end.div_ceil(NR);
                        self.panels::<NV>(&region, v, panels, 0, &mut y);
                    });
                });
            }
        }
    }

    /// Numbers of V for one block.
    fn block_len(&self) -> usize {
        PLANES * plane_lines(self.m.cin, MR) * LINE
    }

    /// Block `index` of a region at the points.
    fn transform_block(&self, region: &Region, index: usize, v: &mut [f32]) {
        let (s, m, lines) = (self.s, &self.m, self.m.cin.div_ceil(LINE));
        let tiles = block::<MR>(region, index);
        let (rows, input) = (tiles.len(), Input { m, x: self.x });
        with_scratch(copy_len(m.cin), |copy| {
            s.vectorize(
                #[inline(always)]
                || {
                    let mut v = Planes::new(v.as_chunks_mut::<LINE>().0, plane_lines(m.cin, rows));
                    for (row, t) in tiles.enumerate() {
                        let at = |line: usize| line * rows + row;
                        transform_tile(s, input, region.tile(t), 0..lines, copy, &mut v, at);
                    }
                },
            );
        });
    }

    /// The products of some panels of output channels, and what becomes of them. `y` is as in [`transform_tiles`], the first
    /// panel's first channel its number `column`.
    fn panels<const NV: usize>(
        &self,
        region: &Region,
        v: &[f32],
        panels: Range<usize>,
        column: usize,
        y: &mut BlockMut<'_>,
    ) {
        let (s, m) = (self.s, &self.m);
        let rows = region.tiles() * PLANES;
        with_scratch(panels.len() * rows * NR, |products| {
            let products = products.as_chunks_mut::<NR>().0;
            s.vectorize(
                #[inline(always)]
                || {
                    self.multiply::<NV>(region, v, panels.clone(), products);
                    for (panel, products) in panels.clone().zip(products.chunks_exact(rows)) {
                        let first = [panel * NR, column + (panel - panels.start) * NR];
                        transform_tiles::<S, NR, NV>(s, m, region, products, self.finish, first, y);
                    }
                },
            );
        });
    }

    /// M[panel][tile][point][NR] = V · U for all points of a region.
    #[inline(always)]
    fn multiply<const NV: usize>(
        &self,
        region: &Region,
        v: &[f32],
        panels: Range<usize>,
        products: &mut [[f32; NR]],
    ) {
        let (v, block_lines, cin) = (v.as_chunks::<LINE>().0, self.block_len() / LINE, self.m.cin);
        let next_point = cin * NR;
        let ahead = if cin <= WIDE {
            Ahead { b: next_point, ..Ahead::default() }
        } else {
            Ahead { b: ROWS_AHEAD * NR, far_b: next_point, far_a: self.block_len() }
        };
        for point in 0..PLANES {
            for (index, v) in v.chunks_exact(block_lines).enumerate() {
                let tiles = block::<MR>(region, index);
                let lines = plane_lines(cin, tiles.len());
                let v = &v[point * lines..][..lines];
                for (at, panel) in panels.clone().enumerate() {
                    let u = &self.u[(panel * PLANES + point) * cin..][..cin];
                    let m = &mut products[(at * region.tiles() + tiles.start) * PLANES + point..];
                    for (chain, u) in u.chunks(CHAIN).enumerate() {
                        let a = Panel::Lines(&v[chain * (CHAIN / LINE) * tiles.len()..]);
                        let c = Rows::every(m, tiles.len(), PLANES);
                        tile::<S, MR, NR, NV>(self.s, a, u, ahead, chain > 0, c);
                    }
                }
            }
        }
    }
}

/// The tiles of block `index` of a region.
#[inline(always)]
fn block<const MR: usize>(region: &Region, index: usize) -> Range<usize> {
    let tiles = region.tiles();
    let blocks = tiles.div_ceil(MR);
    tiles * index / blocks..tiles * (index + 1) / blocks
}
