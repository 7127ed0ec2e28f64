//! What a run works on: which pictures, which weights, and how large the pictures are made.
//!
//! The program brings a small one of each along, so that there is something to run before anything was looked for:
//! `coats`, pictures that are drawn, and `vgg16-mini`, weights that Graft trained itself.
//!
//! | `--data` | `--weights` | pictures | base |
//! |---|---|---|---|
//! | | | `coats` | `vgg16-mini` |
//! | `DIR` | | `DIR` | `imagenet`: photos deserve the network that has seen photos |
//! | | `FILE` | `coats` | `FILE` |
//!
//! Whatever comes of it is printed before anything else is done.

mod data;
mod drawn;
mod weights;

use std::path::PathBuf;

use graft_vgg::architecture::CONFIGURATION_D;
use serde::Serialize;
use tempfile::TempDir;

pub use data::Data;
pub use drawn::Drawn;
pub use weights::Weights;
pub(crate) use weights::{fetcher, width_divisor};

use crate::options::Pooling;
use crate::progress::note;
use crate::{Error, Options, Result};

/// The pictures and weights of a run, and what of the network is used.
#[derive(Debug, Serialize)]
pub struct Inputs {
    /// Which pictures.
    pub data: Data,
    /// The folder that they lie in.
    pub folder: PathBuf,
    /// Which weights.
    pub weights: Weights,
    /// Whether these are of a network narrower than VGG16.
    pub narrow: bool,
    /// Side of the square that every picture is resized to.
    pub image_size: usize,
    /// How many of VGG16's layers make the base, convolutions and poolings.
    pub depth: usize,
    /// What follows them.
    pub pooling: Pooling,
    /// Keeps a folder that was drawn for this run alone.
    #[serde(skip)]
    temporary: Option<TempDir>,
}

impl Inputs {
    /// What the options name, or what stands in for it.
    ///
    /// # Errors
    /// If a weights file cannot be opened to see what suits it, or there is no layer of the name that `--base-until` has.
    pub fn of(options: &Options) -> Result<Self> {
        let data = options.data.clone().unwrap_or(Data::Coats);
        let weights = options.weights.clone().unwrap_or(match data {
            Data::Coats => Weights::Mini,
            Data::Folder(_) => Weights::ImageNet,
        });
        let narrow = weights.is_narrow()?;
        let Suited { image_size, last_layer, pooling } = if narrow { Suited::NARROW } else { Suited::VGG16 };
        let folder = if let Data::Folder(folder) = &data { folder.clone() } else { PathBuf::new() };
        Ok(Self {
            folder,
            image_size: options.image_size.unwrap_or(image_size),
            depth: depth(options.base_until.as_deref().unwrap_or(last_layer))?,
            pooling: options.pooling.unwrap_or(pooling),
            data,
            weights,
            narrow,
            temporary: None,
        })
    }

    /// Tells what they are, and draws what is to be drawn.
    ///
    /// # Errors
    /// If that can be written nowhere, or somebody interrupts.
    pub fn prepare(&mut self, options: &Options) -> Result<()> {
        let hint = |by_user: bool, instead: &'static str| if by_user { "" } else { instead };
        let instead = hint(options.data.is_some(), "   (your own photos: --data DIR)");
        note(format_args!("data: {}{instead}", self.data));
        let instead = match self.weights {
            Weights::Mini => "   (VGG16 itself: --weights imagenet)",
            _ => "   (a small network that is built in: --weights vgg16-mini)",
        };
        note(format_args!("weights: {}{}", self.weights, hint(options.weights.is_some(), instead)));
        if self.data == Data::Coats {
            (self.folder, self.temporary) = Drawn::at_hand()?.into_parts();
        }
        Ok(())
    }

    /// Keras's name of the base's last convolution or pooling.
    pub fn last_layer(&self) -> &'static str {
        CONFIGURATION_D[self.depth - 1].name()
    }
}

/// What suits a base where the user says nothing.
struct Suited {
    image_size: usize,
    last_layer: &'static str,
    pooling: Pooling,
}

impl Suited {
    /// The size that it was trained on, and all of it.
    const VGG16: Self = Self { image_size: 224, last_layer: "block5_pool", pooling: Pooling::None };
    /// Twice the side that a small network was trained on: its filters see the same patches, and more of them. Its last
    /// block tells the classes of its own training apart; the one before says more of other things. (`vgg16-mini` on
    /// coats, seed 0: 0.81 by the averages of block 3, 0.85 of block 4, 0.80 of block 5.)
    const NARROW: Self = Self { image_size: 64, last_layer: "block4_pool", pooling: Pooling::Avg };
}

/// How many layers there are up to one of this name.
fn depth(last_layer: &str) -> Result<usize> {
    let names = CONFIGURATION_D.map(|layer| layer.name());
    names.iter().position(|name| *name == last_layer).map(|place| place + 1).ok_or_else(|| {
        Error::Usage(format!(
            "--base-until: there is no layer '{last_layer}'; there are {}",
            names.join(", ")
        ))
    })
}
