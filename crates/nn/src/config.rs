//! A model's architecture as data: what a model file stores beside the weights, and what a head's one line becomes.

use graft_tensor::Shape;
use serde::{Deserialize, Serialize};

use crate::layers::{
    ActivationLayer, BatchNormalization, Conv2D, Dense, Dropout, Flatten, GlobalAveragePooling2D,
    GlobalMaxPooling2D, MaxPooling2D,
};
use crate::{Layer, NnError, Result, Sequential};

/// A layer's hyper-parameters, with Keras's class and field names: `{"class_name": "Dense", "units": 10, …}`.
///
/// ```
/// use graft_nn::{LayerConfig, layers::Dropout};
/// let json = serde_json::to_string(&LayerConfig::Dropout(Dropout::new(0.5)?))?;
/// assert_eq!(json, r#"{"class_name":"Dropout","rate":0.5}"#);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "class_name")]
#[non_exhaustive]
pub enum LayerConfig {
    /// [`ActivationLayer`]
    Activation(ActivationLayer),
    /// [`BatchNormalization`]
    BatchNormalization(BatchNormalization),
    /// [`Conv2D`]
    Conv2D(Conv2D),
    /// [`Dense`]
    Dense(Dense),
    /// [`Dropout`]
    Dropout(Dropout),
    /// [`Flatten`]
    Flatten(Flatten),
    /// [`GlobalAveragePooling2D`]
    GlobalAveragePooling2D(GlobalAveragePooling2D),
    /// [`GlobalMaxPooling2D`]
    GlobalMaxPooling2D(GlobalMaxPooling2D),
    /// [`MaxPooling2D`]
    MaxPooling2D(MaxPooling2D),
}

impl LayerConfig {
    /// The layer of these hyper-parameters.
    ///
    /// # Errors
    /// [`NnError::Argument`] for one that makes no sense; a file may hold anything.
    pub fn build(&self) -> Result<Box<dyn Layer>> {
        Ok(match self.clone() {
            Self::Activation(l) => Box::new(l),
            Self::BatchNormalization(l) => Box::new(l.checked()?),
            Self::Conv2D(l) => Box::new(l.checked()?),
            Self::Dense(l) => Box::new(l.checked()?),
            Self::Dropout(l) => Box::new(l.checked()?),
            Self::Flatten(l) => Box::new(l),
            Self::GlobalAveragePooling2D(l) => Box::new(l),
            Self::GlobalMaxPooling2D(l) => Box::new(l),
            Self::MaxPooling2D(l) => Box::new(l.checked()?),
        })
    }

    /// The class in Keras: `Conv2D`.
    pub fn class_name(&self) -> &'static str {
        match self {
            Self::Activation(_) => "Activation",
            Self::BatchNormalization(_) => "BatchNormalization",
            Self::Conv2D(_) => "Conv2D",
            Self::Dense(_) => "Dense",
            Self::Dropout(_) => "Dropout",
            Self::Flatten(_) => "Flatten",
            Self::GlobalAveragePooling2D(_) => "GlobalAveragePooling2D",
            Self::GlobalMaxPooling2D(_) => "GlobalMaxPooling2D",
            Self::MaxPooling2D(_) => "MaxPooling2D",
        }
    }

    /// What Keras calls the first unnamed layer of this class: `max_pooling2d`.
    pub fn default_name(&self) -> &'static str {
        match self {
            Self::Activation(_) => "activation",
            Self::BatchNormalization(_) => "batch_normalization",
            Self::Conv2D(_) => "conv2d",
            Self::Dense(_) => "dense",
            Self::Dropout(_) => "dropout",
            Self::Flatten(_) => "flatten",
            Self::GlobalAveragePooling2D(_) => "global_average_pooling2d",
            Self::GlobalMaxPooling2D(_) => "global_max_pooling2d",
            Self::MaxPooling2D(_) => "max_pooling2d",
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Activation, head::Head};

    #[test]
    fn a_model_is_rebuilt_from_its_config() {
        let mut model = Sequential::new([8, 8, 3]);
        model.push("c", Conv2D::new(4, [3, 3]).activation(Activation::Relu)).unwrap();
        model.push("b", BatchNormalization::default()).unwrap();
        model.push("p", MaxPooling2D::new([2, 2])).unwrap();
        let head: Head = "flatten, dense(5, relu), dropout(0.25), dense(classes, softmax)".parse().unwrap();
        model.push_all(&head.layers(3).unwrap()).unwrap();
        model.set_trainable(..2, false);

        let json = serde_json::to_string(&model.config()).unwrap();
        let read: ModelConfig = serde_json::from_str(&json).unwrap();
        let again = Sequential::from_config(&read).unwrap();
        assert_eq!(again.config(), model.config());
        assert_eq!(again.count_params(), model.count_params());
        assert_eq!(again.layers().iter().map(|l| l.trainable).collect::<Vec<_>>()[..3], [false, false, true]);
        assert!(
            json.contains(r#"{"name":"dense","trainable":true,"class_name":"Dense","units":5"#),
            "{json}"
        );
    }

    #[test]
    fn a_hostile_config_is_an_error() {
        for (json, says) in [
            (
                r#"{"input_shape":[8],"layers":[{"name":"d","trainable":true,"class_name":"Dropout","rate":7}]}"#,
                "rate",
            ),
            (
                r#"{"input_shape":[8],"layers":[{"name":"d","trainable":true,"class_name":"Dense","units":0}]}"#,
                "units",
            ),
            (
                r#"{"input_shape":[18446744073709551615],"layers":[{"name":"d","trainable":true,"class_name":"Dense",
                    "units":18446744073709551615}]}"#,
                "memory",
            ),
            (
                r#"{"input_shape":[8,8,3],"layers":[{"name":"p","trainable":true,"class_name":"MaxPooling2D",
                    "pool_size":[18446744073709551615,18446744073709551615],"strides":[1,1],"padding":"same"}]}"#,
                "overflow",
            ),
            (
                r#"{"input_shape":[8,8,3],"layers":[{"name":"p","trainable":true,"class_name":"MaxPooling2D",
                    "pool_size":[2,2],"strides":[18446744073709551615,18446744073709551615]}]}"#,
                "overflow",
            ),
            (
                r#"{"input_shape":[8,8,3],"layers":[{"name":"c","trainable":true,"class_name":"Conv2D","filters":1,
                    "kernel_size":[18446744073709551615,18446744073709551615],"strides":[1,1],"padding":"same",
                    "activation":"linear","use_bias":true,"kernel_initializer":"zeros"}]}"#,
                "overflow",
            ),
            (r#"{"input_shape":[18446744073709551615,2],"layers":[]}"#, "input_shape"),
            (r#"{"input_shape":[1,1,1,1,1,1,1,1,1],"layers":[]}"#, "input_shape"),
        ] {
            let config: ModelConfig = serde_json::from_str(json).unwrap();
            let error = Sequential::from_config(&config).err().expect(json).to_string();
            assert!(error.contains(says), "{json}: {error}");
        }
    }
}
