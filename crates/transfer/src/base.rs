//! The pre-trained network, from whatever `--weights` names.

use std::path::PathBuf;

use graft_nn::Sequential;
use graft_vgg::{Pooling, Vgg16};
use graft_weights::{CLASS_INDEX, ExpectedLayer, Kind, LICENCE, WeightsFile, match_layers};
use rayon::prelude::*;

use crate::inputs::{Weights, fetcher, width_divisor};
use crate::progress::note;
use crate::{Error, Inputs, Options, Result, model_file, options};

/// A VGG16 with its weights, frozen.
pub struct Base {
    /// The layers.
    pub network: Sequential,
    /// The file that the weights came from, or the name of those that are built in.
    pub path: PathBuf,
    /// How many times narrower than VGG16 it is.
    pub width_divisor: usize,
    /// What it is, in a few words.
    pub architecture: String,
    /// The terms of its weights.
    pub licence: String,
}

/// The terms of VGG16's own weights.
pub const BASE_LICENCE: &str = LICENCE;

impl Base {
    /// Builds VGG16's convolutions for square pictures of the inputs' side, as wide as the weights are and as deep as the
    /// inputs say, and loads the weights into them.
    ///
    /// # Errors
    /// If the side is below 32, or the weights are not there or not VGG16's.
    pub fn load(inputs: &Inputs, options: &Options) -> Result<Self> {
        let file = inputs.weights.open(false)?;
        let (width_divisor, side) = (width_divisor(&file), inputs.image_size);
        let all = Vgg16 { width_divisor, ..Vgg16::without_top(side, side) };
        let mut whole = all.build()?;
        let notes = load_weights(&file, &mut whole)?;
        require_numbers(&file, &whole)?;
        // That the classes on top of the built-in base are left behind is no news.
        if inputs.weights != Weights::Mini {
            tell(&notes);
        }
        let mut network = Vgg16 { depth: inputs.depth, pooling: pooling(inputs), ..all }.build()?;
        for (to, from) in network.layers_mut().iter_mut().zip(whole.layers()).take(inputs.depth) {
            let weights = from.weights().iter().map(|w| (w.spec.name, w.value.clone()));
            weights.into_iter().try_for_each(|(name, value)| to.set_weight(name, value))?;
        }
        network.freeze_all();
        network.set_algorithm(options.conv_algorithm);
        let (width, licence) = match width_divisor {
            1 => (String::new(), BASE_LICENCE.to_owned()),
            n => {
                let card = model_file::card_of(&file)?;
                let licence = card.map_or_else(|| "terms unknown".to_owned(), |card| card.base_licence);
                (format!(" at 1/{n} of the width"), licence)
            }
        };
        let architecture = format!("VGG16's convolutions{width}, up to {}", inputs.last_layer());
        Ok(Self { network, path: file.path().to_owned(), width_divisor, architecture, licence })
    }
}

/// Whether each weight is a number: with one that is none, no output is.
fn require_numbers(file: &WeightsFile, network: &Sequential) -> Result<()> {
    for (_, layer, weight) in network.weights() {
        let odd = weight.value.data().par_iter().filter(|v| !v.is_finite()).count();
        if odd > 0 {
            let tensor = format!("{}/{}", layer.name(), weight.spec.name);
            let problem = format!("{tensor} has {odd} numbers that are NaN or infinite");
            return Err(Error::model(file.path(), problem, "fetch or convert the weights again"));
        }
    }
    Ok(())
}

/// What stands between the convolutions and the head, as a network has it.
fn pooling(inputs: &Inputs) -> Option<Pooling> {
    match inputs.pooling {
        options::Pooling::None => None,
        options::Pooling::Avg => Some(Pooling::Avg),
        options::Pooling::Max => Some(Pooling::Max),
    }
}

/// The names of ImageNet's classes, in Keras's file, fetched if need be.
///
/// # Errors
/// If it can neither be found nor fetched.
pub fn class_index() -> Result<PathBuf> {
    Ok(fetcher()?.at_hand(&CLASS_INDEX)?)
}

/// Gives every layer of the network its weights from a weights file of any layout; gives back what a person should know
/// of the file.
///
/// # Errors
/// If a tensor cannot be read, or the file's tensors are not the network's: then with a table of both.
pub fn load_weights(file: &WeightsFile, network: &mut Sequential) -> Result<Vec<String>> {
    let expected: Vec<_> =
        network.layers().iter().filter(|l| !l.weights().is_empty()).map(expected).collect();
    let matching = match_layers(file, &expected)?;
    let mut notes = matching.notes;
    notes.extend(file.official_note()?.map(|remark| format!("{}: {remark}", file.path().display())));
    for (layer, entries) in expected.iter().zip(&matching.layers) {
        for ((kind, _), &entry) in layer.tensors.iter().zip(entries) {
            network.set_weight(&layer.name, &kind.to_string(), file.tensor(entry)?)?;
        }
    }
    Ok(notes)
}

/// Says what a person should know of the weights.
pub fn tell(notes: &[String]) {
    notes.iter().for_each(|n| note(format_args!("note: {n}")));
}

/// What a layer wants of the file.
fn expected(layer: &graft_nn::Placed) -> ExpectedLayer {
    let tensors = layer.weights().iter().map(|w| (Kind::from_name(w.spec.name), w.spec.shape)).collect();
    ExpectedLayer { name: layer.name().to_owned(), tensors }
}
