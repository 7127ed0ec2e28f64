//! Taking every pixel of the result from where a matrix says.
//!
//! A row of the result is made in sweeps, each of which does one thing to all of its pixels. The compiler makes vector
//! instructions of the sweeps over places, and keeps what the sweep over pixels needs in registers:
//!
//! 1. *Places.* Along a row the place in the source moves on a straight line. Places are computed in f64, each from its
//!    row and column (not from the place before it), by the very sums of `scipy.ndimage.affine_transform`: whether a
//!    place lies on the border or a hair outside decides between a pixel and `cval`.
//! 2. *What lies outside.* The part of the row for which the place is within the source is one interval, found from both
//!    ends. Only the places before and after it go through the formulas of `fill.rs`. `nearest`, the default, needs not
//!    even know it: sweep 3 clamps every place, which changes none that is inside.
//! 3. *Neighbours.* A place becomes the index of the pixel above and to the left of it, the steps from there to the
//!    pixels on the right and below (0 where the source ends: there the weight is 0 too), and the two weights.
//! 4. *Pixels.* Four loads and three lerps. A pixel is three floats and a small register holds four, so four are loaded,
//!    computed and stored, and the next pixel overwrites the fourth. That a pixel's neighbours are in the picture is
//!    asked once for the upper two and once for the lower two, of seven values in a row: those of a pixel, those of
//!    its neighbour, and one more.
//!
//! The arithmetic is the textbook's, in its order, so that the bits are too, whatever the instruction set.

use std::ops::Range;

use graft_kernels::Isa;

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

/// What stands where the source has nothing: the mode, and the grey level of [`FillMode::Constant`].
#[derive(Debug, Clone, Copy)]
pub(super) struct Fill {
    pub(super) mode: FillMode,
    pub(super) cval: f32,
}

