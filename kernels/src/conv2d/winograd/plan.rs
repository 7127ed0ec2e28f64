//! What is convolved, and how it is cut into tiles, blocks and regions.
//!
//! ```text
//! tile     4×4 outputs, from 6×6 inputs that overlap the neighbours' by 2
//! block    as many tiles as a register tile has rows: they are multiplied together
//! region   the tiles that one pass over the filters serves: some rows of tiles of one picture, or some whole pictures
//! ```

use std::ops::Range;

use super::transform::OUT;
use crate::conv2d::Conv2dShape;

/// A correlation of maps (n, h, w, cin) with 3×3 filters, stride 1, to (n, out_h, out_w, cout): a convolution forward, or
/// backward to its input.
#[derive(Copy, Clone, Debug)]
pub(super) struct Maps {
    pub(super) n: usize,
    pub(super) h: usize,
    pub(super) w: usize,
    pub(super) cin: usize,
    pub(super) cout: usize,
    /// Rows of zeros above the input, columns of zeros left of it.
    pub(super) pad: [usize; 2],
    pub(super) out_h: usize,
    pub(super) out_w: usize,
}

impl Maps {
    pub(super) fn forward(s: &Conv2dShape) -> Self {
        let &Conv2dShape { n, h, w, cin, cout, .. } = s;
        Self { n, h, w, cin, cout, pad: s.pad(), out_h: s.out_h(), out_w: s.out_w() }
    }

    /// dx is the correlation of dy with the filters turned by 180°, and padded by what the forward pass did not pad.
    pub(super) fn backward(s: &Conv2dShape) -> Self {
        Self {
            n: s.n,
            h: s.out_h(),
            w: s.out_w(),
            cin: s.cout,
            cout: s.cin,
            pad: s.pad().map(|pad| 2 - pad),
            out_h: s.h,
            out_w: s.w,
        }
    }

    /// Rows and columns of tiles of one picture.
    pub(super) fn tiles(&self) -> [usize; 2] {
        [self.out_h.div_ceil(OUT), self.out_w.div_ceil(OUT)]
    }

    /// Numbers of the output for each picture, halved in height and width if it is pooled.
    pub(super) fn picture_len(&self, pool: bool) -> usize {
        let [height, width] = self.out(pool);
        height * width * self.cout
    }

    /// Height and width of the output, halved if it is pooled.
    pub(super) fn out(&self, pool: bool) -> [usize; 2] {
        [self.out_h, self.out_w].map(|len| if pool { len / 2 } else { len })
    }

    /// How to cut all tiles into regions of up to `tiles` (but at least a row).
    pub(super) fn cut(&self, tiles: usize) -> Cut {
        let [down, across] = self.tiles();
        let whole = tiles / (down * across);
        if whole > 0 {
            return Cut { pictures: whole.min(self.n), rows: down };
        }
        // Rows are cut evenly.
        let most = (tiles / across).clamp(1, down);
        Cut { pictures: 1, rows: down.div_ceil(down.div_ceil(most)) }
    }
}

/// How regions are cut: each is this many whole pictures, or (of one picture) this many rows of tiles.
#[derive(Copy, Clone, Debug, PartialEq, Eq)]
pub(super) struct Cut {
    pub(super) pictures: usize,
    pub(super) rows: usize,
}

impl Cut {
    /// How many regions there are.
    pub(super) fn regions(&self, m: &Maps) -> usize {
        m.n.div_ceil(self.pictures) * m.tiles()[0].div_ceil(self.rows)
    }

    /// Numbers of the output of a region (the last of a picture may have fewer).
    pub(super) fn region_len(&self, m: &Maps, pool: bool) -> usize {
        let side = if pool { OUT / 2 } else { OUT };
        match self.pictures {
            1 => self.rows * side * m.out(pool)[1] * m.cout,
            pictures => pictures * m.picture_len(pool),
        }
    }

    /// Region `index` of all, in order.
    pub(super) fn nth(&self, m: &Maps, index: usize) -> Region {
        let parts = m.tiles()[0].div_ceil(self.rows);
        self.region(m, index / parts * self.pictures, index % parts)
    }

    /// Part `part` of the pictures that start with number `first`.
    pub(super) fn region(&self, m: &Maps, first: usize, part: usize) -> Region {
        let [down, across] = m.tiles();
        Region {
            pictures: first..m.n.min(first + self.pictures),
            rows: part * self.rows..down.min((part + 1) * self.rows),
            across,
        }
    }
}

/// Some rows of tiles of one picture, or all rows of some pictures. Its outputs lie together in memory.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Region {
    pub(super) pictures: Range<usize>,
    /// Rows of tiles.
    pub(super) rows: Range<usize>,
    /// Tiles of a row.
    pub(super) across: usize,
}

/// A tile: its picture, and its place in the grid of tiles.
#[derive(Copy, Clone, Debug, PartialEq, Eq)]
pub(super) struct Tile {
    pub(super) picture: usize,
    pub(super) row: usize,
    pub(super) column: usize,
}

impl Region {
    pub(super) fn tiles(&self) -> usize {
        self.pictures.len() * self.rows.len() * self.across
    }

    /// Tile `index` of the region.
    #[inline(always)]
    pub(super) fn tile(&self, index: usize) -> Tile {
        let (line, column) = (index / self.across, index % self.across);
        let (picture, row) = (line / self.rows.len(), line % self.rows.len());
        Tile { picture: self.pictures.start + picture, row: self.rows.start + row, column }
    }

    /// The pixels that the region covers in maps of this height and width.
    pub(super) fn pixels(&self, height: usize, width: usize) -> Range<usize> {
        let rows = self.pixel_rows(OUT, height);
        let first = |picture: usize| picture * height;
        (first(self.pictures.start) + rows.start) * width..(first(self.pictures.end - 1) + rows.end) * width
    }

    /// The rows of pixels that the region covers in each of its pictures, where an output has `height` rows and a tile
    /// gives `side` of them.
    pub(super) fn pixel_rows(&self, side: usize, height: usize) -> Range<usize> {
        (self.rows.start * side).min(height)..(self.rows.end * side).min(height)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn regions_cover_every_tile_once_and_in_order() {
        for (n, out_h, out_w) in [(1, 224, 224), (3, 14, 14), (33, 1, 1), (2, 7, 9), (5, 28, 30)] {
            let m = Maps { n, h: 0, w: 0, cin: 1, cout: 1, pad: [1, 1], out_h, out_w };
            let [down, across] = m.tiles();
            for tiles in [1, 14, 56, 98, 200, 5000] {
                let (cut, mut all, mut pixels) = (m.cut(tiles), Vec::new(), 0);
                for index in 0..cut.regions(&m) {
                    let r = cut.nth(&m, index);
                    assert!(r.tiles() <= tiles.max(across) && r.tiles() > 0, "{r:?}");
                    all.extend((0..r.tiles()).map(|i| r.tile(i)));
                    assert_eq!(r.pixels(out_h, out_w).start, pixels, "{r:?}");
                    pixels = r.pixels(out_h, out_w).end;
                }
                let expected = (0..n * down * across).map(|i| Tile {
                    picture: i / across / down,
                    row: i / across % down,
                    column: i % across,
                });
                assert_eq!((all, pixels), (expected.collect(), n * out_h * out_w));
            }
        }
    }
}
