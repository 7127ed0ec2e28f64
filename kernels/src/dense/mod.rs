//! The dense (fully connected) layer: a matrix product, forward and backward.
//!
//! ```text
//! x: (batch, inputs)   w: (inputs, outputs)   bias: (outputs)   y: (batch, outputs)
//! y  = x·w + bias      dx = dy·wᵀ      dw = xᵀ·dy      db = Σ over the batch of dy
//! ```
//!
//! VGG16's first dense layer has 25088 × 4096 weights, 411 MB, and for one picture as many multiplications as the memory
//! has numbers to deliver: the product is then limited by reading w once, and [`crate::gemm`] streams it. For a batch
//! of 32 it is a matrix product like any other.

pub mod reference;

use crate::column_sums::column_sums;
use crate::gemm::{Epilogue, GemmShape, MatRef, gemm, gemm_narrow};
use crate::half::Narrow;
use crate::isa::Isa;
use crate::parallel::with_scratch;

/// The sizes of a dense layer.
#[derive(Copy, Clone, PartialEq, Eq, Hash, Debug)]
pub struct DenseShape {
    /// Rows of x and y.
    pub batch: usize,
    /// Columns of x, rows of w.
    pub inputs: usize,
    /// Columns of w and y, units.
    pub outputs: usize,
}

impl DenseShape {
    /// Numbers of x and dx.
    pub fn x_len(&self) -> usize {
        self.batch * self.inputs
    }

    /// Numbers of w and dw.
    pub fn w_len(&self) -> usize {
        self.inputs * self.outputs
    }

    /// Numbers of y and dy.
    pub fn y_len(&self) -> usize {
        self.batch * self.outputs
    }
}

/// y = x·w + bias, and then ReLU if asked.
///
/// # Panics
/// If a slice has not the length that `s` gives it.
pub fn forward(
    isa: Isa,
    s: &DenseShape,
    x: &[f32],
    w: &[f32],
    bias: Option<&[f32]>,
    relu: bool,
    y: &mut [f32],
) {
    check(s, [("x", x.len(), s.x_len()), ("w", w.len(), s.w_len()), ("y", y.len(), s.y_len())]);
    let shape = GemmShape { m: s.batch, n: s.outputs, k: s.inputs };
    let (x, w) = (MatRef::row_major(x, s.inputs), MatRef::row_major(w, s.outputs));
    gemm(isa, shape, x, w, Epilogue { bias, relu }, y);
}

/// As [`forward`], with the weights kept in 16 bits: exactly what their numbers as f32 would give.
///
/// A layer that is limited by reading w has half as much to read so. What is lost was lost when the weights were rounded: each by
/// at most a part in 2⁹ (bf16) or 2¹² (f16, above 6·10⁻⁵; below, 3·10⁻⁸), independently of one another, so that a sum of
/// many products changes by much less, relatively, than one weight does.
///
/// # Panics
/// If a slice has not the length that `s` gives it.
pub fn forward_narrow(
    isa: Isa,
    s: &DenseShape,
    x: &[f32],
    w: Narrow<'_>,
    bias: Option<&[f32]>,
    relu: bool,
    y: &mut [f32],
) {
    check(s, [("x", x.len(), s.x_len()), ("w", w.len(), s.w_len()), ("y", y.len(), s.y_len())]);
    let shape = GemmShape { m: s.batch, n: s.outputs, k: s.inputs };
    gemm_narrow(isa, shape, MatRef::row_major(x, s.inputs), w, Epilogue { bias, relu }, y);
}

/// dx = dy·wᵀ.
///
/// Computed as (w·dyᵀ)ᵀ: so w, by far the largest operand, is read in the order in which it lies, and only the small
/// dy and dx are transposed.
///
/// # Panics
/// If a slice has not the length that `s` gives it.
pub fn backward_input(isa: Isa, s: &DenseShape, w: &[f32], dy: &[f32], dx: &mut [f32]) {
    check(s, [("w", w.len(), s.w_len()), ("dy", dy.len(), s.y_len()), ("dx", dx.len(), s.x_len())]);
    let shape = GemmShape { m: s.inputs, n: s.batch, k: s.outputs };
    let (w, dy) = (MatRef::row_major(w, s.outputs), MatRef::row_major(dy, s.outputs));
    with_scratch(s.x_len(), |transposed| {
        gemm(isa, shape, w, dy.transposed(), Epilogue::default(), transposed);
        for (i, dx) in dx.chunks_exact_mut(s.inputs.max(1)).enumerate() {
            let column = transposed[i..].iter().step_by(s.batch);
            dx.iter_mut().zip(column).for_each(|(dx, v)| *dx = *v);
        }
    });
}

/// dw = xᵀ·dy.
///
/// # Panics
/// If a slice has not the length that `s` gives it.
pub fn backward_weights(isa: Isa, s: &DenseShape, x: &[f32], dy: &[f32], dw: &mut [f32]) {
    check(s, [("x", x.len(), s.x_len()), ("dy", dy.len(), s.y_len()), ("dw", dw.len(), s.w_len())]);
    let shape = GemmShape { m: s.inputs, n: s.outputs, k: s.batch };
    let (x, dy) = (MatRef::row_major(x, s.inputs), MatRef::row_major(dy, s.outputs));
    gemm(isa, shape, x.transposed(), dy, Epilogue::default(), dw);
}

/// db: dy summed over the batch.
///
/// # Panics
/// If a slice has not the length that `s` gives it.
pub fn backward_bias(isa: Isa, s: &DenseShape, dy: &[f32], db: &mut [f32]) {
    check(s, [("dy", dy.len(), s.y_len()), ("db", db.len(), s.outputs)]);
    column_sums(isa, dy, db);
}

/// Found and expected lengths, by name.
fn check<const N: usize>(s: &DenseShape, lengths: [(&str, usize, usize); N]) {
    for (name, found, expected) in lengths {
        assert_eq!(found, expected, "dense {s:?}: {name} has another length than the shape says");
    }
}
