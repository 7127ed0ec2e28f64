//! A trained model as one file: safetensors, with all that is needed to use it in the header.
//!
//! ```text
//! 8 bytes   length of the header
//! header    JSON: name → type, shape, place of each tensor; `__metadata__.graft`: the model card, JSON in a string
//! data      the tensors, one after the other, from a multiple of 64 bytes on
//! ```
//!
//! The large tensors are used where they lie in the file ([`Tensor::map`]): a model of 553 MB is at hand at once. This is
//! safe for a file that is only ever replaced as a whole, as [`save`] does.
//!
//! Any safetensors reader opens it. A tensor is called `<layer>.<weight>`, as in `block1_conv1.kernel`.
//!
//! A model whose input is prepared differently from its training set, or whose output is read with another order of
//! classes, answers wrongly without a word. So both are part of the file, not of anybody's memory.

use std::collections::HashMap;
use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::path::Path;

use graft_data::resize::Interpolation;
use graft_nn::{ModelConfig, Sequential};
use graft_tensor::{Shape, Tensor};
use graft_vgg::Preprocessing;
use safetensors::Dtype;
use safetensors::tensor::{Metadata, TensorInfo};
use serde::{Deserialize, Serialize};

use crate::{Error, Result};

/// The version of the model card; a reader refuses a later one.
const FORMAT: u32 = 1;
/// The card's key in the header.
const KEY: &str = "graft";
/// Bytes that tell the header's length.
const LENGTH: usize = 8;
/// Where the data begin: on a cache line. (The format itself asks for 8 bytes.)
const ALIGN: usize = 64;
/// No honest header comes near it; it bounds what a damaged length can ask for.
const MAX_HEADER: u64 = 16 << 20;

/// What a model is and how its input is to be prepared.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ModelCard {
    /// The version of this card.
    pub format: u32,
    /// The method that trained it.
    pub method: String,
    /// The layers.
    pub architecture: ModelConfig,
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

/// Writes a model; under `path` there is at every moment the old file or the whole new one.
///
/// # Errors
/// [`Error::Output`] if it cannot be written.
pub fn save(path: &Path, card: &ModelCard, network: &Sequential) -> Result<()> {
    write(path, card, network).map_err(|e| Error::write(path, &e))
}

fn write(path: &Path, card: &ModelCard, network: &Sequential) -> io::Result<()> {
    let mut tensors = Vec::new();
    let mut infos = Vec::new();
    let mut end = 0;
    for layer in network.layers() {
        for w in layer.weights() {
            let start = end;
            end += std::mem::size_of_val(w.value.data());
            let shape = w.value.shape().to_vec();
            infos.push((
                tensor_name(layer.name(), w.spec.name),
                TensorInfo { dtype: Dtype::F32, shape, data_offsets: (start, end) },
            ));
            tensors.push(&w.value);
        }
    }
    let card = HashMap::from([(KEY.to_owned(), serde_json::to_string(card)?)]);
    let mut header = serde_json::to_vec(&Metadata::new(Some(card), infos).map_err(io::Error::other)?)?;
    header.resize((LENGTH + header.len()).next_multiple_of(ALIGN) - LENGTH, b' ');
    graft_tensor::write_atomically(path, |w| {
        w.write_all(&(header.len() as u64).to_le_bytes())?;
        w.write_all(&header)?;
        tensors.iter().try_for_each(|t| w.write_all(bytemuck::cast_slice(t.data())))
    })
}

/// Reads a model.
///
/// # Errors
/// [`Error::Model`] if the file is not there, not a model of Graft's, of a later version, damaged or cut off.
pub fn load(path: &Path) -> Result<Model> {
    let bad = |problem: String, remedy: &str| Error::model(path, problem, remedy);
    let mut file = File::open(path)
        .map_err(|e| bad(format!("cannot be opened ({e})"), "name a run folder or its .safetensors file"))?;
    let damaged = |what: String| bad(what, "copy the file again, or train again");
    let (metadata, data_start) =
        read_header(&mut file).map_err(|e| damaged(format!("is no whole safetensors file ({e})")))?;
    let card = metadata.metadata().as_ref().and_then(|m| m.get(KEY));
    let card = card.ok_or_else(|| {
        bad("is a safetensors file, but not a model of Graft's".into(), "name a run folder of Graft's")
    })?;
    let card: ModelCard = serde_json::from_str(card)
        .map_err(|e| damaged(format!("has a model card that cannot be read ({e})")))?;
    if card.format > FORMAT {
        let problem = format!("is of format {}, and this program reads up to {FORMAT}", card.format);
        return Err(bad(problem, "use the version of Graft that wrote it, or a later one"));
    }
    let mut network = Sequential::from_config(&card.architecture).map_err(|e| damaged(e.to_string()))?;
    let outputs = network.output_shape().iter().product::<usize>();
    if outputs != card.class_names.len() {
        return Err(damaged(format!("has {outputs} outputs, but names {} classes", card.class_names.len())));
    }
    read_weights(&mut file, data_start, &metadata, &mut network).map_err(|e| damaged(e.to_string()))?;
    Ok(Model { card, network })
}

/// The header, checked against the length of the file, and where the data begin.
fn read_header(file: &mut File) -> io::Result<(Metadata, u64)> {
    let file_len = file.metadata()?.len();
    let mut len = [0; LENGTH];
    file.read_exact(&mut len)?;
    let len = u64::from_le_bytes(len);
    if len > MAX_HEADER.min(file_len) {
        return Err(io::Error::other(format!("a header of {len} bytes in a file of {file_len}")));
    }
    let mut header = vec![0; len as usize];
    file.read_exact(&mut header)?;
    let metadata: Metadata = serde_json::from_slice(&header)?;
    let (start, data) = (LENGTH as u64 + len, metadata.data_len() as u64);
    if start.checked_add(data) != Some(file_len) {
        return Err(io::Error::other(format!("{} bytes of data expected, found {}", data, file_len - start)));
    }
    Ok((metadata, start))
}

/// Each weight of the network from its place in the file: where it lies, or else straight into the tensor.
fn read_weights(
    file: &mut File,
    data_start: u64,
    metadata: &Metadata,
    network: &mut Sequential,
) -> io::Result<()> {
    for layer in network.layers_mut() {
        let specs: Vec<_> = layer.weights().iter().map(|w| w.spec).collect();
        for spec in specs {
            let name = tensor_name(layer.name(), spec.name);
            let info = metadata
                .info(&name)
                .ok_or_else(|| io::Error::other(format!("there is no tensor '{name}'")))?;
            if info.dtype != Dtype::F32 || spec.shape != info.shape[..] {
                let found = format!("{:?} {:?}", info.dtype, info.shape);
                return Err(io::Error::other(format!("'{name}' is {found}, expected F32 {}", spec.shape)));
            }
            let start = data_start + info.data_offsets.0 as u64;
            let value =
                Tensor::map(file, start, spec.shape).map_or_else(|| read(file, start, spec.shape), Ok)?;
            layer.set_weight(spec.name, value).map_err(io::Error::other)?;
        }
    }
    Ok(())
}

fn read(file: &mut File, start: u64, shape: Shape) -> io::Result<Tensor> {
    let mut value = Tensor::try_zeros(shape).map_err(io::Error::other)?;
    file.seek(SeekFrom::Start(start))?;
    file.read_exact(bytemuck::cast_slice_mut(value.data_mut()))?;
    Ok(value)
}

fn tensor_name(layer: &str, weight: &str) -> String {
    format!("{layer}.{weight}")
}
