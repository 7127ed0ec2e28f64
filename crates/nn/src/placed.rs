//! A layer in its place within a model.

use graft_tensor::{Shape, Tensor};

use crate::layer::Weight;
use crate::{Layer, NnError, Result, names};

/// A layer in its place: named, with its weights, frozen or not.
pub struct Placed {
    pub(crate) name: String,
    pub(crate) layer: Box<dyn Layer>,
    pub(crate) weights: Vec<Weight>,
    pub(crate) output_shape: Shape,
    /// Whether training moves the weights. A frozen batch normalisation uses its running statistics.
    pub trainable: bool,
}

impl Placed {
    /// The layer's name, unique within the model.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The layer.
    pub fn layer(&self) -> &dyn Layer {
        &*self.layer
    }

    /// Its weights.
    pub fn weights(&self) -> &[Weight] {
        &self.weights
    }

    /// The shape of its output, without the batch axis.
    pub fn output_shape(&self) -> &Shape {
        &self.output_shape
    }

    /// Replaces one weight.
    ///
    /// # Errors
    /// [`NnError::UnknownWeight`], or [`NnError::WeightShape`] if the shape is not the layer's.
    pub fn set_weight(&mut self, name: &str, value: Tensor) -> Result<()> {
        let layer = &self.name;
        let Some(at) = self.weights.iter().position(|w| w.spec.name == name) else {
            let known = names::suggest(name, self.weights.iter().map(|w| w.spec.name));
            return Err(NnError::UnknownWeight { layer: layer.clone(), weight: name.to_owned(), known });
        };
        let weight = &mut self.weights[at];
        if weight.spec.shape != *value.shape() {
            return Err(NnError::WeightShape {
                layer: layer.clone(),
                weight: name.to_owned(),
                expected: weight.spec.shape.to_string(),
                got: value.shape().to_string(),
            });
        }
        weight.value = value;
        weight.given = true;
        Ok(())
    }

    /// How many numbers its weights hold.
    pub fn count_params(&self) -> usize {
        self.weights.iter().map(|w| w.spec.shape.elements()).sum()
    }

    /// Whether a training step changes something here.
    pub fn is_trained(&self) -> bool {
        self.trainable && self.weights.iter().any(|w| w.spec.by_gradient)
    }
}

/// Names one weight of a model: the layer's index and the weight's index within it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct WeightId {
    /// Index of the layer.
    pub layer: usize,
    /// Index of the weight within the layer.
    pub weight: usize,
}
