//! The loops around the transforms and the register tile.
//!
//! ```text
//! for each region                                    ≤ some hundred tiles: V stays in L2 or L3
//!     for each of its tiles                          V = input at the points
//!     for each panel of NR output channels
//!         for each point
//!             for each 128 channels of the sum       their NR × 128 filters: 16 KB, in L1
//!                 for each block of tiles            M += V · U
//!         for each tile                              y = output of M, with bias, ReLU, pooling
//! ```
//!
//! Only one panel is in flight, so that M stays in L2 however many channels a layer has. And only 16 KB of filters are,
//! so that they stay in L1 while V streams past them: each tile asks for the V of the next, 7 KB, and for its share of
//! the filters that follow, and so neither is ever waited for.
//!
//! Cores share the work in one of two ways. With few filters, each takes *regions* and does everything for them: nothing
//! is shared but the filters, which fit into its cache. With many (block 4 of VGG16 has 37 MB a layer), every core would
//! read all of them; so the regions come one after the other, the cores transform its blocks together, and then each
//! takes *panels*, and reads its own part of the filters only. It makes no difference to the sums, so that the choice may
//! depend on the number of threads.

use std::ops::Range;

use rayon::prelude::*;

use super::input::{Input, plane_lines, transform_tile};
use super::output::transform_tiles;
use super::plan::{Cut, Maps, Region};
use super::transform::PLANES;
use super::views::Planes;
use crate::conv2d::Finish;
use crate::gemm::panels::Lines;
use crate::gemm::tile::{Ahead, Far, LINE, Rows, WithTile, tile};
use crate::parallel::{BlockMut, for_each_block, share, with_scratch};
use crate::simd::Simd;

/// Terms of a chain of additions before it is added to M. Shorter chains round less: 128 halve the error of 512, for an
/// access to M in every 128 multiply-adds.
const CHAIN: usize = 128;

/// Numbers of U up to which each core reads them all, 16 MB: with 56×56 tiles that costs less than sharing V does.
const OWN_FILTERS: usize = 1 << 22;

/// Tiles of a region that a core works through alone (but at least a row). With 128 channels and rows of 28, or 64 and rows
/// of 56, their V is half a MB, with 256 channels 1.5 MB: it stays in an L2 of 2 MB beside M, and fewer would have to read
/// U, which is read again for each region, too often.
const OWN_TILES: usize = 42;

/// Up to so many, a region for each core is better than parts of different sizes that leave one waiting.
const OWN_TILES_AT_MOST: usize = 112;

/// Tiles of a region that all cores work through: with 512 channels V is 14 MB, and 37 MB of filters are read once for
/// 50 GFLOP.
const SHARED_TILES: usize = 196;

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
}

