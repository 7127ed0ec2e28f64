//! Every unit sees every input: y = x·w + b.

use graft_autograd::Var;
use graft_tensor::Shape;
use serde::{Deserialize, Serialize};

use super::{positive, yes};
use crate::layer::{Mode, Output, WeightSpec};
use crate::{Activation, Initializer, Layer, LayerConfig, NnError, Result};

/// `Dense(units, activation=None, use_bias=True, kernel_initializer="glorot_uniform")`: `(n, inputs)` to `(n, units)`.
///
/// Weights: `kernel` (inputs, units); `bias` (units,), zeros.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Dense {
    /// How many outputs.
    pub units: usize,
    /// What comes after the sum.
    #[serde(default)]
    pub activation: Activation,
    /// Whether `b` is there.
    #[serde(default = "yes")]
    pub use_bias: bool,
    /// Where the kernel's first numbers come from.
    #[serde(default)]
    pub kernel_initializer: Initializer,
}

impl Dense {
    /// A linear layer with a bias.
    pub fn new(units: usize) -> Self {
        let kernel_initializer = Initializer::GlorotUniform;
        Self { units, activation: Activation::Linear, use_bias: true, kernel_initializer }
    }

    /// The same, followed by an activation.
    pub fn activation(mut self, activation: Activation) -> Self {
        self.activation = activation;
        self
    }

    /// The same, without a bias.
    pub fn without_bias(mut self) -> Self {
        self.use_bias = false;
        self
    }

    /// The same with other first numbers in its kernel: He's suit a layer that ends in a ReLU.
    pub fn kernel_initializer(mut self, initializer: Initializer) -> Self {
        self.kernel_initializer = initializer;
        self
    }

    pub(crate) fn checked(self) -> Result<Self> {
        positive("units", self.units)?;
        Ok(self)
    }

    fn inputs(&self, input: &Shape) -> Result<usize> {
        match **input {
            [n] => Ok(n),
            _ => Err(NnError::Input {
                layer: "dense",
                expected: "(features,)".into(),
                got: *input,
                remedy: "put flatten before it, or use global pooling (--pooling avg)",
            }),
        }
    }
}

impl Layer for Dense {
    fn output_shape(&self, input: &Shape) -> Result<Shape> {
        self.inputs(input)?;
        Ok([self.units].into())
    }

    fn weights(&self, input: &Shape) -> Result<Vec<WeightSpec>> {
        let kernel = WeightSpec::new("kernel", [self.inputs(input)?, self.units], self.kernel_initializer);
        let bias = self.use_bias.then(|| WeightSpec::new("bias", [self.units], Initializer::Zeros));
        Ok([kernel].into_iter().chain(bias).collect())
    }

    fn forward<'t>(&self, x: Var<'t>, weights: &[Var<'t>], _: &Mode<'_>) -> Result<Output<'t>> {
        let relu = self.activation == Activation::Relu;
        let y = x.dense(&weights[0], weights.get(1), relu)?;
        Ok(if relu { y } else { self.activation.apply(y)? }.into())
    }

    fn config(&self) -> LayerConfig {
        LayerConfig::Dense(*self)
    }

    fn without_softmax(&self) -> Option<Box<dyn Layer>> {
        (self.activation == Activation::Softmax).then(|| Box::new(self.activation(Activation::Linear)) as _)
    }
}

#[cfg(test)]
mod tests {
    use graft_tensor::Tensor;

    use super::super::testing::run;
    use super::*;

    #[test]
    fn y_is_xw_plus_b() {
        let x = Tensor::new([1, 2], &[1.0, 2.0]).unwrap();
        let w = Tensor::new([2, 3], &[1.0, 0.0, -3.0, 10.0, 1.0, 0.5]).unwrap();
        let b = Tensor::new([3], &[0.5, 0.0, 0.0]).unwrap();
        let y = |l: Dense, w: &[Tensor]| run(&l, &x, w, &Mode::INFERENCE).data().to_vec();
        assert_eq!(y(Dense::new(3), &[w.clone(), b.clone()]), [21.5, 2.0, -2.0]);
        assert_eq!(y(Dense::new(3).activation(Activation::Relu), &[w.clone(), b.clone()]), [21.5, 2.0, 0.0]);
        assert_eq!(y(Dense::new(3).without_bias(), std::slice::from_ref(&w)), [21.0, 2.0, -2.0]);
        let p = y(Dense::new(3).activation(Activation::Softmax), &[w, b]);
        assert!((p.iter().sum::<f32>() - 1.0).abs() < 1e-6 && p[0] > 0.99);
    }

    #[test]
    fn the_kernel_begins_as_it_is_told_and_the_bias_at_zero() {
        let weights =
            |l: Dense| l.weights(&[7].into()).unwrap().iter().map(|w| w.initializer).collect::<Vec<_>>();
        assert_eq!(weights(Dense::new(3)), [Initializer::GlorotUniform, Initializer::Zeros]);
        let he = Dense::new(3).kernel_initializer(Initializer::HeNormal);
        assert_eq!(weights(he), [Initializer::HeNormal, Initializer::Zeros]);
        // Models that were saved before there was a choice.
        let old: Dense =
            serde_json::from_str(r#"{"units": 3, "activation": "linear", "use_bias": true}"#).unwrap();
        assert_eq!(old, Dense::new(3));
    }

    #[test]
    fn a_map_of_features_must_be_flattened_first() {
        let error = Dense::new(3).output_shape(&[7, 7, 512].into()).unwrap_err().to_string();
        assert!(
            error.contains("(7, 7, 512)") && error.contains("flatten") && error.contains("--pooling avg")
        );
    }

    #[test]
    fn the_softmax_comes_off() {
        assert!(Dense::new(3).without_softmax().is_none());
        let bare = Dense::new(3).activation(Activation::Softmax).without_softmax().unwrap();
        assert_eq!(bare.config(), LayerConfig::Dense(Dense::new(3)));
    }
}
