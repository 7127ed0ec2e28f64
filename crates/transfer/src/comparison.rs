//! What a pre-trained base is worth, measured: the run against the same network trained from nothing, and against the
//! pixels themselves.
//!
//! The three see the same photos, divided in the same way, and each is trained as it suits it. The network from nothing
//! gets what `pretrain` gives its own: batch normalisation, He's first weights, a step size that rises and falls, weight
//! decay, pictures that are moved and mirrored; and many more epochs than the head needs. Their number is fixed, not the
//! time, so that the result is the same on every machine. No epoch is chosen by its result: what counts is the last.

use std::time::Instant;

use graft_data::{CHANNELS, Part};
use graft_nn::fit::{Batches, Evaluation, History, Trainer};
use graft_nn::layers::{BatchNormalization, Dense, Flatten};
use graft_nn::{Activation, Sequential};
use graft_vgg::Vgg16;
use serde::Serialize;

use crate::interrupt::INTERRUPTED;
use crate::pictures::Pictures;
use crate::pretrain::Recipe;
use crate::pretrain::crops::{Crops, Vary};
use crate::progress::{Measuring, Whole, note};
use crate::{Error, Result};

/// One of those that are held against each other.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Contender {
    /// What it is.
    pub what: &'static str,
    /// The share of the validation photos that it names right.
    pub val_accuracy: f64,
    /// How many weights were trained.
    pub trained_weights: usize,
    /// How often it saw the training photos.
    pub epochs: u64,
    /// How long that took, measuring included.
    pub seconds: f64,
}

/// What the others are measured on.
pub struct Comparison<'a> {
    /// The run's own photos.
    pub pictures: &'a Pictures,
    /// Their side.
    pub image_size: usize,
    /// How many times narrower than VGG16 the run's base is.
    pub width_divisor: usize,
    /// How many of VGG16's layers make it.
    pub depth: usize,
    /// The run's seed.
    pub seed: u64,
}

impl Comparison<'_> {
    /// The run itself, and the others as they are measured now.
    ///
    /// # Errors
    /// If the photos do not fit into memory, a training diverges, or somebody interrupts.
    pub fn against(&self, run: Contender) -> Result<Vec<Contender>> {
        Ok(vec![run, self.nothing_learnt()?, self.pixels()?])
    }

    /// The same convolutions, by the recipe of [`pretrain`](crate::pretrain).
    fn nothing_learnt(&self) -> Result<Contender> {
        let recipe = Recipe {
            seed: self.seed,
            image_size: self.image_size,
            width_divisor: self.width_divisor,
            ..few_pictures()
        };
        let vgg = Vgg16::without_top(self.image_size, self.image_size);
        let vgg = Vgg16 { batch_normalization: true, depth: self.depth, ..vgg };
        let network = recipe.network_of(vgg, self.classes())?;
        self.measure("the same network, from nothing", network, &recipe)
    }

    /// The method's own head, with nothing below it.
    fn pixels(&self) -> Result<Contender> {
        let recipe = Recipe {
            epochs: 20,
            learning_rate: 1e-3,
            optimizer: "adam".to_owned(),
            weight_decay: 0.0,
            label_smoothing: 0.0,
            cutout: 0,
            seed: self.seed,
            image_size: self.image_size,
            ..few_pictures()
        };
        let mut network = Sequential::new([self.image_size, self.image_size, CHANNELS]);
        network.push("batch_normalization", BatchNormalization { momentum: 0.9, ..Default::default() })?;
        network.push("flatten", Flatten)?;
        network.push("dense", Dense::new(1024).activation(Activation::Relu))?;
        network.push("predictions", Dense::new(self.classes()).activation(Activation::Softmax))?;
        self.measure("a head on the pixels", network, &recipe)
    }

    fn classes(&self) -> usize {
        self.pictures.dataset.class_names.len()
    }

    fn measure(&self, what: &'static str, mut network: Sequential, recipe: &Recipe) -> Result<Contender> {
        let begun = Instant::now();
        network.initialize(recipe.seed);
        let vary = Vary { shift: recipe.shift, cutout: recipe.cutout, seed: recipe.seed };
        let mut train = Crops::new(self.pictures, Part::Train, recipe.batch_size, Some(vary))?;
        let mut validation = Crops::new(self.pictures, Part::Validation, recipe.batch_size, None)?;
        let mut schedule = recipe.schedule(train.steps())?;
        let mut trainer = Trainer::new(&mut network)
            .loss(recipe.loss())
            .optimizer(recipe.optimizer()?)
            .seed(recipe.seed)
            .interrupted_by(&INTERRUPTED);
        let (epochs, mut bar) = (0..recipe.epochs, Whole::new(what));
        let History { interrupted, .. } =
            trainer.fit(&mut train, None, epochs, &mut [&mut schedule], &mut bar)?;
        if interrupted.is_some() {
            return Err(Error::interrupted("while the run was compared with others"));
        }
        let Evaluation { accuracy, .. } =
            trainer.evaluate(&mut validation, &mut Measuring::new(Part::Validation))?;
        Ok(Contender {
            what,
            val_accuracy: accuracy,
            trained_weights: trained_weights(&network),
            epochs: recipe.epochs,
            seconds: begun.elapsed().as_secs_f64(),
        })
    }
}

/// The recipe of `pretrain`, as it suits some hundreds of pictures: smaller batches, and a third of the step size.
fn few_pictures() -> Recipe {
    Recipe { epochs: 40, batch_size: 32, learning_rate: 0.03, ..Recipe::default() }
}

/// How many numbers training moves.
pub fn trained_weights(network: &Sequential) -> usize {
    network.trained_weights().into_iter().map(|id| network.weight(id).value.data().len()).sum()
}

/// The table.
pub fn tell(contenders: &[Contender], photos: usize) {
    note(format_args!(
        "\n{:<31} {:>12} {:>15} {:>7} {:>8}",
        "the same photos, named by", "val_accuracy", "trained weights", "epochs", "seconds"
    ));
    for c in contenders {
        let Contender { what, val_accuracy, trained_weights, epochs, seconds } = c;
        note(format_args!(
            "{what:<31} {val_accuracy:>12.4} {trained_weights:>15} {epochs:>7} {seconds:>8.1}"
        ));
    }
    if photos > 0 {
        note(format_args!("(one photo of the {photos} is {:.4})\n", 1.0 / photos as f64));
    }
}
