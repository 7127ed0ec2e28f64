//! Max-pooling: of each window the largest number, channel by channel.
//!
//! ```text
//! x: (n, h, w, c)   y: (n, out_h, out_w, c)   y[n, i, j, c] = max over the window of x[n, ·, ·, c]
//! ```
//!
//! Backward, the gradient of an output goes to the number that won: the *first* largest one in row-major order, as in
//! TensorFlow. The winner is found again from `x`, for less than it would cost to write its index down and read it
//! back. Windows that overlap add up.
//!
//! NaN wins over every number, in both directions, so that it is not lost on the way. What lies beyond the edge of a
//! picture (padding `same`) never wins, not even over negative numbers.
//!
//! # How it is laid out
//! Channels lie side by side, so the loop over them is innermost and vectorises: the window is walked cell by cell, and
//! each cell is compared with the best so far, for a row of channels at once. VGG16's own case, 2×2 with stride 2, has
//! a loop that reads the four cells at once.
//!
//! The backward pass splits `dx` into bands of rows (`BAND`). A band visits, in row-major order, every window that
//! touches it, finds the winners, and adds the gradients of those that lie inside. A window across the border of two
//! bands is looked at twice, which is the price of needing neither locks nor an order of threads.

pub mod reference;
mod shape;
mod two_by_two;

pub use shape::{Pool2dError, Pool2dShape};

use crate::Isa;
use rayon::prelude::*;

/// Rows of `dx` that are computed as one; even, so that no 2×2 window crosses a border.
const BAND: usize = 4;

/// Channels whose winners are found at once.
const CHANNELS: usize = 64;

/// `y` = the largest `x` of each window. `x: (n, h, w, c)`, `y: (n, out_h, out_w, c)`.
///
/// ```
/// use graft_kernels::{Isa, conv2d::Padding, max_pool2d::{self, Pool2dShape}};
/// let s = Pool2dShape::new([1, 2, 2, 1], [2, 2], [2, 2], Padding::Valid)?;
/// let mut y = [f32::NAN];
/// max_pool2d::forward(Isa::best(), &s, &[1.0, 4.0, 3.0, 2.0], &mut y);
/// assert_eq!(y, [4.0]);
/// # Ok::<(), max_pool2d::Pool2dError>(())
/// ```
///
/// # Panics
/// If a slice has not the length that `s` gives it.
pub fn forward(isa: Isa, s: &Pool2dShape, x: &[f32], y: &mut [f32]) {
    assert!(x.len() == s.x_len() && y.len() == s.y_len(), "{s:?}: x or y has another length");
    if y.is_empty() {
        return;
    }
    let (out_h, row, picture) = (s.out_h(), s.out_w() * s.c, s.h * s.w * s.c);
    y.par_chunks_mut(row).enumerate().for_each(|(r, y)| {
        let (x, i) = (&x[r / out_h * picture..][..picture], r % out_h);
        isa.vectorize(
            #[inline(always)]
            || {
                if two_by_two::fits(s) {
                    two_by_two::forward_row(s, x, i, y);
                } else {
                    forward_row(s, x, i, y);
                }
            },
        );
    });
}

/// `dx` = for each window, `dy` at its first largest `x`; 0 elsewhere. `x, dx: (n, h, w, c)`,
/// `dy: (n, out_h, out_w, c)`.
///
/// # Panics
/// If a slice has not the length that `s` gives it.
pub fn backward(isa: Isa, s: &Pool2dShape, x: &[f32], dy: &[f32], dx: &mut [f32]) {
    let fits = x.len() == s.x_len() && dy.len() == s.y_len() && dx.len() == s.x_len();
    assert!(fits, "{s:?}: x, dy or dx has another length");
    if dx.is_empty() {
        return;
    }
    let (picture, out_picture) = (s.h * s.w * s.c, s.out_h() * s.out_w() * s.c);
    dx.par_chunks_mut(picture).enumerate().for_each(|(n, dx)| {
        let (x, dy) = (&x[n * picture..][..picture], &dy[n * out_picture..][..out_picture]);
        dx.par_chunks_mut(BAND * s.w * s.c).enumerate().for_each(|(b, dx)| {
            isa.vectorize(
                #[inline(always)]
                || {
                    if two_by_two::fits(s) {
                        dx.copy_from_slice(&x[b * BAND * s.w * s.c..][..dx.len()]);
                        two_by_two::backward_band(s, dy, b * BAND, dx);
                    } else {
                        backward_band(s, x, dy, b * BAND, dx);
                    }
                },
            );
        });
    });
}

