//! From the table to a network.

use std::fmt;
use std::str::FromStr;

use graft_nn::layers::{
    ActivationLayer, BatchNormalization, Conv2D, Dense, Flatten, GlobalAveragePooling2D, GlobalMaxPooling2D,
    MaxPooling2D, Padding,
};
use graft_nn::{Activation, Initializer, NnError, Result, Sequential};
use graft_tensor::Shape;
use serde::{Deserialize, Serialize};

use crate::architecture::{CONFIGURATION_D, Layer, TOP};

/// The smallest height and width: five poolings halve 32 to 1.
pub const MIN_SIZE: usize = 32;

/// What follows the last block of a network without its top.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Pooling {
    /// The mean of each channel, 512 numbers a picture.
    Avg,
    /// The maximum of each channel, 512 numbers a picture.
    Max,
}

/// What can be chosen about a VGG16; named as in `keras.applications.VGG16`.
///
/// ```
/// use graft_vgg::{Pooling, Vgg16};
/// let base = Vgg16 { pooling: Some(Pooling::Avg), ..Vgg16::without_top(128, 160) }.build()?;
/// assert_eq!(*base.output_shape(), [512]);
/// assert_eq!(Vgg16::with_top().build()?.count_params(), 138_357_544);
/// # Ok::<(), graft_nn::NnError>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Vgg16 {
    /// Whether the three dense layers are there, which turn a picture of one size into probabilities.
    pub include_top: bool,
    /// Height and width of the pictures, from [`MIN_SIZE`]; ImageNet's top was trained for 224 by 224.
    pub input_size: [usize; 2],
    /// How many layers of the [table](CONFIGURATION_D) there are, from the first: 18 is all, 10 ends with `block3_pool`.
    pub depth: usize,
    /// What follows the last of them where the top is left out; `None` leaves the map as it is.
    pub pooling: Option<Pooling>,
    /// How many classes the top tells apart.
    pub classes: usize,
    /// The last activation of the top; linear gives logits.
    pub classifier_activation: Activation,
    /// How many times narrower than the paper's each layer is: 1 is VGG16, 4 is `vgg16-mini`. A power of two up to 64.
    pub width_divisor: usize,
    /// Whether each convolution ends in a batch normalisation before its ReLU: for training from nothing. The
    /// normalisation can be [taken into the convolution](crate::fold_batch_normalization) afterwards.
    pub batch_normalization: bool,
}

/// How many times narrower than VGG16 `vgg16-mini` is.
pub const MINI_WIDTH_DIVISOR: usize = 4;

/// The batch normalisation behind a convolution of this name.
pub(crate) fn normalization_of(convolution: &str) -> String {
    format!("{convolution}_bn")
}

impl Vgg16 {
    /// The whole network for ImageNet's 1000 classes.
    pub fn with_top() -> Self {
        Self {
            include_top: true,
            input_size: [224, 224],
            depth: CONFIGURATION_D.len(),
            pooling: None,
            classes: 1000,
            classifier_activation: Activation::Softmax,
            width_divisor: 1,
            batch_normalization: false,
        }
    }

    /// The convolutions alone, for pictures of this size.
    pub fn without_top(height: usize, width: usize) -> Self {
        Self { include_top: false, input_size: [height, width], ..Self::with_top() }
    }

    /// `vgg16-mini`: the same thirteen convolutions at a quarter of the width, for small pictures of this size. It has a
    /// sixteenth of the weights, 920,784, and takes a sixteenth of the time.
    ///
    /// ```
    /// # use graft_vgg::Vgg16;
    /// let mini = Vgg16::mini(32, 32).build()?;
    /// assert_eq!((mini.layers().len(), mini.count_params()), (18, 920_784));
    /// assert_eq!(*mini.output_shape(), [1, 1, 128]);
    /// # Ok::<(), graft_nn::NnError>(())
    /// ```
    pub fn mini(height: usize, width: usize) -> Self {
        Self { width_divisor: MINI_WIDTH_DIVISOR, ..Self::without_top(height, width) }
    }

