//! Who answers: a network, the names of its outputs, and how pictures are made ready for it.

use std::io::Read;
use std::path::{Path, PathBuf};

use graft_data::resize::Interpolation;
use graft_data::{DecodeOptions, Format, decode, resize};
use graft_nn::Sequential;
use graft_nn::fit::predict;
use graft_tensor::Tensor;
use graft_vgg::{ClassIndex, Preprocessing, Vgg16, decode_predictions};

use super::answers::{Answer, Outcome};
use crate::base::{BASE_LICENCE, class_index, load_weights, tell};
use crate::inputs::{Data, Weights};
use crate::progress::note;
use crate::{Error, Result, model_file};

/// Bytes that tell what a file is.
const SNIFFED: u64 = 512;

/// A network, the names of its outputs, and how pictures are made ready for it.
pub(super) struct Oracle {
    pub(super) network: Sequential,
    pub(super) classes: ClassIndex,
    pub(super) preparation: Preparation,
    /// Whether it was trained on the pictures that are drawn.
    pub(super) knows_coats: bool,
}

/// How a picture is made ready.
#[derive(Clone, Copy)]
pub(super) struct Preparation {
    pub(super) resize: Interpolation,
    pub(super) decode: DecodeOptions,
    preprocessing: Preprocessing,
}

impl Oracle {
    /// A model of Graft's.
    pub(super) fn trained(path: &Path, last: bool) -> Result<Self> {
        let file = if path.is_dir() {
            let (best, final_one) = (path.join("best.safetensors"), path.join("last.safetensors"));
            let only_last = !best.exists() && final_one.exists();
            if only_last && !last {
                note(format!("{}: no best.safetensors: last.safetensors is used", path.display()));
            }
            if last || only_last { final_one } else { best }
        } else {
            path.to_owned()
        };
        refuse_others(path)?;
        Ok(Self::of_model(model_file::load(&file)?))
    }

    /// A network that somebody else has trained.
    pub(super) fn pretrained(weights: &Weights, names: Option<&Path>) -> Result<Self> {
        match (weights, names) {
            (Weights::Mini, Some(_)) => {
                Err(Error::Usage(format!("--class-index: {} names its classes itself", Weights::MINI)))
            }
            (Weights::Mini, None) => Ok(Self::of_model(model_file::of_file(&weights.open(true)?)?)),
            (_, names) => Self::with_top(weights, names),
        }
    }

    fn of_model(model: model_file::Model) -> Self {
        let model_file::Model { card, network } = model;
        let knows_coats = card.data.as_deref() == Some(Data::COATS);
        let preparation = Preparation {
            resize: card.resize,
            decode: DecodeOptions { exif: card.exif },
            preprocessing: card.preprocessing,
        };
        Self { network, classes: ClassIndex::of_names(card.class_names), preparation, knows_coats }
    }

    /// VGG16 as Keras has it.
    fn with_top(weights: &Weights, names: Option<&Path>) -> Result<Self> {
        let file = weights.open(true)?;
        let mut network = Vgg16::with_top().build()?;
        tell(&load_weights(&file, &mut network)?);
        note(BASE_LICENCE);
        let index = names.map_or_else(class_index, |p| Ok(p.to_owned()))?;
        let bad = |problem: String| {
            Error::model(&index, problem, "name one that belongs to the weights with --class-index")
        };
        let text = std::fs::read_to_string(&index).map_err(|e| bad(format!("cannot be read ({e})")))?;
        let classes = class_list(&text).map_err(|e| bad(e.to_string()))?;
        let outputs = network.output_shape()[0];
        if classes.len() != outputs {
            return Err(bad(format!("names {} classes, and the model has {outputs} outputs", classes.len())));
        }
        let (resize, decode) = (Interpolation::default(), DecodeOptions::default());
        let preparation = Preparation { resize, decode, preprocessing: Preprocessing::Caffe };
        Ok(Self { network, classes, preparation, knows_coats: false })
    }

    /// The answers for a few pictures that are ready; a bad one does not keep the others from theirs.
    pub(super) fn answers(
        &self,
        paths: &[PathBuf],
        ready: &[Result<Vec<f32>>],
        top: usize,
    ) -> Result<Vec<Answer>> {
        let good: Vec<_> = ready.iter().filter_map(|p| p.as_deref().ok()).collect();
        let mut shape = vec![good.len()];
        shape.extend(self.network.input_shape().iter());
        let x = Tensor::new(&shape[..], &good.concat()).map_err(graft_nn::NnError::from)?;
        let y = if good.is_empty() { x } else { predict(&self.network, 0..self.network.layers().len(), &x)? };
        let mut row = 0;
        let answer = |(path, ready): (&PathBuf, &Result<Vec<f32>>)| {
            let outcome = match ready {
                Ok(_) => {
                    row += 1;
                    Outcome::Predictions(decode_predictions(y.row(row - 1), &self.classes, top)?)
                }
                Err(e) => Outcome::Error(e.to_string()),
            };
            Ok(Answer { path: path.display().to_string(), outcome })
        };
        paths.iter().zip(ready).map(answer).collect()
    }
}

impl Preparation {
    /// One picture as a network takes it that wants this height and width.
    pub(super) fn prepared(&self, path: &Path, [height, width]: [usize; 2]) -> Result<Vec<f32>> {
        let picture = resize(decode(path, self.decode)?, height, width, self.resize)?;
        let mut pixels = picture.into_f32().data;
        self.preprocessing.apply(&mut pixels);
        Ok(pixels)
    }
}

/// What people give for a model of Graft's by mistake, told by its first bytes: a Keras file, or the first of the pictures.
fn refuse_others(path: &Path) -> Result<()> {
    let mut head = Vec::new();
    if let Ok(file) = std::fs::File::open(path) {
        // A folder can be opened, but not read.
        let _ = file.take(SNIFFED).read_to_end(&mut head);
    }
    if Format::sniff(&head).is_some() {
        let problem = format!(
            "{} is a picture: name a model before it, predict MODEL IMAGE…, or --weights vgg16-mini",
            path.display()
        );
        return Err(Error::Usage(problem));
    }
    if head.starts_with(b"\x89HDF") || head.starts_with(b"PK\x03\x04") {
        return Err(Error::model(
            path,
            "is a Keras file, not a model of Graft's",
            "name a VGG16 with its top by --weights",
        ));
    }
    Ok(())
}

/// Keras's class index, or a name a line.
fn class_list(text: &str) -> graft_vgg::Result<ClassIndex> {
    if text.trim_start().starts_with('{') {
        return ClassIndex::from_json(text);
    }
    Ok(ClassIndex::of_names(text.lines().map(str::trim).filter(|name| !name.is_empty())))
}
