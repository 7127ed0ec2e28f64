//! Taking every pixel of the result from where a matrix says.
//!
//! Along a row of the result the place in the source moves on a straight line, and the part of the row for which the
//! place has four neighbours within the source is one interval. It is found first; inside of it nothing needs to be
//! tested or moved. The pixels before and after it go by the fill mode.
//!
//! Places are computed in f64, each from its row and column (not from the place before it), by the very sums of
//! `scipy.ndimage.affine_transform`: whether a place lies on the border or a hair outside decides between a pixel and
//! `cval`.

use std::ops::Range;

use super::fill::FillMode;
use super::matrix::Matrix;
use crate::{CHANNELS, RgbF32};

/// Which axes of the result run backwards.
#[derive(Debug, Clone, Copy)]
pub(super) struct Flips {
    /// Rows: top becomes bottom.
    pub(super) vertical: bool,
    /// Columns: left becomes right.
    pub(super) horizontal: bool,
}

/// `image` seen through `m` (place in the result → place in the source), then flipped. Bilinear.
pub(super) fn warp(image: &RgbF32, m: &Matrix, flips: Flips, fill_mode: FillMode, cval: f32) -> RgbF32 {
    let source = Source { image, fill_mode, cval };
    let mut data = vec![0.0; image.data.len()];
    for (y, line) in data.chunks_exact_mut((image.width * CHANNELS).max(1)).enumerate() {
        let path = Path::new(m, index(y, image.height, flips.vertical), image.width, flips.horizontal);
        let inside = path.inside(image);
        let (before, rest) = line.split_at_mut(inside.start * CHANNELS);
        let (within, after) = rest.split_at_mut(inside.len() * CHANNELS);
        source.border(before, &path, 0);
        source.interior(within, &path, inside.start);
        source.border(after, &path, inside.end);
    }
    RgbF32 { height: image.height, width: image.width, data }
}

/// `image`, flipped.
pub(super) fn flip(image: &RgbF32, flips: Flips) -> RgbF32 {
    let Flips { vertical, horizontal } = flips;
    let stride = image.width * CHANNELS;
    let mut data = Vec::with_capacity(image.data.len());
    for y in 0..image.height {
        let line = &image.data[index(y, image.height, vertical) * stride..][..stride];
        if horizontal {
            data.extend(line.rchunks_exact(CHANNELS).flatten());
        } else {
            data.extend_from_slice(line);
        }
    }
    RgbF32 { height: image.height, width: image.width, data }
}

/// `i`, or as far from the end.
fn index(i: usize, n: usize, backwards: bool) -> usize {
    if backwards { n - 1 - i } else { i }
}

/// The places in the source along one row of the result.
struct Path {
    /// Row and column where it would be at column 0 …
    start: [f64; 2],
    /// … and how far they move from column to column.
    slope: [f64; 2],
    /// The column of the warped picture that the first pixel of the result takes, before flipping …
    first: f64,
    /// … and ±1.
    step: f64,
    width: usize,
}

impl Path {
    fn new(m: &Matrix, row: usize, width: usize, backwards: bool) -> Self {
        let r = row as f64;
        Self {
            start: [m[0][2] + r * m[0][0], m[1][2] + r * m[1][0]],
            slope: [m[0][1], m[1][1]],
            first: index(0, width, backwards) as f64,
            step: if backwards { -1.0 } else { 1.0 },
            width,
        }
    }

    /// Row and column in the source of pixel `x` of the result.
    fn at(&self, x: usize) -> (f64, f64) {
        let c = self.first + self.step * x as f64;
        (self.start[0] + c * self.slope[0], self.start[1] + c * self.slope[1])
    }

    /// The pixels of the result whose place has a neighbour on either side in both axes.
    fn inside(&self, image: &RgbF32) -> Range<usize> {
        let (last_row, last_column) = (image.height as f64 - 1.0, image.width as f64 - 1.0);
        let has_neighbours = |x: usize| {
            let (row, column) = self.at(x);
            (0.0..last_row).contains(&row) && (0.0..last_column).contains(&column)
        };
        // Where the line enters and leaves each axis's range, with a pixel to spare for rounding …
        let (mut start, mut end) = (0.0_f64, self.width as f64);
        for (axis, last) in [last_row, last_column].into_iter().enumerate() {
            let crossing =
                |value: f64| ((value - self.start[axis]) / self.slope[axis] - self.first) * self.step;
            let (a, b) = (crossing(0.0), crossing(last));
            start = start.max(a.min(b) - 1.0);
            end = end.min(a.max(b) + 2.0);
        }
        // … and then to the pixel: both sums grow or fall along the row, so between two that are inside all are.
        let (mut start, mut end) = (start as usize, end as usize);
        while start < end && !has_neighbours(start) {
            start += 1;
        }
        while start < end && !has_neighbours(end - 1) {
            end -= 1;
        }
        if start < end { start..end } else { 0..0 }
    }
}

struct Source<'a> {
    image: &'a RgbF32,
    fill_mode: FillMode,
    cval: f32,
}

impl Source<'_> {
    /// Fills `line`, which starts at pixel `x0` of the row and has all its neighbours.
    fn interior(&self, line: &mut [f32], path: &Path, x0: usize) {
        let (data, stride) = (&self.image.data, self.image.width * CHANNELS);
        for (i, pixel) in line.chunks_exact_mut(CHANNELS).enumerate() {
            let (y, x) = path.at(x0 + i);
            let (row, column) = (y as usize, x as usize);
            let (ty, tx) = ((y - row as f64) as f32, (x - column as f64) as f32);
            let at = row * stride + column * CHANNELS;
            let (top, bottom) = (&data[at..][..2 * CHANNELS], &data[at + stride..][..2 * CHANNELS]);
            for c in 0..CHANNELS {
                let above = lerp(top[c], top[c + CHANNELS], tx);
                let below = lerp(bottom[c], bottom[c + CHANNELS], tx);
                pixel[c] = lerp(above, below, ty);
            }
        }
    }

    /// Fills `line`, which starts at pixel `x0` of the row, from anywhere.
    fn border(&self, line: &mut [f32], path: &Path, x0: usize) {
        let image = self.image;
        for (i, pixel) in line.chunks_exact_mut(CHANNELS).enumerate() {
            let (y, x) = path.at(x0 + i);
            let place = self.fill_mode.locate(y, image.height).zip(self.fill_mode.locate(x, image.width));
            let Some((y, x)) = place else {
                pixel.fill(self.cval);
                continue;
            };
            let (row, column) = (y as usize, x as usize);
            let (ty, tx) = ((y - row as f64) as f32, (x - column as f64) as f32);
            let (below, right) = ((row + 1).min(image.height - 1), (column + 1).min(image.width - 1));
            let corners = [(row, column), (row, right), (below, column), (below, right)];
            let [a, b, c, d] = corners.map(|(row, column)| image.pixel(row, column));
            for channel in 0..CHANNELS {
                pixel[channel] = lerp(lerp(a[channel], b[channel], tx), lerp(c[channel], d[channel], tx), ty);
            }
        }
    }
}

fn lerp(a: f32, b: f32, t: f32) -> f32 {
    a + (b - a) * t
}
