//! What `--weights` names.

use std::fmt;
use std::path::PathBuf;

use graft_weights::{Entry, Fetcher, Kind, VGG16_NOTOP, VGG16_TOP, WeightsError, WeightsFile};
use serde::{Serialize, Serializer};

use crate::interrupt::INTERRUPTED;
use crate::{Error, Result};

/// A pre-trained network.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Weights {
    /// `vgg16-mini`: part of the program.
    Mini,
    /// `imagenet`: Keras's own file, cached, else fetched.
    ImageNet,
    /// A file or folder of the user's.
    File(PathBuf),
}

/// The file, which `models/vgg16-mini.md` describes.
static MINI: &[u8] = include_bytes!("../../../../models/vgg16-mini.safetensors");

impl Weights {
    /// The name of the built-in weights. A file of this name is `./vgg16-mini`.
    pub const MINI: &str = "vgg16-mini";
    /// The name of Keras's own.
    pub const IMAGENET: &str = "imagenet";

    /// Opens them, after having fetched them if need be: of `imagenet` those with the top, or those without.
    ///
    /// # Errors
    /// If they are not there and cannot be fetched, or are no weights.
    pub fn open(&self, include_top: bool) -> Result<WeightsFile> {
        match self {
            Self::Mini => Ok(WeightsFile::from_bytes(Self::MINI, MINI)?),
            Self::ImageNet => {
                let file = if include_top { VGG16_TOP } else { VGG16_NOTOP };
                let path = fetcher().and_then(|fetcher| fetcher.at_hand(&file)).map_err(|e| match e {
                    e @ WeightsError::Interrupted { .. } => Error::Weights(e),
                    e => Error::NoImageNet(e),
                })?;
                Ok(WeightsFile::open(path)?)
            }
            Self::File(path) => Ok(WeightsFile::open(path)?),
        }
    }

    /// Whether they are of a network narrower than VGG16.
    ///
    /// # Errors
    /// If a file cannot be opened to see what it is.
    pub fn is_narrow(&self) -> Result<bool> {
        Ok(match self {
            Self::Mini => true,
            Self::ImageNet => false,
            Self::File(path) => width_divisor(&WeightsFile::open(path)?) > 1,
        })
    }
}

/// Brings Keras's files, for as long as nobody presses Ctrl-C.
pub(crate) fn fetcher() -> Result<Fetcher, WeightsError> {
    Ok(Fetcher::new()?.interrupted_by(&INTERRUPTED))
}

/// How many times narrower than VGG16 a file's network is, as its first convolution tells; 1 where it tells nothing.
pub(crate) fn width_divisor(file: &WeightsFile) -> usize {
    let first = |e: &&Entry| e.layer == "block1_conv1" && e.kind == Kind::Kernel;
    let filters = file.entries().iter().find(first).and_then(|e| e.shape.last().copied());
    let divisor =
        filters.filter(|&n| n > 0 && FIRST_FILTERS.is_multiple_of(n)).map_or(1, |n| FIRST_FILTERS / n);
    if divisor.is_power_of_two() { divisor } else { 1 }
}

/// The filters of VGG16's first convolution.
const FIRST_FILTERS: usize = 64;

impl From<PathBuf> for Weights {
    /// Exactly `vgg16-mini` and `imagenet` are names; everything else is a path, `./imagenet` too.
    fn from(name: PathBuf) -> Self {
        match name.to_str() {
            Some(Self::MINI) => Self::Mini,
            Some(Self::IMAGENET) => Self::ImageNet,
            _ => Self::File(name),
        }
    }
}

impl fmt::Display for Weights {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Mini => {
                write!(f, "{}, built in: trained by Graft itself, on CIFAR-10 and invented coats", Self::MINI)
            }
            Self::ImageNet => write!(f, "{}, Keras's own VGG16", Self::IMAGENET),
            Self::File(path) => path.display().fmt(f),
        }
    }
}

impl Serialize for Weights {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Mini => to.serialize_str(Self::MINI),
            Self::ImageNet => to.serialize_str(Self::IMAGENET),
            Self::File(path) => to.collect_str(&path.display()),
        }
    }
}
