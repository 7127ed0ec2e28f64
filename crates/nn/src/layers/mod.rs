//! The layers, one file each, with Keras's names, defaults and arithmetic.
//!
//! A layer's struct is at the same time its configuration: what is public in it is what a model file stores. The
//! weights live beside it, in the [`Sequential`](crate::Sequential) that it is part of.

mod activation;
mod flatten;

pub use activation::ActivationLayer;
pub use flatten::Flatten;

#[cfg(test)]
pub(crate) mod testing {
    use graft_autograd::Tape;
    use graft_tensor::Tensor;

    use crate::{Layer, Mode};

    /// The layer's answer to one batch, with these weights.
    pub(crate) fn run(layer: &impl Layer, x: &Tensor, weights: &[Tensor], mode: &Mode<'_>) -> Tensor {
        let tape = Tape::new();
        let weights: Vec<_> = weights.iter().map(|w| tape.constant(w.clone())).collect();
        layer.forward(tape.constant(x.clone()), &weights, mode).unwrap().y.into_value()
    }
}