impl WithTile for Pass<'_> {
    type Output = ();
    fn run<S: Simd, const MR: usize, const NR: usize, const NV: usize>(self, s: S) {
        let Pass { m, x, u, finish, y } = self;
        let job = Job::<S, MR, NR> { s, m, x, u: u.as_chunks::<NR>().0, finish };
        let threads = rayon::current_num_threads();
        // One region for each core, where that is not too many tiles: with 56×56 pixels of one picture two cores have 98 each,
        // and not 112 and 84.
        let each = (m.n * m.tiles()[0] * m.tiles()[1]).div_ceil(threads);
        let own = m.cut(if each <= OWN_TILES_AT_MOST { each } else { OWN_TILES });
        if u.len() <= OWN_FILTERS && own.regions(&m) >= threads {
            job.by_region::<NV>(own, y);
        } else {
            job.by_panel::<NV>(m.cut(SHARED_TILES), y);
        }
    }
}

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
                for panel in 0..m.cout.div_ceil(NR) {
                    self.panel::<NV>(&region, v, panel, panel * NR, &mut y);
                }
            });
        });
    }

    /// All cores work on one region after the other, each for some of the output channels.
    fn by_panel<const NV: usize>(&self, cut: Cut, y: &mut [f32]) {
        let (m, pool) = (&self.m, self.finish.pool);
        let part_len = cut.region_len(m, pool);
        for (i, y) in y.chunks_mut(cut.pictures * m.picture_len(pool)).enumerate() {
            for (part, y) in y.chunks_mut(part_len).enumerate() {
                let region = cut.region(m, i * cut.pictures, part);
                let blocks = region.tiles().div_ceil(MR);
                with_scratch(blocks * self.block_len(), |v| {
                    v.par_chunks_exact_mut(self.block_len()).enumerate().for_each(|(block, v)| {
                        self.transform_block(&region, block, v);
                    });
                    let (v, pixels) = (&*v, y.len() / m.cout);
                    for_each_block(y, m.cout, [pixels, NR], |_, columns, mut y| {
                        self.panel::<NV>(&region, v, columns.start / NR, 0, &mut y);
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
        s.vectorize(
            #[inline(always)]
            || {
                let mut v = Planes::new(v.as_chunks_mut::<LINE>().0, plane_lines(m.cin, rows));
                for (row, t) in tiles.enumerate() {
                    let at = |line: usize| line * rows + row;
                    transform_tile(s, input, region.tile(t), 0..lines, &mut v, at);
                }
            },
        );
    }

    /// The products of a panel of output channels, and what becomes of them. `y` is as in [`transform_tiles`], the panel's first
    /// channel its number `column`.
    fn panel<const NV: usize>(
        &self,
        region: &Region,
        v: &[f32],
        panel: usize,
        column: usize,
        y: &mut BlockMut<'_>,
    ) {
        let (s, m) = (self.s, &self.m);
        with_scratch(region.tiles() * PLANES * NR, |products| {
            let products = products.as_chunks_mut::<NR>().0;
            s.vectorize(
                #[inline(always)]
                || {
                    self.multiply::<NV>(region, v, panel, products);

                    transform_tiles::<S, NR, NV>(
                        s,
                        m,
                        region,
                        products,
                        self.finish,
                        [panel * NR, column],
                        y,
                    );
                },
            );
        });
    }

    /// `M[tile][point][NR]` = V · U for all points of a region, one panel of output channels.
    #[inline(always)]
    fn multiply<const NV: usize>(
        &self,
        region: &Region,
        v: &[f32],
        panel: usize,
        products: &mut [[f32; NR]],
    ) {
        let (v, block_lines, cin) = (v.as_chunks::<LINE>().0, self.block_len() / LINE, self.m.cin);
        let (blocks, chains) = (v.len() / block_lines, cin.div_ceil(CHAIN));
        // V of a block for a chain, the chains of all points counted through.
        let piece = |chain: usize, index: usize| {
            let rows = block::<MR>(region, index).len();
            let lines = plane_lines(cin, rows);
            let plane = &v[index * block_lines + chain / chains * lines..][..lines];
            &plane[chain % chains * (CHAIN / LINE) * rows..]
        };
        for chain in 0..PLANES * chains {
            let (point, first) = (chain / chains, chain % chains * CHAIN);
            let u = &self.u[(panel * PLANES + point) * cin + first..];
            let (u, later) = u.split_at(CHAIN.min(cin - first));
            // Lines of the filters that follow, for each block and each 16 channels.
            let count = NR.div_ceil(blocks);
            for index in 0..blocks {
                let a = match index + 1 {
                    next if next < blocks => piece(chain, next),
                    _ if chain + 1 < PLANES * chains => piece(chain + 1, 0),
                    _ => &[],
                };
                let (apart, step) = (LINE, count * LINE);
                let first_line = index * u.len() / LINE * step;
                let far = Far { data: later.as_flattened(), first: first_line, count, apart, step };
                let ahead = Ahead { a, far, ..Ahead::default() };
                let tiles = block::<MR>(region, index);
                let m = &mut products[tiles.start * PLANES + point..];
                let c = Rows::every(m, tiles.len(), PLANES);
                tile::<S, MR, NR, NV>(self.s, Lines(piece(chain, index)), u, ahead, first > 0, c);
            }
        }
    }
}

/// The tiles of block `index` of a region.
#[inline(always)]
fn block<const MR: usize>(region: &Region, index: usize) -> Range<usize> {
    share(region.tiles(), index, region.tiles().div_ceil(MR))
}
