//! Each channel brought to mean 0 and variance 1, then to a mean and a scale that are learnt.

use graft_autograd::Var;
use graft_kernels::batch_norm;
use graft_tensor::{Shape, Tensor};
use serde::{Deserialize, Serialize};

use crate::layer::{Mode, Output, WeightSpec};
use crate::{Initializer, Layer, LayerConfig, NnError, Result};

/// `BatchNormalization(momentum=0.99, epsilon=0.001)` over the last axis.
///
/// Weights, all (channels,): `gamma`, ones, and `beta`, zeros, which are learnt; `moving_mean`, zeros, and
/// `moving_variance`, ones, which follow the batches: `moving ← moving·momentum + batch·(1 − momentum)`.
///
/// In training it uses the batch's own mean and variance. Frozen, or when predicting, it uses the moving ones.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct BatchNormalization {
    /// How much of the moving statistics stays in a step.
    pub momentum: f64,
    /// What is added to the variance.
    pub epsilon: f64,
}

// The weights' places.
const GAMMA: usize = 0;
const BETA: usize = 1;
const MOVING_MEAN: usize = 2;
const MOVING_VARIANCE: usize = 3;

impl Default for BatchNormalization {
    fn default() -> Self {
        Self { momentum: 0.99, epsilon: 0.001 }
    }
}

impl BatchNormalization {
    pub(crate) fn checked(self) -> Result<Self> {
        if !(0.0..=1.0).contains(&self.momentum) {
            return Err(NnError::argument("momentum", "from 0 to 1", self.momentum));
        }
        if !(self.epsilon > 0.0 && self.epsilon.is_finite()) {
            return Err(NnError::argument("epsilon", "above 0", self.epsilon));
        }
        Ok(self)
    }

    /// The moving statistics after a batch.
    fn moved(&self, moving: &Tensor, batch: &Tensor) -> Tensor {
        let mut moving = moving.clone();
        batch_norm::update_moving(self.momentum, batch.data(), moving.data_mut());
        moving
    }
}

impl Layer for BatchNormalization {
    fn output_shape(&self, input: &Shape) -> Result<Shape> {
        Ok(*input)
    }

    fn weights(&self, input: &Shape) -> Result<Vec<WeightSpec>> {
        let Some(&channels) = input.last() else {
            return Err(NnError::Input {
                layer: "batch_normalization",
                expected: "(…, channels)".into(),
                got: *input,
                remedy: "there must be something to normalise",
            });
        };
        Ok(vec![
            WeightSpec::new("gamma", [channels], Initializer::Ones),
            WeightSpec::new("beta", [channels], Initializer::Zeros),
            WeightSpec::statistics("moving_mean", [channels], Initializer::Zeros),
            WeightSpec::statistics("moving_variance", [channels], Initializer::Ones),
        ])
    }

    fn forward<'t>(&self, x: Var<'t>, w: &[Var<'t>], mode: &Mode<'_>) -> Result<Output<'t>> {
        let (moving_mean, moving_variance) = (w[MOVING_MEAN].value(), w[MOVING_VARIANCE].value());
        let epsilon = self.epsilon as f32;
        if !mode.training {
            return Ok(x.normalize(&w[GAMMA], &w[BETA], moving_mean, moving_variance, epsilon)?.into());
        }
        let (y, mean, variance) = x.batch_norm(&w[GAMMA], &w[BETA], epsilon)?;
        let updates = vec![
            (MOVING_MEAN, self.moved(moving_mean, &mean)),
            (MOVING_VARIANCE, self.moved(moving_variance, &variance)),
        ];
        Ok(Output { y, updates })
    }

    fn config(&self) -> LayerConfig {
        LayerConfig::BatchNormalization(*self)
    }
}

#[cfg(test)]
mod tests {
    use graft_autograd::Tape;

    use super::*;

    fn forward(mode: &Mode<'_>) -> (Tensor, Vec<(usize, Tensor)>) {
        let tape = Tape::new();
        let weights = [[2.0, 1.0], [0.5, 0.0], [1.0, 0.0], [4.0, 1.0]];
        let weights = weights.map(|w| tape.constant(Tensor::new([2], &w).unwrap()));
        let x = tape.constant(Tensor::new([2, 2], &[1.0, 0.0, 5.0, 4.0]).unwrap());
        let layer = BatchNormalization { momentum: 0.75, epsilon: 1e-3 };
        let Output { y, updates } = layer.forward(x, &weights, mode).unwrap();
        (y.into_value(), updates)
    }

    fn near(got: &[f32], expected: &[f64]) {
        let close = got.iter().zip(expected).all(|(&g, e)| (f64::from(g) - e).abs() < 1e-6);
        assert!(close && got.len() == expected.len(), "{got:?}, expected {expected:?}");
    }

    #[test]
    fn training_uses_the_batch_and_moves_the_statistics() {
        let (y, updates) = forward(&Mode::training(0, 0, &[]));
        // Channels 1, 5 and 0, 4: means 3 and 2, variance 4 of both.
        let s = 4.001f64.sqrt();
        near(y.data(), &[2.0 * -2.0 / s + 0.5, -2.0 / s, 2.0 * 2.0 / s + 0.5, 2.0 / s]);
        assert_eq!(updates.iter().map(|u| u.0).collect::<Vec<_>>(), [2, 3]);
        near(updates[0].1.data(), &[0.75 + 0.25 * 3.0, 0.5]);
        near(updates[1].1.data(), &[4.0, 0.75 + 0.25 * 4.0]);
    }

    #[test]
    fn predicting_uses_the_moving_statistics() {
        let (y, updates) = forward(&Mode::INFERENCE);
        let (s, t) = (4.001f64.sqrt(), 1.001f64.sqrt());
        near(y.data(), &[0.5, 0.0, 2.0 * 4.0 / s + 0.5, 4.0 / t]);
        assert!(updates.is_empty());
    }

    #[test]
    fn a_nonsensical_parameter_is_refused() {
        for bad in [
            BatchNormalization { momentum: 1.5, ..Default::default() },
            BatchNormalization { epsilon: 0.0, ..Default::default() },
            BatchNormalization { epsilon: f64::NAN, ..Default::default() },
        ] {
            assert!(bad.checked().is_err());
        }
    }
}
