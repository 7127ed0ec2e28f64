//! What turns gradients into steps.
//!
//! A step takes the gradients of all trained weights and
//!
//! 1. bounds them, if there is a bound ([`Clipping`]),
//! 2. shrinks the weights, if there is a weight decay: `w ← w − w·decay·rate`, apart from the gradient
//!    (Loshchilov and Hutter: *Decoupled weight decay regularization*, ICLR 2019),
//! 3. moves each weight by the [`Algorithm`], which remembers something of the earlier gradients,
//!
//! in this order, as Keras does (`keras/src/optimizers/base_optimizer.py`, `_backend_apply_gradients`). Weights are
//! changed in place; nothing of their size is allocated after the first step.

mod algorithm;
mod clipping;
mod state;

pub use algorithm::Algorithm;
pub use clipping::Clipping;
pub use state::OptimizerState;

use std::collections::BTreeMap;
use std::collections::btree_map::Entry;

use graft_kernels::{Isa, optimizers as kernels};
use graft_tensor::{Shape, Tensor, TensorError};
use serde::{Deserialize, Serialize};

use crate::{NnError, Result, Sequential, WeightId};

/// An optimiser's options, with Keras's names.
///
/// ```
/// use graft_nn::optimizers::{Algorithm, Clipping, Optimizer, OptimizerConfig};
/// let config = OptimizerConfig {
///     learning_rate: 1e-4,
///     clipping: Some(Clipping::Clipnorm(1.0)),
///     ..OptimizerConfig::new(Algorithm::adam())
/// };
/// let optimizer = Optimizer::new(config)?;
/// # Ok::<(), graft_nn::NnError>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct OptimizerConfig {
    /// The algorithm.
    pub algorithm: Algorithm,
    /// How far a step goes.
    pub learning_rate: f32,
    /// The part of a weight, times the learning rate, that each step takes off it. It applies to every trained
    /// weight, biases included, as in Keras.
    pub weight_decay: Option<f64>,
    /// A bound for the gradients.
    pub clipping: Option<Clipping>,
}

impl OptimizerConfig {
    /// The algorithm with Keras's learning rate and weight decay for it, and no bound.
    pub fn new(algorithm: Algorithm) -> Self {
        let learning_rate = algorithm.default_learning_rate();
        Self { algorithm, learning_rate, weight_decay: algorithm.default_weight_decay(), clipping: None }
    }

    fn check(&self) -> Result<()> {
        let not_negative = |name, value: f64| match value.is_finite() && value >= 0.0 {
            true => Ok(()),
            false => Err(NnError::argument(name, "finite and not negative", value)),
        };
        not_negative("learning_rate", self.learning_rate.into())?;
        not_negative("weight_decay", self.weight_decay.unwrap_or(0.0))?;
        self.clipping.map_or(Ok(()), Clipping::check)?;
        self.algorithm.check()
    }
}

/// An optimiser: its options and what it remembers of every weight.
#[derive(Debug, Clone)]
pub struct Optimizer {
    config: OptimizerConfig,
    iterations: u64,
    /// What is remembered of each weight, in the order of `Algorithm::slots`.
    slots: BTreeMap<WeightId, Vec<Tensor>>,
}

impl Default for Optimizer {
    /// Adam with Keras's defaults.
    fn default() -> Self {
        let config = OptimizerConfig::new(Algorithm::adam());
        Self { config, iterations: 0, slots: BTreeMap::new() }
    }
}

impl Optimizer {
    /// An optimiser that remembers nothing yet.
    ///
    /// # Errors
    /// [`NnError::Argument`] for a number out of its range.
    pub fn new(config: OptimizerConfig) -> Result<Self> {
        config.check()?;
        Ok(Self { config, ..Self::default() })
    }

    /// The options, with the learning rate as it is now.
    pub fn config(&self) -> &OptimizerConfig {
        &self.config
    }

    /// How far a step goes.
    pub fn learning_rate(&self) -> f32 {
        self.config.learning_rate
    }

    /// Sets how far the next steps go.
    pub fn set_learning_rate(&mut self, rate: f32) {
        self.config.learning_rate = rate;
    }

    /// How many steps have been taken.
    pub fn iterations(&self) -> u64 {
        self.iterations
    }

    /// Takes one step: changes the weights of `model` by their gradients, in place.
    ///
    /// # Errors
    /// [`TensorError::Shape`] for a gradient of another shape than its weight's; [`TensorError::OutOfMemory`] if there is no
    /// room for what the algorithm remembers. No weight has been changed then.
    pub fn apply(&mut self, model: &mut Sequential, mut gradients: Vec<(WeightId, Tensor)>) -> Result<()> {
        let isa = Isa::current();
        for (id, g) in &gradients {
            let expected = &model.weight(*id).spec.shape;
            if g.shape() != expected {
                return Err(TensorError::shape("optimizer", expected, g.shape()).into());
            }
        }
        // All of it before the first gradient is dropped, whose memory the next step's gradients will want again.
        for (id, g) in &gradients {
            if let Entry::Vacant(free) = self.slots.entry(*id) {
                free.insert(empty_slots(self.config.algorithm, *g.shape())?);
            }
        }
        if let Some(clipping) = self.config.clipping {
            clipping.apply(isa, &mut gradients);
        }
        self.iterations += 1;
        for (id, g) in gradients {
            self.step(isa, id, &g, model.weight_mut(id));
        }
        Ok(())
    }

    /// Changes one weight.
    fn step(&mut self, isa: Isa, id: WeightId, g: &Tensor, w: &mut Tensor) {
        let OptimizerConfig { algorithm, learning_rate: rate, weight_decay, .. } = self.config;
        let slots = self.slots.get_mut(&id).expect("room was made for what is remembered of each weight");
        let (w, g, t) = (w.data_mut(), g.data(), self.iterations);
        let decay = weight_decay.unwrap_or(0.0);
        // AdamW's kernel does both in one pass over the weights.
        if decay > 0.0 && !matches!(algorithm, Algorithm::AdamW { .. }) {
            w.iter_mut().for_each(|w| *w -= *w * decay as f32 * rate);
        }
        match algorithm {
            Algorithm::Sgd { momentum, nesterov } => {
                kernels::Sgd { momentum, nesterov }.step(isa, rate, w, g, slices(slots));
            }
            Algorithm::Adam { beta_1, beta_2, epsilon } => {
                kernels::Adam { beta_1, beta_2, epsilon }.step(isa, t, rate, w, g, slices(slots));
            }
            Algorithm::AdamW { beta_1, beta_2, epsilon } => {
                let adam = kernels::Adam { beta_1, beta_2, epsilon };
                kernels::AdamW { adam, weight_decay: decay }.step(isa, t, rate, w, g, slices(slots));
            }
            Algorithm::RMSprop { rho, momentum, epsilon, centered } => {
                let rmsprop = kernels::RmsProp { rho, momentum, epsilon, centered };
                rmsprop.step(isa, rate, w, g, slices(slots));
            }
        }
    }
}

/// The numbers of the N slots that an algorithm has.
fn slices<const N: usize>(slots: &mut [Tensor]) -> [&mut [f32]; N] {
    let slots: &mut [Tensor; N] = slots.try_into().expect("as many slots as the algorithm has");
    slots.each_mut().map(Tensor::data_mut)
}

/// Room for what the algorithm remembers of a weight of this shape.
fn empty_slots(algorithm: Algorithm, shape: Shape) -> Result<Vec<Tensor>> {
    let zeros = |(_, used)| Ok(Tensor::try_zeros(if used { shape } else { Shape::from([0]) })?);
    algorithm.slots().into_iter().map(zeros).collect()
}