    /// The network, with Keras's layer names; its weights are yet to be set or drawn.
    ///
    /// # Errors
    /// [`NnError::Argument`] if height or width is below [`MIN_SIZE`], the divisor of the width is no power of two up
    /// to 64, there are no classes, or the depth is not 1 to 18 (with the top: 18).
    pub fn build(&self) -> Result<Sequential> {
        let [height, width] = self.input_size;
        if height.min(width) < MIN_SIZE {
            let expected = format!("at least {MIN_SIZE} by {MIN_SIZE}, as VGG16 halves a picture five times");
            return Err(NnError::argument("the image size", expected, format!("{height} by {width}")));
        }
        let divisor = self.width_divisor;
        if !(1..=64).contains(&divisor) || !divisor.is_power_of_two() {
            return Err(NnError::argument("width_divisor", "1, 2, 4, 8, 16, 32 or 64", divisor));
        }
        let all = CONFIGURATION_D.len();
        if !(1..=all).contains(&self.depth) || (self.include_top && self.depth < all) {
            let expected = format!("1 to {all}, and with the top {all}");
            return Err(NnError::argument("depth", expected, self.depth));
        }
        let mut model = Sequential::new([height, width, 3]);
        for layer in CONFIGURATION_D.into_iter().take(self.depth) {
            match layer {
                Layer::Conv(name, filters) => self.push_convolution(&mut model, name, filters / divisor)?,
                Layer::Pool(name) => model.push(name, MaxPooling2D::new([2, 2]))?,
            }
        }
        match self.pooling {
            _ if self.include_top => self.push_top(&mut model)?,
            Some(Pooling::Avg) => model.push("global_average_pooling2d", GlobalAveragePooling2D)?,
            Some(Pooling::Max) => model.push("global_max_pooling2d", GlobalMaxPooling2D)?,
            None => {}
        }
        Ok(model)
    }

    /// A convolution, its normalisation if there is to be one, and its ReLU: one layer, or three.
    fn push_convolution(&self, model: &mut Sequential, name: &str, filters: usize) -> Result<()> {
        let convolution = Conv2D::new(filters, [3, 3]).padding(Padding::Same);
        if !self.batch_normalization {
            return model.push(name, convolution.activation(Activation::Relu));
        }
        // The normalisation takes any bias away again, and He's variance is the one that a ReLU wants.
        let kernel_initializer = Initializer::HeNormal;
        model.push(name, Conv2D { use_bias: false, kernel_initializer, ..convolution })?;
        model.push(
            normalization_of(name),
            BatchNormalization { momentum: 0.9, ..BatchNormalization::default() },
        )?;
        model.push(format!("{name}_relu"), ActivationLayer::new(Activation::Relu))
    }

    fn push_top(&self, model: &mut Sequential) -> Result<()> {
        if self.classes == 0 {
            return Err(NnError::argument("classes", "at least 1", 0));
        }
        model.push("flatten", Flatten)?;
        for (name, units) in TOP {
            model.push(name, Dense::new(units / self.width_divisor).activation(Activation::Relu))?;
        }
        model.push("predictions", Dense::new(self.classes).activation(self.classifier_activation))
    }

    /// The weights that a file for this network holds, in the network's order: layer, weight (`kernel` or `bias`),
    /// shape.
    ///
    /// # Errors
    /// As [`Vgg16::build`].
    pub fn expected_weights(&self) -> Result<Vec<(String, &'static str, Shape)>> {
        let model = self.build()?;
        Ok(model
            .weights()
            .map(|(_, layer, w)| (layer.name().to_owned(), w.spec.name, w.spec.shape))
            .collect())
    }
}

impl fmt::Display for Pooling {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Avg => "avg",
            Self::Max => "max",
        })
    }
}

impl FromStr for Pooling {
    type Err = NnError;

