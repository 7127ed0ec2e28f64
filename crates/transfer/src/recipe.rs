//! What tells one method from another, as data: everything else is the same run.

use graft_data::Augment;
use graft_data::augment::{Augmentation, Compat};
use serde::Serialize;

use crate::{Inputs, Options};

/// What the head of a narrow base begins with. (Keras's own momentum, 0.99, is made for more steps than some hundreds.)
const NORMALIZATION: &str = "batch_normalization(0.9)";
/// Epochs on a narrow base: more change nothing on coats.
const NARROW_EPOCHS: u64 = 20;

/// A method of transfer learning.
#[derive(Debug, Clone, Serialize)]
pub struct Recipe {
    /// The method's name, and that of its binary.
    pub method: &'static str,
    /// The head that is grafted on unless the user writes another.
    pub head: String,
    /// How many of the base's last layers are trained, as Keras counts `base.layers[-n:]`.
    pub unfreeze_last: usize,
    /// Epochs in which the head alone is trained, before the base's last layers join in.
    pub warmup_epochs: u64,
    /// The learning rate of those epochs.
    pub warmup_learning_rate: f64,
    /// Epochs after the warm-up, unless the user says otherwise.
    pub epochs: u64,
    /// Their learning rate, unless the user says otherwise.
    pub learning_rate: f64,
    /// How training photos are moved about, if they are.
    pub augmenting: Option<Augmenting>,
}

/// How training photos are moved about, but for the seed.
#[derive(Debug, Clone, Serialize)]
pub struct Augmenting {
    /// The ranges that each variant is drawn from.
    pub ranges: Augmentation,
    /// Whose axes.
    pub compat: Compat,
}

impl Recipe {
    /// The simplest of them: the base as it is, a head on top, Adam's own learning rate.
    pub fn frozen(method: &'static str, head: &str) -> Self {
        Self {
            method,
            head: head.to_owned(),
            unfreeze_last: 0,
            warmup_epochs: 0,
            warmup_learning_rate: 1e-3,
            epochs: 5,
            learning_rate: 1e-3,
            augmenting: None,
        }
    }

    /// The recipe with what the user said instead, or what suits a base that is narrower than VGG16.
    ///
    /// The maps of such a base are small numbers, some 0.2, where VGG16's are tens: a normalisation brings them to the size
    /// that the learning rate is made for. And an epoch takes so little that there may be more of them.
    pub fn with(mut self, options: &Options, inputs: &Inputs) -> Self {
        if inputs.narrow {
            self.head = format!("{NORMALIZATION}, {}", self.head);
            self.epochs = NARROW_EPOCHS;
        }
        Self {
            head: options.head.clone().unwrap_or(self.head),
            epochs: options.epochs.unwrap_or(self.epochs),
            learning_rate: options.learning_rate.unwrap_or(self.learning_rate),
            ..self
        }
    }
}

impl Augmenting {
    /// The same with the seed of a run.
    pub fn seeded(&self, seed: u64) -> Augment {
        Augment { ranges: self.ranges.clone(), compat: self.compat, seed }
    }
}
