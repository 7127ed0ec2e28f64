//! The methods, one file each: what it is, when to choose it, and the few values in which it differs from the others.

mod augment;
mod custom_layers;
mod feature_extractor;
mod fine_tune;

pub use augment::Augment;
pub use custom_layers::CustomLayers;
pub use feature_extractor::FeatureExtractor;
pub use fine_tune::FineTune;

use std::path::Path;

use crate::{Inputs, Options, Recipe, Result};

/// A method, as its command line has it.
pub trait Method: clap::Parser {
    /// The values that make the method, as long as the user says nothing.
    fn recipe() -> Recipe;

    /// The options that all methods share.
    fn options(&self) -> &Options;

    /// Does what the command line asks for in place of training, if it does; tells so.
    ///
    /// # Errors
    /// What kept it from being done.
    fn instead_of_training(&self, inputs: &Inputs, threads: usize) -> Result<bool> {
        let _ = (inputs, threads);
        Ok(false)
    }

    /// The folder that the base's output is to be written to as well.
    fn save_features(&self) -> Option<&Path> {
        None
    }

    /// Whether the run is to be held against others that do without a pre-trained base.
    fn compares(&self, inputs: &Inputs) -> bool {
        let _ = inputs;
        false
    }

    /// The method's values with what the user said instead.
    fn resolved(&self, inputs: &Inputs) -> Recipe {
        Self::recipe().with(self.options(), inputs)
    }
}
