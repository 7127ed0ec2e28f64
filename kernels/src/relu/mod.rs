//! The rectified linear unit, `y = max(x, 0)`.
//!
//! Two details make it Keras's, and honest:
//!
//! * `−0` and all below become `+0`, as in TensorFlow.
//! * NaN passes. The obvious `x.max(0.0)` returns the operand that *is* a number, so that a network that has diverged
//!   looks like one whose units are merely silent. The comparison is turned round instead: whatever is not `≤ 0`
//!   stays, and NaN is not `≤ 0`.
//!
//! The backward pass needs the output alone (`y > 0` exactly where `x > 0`), so the input need not be kept. It also ends
//! gradients of less than [`NEGLIGIBLE`]. A photo whose class is beyond doubt has probabilities of 10⁻⁴⁰ elsewhere, and such
//! gradients; on their way they become *subnormal* numbers, with which most CPUs compute a hundred times slower: fine-tuning
//! took four times as long once the first photos were learnt. (TensorFlow has the CPU round subnormal results to zero; a
//! Rust program may not change how its CPU rounds.)
//!
//! Source: V. Nair, G. Hinton, *Rectified linear units improve restricted Boltzmann machines*, ICML 2010.

pub mod reference;

use crate::{Isa, column_sums, elementwise};

/// Gradients below this are zero: 10⁻³⁰ of anything that an f32 step could add to moves no weight, and it is 10⁸ times the
/// smallest normal f32, so that products of it with weights and activations are normal numbers still.
pub const NEGLIGIBLE: f32 = 1e-30;

/// `y = max(x, 0)`, element by element; NaN stays NaN.
///
/// ```
/// use graft_kernels::{Isa, relu};
/// let mut y = [0.0; 3];
/// relu::forward(Isa::best(), &[-2.0, 0.5, f32::NAN], &mut y);
/// assert!(y[0] == 0.0 && y[1] == 0.5 && y[2].is_nan());
/// ```
///
/// # Panics
/// If the lengths differ.
pub fn forward(isa: Isa, x: &[f32], y: &mut [f32]) {
    elementwise::map(isa, x, y, rectified);
}

/// `dx = dy` where the unit was active, 0 elsewhere and where `|dy|` is below [`NEGLIGIBLE`]; where `y` is NaN, `dy` passes,
/// and so does a `dy` that is NaN.
///
/// # Panics
/// If the lengths differ.
pub fn backward(isa: Isa, y: &[f32], dy: &[f32], dx: &mut [f32]) {
    elementwise::map2(isa, y, dy, dx, gated);
}

/// [`backward`] in place: `dy` becomes `dx`, and no memory of the size of a map is wanted.
///
/// # Panics
/// If the lengths differ.
pub fn backward_in_place(isa: Isa, y: &[f32], dy: &mut [f32]) {
    elementwise::update(isa, y, dy, gated);
}

/// [`backward_in_place`], and `db`, the gradient of a bias that was added before: what `dy` has become, summed over everything
/// but the last axis, of which there is one number in `db` for each.
///
/// # Panics
/// If the lengths differ, or there is not one number in `db` for each of the last axis.
pub fn backward_with_bias(isa: Isa, y: &[f32], dy: &mut [f32], db: &mut [f32]) {
    let rows = dy.len().checked_div(db.len()).unwrap_or(0);
    assert_eq!(dy.len(), rows * db.len(), "a gradient of rows as long as db");
    column_sums::updated_column_sums(isa, dy, y, |dy, y| gated(y, dy), db);
}

#[inline(always)]
fn rectified(x: f32) -> f32 {
    if x <= 0.0 { 0.0 } else { x }
}

#[inline(always)]
fn gated(y: f32, dy: f32) -> f32 {
    if y <= 0.0 || dy.abs() < NEGLIGIBLE { 0.0 } else { dy }
}
