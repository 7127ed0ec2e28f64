//! A trained model as one file: safetensors, with all that is needed to use it in the header.
//!
//! Any safetensors reader opens it. A tensor is called `<layer>.<weight>`, as in `block1_conv1.kernel`; under
//! `__metadata__.graft` the header has the model card, JSON in a string. The container itself is that of every weights
//! file of Graft's, `graft_weights::write_safetensors`; large tensors are used where they lie in it, so that a model of
//! 553 MB is at hand at once. This is safe for a file that is only ever replaced as a whole, as [`save`] does.
//!
//! A model whose input is prepared differently from its training set, or whose output is read with another order of
//! classes, answers wrongly without a word. So both are part of the file, not of anybody's memory.

use std::collections::HashMap;
use std::io;
use std::path::Path;

use graft_data::resize::Interpolation;
use graft_nn::{ModelConfig, Sequential};
use graft_tensor::{DType, Tensor};
use graft_vgg::Preprocessing;
use graft_weights::{WeightsFile, write_safetensors};
use serde::{Deserialize, Serialize};

use crate::{Error, Result};

/// The version of the model card; a reader refuses a later one.
const FORMAT: u32 = 1;
/// The card's key in the header.
const KEY: &str = "graft";

/// What a model is and how its input is to be prepared.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ModelCard {
    /// The version of this card.
    pub format: u32,
    /// The method that trained it.
    pub method: String,
    /// The layers.
    pub architecture: ModelConfig,
    /// The built-in pictures that it was trained on, if it was: `coats`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub data: Option<String>,
    /// The name of each output.
    pub class_names: Vec<String>,
    /// Side of the square picture it takes.
    pub image_size: usize,
    /// How a photo becomes that square.
    pub resize: Interpolation,
    /// Whether photos are turned the way the camera was held.
    pub exif: bool,
    /// What is done to the pixels.
    pub preprocessing: Preprocessing,
    /// Where the base's weights came from.
    pub base_weights: String,
    /// On what terms they may be used.
    pub base_licence: String,
}

impl ModelCard {
    /// The current version of the card.
    pub const FORMAT: u32 = FORMAT;
}

/// A network with its card.
pub struct Model {
    /// What it is.
    pub card: ModelCard,
    /// The layers and their weights.
    pub network: Sequential,
}

/// Writes a model, its numbers in 32 or 16 bits; under `path` there is at every moment the old file or the whole new
/// one.
///
/// # Errors
/// [`Error::Output`] if it cannot be written.
pub fn save(path: &Path, card: &ModelCard, network: &Sequential, dtype: DType) -> Result<()> {
    let written = || -> io::Result<()> {
        let card = HashMap::from([(KEY.to_owned(), serde_json::to_string(card)?)]);
        write_safetensors(path, card, &tensors(network), dtype)
    };
    written().map_err(|e| Error::write(path, &e))
}

/// Every weight of a network under its name in a file.
pub(crate) fn tensors(network: &Sequential) -> Vec<(String, &Tensor)> {
    network.weights().map(|(_, layer, w)| (tensor_name(layer.name(), w.spec.name), &w.value)).collect()
}

/// Reads a model.
///
/// # Errors
/// [`Error::Model`] if the file is not there, not a model of Graft's, of a later version, damaged or cut off.
pub fn load(path: &Path) -> Result<Model> {
    if !path.exists() {
        return Err(Error::model(path, "is not there", "name a run folder or its .safetensors file"));
    }
    let file = WeightsFile::open(path).map_err(|e| {
        Error::model(path, format!("is no whole model ({e})"), "copy the file again, or train again")
    })?;
    of_file(&file)
}

/// Reads a model from a file that is open.
///
/// # Errors
/// As [`load`].
pub fn of_file(file: &WeightsFile) -> Result<Model> {
    let bad = |problem: String, remedy: &str| Error::model(file.path(), problem, remedy);
    let damaged = |what: String| bad(what, "copy the file again, or train again");
    let card = card_of(file)?.ok_or_else(|| {
        bad("is a weights file, but not a model of Graft's".into(), "name a run folder of Graft's")
    })?;
    let mut network = Sequential::from_config(&card.architecture).map_err(|e| damaged(e.to_string()))?;
    let outputs = network.output_shape().iter().product::<usize>();
    if outputs != card.class_names.len() {
        return Err(damaged(format!("has {outputs} outputs, but names {} classes", card.class_names.len())));
    }
    read_weights(file, &mut network).map_err(|e| damaged(e.to_string()))?;
    Ok(Model { card, network })
}

/// The card of a model, or `None` for weights of another origin.
///
/// # Errors
/// [`Error::Model`] if it cannot be read, or is of a later version.
pub fn card_of(file: &WeightsFile) -> Result<Option<ModelCard>> {
    let Some(card) = file.metadata(KEY) else { return Ok(None) };
    let card: ModelCard = serde_json::from_str(card).map_err(|e| {
        let problem = format!("has a model card that cannot be read ({e})");
        Error::model(file.path(), problem, "copy the file again, or train again")
    })?;
    if card.format > FORMAT {
        let problem = format!("is of format {}, and this program reads up to {FORMAT}", card.format);
        return Err(Error::model(
            file.path(),
            problem,
            "use the version of Graft that wrote it, or a later one",
        ));
    }
    Ok(Some(card))
}

/// Each weight of the network from the tensor of its name.
pub(crate) fn read_weights(file: &WeightsFile, network: &mut Sequential) -> Result<()> {
    for layer in network.layers_mut() {
        let specs: Vec<_> = layer.weights().iter().map(|w| w.spec).collect();
        for spec in specs {
            let name = tensor_name(layer.name(), spec.name);
            let place = file.entries().iter().position(|e| e.name == name);
            let missing = || Error::model(file.path(), format!("has no tensor '{name}'"), "train again");
            layer.set_weight(spec.name, file.tensor(place.ok_or_else(missing)?)?)?;
        }
    }
    Ok(())
}

fn tensor_name(layer: &str, weight: &str) -> String {
    format!("{layer}.{weight}")
}
