//! The operations, one file each: a method on [`Var`] whose first half computes `y` and whose closing half, the rule it
//! records, turns `dy` into `dx`. What the rule needs it keeps; what nobody will ask for it does not.

mod add;
mod cross_entropy;
mod mul;
mod relu;
mod reshape;
mod softmax;
mod sum;

use graft_tensor::{Result, Tensor, TensorError};

use crate::Var;

/// The value, if the way back of `other` will need it.
fn keep(value: &Var<'_>, other: &Var<'_>) -> Option<Tensor> {
    other.needs_gradient().then(|| value.value().clone())
}

fn same_shape(op: &str, a: &Var<'_>, b: &Var<'_>) -> Result<()> {
    if a.shape() == b.shape() { Ok(()) } else { Err(TensorError::shape(op, a.shape(), b.shape())) }
}
