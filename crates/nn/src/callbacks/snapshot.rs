//! A model's weights, kept while training goes on.

use graft_tensor::Tensor;

use crate::{Placed, Sequential, WeightId};

/// The weights of a model at one moment. Taking them costs nothing: the numbers are shared until training changes
/// them, so that only those that are trained are ever held twice.
#[derive(Debug, Clone)]
pub struct Snapshot(Vec<Vec<Tensor>>);

impl Snapshot {
    /// The weights as they are now.
    pub fn of(model: &Sequential) -> Self {
        let of_layer = |l: &Placed| l.weights().iter().map(|w| w.value.clone()).collect();
        Self(model.layers().iter().map(of_layer).collect())
    }

    /// Puts them back into the model they were taken of.
    pub fn restore(&self, model: &mut Sequential) {
        for (layer, weights) in self.0.iter().enumerate() {
            for (weight, value) in weights.iter().enumerate() {
                *model.weight_mut(WeightId { layer, weight }) = value.clone();
            }
        }
    }
}
