//! The classic: write the patches out as a matrix (im2col), then multiply by the filters with a library
//! (`matrixmultiply`). Caffe made the trick popular (Chellapilla et al., *High performance convolutional neural
//! networks for document processing*, 2006).
//!
//! The whole matrix would be kh·kw times the size of the input, 230 MB for one picture in VGG16's second layer; so it
//! is made a block of pixels at a time, about 1 MB. It is written once and read once all the same: that is
//! what [`super::direct`] saves.

use rayon::prelude::*;

use super::Conv2dShape;
use super::direct::turned;
use super::patches::Patches;
use crate::gemm::Epilogue;
use crate::isa::Isa;
use crate::parallel::with_scratch;

/// Numbers of the matrix of patches that are made at once: 1 MB; more only where 8 pixels take more, the least that is
/// worth a product.
const BLOCK: usize = 1 << 18;

/// y = x ∗ w, then the epilogue.
pub(super) fn forward(s: &Conv2dShape, x: &[f32], w: &[f32], epilogue: Epilogue<'_>, y: &mut [f32]) {
    product(&Patches::of_input(s, x), w, s.cout, epilogue, y);
}

/// dx = dy ∗ (w turned by 180°, channels swapped).
pub(super) fn backward_input(isa: Isa, s: &Conv2dShape, w: &[f32], dy: &[f32], dx: &mut [f32]) {
    turned(isa, s, w, |turned| {
        product(&Patches::of_gradient(s, dy), turned, s.cin, Epilogue::default(), dx);
    });
}

/// `c` (pixels, cols) = patches · filters (taps, cols).
fn product(patches: &Patches<'_>, filters: &[f32], cols: usize, epilogue: Epilogue<'_>, c: &mut [f32]) {
    let taps = patches.taps();
    let pixels = (BLOCK / taps.max(1)).clamp(8, 1024);
    c.par_chunks_mut((pixels * cols).max(1)).enumerate().for_each(|(block, c)| {
        let rows = c.len() / cols;
        with_scratch(rows * taps, |matrix| {
            for (i, row) in matrix.chunks_exact_mut(taps.max(1)).enumerate() {
                patches.gather(block * pixels + i, 0..taps, row);
            }
            sgemm([rows, taps, cols], matrix, [taps, 1], filters, false, c);
        });
        c.chunks_exact_mut(cols).for_each(|c| epilogue.apply(0, c));
    });
}

/// dw = patches(x)ᵀ · dy, a block of pixels after the other.
pub(super) fn backward_weights(s: &Conv2dShape, x: &[f32], dy: &[f32], dw: &mut [f32]) {
    let (patches, taps) = (Patches::of_input(s, x), s.taps());
    let pixels = (BLOCK / taps.max(1)).clamp(8, 1024);
    // Rows of dw for one task; it must not depend on the number of threads, nor does it.
    let rows = taps.div_ceil(16).max(1);
    dw.fill(0.0);
    with_scratch(pixels * taps, |matrix| {
        for (block, dy) in dy.chunks(pixels * s.cout.max(1)).enumerate() {
            let used = dy.len() / s.cout;
            let matrix = &mut matrix[..used * taps];
            matrix.par_chunks_mut(taps.max(1)).enumerate().for_each(|(i, row)| {
                patches.gather(block * pixels + i, 0..taps, row);
            });
            dw.par_chunks_mut((rows * s.cout).max(1)).enumerate().for_each(|(i, dw)| {
                let m = dw.len() / s.cout;
                sgemm([m, used, s.cout], &matrix[i * rows..], [1, taps], dy, true, dw);
            });
        }
    });
}

/// c (m, n) = a (m, k) · b (k, n), or added to c; b and c row-major, a with these strides.
fn sgemm([m, k, n]: [usize; 3], a: &[f32], strides: [usize; 2], b: &[f32], add: bool, c: &mut [f32]) {
    let last = |n: usize, stride: usize| (n - 1).checked_mul(stride);
    let inside = || last(m, strides[0])?.checked_add(last(k, strides[1])?).filter(|&i| i < a.len());
    assert!(m == 0 || k == 0 || inside().is_some(), "im2col: A has {} numbers, too few", a.len());
    assert!(
        k.checked_mul(n) == Some(b.len()) && m.checked_mul(n) == Some(c.len()),
        "im2col: sizes of B and C"
    );
    let (beta, n_stride) = (f32::from(u8::from(add)), n as isize);
    let [row, col] = strides.map(|s| s as isize);
    // SAFETY: by the two asserts, whose products cannot wrap, every element that these sizes and strides reach lies
    // inside its slice, and `c` is borrowed exclusively.
    unsafe {
        let (a, b, c) = (a.as_ptr(), b.as_ptr(), c.as_mut_ptr());
        matrixmultiply::sgemm(m, k, n, 1.0, a, row, col, b, n_stride, 1, beta, c, n_stride, 1);
    }
}