/// [`backward`] in place, for windows of 2×2 side by side: `x` becomes `dx`, and no memory of the size of a map is wanted.
///
/// # Panics
/// If a slice has not the length that `s` gives it, or the windows are others.
pub fn backward_in_place(isa: Isa, s: &Pool2dShape, x: &mut [f32], dy: &[f32]) {
    assert!(x.len() == s.x_len() && dy.len() == s.y_len(), "{s:?}: x or dy has another length");
    assert!(two_by_two::fits(s), "{s:?}: only windows of 2×2 side by side can be gone back through in place");
    if x.is_empty() {
        return;
    }
    let (picture, out_picture) = (s.h * s.w * s.c, s.out_h() * s.out_w() * s.c);
    x.par_chunks_mut(picture).enumerate().for_each(|(n, x)| {
        let dy = &dy[n * out_picture..][..out_picture];
        x.par_chunks_mut(BAND * s.w * s.c).enumerate().for_each(|(b, x)| {
            isa.vectorize(
                #[inline(always)]
                || two_by_two::backward_band(s, dy, b * BAND, x),
            );
        });
    });
}

/// Whether `a` takes the place of `b`, which stood before it: it is larger, or the first NaN.
#[inline(always)]
fn wins(a: f32, b: f32) -> bool {
    a > b || (a.is_nan() && !b.is_nan())
}

/// Row `i` of the output of one picture.
#[inline(always)]
fn forward_row(s: &Pool2dShape, x: &[f32], i: usize, y: &mut [f32]) {
    for (j, y) in y.chunks_exact_mut(s.c).enumerate() {
        let mut cells = s.cells(i, j).map(|[h, w]| &x[(h * s.w + w) * s.c..][..s.c]);
        y.copy_from_slice(cells.next().expect("no window lies in the padding alone"));
        for x in cells {
            for (y, &x) in y.iter_mut().zip(x) {
                *y = if wins(x, *y) { x } else { *y };
            }
        }
    }
}

/// The rows of one picture's `dx` from `top` on, as many as `dx` holds.
#[inline(always)]
fn backward_band(s: &Pool2dShape, x: &[f32], dy: &[f32], top: usize, dx: &mut [f32]) {
    let band = top..top + dx.len() / (s.w * s.c);
    dx.fill(0.0);
    let touches = |&i: &usize| s.rows(i).start < band.end && band.start < s.rows(i).end;
    for i in (0..s.out_h()).filter(touches) {
        for j in 0..s.out_w() {
            let dy = &dy[(i * s.out_w() + j) * s.c..][..s.c];
            for (chunk, dy) in dy.chunks(CHANNELS).enumerate() {
                let at = |h, w| (h * s.w + w) * s.c + chunk * CHANNELS;
                let winner = winners(s.cells(i, j).map(|[h, w]| &x[at(h, w)..][..dy.len()]));
                for (cell, [h, w]) in s.cells(i, j).enumerate().filter(|(_, [h, _])| band.contains(h)) {
                    let dx = &mut dx[at(h - top, w)..][..dy.len()];
                    for ((dx, &dy), &winner) in dx.iter_mut().zip(dy).zip(&winner) {
                        *dx += if winner == cell as u32 { dy } else { 0.0 };
                    }
                }
            }
        }
    }
}

/// The number of the cell that wins, for each of up to [`CHANNELS`] channels.
#[inline(always)]
fn winners<'a>(cells: impl Iterator<Item = &'a [f32]>) -> [u32; CHANNELS] {
    let (mut best, mut winner) = ([0.0; CHANNELS], [0; CHANNELS]);
    for (cell, x) in cells.enumerate() {
        for ((best, winner), &x) in best.iter_mut().zip(&mut winner).zip(x) {
            let better = cell == 0 || wins(x, *best);
            *best = if better { x } else { *best };
            *winner = if better { cell as u32 } else { *winner };
        }
    }
    winner
}
