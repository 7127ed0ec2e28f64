//! Training with random gaps, so that no unit can rely on one other.

use graft_autograd::{DropoutKey, Var};
use graft_tensor::Shape;
use serde::{Deserialize, Serialize};

use crate::layer::{Mode, Output};
use crate::{Layer, LayerConfig, NnError, Result};

/// `Dropout(rate)`: in training each number is dropped with probability `rate`, and what remains is divided by
/// `1 − rate`, so that the expected sum stays the same; otherwise the identity.
///
/// Which numbers are dropped depends on the seed, the layer, the epoch and the *picture*, not on its place in the batch
/// or on threads.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Dropout {
    rate: f64,
}

impl Dropout {
    /// A layer that drops this part, from 0 to 1.
    ///
    /// # Errors
    /// [`NnError::Argument`] if the rate is outside, or not a number.
    pub fn new(rate: f64) -> Result<Self> {
        Self { rate }.checked()
    }

    /// The part that is dropped.
    pub fn rate(&self) -> f64 {
        self.rate
    }

    pub(crate) fn checked(self) -> Result<Self> {
        if (0.0..=1.0).contains(&self.rate) {
            Ok(self)
        } else {
            Err(NnError::argument("rate", "from 0 to 1 (the part that is dropped)", self.rate))
        }
    }
}

impl Layer for Dropout {
    fn output_shape(&self, input: &Shape) -> Result<Shape> {
        Ok(*input)
    }

    fn forward<'t>(&self, x: Var<'t>, _: &[Var<'t>], mode: &Mode<'_>) -> Result<Output<'t>> {
        if !mode.training || self.rate == 0.0 {
            return Ok(x.into());
        }
        let key = DropoutKey { seed: mode.seed, layer: mode.layer, epoch: mode.epoch };
        Ok(x.dropout(self.rate as f32, key, mode.samples)?.into())
    }

    fn config(&self) -> LayerConfig {
        LayerConfig::Dropout(*self)
    }

    fn is_random(&self) -> bool {
        self.rate > 0.0
    }
}

#[cfg(test)]
mod tests {
    use graft_tensor::Tensor;

    use super::super::testing::run;
    use super::*;

    #[test]
    fn drops_in_training_alone() {
        let x = Tensor::full([4, 500], 1.0);
        let y = run(&Dropout::new(0.2).unwrap(), &x, &[], &Mode::INFERENCE);
        assert_eq!(y, x);
        let y = run(&Dropout::new(0.2).unwrap(), &x, &[], &Mode::training(1, 0, &[0, 1, 2, 3]));
        assert!(y.data().iter().all(|&v| v == 0.0 || (v - 1.25).abs() < 1e-6));
        let kept = y.data().iter().filter(|&&v| v > 0.0).count() as f64 / 2000.0;
        assert!((kept - 0.8).abs() < 0.04, "{kept}");
        assert_eq!(run(&Dropout::new(1.0).unwrap(), &x, &[], &Mode::training(1, 0, &[])).data(), [0.0; 2000]);
    }

    #[test]
    fn the_gaps_belong_to_the_picture() {
        let x = Tensor::full([2, 100], 1.0);
        let layer = Dropout::new(0.5).unwrap();
        let y = |seed, epoch, samples: &[u64]| run(&layer, &x, &[], &Mode::training(seed, epoch, samples));
        let base = y(1, 2, &[7, 9]);
        assert_eq!(base.row(0), y(1, 2, &[9, 7]).row(1));
        assert_ne!(base.row(0), base.row(1));
        assert_ne!(base, y(2, 2, &[7, 9]));
        assert_ne!(base, y(1, 3, &[7, 9]));
        let other_layer = run(&layer, &x, &[], &Mode { layer: 5, ..Mode::training(1, 2, &[7, 9]) });
        assert_ne!(base, other_layer);
    }

    #[test]
    fn a_rate_outside_0_to_1_is_refused() {
        for rate in [-0.1, 1.1, f64::NAN] {
            assert!(Dropout::new(rate).unwrap_err().to_string().contains("rate must be"));
        }
    }
}