/// `image` seen through `m` (place in the result → place in the source), then flipped. Bilinear.
///
/// # Panics
/// If the picture has 2³² values or more, 16 GB.
pub(super) fn warp(isa: Isa, image: &RgbF32, m: &Matrix, flips: Flips, fill: Fill) -> RgbF32 {
    assert!(u32::try_from(image.data.len()).is_ok(), "a picture of 2³² values or more");
    let stride = image.width * CHANNELS;
    let mut data = vec![0.0; image.data.len()];
    let mut row = Row {
        y: Axis::new(image.height, stride, image.width),
        x: Axis::new(image.width, CHANNELS, image.width),
    };
    for y in 0..image.height {
        row.aim(isa, m, index(y, image.height, flips.vertical), flips.horizontal);
        row.take(isa, &image.data, fill, &mut data[y * stride..]);
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

/// From where one row of the result is taken; its memory serves row after row.
struct Row {
    y: Axis,
    x: Axis,
}

/// The row's places along one axis of the source.
struct Axis {
    /// Pixels of the source along this axis, …
    n: usize,
    /// … and values from one to the next.
    step: u32,
    places: Vec<f64>,
    /// The value with which the pixel before the place begins, …
    first: Vec<u32>,
    /// … how many further the pixel after it does: `step`, or 0 at the end, …
    next: Vec<u32>,
    /// … and how much of the way from the one to the other the place lies.
    t: Vec<f32>,
}

impl Row {
    /// Computes the places of the result's pixels in the warped picture's row `row`, which is run through backwards or not.
    fn aim(&mut self, isa: Isa, m: &Matrix, row: usize, backwards: bool) {
        let row = row as f64;
        isa.vectorize(
            #[inline(always)]
            || {
                self.y.follow(m[0][2] + row * m[0][0], m[0][1], backwards);
                self.x.follow(m[1][2] + row * m[1][0], m[1][1], backwards);
            },
        );
    }

    /// Writes the row to the front of `out`.
    fn take(&mut self, isa: Isa, data: &[f32], fill: Fill, out: &mut [f32]) {
        let width = self.x.places.len();
        let taken = match fill.mode {
            FillMode::Nearest => 0..width,
            FillMode::Constant => self.inside(),
            FillMode::Reflect | FillMode::Wrap => {
                let inside = self.inside();
                for i in (0..inside.start).chain(inside.end..width) {
                    self.y.places[i] = fill.mode.locate(self.y.places[i], self.y.n);
                    self.x.places[i] = fill.mode.locate(self.x.places[i], self.x.n);
                }
                0..width
            }
        };
        isa.vectorize(
            #[inline(always)]
            || {
                self.y.split(taken.clone());
                self.x.split(taken.clone());
            },
        );
        isa.vectorize(
            #[inline(always)]
            || self.interpolate(data, taken.clone(), &mut out[taken.start * CHANNELS..]),
        );
        out[..taken.start * CHANNELS].fill(fill.cval);
        out[taken.end * CHANNELS..width * CHANNELS].fill(fill.cval);
    }

    /// The pixels of the result whose place is within the source: an interval, since along the row both coordinates
    /// grow, or fall, or stay, rounding included.
    fn inside(&self) -> Range<usize> {
        let width = self.x.places.len();
        let inside = |&i: &usize| self.y.contains(i) && self.x.contains(i);
        let start = (0..width).find(inside).unwrap_or(width);
        start..(start..width).rfind(inside).map_or(start, |last| last + 1)
    }

    /// Writes these pixels to the front of `out`.
    #[inline(always)]
    fn interpolate(&self, data: &[f32], pixels: Range<usize>, out: &mut [f32]) {
        let (rows, downs, tys) =
            (&self.y.first[pixels.clone()], &self.y.next[pixels.clone()], &self.y.t[pixels.clone()]);
        let (columns, rights, txs) =
            (&self.x.first[pixels.clone()], &self.x.next[pixels.clone()], &self.x.t[pixels.clone()]);
        let vertical = rows.iter().zip(downs).zip(tys);
        let horizontal = columns.iter().zip(rights).zip(txs);
        for (i, (((&row, &down), &ty), ((&column, &right), &tx))) in vertical.zip(horizontal).enumerate() {
            let above = row as usize + column as usize;
            let (below, right) = (above + down as usize, (right as usize).min(CHANNELS));
            match (four(data, [above, below], right, [tx, ty]), out.get_mut(i * CHANNELS..i * CHANNELS + 4)) {
                (Some(four), Some(out)) => out.copy_from_slice(&four),
                _ => one_by_one(data, [above, below], right, [tx, ty], &mut out[i * CHANNELS..]),
            }
        }
    }
}

/// A pixel between two pixels from `above` on and two from `below` on, the second of each `right` further, and a fourth
/// number of no meaning; `None` if there are too few values behind them.
#[inline(always)]
fn four(data: &[f32], [above, below]: [usize; 2], right: usize, [tx, ty]: [f32; 2]) -> Option<[f32; 4]> {
    const WINDOW: usize = CHANNELS + 4;
    let (top, bottom) = (data.get(above..above + WINDOW)?, data.get(below..below + WINDOW)?);
    let (a, b) = (&top[..4], &top[right..right + 4]);
    let (c, d) = (&bottom[..4], &bottom[right..right + 4]);
    Some(lerp4(&lerp4(a, b, tx), &lerp4(c, d, tx), ty))
}

/// A pixel at the end of the source or of the result, with too few values behind it.
#[cold]
#[inline(never)]
fn one_by_one(data: &[f32], [above, below]: [usize; 2], right: usize, [tx, ty]: [f32; 2], out: &mut [f32]) {
    for k in 0..CHANNELS {
        let across = |row: usize| lerp(data[row + k], data[row + right + k], tx);
        out[k] = lerp(across(above), across(below), ty);
    }
}

impl Axis {
    fn new(n: usize, step: usize, width: usize) -> Self {
        let (places, t) = (vec![0.0; width], vec![0.0; width]);
        Self { n, step: step as u32, places, first: vec![0; width], next: vec![0; width], t }
    }

    /// The last pixel's place.
    #[inline(always)]
    fn last(&self) -> f64 {
        self.n as f64 - 1.0
    }

    #[inline(always)]
    fn contains(&self, i: usize) -> bool {
        (0.0..=self.last()).contains(&self.places[i])
    }

    /// Puts the places on a line on which column 0 lies at `start`.
    #[inline(always)]
    fn follow(&mut self, start: f64, slope: f64, backwards: bool) {
        let (first, step) = if backwards { (self.places.len() as f64 - 1.0, -1.0) } else { (0.0, 1.0) };
        for (x, place) in (0_u32..).zip(&mut self.places) {
            *place = start + (first + step * f64::from(x)) * slope;
        }
    }

    /// Finds the neighbours of these places, of which those outside of the source are moved to its border.
    #[inline(always)]
    fn split(&mut self, range: Range<usize>) {
        let (step, last) = (self.step, self.last());
        let (first, next) = (&mut self.first[range.clone()], &mut self.next[range.clone()]);
        let t = &mut self.t[range.clone()];
        for (((place, first), next), t) in self.places[range].iter().zip(first).zip(next).zip(t) {
            let pixel = floor(place.max(0.0).min(last));
            *first = (pixel + INTEGERS).to_bits() as u32 * step;
            *next = if pixel < last { step } else { 0 };
            *t = (place.clamp(0.0, last) - pixel) as f32;
        }
    }
}

/// From here on an f64 has no fraction, and its last bits count whole numbers.
const INTEGERS: f64 = (1_u64 << 52) as f64;

/// The whole number at or below `x`, which is neither negative nor large. `f64::floor` is an instruction on some machines
/// and a call on others, and `as` minds numbers that do not fit; this is arithmetic, eight numbers at a time.
#[inline(always)]
fn floor(x: f64) -> f64 {
    let nearest = (x + INTEGERS) - INTEGERS;
    if nearest > x { nearest - 1.0 } else { nearest }
}

#[inline(always)]
fn lerp4(a: &[f32], b: &[f32], t: f32) -> [f32; 4] {
    [lerp(a[0], b[0], t), lerp(a[1], b[1], t), lerp(a[2], b[2], t), lerp(a[3], b[3], t)]
}

#[inline(always)]
fn lerp(a: f32, b: f32, t: f32) -> f32 {
    a + (b - a) * t
}

#[cfg(test)]
mod tests {
    use super::super::matrix::{about, product, rotation, scale, translation};
    use super::*;
    use graft_kernels::random::{Purpose, Stream};

    /// One value at a time.
    fn textbook(image: &RgbF32, m: &Matrix, flips: Flips, fill: Fill) -> RgbF32 {
        let (height, width) = (image.height, image.width);
        RgbF32::from_fn(height, width, |y, x| {
            let r = index(y, height, flips.vertical) as f64;
            let c = index(x, width, flips.horizontal) as f64;
            let [y, x] = [m[0], m[1]].map(|m| (m[2] + r * m[0]) + c * m[1]);
            let inside = (0.0..=height as f64 - 1.0).contains(&y) && (0.0..=width as f64 - 1.0).contains(&x);
            if fill.mode == FillMode::Constant && !inside {
                return [fill.cval; CHANNELS];
            }
            let (y, x) = (fill.mode.locate(y, height), fill.mode.locate(x, width));
            let (row, column) = (y as usize, x as usize);
            let (ty, tx) = ((y - row as f64) as f32, (x - column as f64) as f32);
            let (below, right) = ((row + 1).min(height - 1), (column + 1).min(width - 1));
            let [a, b] = [column, right].map(|column| image.pixel(row, column));
            let [c, d] = [column, right].map(|column| image.pixel(below, column));
            [0, 1, 2].map(|k| lerp(lerp(a[k], b[k], tx), lerp(c[k], d[k], tx), ty))
        })
    }

    #[test]
    fn every_value_is_the_textbooks_on_every_instruction_set() {
        let mut stream = Stream::new(4, Purpose::Data, 0, 0);
        for (height, width) in [(1, 1), (1, 9), (9, 1), (2, 2), (3, 17), (33, 26), (40, 61)] {
            let image =
                RgbF32::from_fn(height, width, |_, _| [(); 3].map(|()| 300.0 * stream.uniform() - 20.0));
            for degrees in [0.0, 25.0, 90.0, -163.0] {
                let moved = product(&translation(1.7, -0.3 * width as f64), &scale(1.2, 0.6));
                let m = about(&product(&rotation(degrees), &moved), 0.5 * height as f64, 0.4 * width as f64);
                for (mode, flipped) in
                    FillMode::ALL.into_iter().flat_map(|mode| [(mode, false), (mode, true)])
                {
                    let (fill, flips) =
                        (Fill { mode, cval: 7.5 }, Flips { vertical: !flipped, horizontal: flipped });
                    let expected = textbook(&image, &m, flips, fill);
                    for isa in Isa::available() {
                        let found = warp(isa, &image, &m, flips, fill);
                        let bits =
                            |image: &RgbF32| image.data.iter().map(|v| v.to_bits()).collect::<Vec<_>>();
                        assert!(
                            bits(&found) == bits(&expected),
                            "{isa}: {height} × {width}, {degrees}°, {mode}, flipped: {flipped}"
                        );
                    }
                }
            }
        }
    }
}
