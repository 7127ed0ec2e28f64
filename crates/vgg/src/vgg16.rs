//! From the table to a network.

use std::fmt;
use std::str::FromStr;

use graft_nn::layers::{
    Conv2D, Dense, Flatten, GlobalAveragePooling2D, GlobalMaxPooling2D, MaxPooling2D, Padding,
};
use graft_nn::{Activation, NnError, Result, Sequential};
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
    /// What follows the last block where the top is left out; `None` leaves the map as it is.
    pub pooling: Option<Pooling>,
    /// How many classes the top tells apart.
    pub classes: usize,
    /// The last activation of the top; linear gives logits.
    pub classifier_activation: Activation,
}

impl Vgg16 {
    /// The whole network for ImageNet's 1000 classes.
    pub fn with_top() -> Self {
        Self {
            include_top: true,
            input_size: [224, 224],
            pooling: None,
            classes: 1000,
            classifier_activation: Activation::Softmax,
        }
    }

    /// The convolutions alone, for pictures of this size.
    pub fn without_top(height: usize, width: usize) -> Self {
        Self { include_top: false, input_size: [height, width], ..Self::with_top() }
    }

    /// The network, with Keras's layer names; its weights are yet to be set or drawn.
    ///
    /// # Errors
    /// [`NnError::Argument`] if height or width is below [`MIN_SIZE`] or there are no classes.
    pub fn build(&self) -> Result<Sequential> {
        let [height, width] = self.input_size;
        if height.min(width) < MIN_SIZE {
            let expected = format!("at least {MIN_SIZE} by {MIN_SIZE}, as VGG16 halves a picture five times");
            return Err(NnError::argument("the image size", expected, format!("{height} by {width}")));
        }
        let mut model = Sequential::new([height, width, 3]);
        for layer in CONFIGURATION_D {
            match layer {
                Layer::Conv(name, filters) => model.push(name, convolution(filters))?,
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

    fn push_top(&self, model: &mut Sequential) -> Result<()> {
        if self.classes == 0 {
            return Err(NnError::argument("classes", "at least 1", 0));
        }
        model.push("flatten", Flatten)?;
        for (name, units) in TOP {
            model.push(name, Dense::new(units).activation(Activation::Relu))?;
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

/// The only kind of convolution there is in the paper's table.
fn convolution(filters: usize) -> Conv2D {
    Conv2D::new(filters, [3, 3]).padding(Padding::Same).activation(Activation::Relu)
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
