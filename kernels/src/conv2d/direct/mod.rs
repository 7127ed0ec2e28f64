//! Convolution by our own register tile: an *implicit* matrix product.
//!
//! The product of patches and filters is computed by the loops of [`crate::gemm`], whose packing gathers 14 KB of
//! patches at a time straight from the picture into L1, where the tile uses them at once. Nothing else is different
//! from im2col, yet the matrix of patches never exists.
//!
//! | | rows | sums over | columns | left operand |
//! |---|---|---|---|---|
//! | forward | output pixels | taps of x | cout | patches of x |
//! | backward_input | input pixels | taps of dy | cin | patches of dy |
//! | backward_weights | taps | output pixels | cout | patches of x, transposed |

mod filters;
mod weights;

pub(super) use filters::turned;
pub(super) use weights::backward_weights;

use super::Conv2dShape;
use super::patches::Patches;
use crate::gemm::driver::multiply;
use crate::gemm::{Epilogue, GemmShape, MatRef};
use crate::isa::Isa;

/// y = x ∗ w, then the epilogue.
pub(super) fn forward(
    isa: Isa,
    s: &Conv2dShape,
    x: &[f32],
    w: &[f32],
    epilogue: Epilogue<'_>,
    y: &mut [f32],
) {
    let shape = GemmShape { m: s.pixels(), n: s.cout, k: s.taps() };
    multiply(isa, shape, &Patches::of_input(s, x), &MatRef::row_major(w, s.cout), epilogue, y);
}

/// dx = dy ∗ (w turned by 180°, channels swapped).
pub(super) fn backward_input(isa: Isa, s: &Conv2dShape, w: &[f32], dy: &[f32], dx: &mut [f32]) {
    let shape = GemmShape { m: s.n * s.h * s.w, n: s.cin, k: s.kh * s.kw * s.cout };
    turned(isa, s, w, |turned| {
        let (patches, filters) = (Patches::of_gradient(s, dy), MatRef::row_major(turned, s.cin));
        multiply(isa, shape, &patches, &filters, Epilogue::default(), dx);
    });
}