    fn from_str(name: &str) -> Result<Self> {
        match name {
            "avg" => Ok(Self::Avg),
            "max" => Ok(Self::Max),
            other => Err(NnError::argument("pooling", "avg or max", format!("'{other}'"))),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Name, output shape and parameters, from Keras's own table for 224×224.
    #[rustfmt::skip]
    const KERAS: [(&str, &[usize], usize); 22] = [
        ("block1_conv1", &[224, 224, 64], 1_792), ("block1_conv2", &[224, 224, 64], 36_928),
        ("block1_pool", &[112, 112, 64], 0),
        ("block2_conv1", &[112, 112, 128], 73_856), ("block2_conv2", &[112, 112, 128], 147_584),
        ("block2_pool", &[56, 56, 128], 0),
        ("block3_conv1", &[56, 56, 256], 295_168), ("block3_conv2", &[56, 56, 256], 590_080),
        ("block3_conv3", &[56, 56, 256], 590_080), ("block3_pool", &[28, 28, 256], 0),
        ("block4_conv1", &[28, 28, 512], 1_180_160), ("block4_conv2", &[28, 28, 512], 2_359_808),
        ("block4_conv3", &[28, 28, 512], 2_359_808), ("block4_pool", &[14, 14, 512], 0),
        ("block5_conv1", &[14, 14, 512], 2_359_808), ("block5_conv2", &[14, 14, 512], 2_359_808),
        ("block5_conv3", &[14, 14, 512], 2_359_808), ("block5_pool", &[7, 7, 512], 0),
        ("flatten", &[25_088], 0), ("fc1", &[4096], 102_764_544), ("fc2", &[4096], 16_781_312),
        ("predictions", &[1000], 4_097_000),
    ];

    #[test]
    fn layers_shapes_and_parameters_are_those_of_keras() {
        let model = Vgg16::with_top().build().unwrap();
        let rows: Vec<_> =
            model.layers().iter().map(|l| (l.name(), &l.output_shape()[..], l.count_params())).collect();
        assert_eq!(rows, KERAS);
        assert_eq!(model.count_params(), 138_357_544);
    }

    #[test]
    fn without_a_top_any_size_from_32_will_do() {
        let out = |v: Vgg16| *v.build().unwrap().output_shape();
        assert_eq!(out(Vgg16::without_top(32, 32)), [1, 1, 512]);
        assert_eq!(out(Vgg16::without_top(65, 255)), [2, 7, 512]);
        for pooling in [Pooling::Avg, Pooling::Max] {
            let pooled = Vgg16 { pooling: Some(pooling), ..Vgg16::without_top(64, 64) };
            assert_eq!(out(pooled), [512]);
            assert_eq!(pooled.build().unwrap().count_params(), 14_714_688);
            assert_eq!(pooling.to_string().parse::<Pooling>().unwrap(), pooling);
        }
        let error = Vgg16::without_top(16, 64).build().err().unwrap().to_string();
        assert_eq!(
            error,
            "the image size must be at least 32 by 32, as VGG16 halves a picture five times, got 16 by 64"
        );
    }

    #[test]
    fn the_top_may_tell_other_classes_apart() {
        let v = Vgg16 { classes: 7, classifier_activation: Activation::Linear, ..Vgg16::with_top() };
        let model = v.build().unwrap();
        assert_eq!(*model.output_shape(), [7]);
        assert!(model.layers().last().unwrap().layer().without_softmax().is_none());
        assert!(Vgg16 { classes: 0, ..v }.build().is_err());
    }

    #[test]
    fn a_narrower_network_has_the_same_table() {
        let [paper, mini] = [Vgg16::without_top(64, 64), Vgg16::mini(64, 64)].map(|v| v.build().unwrap());
        for (wide, narrow) in paper.layers().iter().zip(mini.layers()) {
            let ([h, w, c], [h4, w4, c4]) = (&wide.output_shape()[..], &narrow.output_shape()[..]) else {
                panic!("{} gives no map", wide.name());
            };
            assert_eq!((wide.name(), h, w, c / 4), (narrow.name(), h4, w4, *c4));
        }
        for width_divisor in [0, 3, 128, usize::MAX] {
            let error = Vgg16 { width_divisor, ..Vgg16::mini(32, 32) }.build().err().unwrap().to_string();
            assert!(error.starts_with("width_divisor must be 1, 2, 4"), "{error}");
        }
    }

    #[test]
    fn with_batch_normalization_each_convolution_is_three_layers() {
        let v = Vgg16 { batch_normalization: true, ..Vgg16::mini(32, 32) };
        let model = v.build().unwrap();
        let names: Vec<_> = model.layers().iter().map(|l| l.name()).collect();
        assert_eq!(names[..4], ["block1_conv1", "block1_conv1_bn", "block1_conv1_relu", "block1_conv2"]);
        assert_eq!(names.len(), 3 * 13 + 5);
        // Each of the 1056 channels has four numbers in place of a bias.
        assert_eq!(model.count_params(), 920_784 + 3 * 1056);
        assert!(model.layers()[0].weights().iter().all(|w| w.spec.name != "bias"));
    }

    #[test]
    fn weights_are_named_as_in_keras_files() {
        let expected = Vgg16::without_top(224, 224).expected_weights().unwrap();
        assert_eq!(expected.len(), 26);
        assert_eq!(expected[0], ("block1_conv1".to_owned(), "kernel", [3, 3, 3, 64].into()));
        assert_eq!(expected[25], ("block5_conv3".to_owned(), "bias", [512].into()));
    }

    #[test]
    fn the_last_four_layers_are_the_last_block() {
        let mut base = Vgg16::without_top(32, 32).build().unwrap();
        base.freeze_all();
        base.unfreeze_last(4).unwrap();
        let trainable: Vec<_> = base.layers().iter().filter(|l| l.trainable).map(|l| l.name()).collect();
        assert_eq!(trainable, ["block5_conv1", "block5_conv2", "block5_conv3", "block5_pool"]);
        base.unfreeze_last(19).unwrap(); // 18, and the input, which counts in Keras
        assert!(base.layers().iter().all(|l| l.trainable));
        assert!(base.unfreeze_last(20).unwrap_err().to_string().contains("at most 19"));
        let error = base.freeze("block5_conv4").unwrap_err().to_string();
        assert!(error.contains("did you mean") && error.contains("block5_conv3"), "{error}");
    }
}
