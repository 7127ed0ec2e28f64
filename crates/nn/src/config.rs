//! A model's architecture as data: what a model file stores beside the weights, and what a head's one line becomes.

use graft_tensor::Shape;
use serde::{Deserialize, Serialize};

use crate::layers::{ActivationLayer, Flatten};
use crate::{Layer, NnError, Result, Sequential};

/// A layer's hyper-parameters, with Keras's class and field names: `{"class_name": "Dense", "units": 10, …}`.
///
/// ```
/// use graft_nn::{LayerConfig, layers::Flatten};
/// let json = serde_json::to_string(&LayerConfig::Flatten(Flatten))?;
/// assert_eq!(json, r#"{"class_name":"Flatten"}"#);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "class_name")]
#[non_exhaustive]
pub enum LayerConfig {
    /// [`ActivationLayer`]
    Activation(ActivationLayer),
    /// [`Flatten`]
    Flatten(Flatten),
}

impl LayerConfig {
    /// The layer of these hyper-parameters.
    ///
    /// # Errors
    /// [`NnError::Argument`] for one that makes no sense; a file may hold anything.
    pub fn build(&self) -> Result<Box<dyn Layer>> {
        Ok(match self.clone() {
            Self::Activation(l) => Box::new(l),
            Self::Flatten(l) => Box::new(l),
        })
    }

    /// The class in Keras: `Conv2D`.
    pub fn class_name(&self) -> &'static str {
        match self {
            Self::Activation(_) => "Activation",
            Self::Flatten(_) => "Flatten",
        }
    }

    /// What Keras calls the first unnamed layer of this class: `max_pooling2d`.
    pub fn default_name(&self) -> &'static str {
        match self {
            Self::Activation(_) => "activation",
            Self::Flatten(_) => "flatten",
        }
    }
}

/// One layer of a [`ModelConfig`].
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct PlacedConfig {
    /// The layer's name.
    pub name: String,
    /// Whether training moves its weights.
    pub trainable: bool,
    /// What it is.
    #[serde(flatten)]
    pub layer: LayerConfig,
}

/// A [`Sequential`] without its weights.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ModelConfig {
    /// The shape of one input: height, width, channels.
    pub input_shape: Vec<usize>,
    /// The layers, from the input up.
    pub layers: Vec<PlacedConfig>,
}

impl Sequential {
    /// The architecture, without the weights.
    pub fn config(&self) -> ModelConfig {
        let layer = |l: &crate::Placed| PlacedConfig {
            name: l.name().to_owned(),
            trainable: l.trainable,
            layer: l.layer().config(),
        };
        ModelConfig {
            input_shape: self.input_shape().to_vec(),
            layers: self.layers().iter().map(layer).collect(),
        }
    }

    /// The model of this architecture, its weights yet to be set.
    ///
    /// # Errors
    /// [`NnError`] naming the layer that cannot be, or does not fit the one below it.
    pub fn from_config(config: &ModelConfig) -> Result<Self> {
        let input_shape = Shape::try_new(&config.input_shape).filter(|s| s.checked_elements().is_some());
        let input_shape = input_shape.ok_or_else(|| {
            NnError::argument("input_shape", "height, width, channels", format!("{:?}", config.input_shape))
        })?;
        let mut model = Self::new(input_shape);
        for l in &config.layers {
            model.push_boxed(l.name.clone(), l.layer.build().map_err(|e| e.in_layer(&l.name))?)?;
            model.set_trainable(model.layers().len() - 1.., l.trainable);
        }
        Ok(model)
    }
}
