//! The pre-trained network, from whatever `--weights` names.

use std::path::{Path, PathBuf};

use graft_nn::Sequential;
use graft_vgg::{Pooling, Vgg16};
use graft_weights::{
    CLASS_INDEX, Entry, ExpectedLayer, Fetcher, Kind, LICENCE, VGG16_NOTOP, VGG16_TOP, WeightsFile,
    match_layers,
};

use crate::interrupt::INTERRUPTED;
use crate::progress::note;
use crate::{Options, Result, model_file, options};

/// A VGG16 with its weights, frozen.
pub struct Base {
    /// The layers.
    pub network: Sequential,
    /// The file that the weights came from.
    pub path: PathBuf,
    /// What it is, in a few words.
    pub architecture: String,
    /// The terms of its weights.
    pub licence: String,
}

/// The terms of VGG16's own weights.
pub const BASE_LICENCE: &str = LICENCE;

impl Base {
    /// Builds VGG16's convolutions for square pictures of the side that the options say, as wide as the weights are, and
    /// loads these into them.
    ///
    /// # Errors
    /// If the side is below 32, or the weights are not there or not VGG16's.
    pub fn load(options: &Options) -> Result<Self> {
        let pooling = match options.pooling {
            options::Pooling::None => None,
            options::Pooling::Avg => Some(Pooling::Avg),
            options::Pooling::Max => Some(Pooling::Max),
        };
        let path = locate(&options.weights, false)?;
        let file = WeightsFile::open(&path)?;
        let width_divisor = width_divisor(&file);
        let side = options.image_size;
        let vgg = Vgg16 { pooling, width_divisor, ..Vgg16::without_top(side, side) };
        let mut network = vgg.build()?;
        load_weights(&path, &mut network)?;
        network.freeze_all();
        network.set_algorithm(options.conv_algorithm);
        let (architecture, licence) = match width_divisor {
            1 => ("VGG16 without its top".to_owned(), BASE_LICENCE.to_owned()),
            n => {
                let card = model_file::card_of(&file)?;
                let licence = card.map_or_else(|| "terms unknown".to_owned(), |card| card.base_licence);
                (format!("VGG16's convolutions at 1/{n} of the width"), licence)
            }
        };
        Ok(Self { network, path, architecture, licence })
    }
}

/// How many times narrower than VGG16 a file's network is, as its first convolution tells; 1 where it tells nothing.
fn width_divisor(file: &WeightsFile) -> usize {
    let first = |e: &&Entry| e.layer == "block1_conv1" && e.kind == Kind::Kernel;
    let filters = file.entries().iter().find(first).and_then(|e| e.shape.last().copied());
    let divisor =
        filters.filter(|&n| n > 0 && FIRST_FILTERS.is_multiple_of(n)).map_or(1, |n| FIRST_FILTERS / n);
    if divisor.is_power_of_two() { divisor } else { 1 }
}

/// The filters of VGG16's first convolution.
const FIRST_FILTERS: usize = 64;

/// The file or folder that `--weights` names; `imagenet` is Keras's own file, fetched if need be.
///
/// # Errors
/// If it is `imagenet` and can neither be found nor fetched.
pub fn locate(weights: &str, include_top: bool) -> Result<PathBuf> {
    match weights {
        "imagenet" => {
            let file = if include_top { VGG16_TOP } else { VGG16_NOTOP };
            Ok(fetcher()?.at_hand(&file)?)
        }
        path => Ok(Path::new(path).to_owned()),
    }
}

/// The names of ImageNet's classes, in Keras's file, fetched if need be.
///
/// # Errors
/// If it can neither be found nor fetched.
pub fn class_index() -> Result<PathBuf> {
    Ok(fetcher()?.at_hand(&CLASS_INDEX)?)
}

/// Keras's files, brought for as long as nobody presses Ctrl-C.
fn fetcher() -> Result<Fetcher> {
    Ok(Fetcher::new()?.interrupted_by(&INTERRUPTED))
}

/// Gives every layer of the network its weights from a weights file of any layout.
///
/// # Errors
/// If the file cannot be read, or its tensors are not the network's: then with a table of both.
pub fn load_weights(path: &Path, network: &mut Sequential) -> Result<()> {
    let file = WeightsFile::open(path)?;
    let expected: Vec<_> =
        network.layers().iter().filter(|l| !l.weights().is_empty()).map(expected).collect();
    let matching = match_layers(&file, &expected)?;
    matching.notes.iter().for_each(|n| note(format!("note: {n}")));
    if let Some(remark) = file.official_note()? {
        note(format_args!("note: {}: {remark}", path.display()));
    }
    for (layer, entries) in expected.iter().zip(&matching.layers) {
        for ((kind, _), &entry) in layer.tensors.iter().zip(entries) {
            network.set_weight(&layer.name, &kind.to_string(), file.tensor(entry)?)?;
        }
    }
    Ok(())
}

/// What a layer wants of the file.
fn expected(layer: &graft_nn::Placed) -> ExpectedLayer {
    let tensors = layer.weights().iter().map(|w| (Kind::from_name(w.spec.name), w.spec.shape)).collect();
    ExpectedLayer { name: layer.name().to_owned(), tensors }
}
