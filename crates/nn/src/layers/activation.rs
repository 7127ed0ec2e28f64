//! A function of its own, where it is not part of the layer before.

use graft_autograd::Var;
use graft_tensor::Shape;
use serde::{Deserialize, Serialize};

use crate::layer::{Mode, Output};
use crate::{Activation, Layer, LayerConfig, Result};

/// Keras's `Activation(activation)`; softmax runs over the last axis.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct ActivationLayer {
    /// The function.
    pub activation: Activation,
}

impl ActivationLayer {
    /// The layer of this function.
    pub fn new(activation: Activation) -> Self {
        Self { activation }
    }
}

impl Layer for ActivationLayer {
    fn output_shape(&self, input: &Shape) -> Result<Shape> {
        Ok(*input)
    }

    fn forward<'t>(&self, x: Var<'t>, _: &[Var<'t>], _: &Mode<'_>) -> Result<Output<'t>> {
        Ok(self.activation.apply(x)?.into())
    }

    fn config(&self) -> LayerConfig {
        LayerConfig::Activation(*self)
    }

    fn without_softmax(&self) -> Option<Box<dyn Layer>> {
        (self.activation == Activation::Softmax).then(|| Box::new(Self::new(Activation::Linear)) as _)
    }
}

#[cfg(test)]
mod tests {
    use graft_tensor::Tensor;

    use super::super::testing::run;
    use super::*;

    #[test]
    fn relu_softmax_linear() {
        let x = Tensor::new([2, 2], &[-1.0, 1.0, 0.0, 0.0]).unwrap();
        let y = |a| run(&ActivationLayer::new(a), &x, &[], &Mode::INFERENCE).data().to_vec();
        assert_eq!(y(Activation::Linear), [-1.0, 1.0, 0.0, 0.0]);
        assert_eq!(y(Activation::Relu), [0.0, 1.0, 0.0, 0.0]);
        let p = y(Activation::Softmax);
        assert!((p[1] - 1.0 / (1.0 + (-2.0f32).exp())).abs() < 1e-6 && p[2..] == [0.5, 0.5]);
    }
}
