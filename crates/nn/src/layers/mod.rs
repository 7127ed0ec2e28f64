//! The layers, one file each, with Keras's names, defaults and arithmetic.
//!
//! A layer's struct is at the same time its configuration: what is public in it is what a model file stores. The
//! weights live beside it, in the [`Sequential`](crate::Sequential) that it is part of.

mod activation;
mod batch_normalization;
mod conv2d;
mod dense;
mod dropout;
mod flatten;
mod global_pooling;
mod max_pooling2d;
pub(crate) mod padding;

pub use activation::ActivationLayer;
pub use batch_normalization::BatchNormalization;
pub use conv2d::Conv2D;
pub use dense::Dense;
pub use dropout::Dropout;
pub use flatten::Flatten;
pub use global_pooling::{GlobalAveragePooling2D, GlobalMaxPooling2D};
pub use graft_autograd::Padding;
pub use max_pooling2d::MaxPooling2D;

use graft_tensor::Shape;

use crate::{NnError, Result};

/// The default of `use_bias`.
fn yes() -> bool {
    true
}

/// Height, width and channels of an input that must be a picture or a map of features.
fn map_of_features(layer: &'static str, input: &Shape) -> Result<[usize; 3]> {
    <[usize; 3]>::try_from(&input[..]).map_err(|_| NnError::Input {
        layer,
        expected: "(height, width, channels)".into(),
        got: *input,
        remedy: "it must come before flatten and global pooling, and after a base without pooling (--pooling none)",
    })
}

/// An extent that must not be 0.
fn positive(name: &'static str, value: usize) -> Result<()> {
    if value == 0 { Err(NnError::argument(name, "at least 1", value)) } else { Ok(()) }
}

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
