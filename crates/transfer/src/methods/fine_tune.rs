//! Method 2: fine-tuning.
//!
//! The lower layers of a network see edges and textures, which are the same everywhere; the last ones see what was in
//! its own training set (Yosinski et al., *How transferable are features in deep neural networks?*, 2014). Here the last
//! block of convolutions is trained along with the head.
//!
//! The order matters. A fresh head makes large errors, and their gradients would wash out of block 5 what it knows
//! before the head has learnt anything. So the head is trained alone first, for a few epochs; then both, with a rate so
//! small (10⁻⁵) that the filters are adjusted and not replaced. `--plain` is the recipe without that care, for
//! comparison: all at once, at 10⁻³.
//!
//! Everything up to block4_pool stays frozen, and its output is still computed once only.

use clap::Parser;

use super::Method;
use crate::{Inputs, Options, Recipe};

/// Train a new head and the last convolution block of a pre-trained VGG16
#[derive(Debug, Clone, Parser)]
#[command(name = "fine-tune", version, after_help = EXAMPLES)]
pub struct FineTune {
    #[command(flatten)]
    options: Options,

    /// How many of the base's last layers are trained, as Keras counts; 4 is its last block, three convolutions and the pool
    /// (of VGG16, block5_conv1 to block5_pool)
    #[arg(long, value_name = "N", default_value_t = 4, help_heading = "Method")]
    unfreeze_last: usize,

    /// Epochs in which the head is trained alone, first
    #[arg(long, value_name = "N", default_value_t = 2, help_heading = "Method")]
    warmup_epochs: u64,

    /// The learning rate of those epochs
    #[arg(long, value_name = "X", default_value_t = 1e-3, help_heading = "Method")]
    warmup_learning_rate: f64,

    /// No warm-up, and a learning rate of 1e-3 throughout: the recipe that is often shown, for comparison
    #[arg(long, conflicts_with_all = ["warmup_epochs", "warmup_learning_rate", "learning_rate"], help_heading = "Method")]
    plain: bool,
}

const EXAMPLES: &str = "\
Examples:
  fine-tune --data photos/ --weights vgg16_notop.h5
  fine-tune --data photos/ --unfreeze-last 8 --learning-rate 1e-6 --epochs 10
  fine-tune --data photos/ --plain";

/// The learning rate of `--plain`, and of Keras's Adam when nothing is said.
const PLAIN_LEARNING_RATE: f64 = 1e-3;

impl Method for FineTune {
    fn recipe() -> Recipe {
        Recipe {
            unfreeze_last: 4,
            warmup_epochs: 2,
            learning_rate: 1e-5,
            ..Recipe::frozen("fine-tune", "flatten, dense(1024, relu), dense(classes, softmax)")
        }
    }

    fn resolved(&self, inputs: &Inputs) -> Recipe {
        let mut recipe = Recipe {
            unfreeze_last: self.unfreeze_last,
            warmup_epochs: self.warmup_epochs,
            warmup_learning_rate: self.warmup_learning_rate,
            ..Self::recipe().with(&self.options, inputs)
        };
        if self.plain {
            (recipe.warmup_epochs, recipe.learning_rate) = (0, PLAIN_LEARNING_RATE);
        }
        recipe
    }

    fn options(&self) -> &Options {
        &self.options
    }
}
