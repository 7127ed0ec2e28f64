//! The filters of the backward pass: turned by 180°, input and output channels swapped.

use rayon::prelude::*;

use crate::conv2d::Conv2dShape;
use crate::isa::Isa;
use crate::parallel::with_scratch;

/// Side of the squares in which a matrix is transposed: both its rows and its columns then stay in L1.
const SIDE: usize = 16;

/// Lends `body` the filters of the backward pass, (kh, kw, cout, cin), made from w (kh, kw, cin, cout):
/// `turned[ky][kx][co][ci] = w[kh - 1 - ky][kw - 1 - kx][ci][co]`.
pub(in crate::conv2d) fn turned(isa: Isa, s: &Conv2dShape, w: &[f32], body: impl FnOnce(&[f32])) {
    let taps = s.kh * s.kw;
    with_scratch(s.w_len(), |turned| {
        let strips = turned.par_chunks_mut((s.cin * s.cout).max(1)).enumerate().flat_map(|(tap, matrix)| {
            matrix.par_chunks_mut(SIDE * s.cin).enumerate().map(move |(row, strip)| (tap, row, strip))
        });
        strips.for_each(|(tap, row, strip)| {
            let from = &w[(taps - 1 - tap) * s.cin * s.cout..][..s.cin * s.cout];
            isa.vectorize(
                #[inline(always)]
                || transpose_strip(from, s.cout, row * SIDE, s.cin, strip),
            );
        });
        body(turned);
    });
}

/// `to` (≤ SIDE, cin) = columns `first..` of `from` (cin, cout), transposed.
#[inline(always)]
fn transpose_strip(from: &[f32], cout: usize, first: usize, cin: usize, to: &mut [f32]) {
    let co_len = to.len() / cin;
    for ci in (0..cin).step_by(SIDE) {
        for co in 0..co_len {
            let to = &mut to[co * cin + ci..(co * cin + ci + SIDE).min((co + 1) * cin)];
            let column = from[ci * cout + first + co..].iter().step_by(cout);
            to.iter_mut().zip(column).for_each(|(to, from)| *to = *from);
        }
    }
}
