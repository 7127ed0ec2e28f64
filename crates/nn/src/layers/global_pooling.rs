//! One number a channel, wherever in the picture it came from.

use graft_autograd::Var;
use graft_tensor::Shape;
use serde::{Deserialize, Serialize};

use super::map_of_features;
use crate::layer::{Mode, Output};
use crate::{Layer, LayerConfig, Result};

/// `GlobalAveragePooling2D()`: the mean over height and width, `(n, h, w, c)` to `(n, c)`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct GlobalAveragePooling2D;

/// `GlobalMaxPooling2D()`: the maximum over height and width, `(n, h, w, c)` to `(n, c)`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct GlobalMaxPooling2D;

impl Layer for GlobalAveragePooling2D {
    fn output_shape(&self, input: &Shape) -> Result<Shape> {
        let [_, _, c] = map_of_features("global_average_pooling2d", input)?;
        Ok([c].into())
    }

    fn forward<'t>(&self, x: Var<'t>, _: &[Var<'t>], _: &Mode<'_>) -> Result<Output<'t>> {
        Ok(x.global_average_pool2d()?.into())
    }

    fn config(&self) -> LayerConfig {
        LayerConfig::GlobalAveragePooling2D(*self)
    }
}

impl Layer for GlobalMaxPooling2D {
    fn output_shape(&self, input: &Shape) -> Result<Shape> {
        let [_, _, c] = map_of_features("global_max_pooling2d", input)?;
        Ok([c].into())
    }

    fn forward<'t>(&self, x: Var<'t>, _: &[Var<'t>], _: &Mode<'_>) -> Result<Output<'t>> {
        Ok(x.global_max_pool2d()?.into())
    }

    fn config(&self) -> LayerConfig {
        LayerConfig::GlobalMaxPooling2D(*self)
    }
}

#[cfg(test)]
mod tests {
    use graft_tensor::Tensor;

    use super::super::testing::run;
    use super::*;

    #[test]
    fn mean_and_maximum_of_each_channel() {
        let x = Tensor::new([1, 2, 2, 2], &[1.0, -8.0, 2.0, -4.0, 3.0, -2.0, 6.0, -2.0]).unwrap();
        assert_eq!(run(&GlobalAveragePooling2D, &x, &[], &Mode::INFERENCE).data(), [3.0, -4.0]);
        assert_eq!(run(&GlobalMaxPooling2D, &x, &[], &Mode::INFERENCE).data(), [6.0, -2.0]);
        assert_eq!(GlobalAveragePooling2D.output_shape(&[7, 7, 512].into()).unwrap(), [512]);
        assert!(GlobalMaxPooling2D.output_shape(&[512].into()).unwrap_err().to_string().contains("flatten"));
    }
}
