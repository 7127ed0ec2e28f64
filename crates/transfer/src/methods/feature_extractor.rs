//! Method 1: the base as a feature extractor.
//!
//! A network that has learnt to tell a thousand things apart has, in its last maps, a description of a picture that
//! serves for other things as well: edges and colours at the bottom, fur, eyes, wheels further up. The base is left as
//! it is, *frozen*, and a dense head learns to read its output (Donahue et al., *DeCAF*, 2014; Sharif Razavian et al.,
//! *CNN features off-the-shelf*, 2014).
//!
//! As the base never changes, a picture's description never changes: it is computed once, and each epoch after the
//! first is a matter of milliseconds. Choose this method first; with a few hundred photos it is hard to beat.

use std::path::{Path, PathBuf};

use clap::{Parser, ValueEnum};

use super::Method;
use crate::inputs::Data;
use crate::{Inputs, Options, Recipe, Result, save_features};

/// Train a new dense head on top of a frozen, pre-trained VGG16
#[derive(Debug, Clone, Parser)]
#[command(name = "feature-extractor", version, after_help = EXAMPLES)]
pub struct FeatureExtractor {
    #[command(flatten)]
    options: Options,

    /// Also write what the base makes of every photo: features.npy, with rows in the order of paths.csv (path, class,
    /// split). With a flat folder of photos, without classes, this is all that is done, and the exit code is 7 if some of
    /// them could not be read
    #[arg(long, value_name = "DIR", help_heading = "Method")]
    save_features: Option<PathBuf>,

    /// Whether to measure in the end what the pre-trained base was worth: the same network trained from nothing, and the
    /// pixels themselves, on the same photos. `auto`: on coats, where it takes some ten seconds
    #[arg(long, value_name = "auto|on|off", value_enum, default_value_t = Compare::Auto, help_heading = "Method")]
    compare: Compare,
}

/// Whether the run is held against others.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Compare {
    /// On the pictures that are drawn.
    Auto,
    /// Always.
    On,
    /// Never.
    Off,
}

const EXAMPLES: &str = "\
Examples:
  feature-extractor --data photos/ --weights vgg16_notop.h5
  feature-extractor --data photos/ --pooling avg --head 'dense(classes, softmax)'
  feature-extractor --data unsorted/ --save-features features/";

impl Method for FeatureExtractor {
    fn recipe() -> Recipe {
        Recipe::frozen("feature-extractor", "flatten, dense(1024, relu), dense(classes, softmax)")
    }

    fn options(&self) -> &Options {
        &self.options
    }

    fn save_features(&self) -> Option<&Path> {
        self.save_features.as_deref()
    }

    fn compares(&self, inputs: &Inputs) -> bool {
        match self.compare {
            Compare::Auto => inputs.data == Data::Coats,
            Compare::On => true,
            Compare::Off => false,
        }
    }

    fn instead_of_training(&self, inputs: &Inputs, threads: usize) -> Result<bool> {
        match self.save_features() {
            Some(to) => save_features::of_flat_folder(to, inputs, &self.options, threads),
            None => Ok(false),
        }
    }
}
