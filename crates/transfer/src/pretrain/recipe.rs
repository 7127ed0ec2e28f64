//! How a backbone is trained from nothing: every number that decides the result.

use clap::Args;
use graft_data::{CHANNELS, InventedCoats};
use graft_nn::callbacks::OneCycle;
use graft_nn::layers::Dense;
use graft_nn::losses::Loss;
use graft_nn::optimizers::{Algorithm, Optimizer, OptimizerConfig};
use graft_nn::{Activation, Sequential};
use graft_vgg::{MIN_SIZE, MINI_WIDTH_DIVISOR, Pooling, Vgg16};
use serde::{Deserialize, Serialize};

use crate::{Error, Result};

/// The layer that tells the classes of the pre-training apart, which transfer learning replaces.
const HEAD: &str = "predictions";

/// The options that decide the result. A checkpoint keeps them, and is taken up again with the same ones only.
#[derive(Debug, Clone, PartialEq, Args, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Recipe {
    /// Passes over the training pictures
    #[arg(long, value_name = "N", default_value_t = Recipe::default().epochs, help_heading = "Training")]
    pub epochs: u64,

    /// Pictures to a step
    #[arg(long, value_name = "N", default_value_t = Recipe::default().batch_size, help_heading = "Training")]
    pub batch_size: usize,

    /// The largest step size: it rises to it in a straight line, and falls to nothing in another
    #[arg(long, value_name = "X", default_value_t = Recipe::default().learning_rate, help_heading = "Training")]
    pub learning_rate: f64,

    /// Epochs in which it rises; they need not be whole
    #[arg(long, value_name = "N", default_value_t = Recipe::default().warmup_epochs, help_heading = "Training")]
    pub warmup_epochs: f64,

    /// Share of each weight, times the step size, that each step takes off: what keeps the weights small
    #[arg(long, value_name = "X", default_value_t = Recipe::default().weight_decay, help_heading = "Training")]
    pub weight_decay: f64,

    /// Share of each target that is spread over all classes
    #[arg(long, value_name = "X", default_value_t = Recipe::default().label_smoothing, help_heading = "Training")]
    pub label_smoothing: f64,

    /// sgd, sgd-momentum, sgd-nesterov, adam, adamw or rmsprop
    #[arg(long, value_name = "NAME", default_value_t = Recipe::default().optimizer, help_heading = "Training")]
    pub optimizer: String,

    /// Each picture is moved by up to this many pixels in both directions, and mirrored every other time
    #[arg(long, value_name = "PIXELS", default_value_t = Recipe::default().shift, help_heading = "Training")]
    pub shift: usize,

    /// A square of this side, somewhere in each picture, is hidden; 0 hides nothing
    #[arg(long, value_name = "PIXELS", default_value_t = Recipe::default().cutout, help_heading = "Training")]
    pub cutout: usize,

    /// Kinds of animals that there are not, which are learnt besides the folder's classes: their coats teach what
    /// patterns are (a hundred pictures of each are drawn; the weights that are written name the folder's classes only)
    #[arg(long, value_name = "KINDS", default_value_t = Recipe::default().invented_coats, help_heading = "Training")]
    pub invented_coats: usize,

    /// Names every random choice: the first weights, the order, how pictures are moved
    #[arg(long, value_name = "N", default_value_t = Recipe::default().seed, help_heading = "Training")]
    pub seed: u64,

    /// Side of the square that every picture is resized to, in pixels, at least 32
    #[arg(long, value_name = "PIXELS", default_value_t = Recipe::default().image_size, help_heading = "Network")]
    pub image_size: usize,

    /// How many times narrower than VGG16 each layer is: 1, 2, 4, … 64
    #[arg(long, value_name = "N", default_value_t = Recipe::default().width_divisor, help_heading = "Network")]
    pub width_divisor: usize,
}

impl Default for Recipe {
    /// What `vgg16-mini` was made with, but for `--invented-coats 50` and three times as many epochs.
    fn default() -> Self {
        Self {
            epochs: 80,
            batch_size: 128,
            learning_rate: 0.1,
            warmup_epochs: 5.0,
            weight_decay: 5e-3,
            label_smoothing: 0.1,
            optimizer: "sgd-nesterov".to_owned(),
            shift: 4,
            cutout: 8,
            invented_coats: 0,
            seed: 0,
            image_size: MIN_SIZE,
            width_divisor: MINI_WIDTH_DIVISOR,
        }
    }
}

/// Bounds that no honest run comes near, and small enough to count with.
const MAX_EPOCHS: u64 = 100_000;
const MAX_SIDE: usize = 4096;
const MAX_BATCH: usize = 1 << 16;
/// The memory that drawn pictures may take.
const MAX_DRAWN: usize = 4 << 30;

