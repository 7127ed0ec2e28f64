//! Windows of 2×2, side by side: the five poolings of VGG16.
//!
//! ```text
//! a b      the winner of the upper pair against the winner of the lower pair;
//! c d      on a tie the left, and the upper, stay: the first in row-major order
//! ```

use super::{Pool2dShape, wins};
use crate::elementwise::LANES;
use crate::window::Padding;

/// Whether every window has its four cells, and no cell two windows.
#[inline(always)]
pub(super) fn fits(s: &Pool2dShape) -> bool {
    let whole = s.padding == Padding::Valid || (s.h.is_multiple_of(2) && s.w.is_multiple_of(2));
    s.pool == [2, 2] && s.stride == [2, 2] && whole
}

/// Row `i` of the output of one picture.
#[inline(always)]
pub(super) fn forward_row(s: &Pool2dShape, x: &[f32], i: usize, y: &mut [f32]) {
    let (upper, lower) = x[2 * i * s.w * s.c..][..2 * s.w * s.c].split_at(s.w * s.c);
    let pairs = upper.chunks_exact(2 * s.c).zip(lower.chunks_exact(2 * s.c));
    for (y, (upper, lower)) in y.chunks_exact_mut(s.c).zip(pairs) {
        let ((a, b), (c, d)) = (upper.split_at(s.c), lower.split_at(s.c));
        for ((((y, &a), &b), &c), &d) in y.iter_mut().zip(a).zip(b).zip(c).zip(d) {
            *y = max(max(a, b), max(c, d));
        }
    }
}

/// The rows of one picture's `dx` from the even row `top` on, as many as there are, in the place of the same rows of `x`.
#[inline(always)]
pub(super) fn backward_band(s: &Pool2dShape, dy: &[f32], top: usize, x: &mut [f32]) {
    let (row, out_row) = (s.w * s.c, s.out_w() * s.c);
    for (i, x) in (top / 2..).zip(x.chunks_mut(2 * row)) {
        if i >= s.out_h() {
            x.fill(0.0); // the odd row at the end lies under no window
            continue;
        }
        backward_rows(s.c, &dy[i * out_row..][..out_row], x.split_at_mut(row));
    }
}

/// Two rows, from one row of `dy`.
#[inline(always)]
fn backward_rows(channels: usize, dy: &[f32], (upper, lower): (&mut [f32], &mut [f32])) {
    let pair = 2 * channels;
    let covered = dy.len() * 2;
    upper[covered..].fill(0.0); // the odd column at the end, likewise
    lower[covered..].fill(0.0);
    let pairs = upper.chunks_exact_mut(pair).zip(lower.chunks_exact_mut(pair));
    for (dy, (upper, lower)) in dy.chunks_exact(channels).zip(pairs) {
        let ((a, b), (c, d)) = (upper.split_at_mut(channels), lower.split_at_mut(channels));
        share([a, b, c, d], dy);
    }
}

/// Gives each `dy` to the winner of its four cells, in the place of which the gradients are written.
///
/// Sixteen channels at a time, by way of local arrays: with five slices LLVM would have to prove, or to test, that none of
/// them overlaps another, and gives up.
#[inline(always)]
fn share(x: [&mut [f32]; 4], dy: &[f32]) {
    let (dy, dy_rest) = dy.as_chunks::<LANES>();
    let [a, b, c, d] = x.map(|x| x.as_chunks_mut::<LANES>());
    for i in 0..dy.len() {
        let [mut to_a, mut to_b, mut to_c, mut to_d] = [a.0[i], b.0[i], c.0[i], d.0[i]];
        for l in 0..LANES {
            [to_a[l], to_b[l], to_c[l], to_d[l]] = to_winner(to_a[l], to_b[l], to_c[l], to_d[l], dy[i][l]);
        }
        (a.0[i], b.0[i], c.0[i], d.0[i]) = (to_a, to_b, to_c, to_d);
    }
    for l in 0..dy_rest.len() {
        [a.1[l], b.1[l], c.1[l], d.1[l]] = to_winner(a.1[l], b.1[l], c.1[l], d.1[l], dy_rest[l]);
    }
}

/// `dy` at the place of the winner, three zeros.
#[inline(always)]
fn to_winner(a: f32, b: f32, c: f32, d: f32, dy: f32) -> [f32; 4] {
    let (right, lower_right) = (wins(b, a), wins(d, c));
    let down = wins(if lower_right { d } else { c }, if right { b } else { a });
    let gate = |open: bool| if open { dy } else { 0.0 };
    [gate(!down & !right), gate(!down & right), gate(down & !lower_right), gate(down & lower_right)]
}

/// The larger, and NaN if either is.
#[inline(always)]
fn max(a: f32, b: f32) -> f32 {
    if b > a || b.is_nan() { b } else { a }
}
