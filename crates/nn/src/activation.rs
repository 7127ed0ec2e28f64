//! The functions that layers end in.

use std::fmt;

use graft_autograd::Var;
use serde::{Deserialize, Serialize};

use crate::Result;

/// A function that a layer applies to its output.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Activation {
    /// y = x
    #[default]
    Linear,
    /// y = max(0, x)
    Relu,
    /// yᵢ = exp(xᵢ) / Σⱼ exp(xⱼ) over the last axis
    Softmax,
}

impl Activation {
    /// Every activation.
    pub const ALL: [Self; 3] = [Self::Linear, Self::Relu, Self::Softmax];

    /// The name in Keras.
    pub fn name(self) -> &'static str {
        match self {
            Self::Linear => "linear",
            Self::Relu => "relu",
            Self::Softmax => "softmax",
        }
    }

    /// The activation of this name.
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|a| a.name() == name)
    }

    /// The activation applied to a value.
    ///
    /// # Errors
    /// If there is no room for the result.
    pub fn apply(self, x: Var<'_>) -> Result<Var<'_>> {
        Ok(match self {
            Self::Linear => x,
            Self::Relu => x.relu()?,
            Self::Softmax => x.softmax()?,
        })
    }
}

impl fmt::Display for Activation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}
