//! What an optimiser remembers, as named tensors: to be stored, and to go on from.

use std::collections::{BTreeMap, BTreeSet};

use graft_tensor::{Tensor, TensorError};

use super::{Optimizer, empty_slots};
use crate::{NnError, Result, Sequential, WeightId};

/// What an optimiser remembers of a model's weights.
///
/// The tensors are named `layer/weight/slot`, such as `dense/kernel/momentum`, with Keras's names for the slots.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct OptimizerState {
    /// How many steps have been taken.
    pub iterations: u64,
    /// The learning rate, which callbacks may have changed.
    pub learning_rate: f32,
    /// The tensors, each of its weight's shape.
    pub tensors: BTreeMap<String, Tensor>,
}

impl Optimizer {
    /// What has been remembered of this model's weights. The numbers are shared, not copied.
    pub fn state(&self, model: &Sequential) -> OptimizerState {
        let algorithm = self.config.algorithm;
        let mut tensors = BTreeMap::new();
        for (&id, slots) in &self.slots {
            for ((slot, used), tensor) in algorithm.slots().into_iter().zip(slots) {
                if used {
                    tensors.insert(name(model, id, slot), tensor.clone());
                }
            }
        }
        OptimizerState { iterations: self.iterations, learning_rate: self.config.learning_rate, tensors }
    }

    /// Goes on from what was remembered. Weights that the state knows nothing of begin anew.
    ///
    /// # Errors
    /// [`NnError::Argument`] for a tensor that belongs to no weight of the model or to another algorithm;
    /// [`TensorError::Shape`] for one of another shape than its weight's. The optimiser is as before then.
    pub fn restore(&mut self, model: &Sequential, state: &OptimizerState) -> Result<()> {
        let algorithm = self.config.algorithm;
        let mut unknown: BTreeSet<&str> = state.tensors.keys().map(String::as_str).collect();
        let mut restored = BTreeMap::new();
        for (id, _, weight) in model.weights() {
            let mut slots = empty_slots(algorithm, weight.spec.shape)?;
            let mut found = false;
            for ((slot, _), tensor) in algorithm.slots().into_iter().zip(&mut slots) {
                let name = name(model, id, slot);
                let Some(given) = state.tensors.get(&name) else { continue };
                if given.shape() != tensor.shape() {
                    return Err(TensorError::shape(name, tensor.shape(), given.shape()).into());
                }
                *tensor = given.clone();
                found = true;
                unknown.remove(name.as_str());
            }
            if found {
                restored.insert(id, slots);
            }
        }
        if let Some(odd) = unknown.first() {
            let expected = "that of this model and algorithm";
            return Err(NnError::argument("optimizer state", expected, odd));
        }
        (self.iterations, self.slots) = (state.iterations, restored);
        self.config.learning_rate = state.learning_rate;
        Ok(())
    }
}

fn name(model: &Sequential, id: WeightId, slot: &str) -> String {
    let weight = model.weight(id).spec.name;
    format!("{}/{weight}/{slot}", model.layers()[id.layer].name())
}
