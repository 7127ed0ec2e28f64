//! What can go wrong with a model, always with what to do about it.

use graft_tensor::{Shape, TensorError};

use crate::head::HeadError;

/// The result of an operation on a model.
pub type Result<T, E = NnError> = std::result::Result<T, E>;

/// Why a model could not be built, run or trained.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum NnError {
    /// Something failed within a layer.
    #[error("layer '{name}': {error}")]
    Layer {
        /// The layer's name.
        name: String,
        /// What failed.
        error: Box<NnError>,
    },
    /// A layer cannot take what the layer below it gives.
    #[error("{layer} takes {expected}, but gets {got}: {remedy}")]
    Input {
        /// The kind of the layer.
        layer: &'static str,
        /// The input it could take.
        expected: String,
        /// The shape at hand, without the batch axis.
        got: Shape,
        /// What to do.
        remedy: &'static str,
    },
    /// A hyper-parameter that makes no sense.
    #[error("{name} must be {expected}, got {got}")]
    Argument {
        /// The parameter, in Keras's spelling.
        name: &'static str,
        /// What would have been right.
        expected: String,
        /// What was given.
        got: String,
    },
    /// A layer has no weight of this name.
    #[error("layer '{layer}' has no weight '{weight}': {known}")]
    UnknownWeight {
        /// The layer.
        layer: String,
        /// The name asked for.
        weight: String,
        /// The nearest names, or all of them.
        known: String,
    },
    /// A weight of the wrong shape.
    #[error("weight '{weight}' of layer '{layer}' has the shape {expected}, got {got}")]
    WeightShape {
        /// The layer.
        layer: String,
        /// The weight.
        weight: String,
        /// The shape that the layer has.
        expected: String,
        /// The shape at hand.
        got: String,
    },
    /// Two layers of one name.
    #[error("there is a layer '{name}' already: names must be unique, as weights are stored under them")]
    DuplicateLayer {
        /// The name.
        name: String,
    },
    /// No layer of this name.
    #[error("no layer is called '{name}': {known}")]
    UnknownLayer {
        /// The name asked for.
        name: String,
        /// The nearest names, or all of them.
        known: String,
    },
    /// A head that cannot be read.
    #[error(transparent)]
    Head(#[from] HeadError),
    /// A tensor operation failed.
    #[error(transparent)]
    Tensor(#[from] TensorError),
}

impl NnError {
    /// The same error, said to have happened in this layer.
    pub fn in_layer(self, name: &str) -> Self {
        Self::Layer { name: name.to_owned(), error: Box::new(self) }
    }

    /// An argument that makes no sense.
    pub fn argument(name: &'static str, expected: impl Into<String>, got: impl ToString) -> Self {
        Self::Argument { name, expected: expected.into(), got: got.to_string() }
    }
}
