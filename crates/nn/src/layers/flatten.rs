//! A map of features as one row of them.

use graft_autograd::Var;
use graft_tensor::{Shape, TensorError};
use serde::{Deserialize, Serialize};

use crate::layer::{Mode, Output};
use crate::{Layer, LayerConfig, Result};

/// `Flatten()`: `(n, h, w, c)` to `(n, h·w·c)`, the channels of one place side by side. Nothing is copied.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Flatten;

impl Layer for Flatten {
    fn output_shape(&self, input: &Shape) -> Result<Shape> {
        let count = input.checked_elements();
        let count =
            count.ok_or_else(|| TensorError::shape("flatten", "a shape that can be counted", input))?;
        Ok([count].into())
    }

    fn forward<'t>(&self, x: Var<'t>, _: &[Var<'t>], _: &Mode<'_>) -> Result<Output<'t>> {
        Ok(x.flatten()?.into())
    }

    fn config(&self) -> LayerConfig {
        LayerConfig::Flatten(*self)
    }
}

#[cfg(test)]
mod tests {
    use graft_tensor::Tensor;

    use super::super::testing::run;
    use super::*;

    #[test]
    fn channels_stay_side_by_side() {
        let x = Tensor::from_fn([2, 2, 2, 3], |i| i as f32);
        let y = run(&Flatten, &x, &[], &Mode::INFERENCE);
        assert_eq!(*y.shape(), [2, 12]);
        // Row 1, place (h, w) = (1, 0), channel 2: index (h·2 + w)·3 + c.
        assert_eq!(y.row(1)[8], x.row(1)[8]);
        assert!(std::ptr::eq(x.data(), y.data()));
    }

    #[test]
    fn a_shape_that_cannot_be_counted_is_an_error() {
        assert!(Flatten.output_shape(&[usize::MAX, 2].into()).is_err());
    }
}
