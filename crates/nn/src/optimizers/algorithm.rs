//! The algorithms, with Keras's defaults.

use serde::{Deserialize, Serialize};

use crate::{NnError, Result};

/// How a gradient becomes a step. The formulas, and what differs from other libraries, stand with the kernels:
/// [`graft_kernels::optimizers`].
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(tag = "class_name")]
pub enum Algorithm {
    /// Gradient descent, plain (momentum 0), with momentum, or with Nesterov's.
    #[serde(rename = "SGD")]
    Sgd {
        /// How much of the last step goes into the next one, in 0..=1.
        momentum: f64,
        /// Whether the gradient is thought to be taken where momentum will have led.
        nesterov: bool,
    },
    /// Adam.
    Adam {
        /// Decay of the mean gradient.
        beta_1: f64,
        /// Decay of the mean squared gradient.
        beta_2: f64,
        /// Added to the root of the latter.
        epsilon: f64,
    },
    /// Adam with decoupled weight decay: the same, with a [weight decay](super::OptimizerConfig::weight_decay) of
    /// 0.004 unless another is given.
    AdamW {
        /// Decay of the mean gradient.
        beta_1: f64,
        /// Decay of the mean squared gradient.
        beta_2: f64,
        /// Added to the root of the latter.
        epsilon: f64,
    },
    /// RMSprop.
    RMSprop {
        /// Decay of the mean squared gradient.
        rho: f64,
        /// How much of the last step goes into the next one, in 0..=1.
        momentum: f64,
        /// Added to the mean squared gradient under the root.
        epsilon: f64,
        /// Whether the variance stands in for the mean square.
        centered: bool,
    },
}

impl Algorithm {
    /// The names that [`Algorithm::from_str`](std::str::FromStr) reads.
    pub const NAMES: [&'static str; 6] = ["sgd", "sgd-momentum", "sgd-nesterov", "adam", "adamw", "rmsprop"];

    /// Plain gradient descent.
    pub fn sgd() -> Self {
        Self::Sgd { momentum: 0.0, nesterov: false }
    }

    /// Adam as in Keras: β 0.9 and 0.999, ε 1e-7.
    pub fn adam() -> Self {
        Self::Adam { beta_1: 0.9, beta_2: 0.999, epsilon: 1e-7 }
    }

    /// AdamW as in Keras: β 0.9 and 0.999, ε 1e-7.
    pub fn adamw() -> Self {
        Self::AdamW { beta_1: 0.9, beta_2: 0.999, epsilon: 1e-7 }
    }

    /// RMSprop as in Keras: ρ 0.9, ε 1e-7, no momentum, not centred.
    pub fn rmsprop() -> Self {
        Self::RMSprop { rho: 0.9, momentum: 0.0, epsilon: 1e-7, centered: false }
    }

    /// What may be remembered of every weight from step to step, by Keras's names, and whether it is.
    pub(super) fn slots(self) -> Vec<(&'static str, bool)> {
        match self {
            Self::Sgd { momentum, .. } => vec![("momentum", momentum != 0.0)],
            Self::Adam { .. } | Self::AdamW { .. } => vec![("momentum", true), ("velocity", true)],
            Self::RMSprop { momentum, centered, .. } => {
                vec![("velocity", true), ("momentum", momentum > 0.0), ("average_gradient", centered)]
            }
        }
    }

    /// Keras's learning rate: 0.01 for gradient descent, 0.001 for the others.
    pub fn default_learning_rate(self) -> f32 {
        if matches!(self, Self::Sgd { .. }) { 0.01 } else { 0.001 }
    }

    /// Keras's weight decay: 0.004 for AdamW, none for the others.
    pub fn default_weight_decay(self) -> Option<f64> {
        matches!(self, Self::AdamW { .. }).then_some(0.004)
    }

    /// An error if a number is out of its range.
    pub(super) fn check(self) -> Result<()> {
        let decay = |name, value: f64| match (0.0..1.0).contains(&value) {
            true => Ok(()),
            false => Err(NnError::argument(name, "at least 0 and below 1", value)),
        };
        let positive = |epsilon: f64| match epsilon.is_finite() && epsilon > 0.0 {
            true => Ok(()),
            false => Err(NnError::argument("epsilon", "above 0", epsilon)),
        };
        match self {
            Self::Sgd { momentum, .. } | Self::RMSprop { momentum, .. }
                if !(0.0..=1.0).contains(&momentum) =>
            {
                Err(NnError::argument("momentum", "in 0..=1", momentum))
            }
            Self::Sgd { .. } => Ok(()),
            Self::Adam { beta_1, beta_2, epsilon } | Self::AdamW { beta_1, beta_2, epsilon } => {
                decay("beta_1", beta_1)?;
                decay("beta_2", beta_2)?;
                positive(epsilon)
            }
            Self::RMSprop { rho, epsilon, .. } => {
                decay("rho", rho)?;
                positive(epsilon)
            }
        }
    }
}

/// One of [`Algorithm::NAMES`]; the two with momentum take 0.9 of it.
impl std::str::FromStr for Algorithm {
    type Err = NnError;

    fn from_str(name: &str) -> Result<Self> {
        match name {
            "sgd" => Ok(Self::sgd()),
            "sgd-momentum" => Ok(Self::Sgd { momentum: 0.9, nesterov: false }),
            "sgd-nesterov" => Ok(Self::Sgd { momentum: 0.9, nesterov: true }),
            "adam" => Ok(Self::adam()),
            "adamw" => Ok(Self::adamw()),
            "rmsprop" => Ok(Self::rmsprop()),
            _ => Err(NnError::argument("optimizer", Self::NAMES.join(", "), name)),
        }
    }
}
