//! The gradient of the weights: dw (taps, cout) = patches(x)ᵀ (taps, pixels) · dy (pixels, cout).
//!
//! The sums are long, over all pixels of the batch, and the result may be small: 27 × 64 in VGG16's first layer, too
//! few rectangles for many cores. Splitting outputs is no help then; so the *pixels* are cut into chunks, each
//! gives a partial dw, and those are added in order. Where the cuts lie depends on the shape alone, never on the
//! number of threads: the bits stay the same.

use rayon::prelude::*;

use crate::conv2d::Conv2dShape;
use crate::conv2d::patches::{Patches, Transposed};
use crate::gemm::driver::multiply;
use crate::gemm::{Epilogue, GemmShape, MatRef};
use crate::isa::Isa;
use crate::parallel::with_scratch;

/// A dw of up to this many numbers (256 KB: it stays in L2 while a core goes through the pixels) is summed in chunks.
const SMALL: usize = 1 << 16;

/// Pixels of a chunk: at least 16 blocks of k, and at most 64 chunks in all.
fn chunk(pixels: usize) -> usize {
    4096.max(pixels.div_ceil(64))
}

/// dw from x and dy.
pub(in crate::conv2d) fn backward_weights(isa: Isa, s: &Conv2dShape, x: &[f32], dy: &[f32], dw: &mut [f32]) {
    let (patches, pixels) = (Patches::of_input(s, x), s.pixels());
    let part = |first: usize, dy: &[f32], dw: &mut [f32]| {
        let shape = GemmShape { m: s.taps(), n: s.cout, k: dy.len() / s.cout };
        let b = MatRef::row_major(dy, s.cout);
        multiply(isa, shape, &Transposed { patches, first }, &b, Epilogue::default(), dw);
    };
    let chunk = chunk(pixels);
    if dw.is_empty() || dw.len() > SMALL || pixels <= chunk {
        return part(0, dy, dw);
    }
    with_scratch(pixels.div_ceil(chunk) * dw.len(), |parts| {
        let jobs = parts.par_chunks_mut(dw.len()).zip(dy.par_chunks(chunk * s.cout)).enumerate();
        jobs.for_each(|(i, (dw, dy))| part(i * chunk, dy, dw));
        let (first, rest) = parts.split_at(dw.len());
        dw.copy_from_slice(first);
        for part in rest.chunks_exact(dw.len()) {
            dw.iter_mut().zip(part).for_each(|(dw, part)| *dw += part);
        }
    });
}
