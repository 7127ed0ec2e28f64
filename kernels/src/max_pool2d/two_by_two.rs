//! Windows of 2×2, side by side: the five poolings of VGG16.
//!
//! ```text
//! a b      the winner of the upper pair against the winner of the lower pair;
//! c d      on a tie the left, and the upper, stay: the first in row-major order
//! ```

use super::{Pool2dShape, wins};
use crate::conv2d::Padding;

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

/// The rows of one picture's `dx` from the even row `top` on, as many as `dx` holds.
#[inline(always)]
pub(super) fn backward_band(s: &Pool2dShape, x: &[f32], dy: &[f32], top: usize, dx: &mut [f32]) {
    let (row, out_row) = (s.w * s.c, s.out_w() * s.c);
    for (i, dx) in (top / 2..).zip(dx.chunks_mut(2 * row)) {
        if i >= s.out_h() {
            dx.fill(0.0); // the odd row at the end lies under no window
            continue;
        }
        let x = x[2 * i * row..][..2 * row].split_at(row);
        backward_rows(s.c, x, &dy[i * out_row..][..out_row], dx.split_at_mut(row));
    }
}

/// Two rows of `dx`, from the same rows of `x` and one row of `dy`.
#[inline(always)]
fn backward_rows(channels: usize, x: (&[f32], &[f32]), dy: &[f32], dx: (&mut [f32], &mut [f32])) {
    let pair = 2 * channels;
    let covered = dy.len() * 2;
    dx.0[covered..].fill(0.0); // the odd column at the end, likewise
    dx.1[covered..].fill(0.0);
    let x = x.0.chunks_exact(pair).zip(x.1.chunks_exact(pair));
    let dx = dx.0.chunks_exact_mut(pair).zip(dx.1.chunks_exact_mut(pair));
    for ((dy, (upper, lower)), (dupper, dlower)) in dy.chunks_exact(channels).zip(x).zip(dx) {
        let ((a, b), (c, d)) = (upper.split_at(channels), lower.split_at(channels));
        let ((da, db), (dc, dd)) = (dupper.split_at_mut(channels), dlower.split_at_mut(channels));
        for l in 0..channels {
            let (right, lower_right) = (wins(b[l], a[l]), wins(d[l], c[l]));
            let up = if right { b[l] } else { a[l] };
            let down = wins(if lower_right { d[l] } else { c[l] }, up);
            da[l] = if !down & !right { dy[l] } else { 0.0 };
            db[l] = if !down & right { dy[l] } else { 0.0 };
            dc[l] = if down & !lower_right { dy[l] } else { 0.0 };
            dd[l] = if down & lower_right { dy[l] } else { 0.0 };
        }
    }
}

/// The larger, and NaN if either is.
#[inline(always)]
fn max(a: f32, b: f32) -> f32 {
    if b > a || b.is_nan() { b } else { a }
}
