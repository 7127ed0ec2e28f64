//! Method 4: augmentation.
//!
//! A bee stays a bee when the photo is turned a little, shifted or mirrored. Showing such variants in training, new ones
//! in every epoch, makes a small set a large one and keeps the head from learning photos by heart (Simard et al., *Best
//! practices for convolutional neural networks*, 2003; Krizhevsky et al., 2012).
//!
//! The variants are drawn for the training photos only; those that measure are left as they are. As no variant comes up
//! twice, the base has to look at each one: this method costs a forward pass per photo and epoch, where the others cost
//! one per photo.

use std::path::PathBuf;

use clap::{ArgAction, Parser};
use graft_data::augment::{Augmentation, Compat, FillMode, Interval};

use super::Method;
use crate::recipe::Augmenting;
use crate::{Inputs, Options, Recipe, Result, preview};

/// Train a new head on rotated, shifted and flipped variants of the photos, made on the fly
#[derive(Debug, Clone, Parser)]
#[command(name = "augment", version, after_help = EXAMPLES)]
pub struct Augment {
    #[command(flatten)]
    options: Options,

    /// Turn by up to this many degrees, either way
    #[arg(long, value_name = "DEGREES", default_value_t = 30.0, help_heading = "Augmentation")]
    rotation_range: f64,

    /// Shift left or right by up to this share of the width (from 1 up: pixels)
    #[arg(long, value_name = "SHARE", default_value_t = 0.1, help_heading = "Augmentation")]
    width_shift_range: f64,

    /// Shift up or down by up to this share of the height (from 1 up: pixels)
    #[arg(long, value_name = "SHARE", default_value_t = 0.1, help_heading = "Augmentation")]
    height_shift_range: f64,

    /// Shear by up to this many degrees, either way
    #[arg(long, value_name = "DEGREES", default_value_t = 0.0, help_heading = "Augmentation")]
    shear_range: f64,

    /// Zoom by factors from LOW to HIGH, or from 1 − Z to 1 + Z
    #[arg(long, value_name = "Z|LOW,HIGH", default_value_t = Interval::ONE, help_heading = "Augmentation")]
    zoom_range: Interval,

    /// Do not mirror left and right
    #[arg(long = "no-horizontal-flip", action = ArgAction::SetFalse, help_heading = "Augmentation")]
    horizontal_flip: bool,

    /// Mirror top and bottom
    #[arg(long, help_heading = "Augmentation")]
    vertical_flip: bool,

    /// Brighten by factors from LOW to HIGH
    #[arg(long, value_name = "LOW,HIGH", help_heading = "Augmentation")]
    brightness_range: Option<Interval>,

    /// Add up to this many grey levels to all of a photo, or take them away
    #[arg(long, value_name = "LEVELS", default_value_t = 0.0, help_heading = "Augmentation")]
    channel_shift_range: f64,

    /// What fills the places from outside of the photo: nearest, constant, reflect or wrap
    #[arg(long, value_name = "MODE", default_value_t = FillMode::Nearest, help_heading = "Augmentation")]
    fill_mode: FillMode,

    /// The grey level of `--fill-mode constant`
    #[arg(long, value_name = "LEVEL", default_value_t = 0.0, help_heading = "Augmentation")]
    cval: f32,

    /// Whose axes: `native` moves photos as the options say; `keras3` exchanges width and height, as Keras 3 does
    #[arg(long, value_name = "native|keras3", default_value_t = Compat::Native, help_heading = "Augmentation")]
    augment_compat: Compat,

    /// Write a sheet of N photos with their variants to look at, and do nothing else
    #[arg(long, value_name = "N", help_heading = "Augmentation")]
    preview: Option<usize>,

    /// The file of `--preview`
    #[arg(long, value_name = "PNG", default_value = "augment-preview.png", help_heading = "Augmentation")]
    preview_file: PathBuf,
}

const EXAMPLES: &str = "\
Examples:
  augment --data photos/ --weights vgg16_notop.h5
  augment --data photos/ --rotation-range 10 --zoom-range 0.2 --preview 6
  augment --data photos/ --augment-compat keras3";

impl Method for Augment {
    fn recipe() -> Recipe {
        Recipe::frozen("augment", "flatten, dense(256, relu), dense(classes, softmax)")
    }

    fn resolved(&self, inputs: &Inputs) -> Recipe {
        let ranges = Augmentation {
            rotation_range: self.rotation_range,
            width_shift_range: self.width_shift_range,
            height_shift_range: self.height_shift_range,
            shear_range: self.shear_range,
            zoom_range: self.zoom_range,
            horizontal_flip: self.horizontal_flip,
            vertical_flip: self.vertical_flip,
            brightness_range: self.brightness_range,
            channel_shift_range: self.channel_shift_range,
            fill_mode: self.fill_mode,
            cval: self.cval,
        };
        let augmenting = Augmenting { ranges, compat: self.augment_compat };
        Recipe { augmenting: Some(augmenting), ..Self::recipe().with(&self.options, inputs) }
    }

    fn options(&self) -> &Options {
        &self.options
    }

    fn instead_of_training(&self, inputs: &Inputs, _threads: usize) -> Result<bool> {
        let recipe = self.resolved(inputs);
        match (self.preview, &recipe.augmenting) {
            (Some(photos), Some(augmenting)) => {
                preview::write(&self.preview_file, photos, augmenting, inputs, &self.options)?;
                Ok(true)
            }
            _ => Ok(false),
        }
    }
}
