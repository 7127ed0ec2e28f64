//! Method 3: layers of one's own.
//!
//! The base is frozen as in method 1; the head is whatever the user writes. The one here is smaller than method 1's and
//! has a dropout layer: in training each of its inputs is zeroed with probability ½, so that no unit can rely on
//! another one being there (Srivastava et al., *Dropout*, 2014). With few photos and 25,088 inputs a head can learn the
//! training set by heart; a small one with dropout has less room to.

use clap::Parser;

use super::Method;
use crate::{Options, Recipe};

/// Train any head you write, on top of a frozen, pre-trained VGG16
#[derive(Debug, Clone, Parser)]
#[command(name = "custom-layers", version, after_help = EXAMPLES)]
pub struct CustomLayers {
    #[command(flatten)]
    options: Options,
}

const EXAMPLES: &str = "\
Layers, as Keras names them, each fed by the one before it:
  flatten  dense(units, activation)  dropout(rate)  conv2d(filters, size, activation)  max_pooling2d(size)
  global_average_pooling2d  global_max_pooling2d  batch_normalization  activation(relu)

Examples:
  custom-layers --data photos/ --weights vgg16_notop.h5
  custom-layers --data photos/ --head 'global_average_pooling2d, dropout(0.3), dense(classes, softmax)'
  custom-layers --data photos/ --head 'conv2d(128, 1, relu), flatten, dense(64, relu), dense(classes, softmax)'";

impl Method for CustomLayers {
    fn recipe() -> Recipe {
        Recipe::frozen("custom-layers", "flatten, dense(256, relu), dropout(0.5), dense(classes, softmax)")
    }

    fn options(&self) -> &Options {
        &self.options
    }
}