impl Recipe {
    /// What can be said without looking at a single picture.
    ///
    /// # Errors
    /// [`Error::Usage`] with the first option that has a value it cannot have.
    pub fn check(&self) -> Result<()> {
        let refuse = |what: &str, expected: String, got: &dyn std::fmt::Display| {
            Err(Error::Usage(format!("--{what} must be {expected}, got {got}")))
        };
        if !(1..=MAX_EPOCHS).contains(&self.epochs) {
            return refuse("epochs", format!("from 1 to {MAX_EPOCHS}"), &self.epochs);
        }
        if !(1..=MAX_BATCH).contains(&self.batch_size) {
            return refuse("batch-size", format!("from 1 to {MAX_BATCH}"), &self.batch_size);
        }
        if !(0.0..self.epochs as f64).contains(&self.warmup_epochs) {
            return refuse(
                "warmup-epochs",
                format!("from 0 to less than {}", self.epochs),
                &self.warmup_epochs,
            );
        }
        if !(0.0..=1.0).contains(&self.label_smoothing) {
            return refuse("label-smoothing", "from 0 to 1".into(), &self.label_smoothing);
        }
        if !(MIN_SIZE..=MAX_SIDE).contains(&self.image_size) {
            return refuse("image-size", format!("from {MIN_SIZE} to {MAX_SIDE}"), &self.image_size);
        }
        if self.shift >= self.image_size {
            return refuse("shift", format!("less than {}", self.image_size), &self.shift);
        }
        if self.cutout > self.image_size {
            return refuse("cutout", format!("at most {}", self.image_size), &self.cutout);
        }
        let InventedCoats { size, per_kind, .. } = self.invented();
        let most = InventedCoats::MAX_KINDS.min(MAX_DRAWN / (per_kind * size * size * CHANNELS));
        if self.invented_coats > most {
            let expected = format!("at most {most} with pictures of this size, which stay in memory");
            return refuse("invented-coats", expected, &self.invented_coats);
        }
        self.optimizer()?;
        self.schedule(usize::MAX)?;
        Ok(())
    }

    /// VGG16's convolutions, narrower, and a layer that tells `classes` apart; with a batch normalisation behind each
    /// convolution for training, without for use.
    ///
    /// # Errors
    /// [`Error::Network`] for a divisor of the width that cannot be.
    pub fn network(&self, classes: usize, batch_normalization: bool) -> Result<Sequential> {
        let all = Vgg16::without_top(self.image_size, self.image_size);
        self.network_of(Vgg16 { batch_normalization, ..all }, classes)
    }

    /// The same, of the depth that `vgg` has.
    ///
    /// # Errors
    /// As [`Recipe::network`], and for a depth that cannot be.
    pub(crate) fn network_of(&self, vgg: Vgg16, classes: usize) -> Result<Sequential> {
        let vgg = Vgg16 { width_divisor: self.width_divisor, pooling: Some(Pooling::Avg), ..vgg };
        let mut network = vgg.build()?;
        network.push(HEAD, Dense::new(classes).activation(Activation::Softmax))?;
        Ok(network)
    }

    /// What is drawn to learn from besides the folder: twice as large as what the network sees of it at a time.
    pub fn invented(&self) -> InventedCoats {
        InventedCoats {
            seed: self.seed,
            size: 2 * self.image_size,
            kinds: self.invented_coats,
            ..InventedCoats::default()
        }
    }

    /// What moves the weights.
    ///
    /// # Errors
    /// [`Error::Usage`] for a name or number that cannot be.
    pub fn optimizer(&self) -> Result<Optimizer> {
        let algorithm: Algorithm =
            self.optimizer.parse().map_err(|e| Error::Usage(format!("--optimizer: {e}")))?;
        let config = OptimizerConfig {
            learning_rate: self.learning_rate as f32,
            weight_decay: Some(self.weight_decay),
            ..OptimizerConfig::new(algorithm)
        };
        Optimizer::new(config).map_err(|e| Error::Usage(e.to_string()))
    }

    /// The step size of each step, where an epoch has so many.
    ///
    /// # Errors
    /// [`Error::Usage`] for numbers that cannot be.
    pub fn schedule(&self, steps_per_epoch: usize) -> Result<OneCycle> {
        let steps = self.epochs.saturating_mul(steps_per_epoch as u64);
        let warmup = (self.warmup_epochs * steps_per_epoch as f64) as u64;
        OneCycle::new(self.learning_rate as f32, warmup.min(steps - 1), steps)
            .map_err(|e| Error::Usage(e.to_string()))
    }

    /// What is to become small.
    pub fn loss(&self) -> Loss {
        Loss::CategoricalCrossentropy { label_smoothing: self.label_smoothing as f32 }
    }
}
