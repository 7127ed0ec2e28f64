//! The operations, one file each: a method on [`Var`] whose first half computes `y` and whose closing half, the rule it
//! records, turns `dy` into `dx`. What the rule needs it keeps; what nobody will ask for it does not.

mod add;
mod batch_norm;
mod conv2d;
mod cross_entropy;
mod dense;
mod dropout;
mod global_pool2d;
mod max_pool2d;
mod mul;
mod relu;
mod reshape;
mod softmax;
mod sum;

pub use conv2d::Conv2dOptions;
pub use max_pool2d::MaxPool2dOptions;

use graft_tensor::{Result, Tensor, TensorError};

use crate::{Tape, Var};

/// The value, if the way back of `other` will need it.
fn keep(value: &Var<'_>, other: &Var<'_>) -> Option<Tensor> {
    other.needs_gradient().then(|| value.value().clone())
}

fn same_shape(op: &str, a: &Var<'_>, b: &Var<'_>) -> Result<()> {
    if a.shape() == b.shape() { Ok(()) } else { Err(TensorError::shape(op, a.shape(), b.shape())) }
}

/// The value, or one that nobody asks the gradient of.
fn or_absent<'t>(tape: &'t Tape, value: Option<&Var<'t>>) -> Var<'t> {
    value.cloned().unwrap_or_else(|| tape.constant(Tensor::zeros([0])))
}

/// Four extents.
fn four(op: &str, expected: &str, value: &Var<'_>) -> Result<[usize; 4]> {
    <[usize; 4]>::try_from(&value.shape()[..]).map_err(|_| TensorError::shape(op, expected, value.shape()))
}

#[cfg(test)]
mod testing {
    use graft_kernels::random::{Purpose, Stream};
    use graft_tensor::{Shape, Tensor};

    /// Numbers between ±0.1 and ±1, all different: away from ReLU's kink, and no two maxima of a window are near each
    /// other.
    pub(super) fn numbers(shape: impl Into<Shape>) -> Tensor {
        let shape = shape.into();
        let n = shape.elements();
        let mut order: Vec<usize> = (0..n).collect();
        let mut stream = Stream::new(n as u64, Purpose::Data, 0, 0);
        stream.shuffle(&mut order);
        Tensor::from_fn(shape, |i| {
            let size = 0.1 + 0.9 * (order[i] as f32 + 0.5) / n as f32;
            if stream.uniform() < 0.5 { -size } else { size }
        })
    }
}
