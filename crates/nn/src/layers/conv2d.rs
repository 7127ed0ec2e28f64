//! A small window of weights moved over a map: every place is looked at in the same way.

use graft_autograd::{Conv2dOptions, Padding, Var};
use graft_kernels::conv2d::{Conv2dError, Conv2dShape};
use graft_tensor::Shape;
use serde::{Deserialize, Serialize};

use super::{map_of_features, padding, positive, yes};
use crate::layer::{Mode, Output, WeightSpec};
use crate::{Activation, Initializer, Layer, LayerConfig, NnError, Result};

/// `Conv2D(filters, kernel_size, strides=(1, 1), padding="valid", activation=None, use_bias=True,
/// kernel_initializer="glorot_uniform")`: `(n, h, w, c)` to `(n, h′, w′, filters)`.
///
/// Weights: `kernel` (height, width, c, filters); `bias` (filters,), zeros. As in every framework of the field this is
/// a correlation: the window is not flipped.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Conv2D {
    /// How many channels the output has.
    pub filters: usize,
    /// Height and width of the window.
    pub kernel_size: [usize; 2],
    /// Steps of the window, down and to the right.
    #[serde(default = "one_by_one")]
    pub strides: [usize; 2],
    /// What happens at the border.
    #[serde(default = "padding::valid", with = "padding")]
    pub padding: Padding,
    /// What comes after the sum.
    #[serde(default)]
    pub activation: Activation,
    /// Whether there is a bias.
    #[serde(default = "yes")]
    pub use_bias: bool,
    /// Where the window's first numbers come from.
    #[serde(default)]
    pub kernel_initializer: Initializer,
}

fn one_by_one() -> [usize; 2] {
    [1, 1]
}

impl Conv2D {
    /// A linear convolution of stride 1 with a bias, without padding.
    pub fn new(filters: usize, kernel_size: [usize; 2]) -> Self {
        Self {
            filters,
            kernel_size,
            strides: [1, 1],
            padding: Padding::Valid,
            activation: Activation::Linear,
            use_bias: true,
            kernel_initializer: Initializer::GlorotUniform,
        }
    }

    /// The same, followed by an activation.
    pub fn activation(mut self, activation: Activation) -> Self {
        self.activation = activation;
        self
    }

    /// The same with another padding.
    pub fn padding(mut self, padding: Padding) -> Self {
        self.padding = padding;
        self
    }

    /// The same with another stride.
    pub fn strides(mut self, strides: [usize; 2]) -> Self {
        self.strides = strides;
        self
    }

    fn options(&self, pool: bool) -> Conv2dOptions {
        let relu = self.activation == Activation::Relu;
        Conv2dOptions { stride: self.strides, padding: self.padding, relu, pool }
    }

    pub(crate) fn checked(self) -> Result<Self> {
        positive("filters", self.filters)?;
        self.kernel_size.iter().try_for_each(|&k| positive("kernel_size", k))?;
        self.strides.iter().try_for_each(|&s| positive("strides", s))?;
        Ok(self)
    }
}

impl Layer for Conv2D {
    fn output_shape(&self, input: &Shape) -> Result<Shape> {
        let [h, w, c] = map_of_features("conv2d", input)?;
        let [kh, kw] = self.kernel_size;
        let s = Conv2dShape::new([1, h, w, c], [kh, kw, c, self.filters], self.strides, self.padding);
        let s = s.map_err(|e| NnError::Input {
            layer: "conv2d",
            expected: match e {
                Conv2dError::TooSmall { .. } => format!("at least ({kh}, {kw}, channels) with padding=valid"),
                other => format!("sizes that make sense ({other})"),
            },
            got: *input,
            remedy: "use larger pictures, a smaller kernel, or padding=same",
        })?;
        Ok([s.out_h(), s.out_w(), s.cout].into())
    }

    fn weights(&self, input: &Shape) -> Result<Vec<WeightSpec>> {
        let [_, _, channels] = map_of_features("conv2d", input)?;
        let [kh, kw] = self.kernel_size;
        let kernel = WeightSpec::new("kernel", [kh, kw, channels, self.filters], self.kernel_initializer);
        let bias = self.use_bias.then(|| WeightSpec::new("bias", [self.filters], Initializer::Zeros));
        Ok([kernel].into_iter().chain(bias).collect())
    }

    fn forward<'t>(&self, x: Var<'t>, weights: &[Var<'t>], _: &Mode<'_>) -> Result<Output<'t>> {
        let y = x.conv2d(&weights[0], weights.get(1), self.options(false))?;
        let relu = self.activation == Activation::Relu;
        Ok(if relu { y } else { self.activation.apply(y)? }.into())
    }

    fn forward_halved<'t>(&self, x: &Var<'t>, weights: &[Var<'t>]) -> Option<Result<Var<'t>>> {
        let fused = matches!(self.activation, Activation::Relu | Activation::Linear);
        fused.then(|| Ok(x.conv2d(&weights[0], weights.get(1), self.options(true))?))
    }

    fn config(&self) -> LayerConfig {
        LayerConfig::Conv2D(*self)
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
    fn a_window_of_ones_adds_up_neighbours() {
        let x = Tensor::from_fn([1, 3, 3, 1], |i| (i + 1) as f32);
        let weights = [Tensor::full([3, 3, 1, 1], 1.0), Tensor::full([1], -30.0)];
        let y = |l: Conv2D| run(&l, &x, &weights, &Mode::INFERENCE);
        let valid = y(Conv2D::new(1, [3, 3]));
        assert_eq!((valid.shape()[..].to_vec(), valid.data()), (vec![1, 1, 1, 1], &[15.0][..]));
        let same = Conv2D::new(1, [3, 3]).padding(Padding::Same).activation(Activation::Relu);
        assert_eq!(y(same).data(), [0.0, 0.0, 0.0, 0.0, 15.0, 3.0, 0.0, 9.0, 0.0]);
        assert_eq!(y(same.strides([2, 2])).shape()[..], [1, 2, 2, 1]);
    }

    #[test]
    fn shapes_and_weights_are_those_of_keras() {
        let input = Shape::from([224, 224, 3]);
        let same = Conv2D::new(64, [3, 3]).padding(Padding::Same);
        assert_eq!(same.output_shape(&input).unwrap(), [224, 224, 64]);
        assert_eq!(same.strides([2, 2]).output_shape(&input).unwrap(), [112, 112, 64]);
        assert_eq!(Conv2D::new(64, [3, 5]).strides([2, 2]).output_shape(&input).unwrap(), [111, 110, 64]);
        let weights = same.weights(&input).unwrap();
        assert_eq!((weights[0].name, weights[0].shape), ("kernel", Shape::from([3, 3, 3, 64])));
        assert_eq!((weights[1].name, weights[1].shape), ("bias", Shape::from([64])));
    }

    #[test]
    fn an_input_that_does_not_fit_is_named() {
        for (input, says) in
            [(Shape::from([10]), "(10,)"), (Shape::from([2, 9, 3]), "at least (3, 3, channels)")]
        {
            let error = Conv2D::new(1, [3, 3]).output_shape(&input).unwrap_err().to_string();
            assert!(error.contains(says), "{error}");
        }
    }
}
