//! The textbook version.

use super::Pool2dShape;

/// `y` = the largest `x` of each window; NaN counts as the largest of all.
pub fn forward(s: &Pool2dShape, x: &[f32], y: &mut [f32]) {
    for_each_output(s, x, |o, winner| y[o] = x[winner]);
}

/// `dx` = for each window, `dy` at its first largest `x`; 0 elsewhere.
pub fn backward(s: &Pool2dShape, x: &[f32], dy: &[f32], dx: &mut [f32]) {
    dx.fill(0.0);
    for_each_output(s, x, |o, winner| dx[winner] += dy[o]);
}

/// Calls `body` with the index of each output and the index of the `x` that wins its window.
fn for_each_output(s: &Pool2dShape, x: &[f32], mut body: impl FnMut(usize, usize)) {
    for n in 0..s.n {
        for i in 0..s.out_h() {
            for j in 0..s.out_w() {
                for c in 0..s.c {
                    let mut winner = None;
                    for [h, w] in s.cells(i, j) {
                        let at = ((n * s.h + h) * s.w + w) * s.c + c;
                        if winner.is_none_or(|best: usize| wins(x[at], x[best])) {
                            winner = Some(at);
                        }
                    }
                    let o = ((n * s.out_h() + i) * s.out_w() + j) * s.c + c;
                    body(o, winner.expect("no window lies in the padding alone"));
                }
            }
        }
    }
}

fn wins(a: f32, b: f32) -> bool {
    a > b || a.is_nan() && !b.is_nan()
}
