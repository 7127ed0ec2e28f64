//! What training makes small.
//!
//! Let `z` be the scores of one picture before the softmax (the logits), `p = softmax(z)` and `t` the target, a
//! probability for each class: 1 for the true one, 0 for the others. The cross-entropy is
//!
//! ```text
//! l = − Σ_k t_k · ln p_k          and of a batch of N pictures    L = Σ_n w_n · l_n / N
//! ```
//!
//! with weights `w` of 1 unless the classes are weighted. It is computed from `z`, never from `p`: `ln softmax(z)` is
//! `z − max z − ln Σ exp(z − max z)`, which cannot underflow, and its gradient is the famous `p − t`. Keras does the
//! same whenever the model ends in a softmax. A model that ends in something else is taken to give probabilities,
//! which are divided by their sum and kept within [1e-7, 1 − 1e-7] before the logarithm, so that one picture cannot
//! cost more than 16.118.
//!
//! **Weights are divided as Keras divides them**: by the number of pictures N, not by the sum of the weights (as
//! PyTorch's `CrossEntropyLoss` does). Doubling all weights doubles the loss and the step.
//!
//! Sources: `keras/src/losses/losses.py`, `keras/src/losses/loss.py` (`reduce_weighted_values`),
//! `keras/src/backend/tensorflow/nn.py`, all of Keras 3.15.1.

mod class_weight;

pub use class_weight::ClassWeight;

use graft_autograd::Var;
use graft_tensor::Tensor;

use crate::{NnError, Result};

/// A loss, by Keras's name.
#[derive(Debug, Clone, Copy, PartialEq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Loss {
    /// Cross-entropy against a probability for each class.
    CategoricalCrossentropy {
        /// Takes this part of the target from the true class and spreads it evenly over all K classes:
        /// `t·(1 − s) + s/K`. In 0..=1.
        label_smoothing: f32,
    },
    /// Cross-entropy against the number of the true class: the same figures without smoothing.
    SparseCategoricalCrossentropy,
}

impl Default for Loss {
    /// Categorical cross-entropy, unsmoothed.
    fn default() -> Self {
        Self::CategoricalCrossentropy { label_smoothing: 0.0 }
    }
}

impl Loss {
    /// The targets of these classes: `(n, classes)`, each row summing to 1.
    ///
    /// # Errors
    /// If a label is not below `classes`, or the smoothing is not in 0..=1.
    ///
    /// ```
    /// # use graft_nn::losses::Loss;
    /// let loss = Loss::CategoricalCrossentropy { label_smoothing: 0.1 };
    /// let t = loss.targets(&[1], 2)?;
    /// assert_eq!(t.data(), [0.05, 0.95]);
    /// # Ok::<(), graft_nn::NnError>(())
    /// ```
    pub fn targets(self, labels: &[usize], classes: usize) -> Result<Tensor> {
        let s = match self {
            Self::CategoricalCrossentropy { label_smoothing } => label_smoothing,
            Self::SparseCategoricalCrossentropy => 0.0,
        };
        if !(0.0..=1.0).contains(&s) {
            return Err(NnError::argument("label_smoothing", "in 0..=1", s));
        }
        labels.iter().try_for_each(|&label| check_label(label, classes))?;
        // Keras's rounding: s/K first, then added to the 1 − s of the true class.
        let (off, on) = (s / classes as f32, (1.0 - s) + s / classes as f32);
        let mut targets = Tensor::full([labels.len(), classes], off);
        for (row, &label) in targets.data_mut().chunks_exact_mut(classes.max(1)).zip(labels) {
            row[label] = on;
        }
        Ok(targets)
    }

    /// The mean loss of a batch, `Σ w·l / N`, as a number to go back from.
    ///
    /// `y`, `targets`: (n, classes); `weights`: (n), 1 where there are none. `from_logits` says that `y` is what a
    /// softmax would be applied to, and not probabilities.
    ///
    /// # Errors
    /// If the shapes do not fit one another.
    pub fn of<'t>(
        self,
        y: &Var<'t>,
        from_logits: bool,
        targets: &Tensor,
        weights: Option<&Tensor>,
    ) -> Result<Var<'t>> {
        Ok(match from_logits {
            true => y.softmax_cross_entropy(targets, weights)?,
            false => y.categorical_cross_entropy(targets, weights)?,
        })
    }
}

/// An error unless `label` is one of the classes.
pub(crate) fn check_label(label: usize, classes: usize) -> Result<()> {
    if label < classes {
        return Ok(());
    }
    let expected = format!("below {classes}, the number of the model's outputs");
    Err(NnError::argument("label", expected, label))
}
