//! How a mismatch is told: what the file is, what to do, and a row for every tensor.

use std::path::PathBuf;

use graft_tensor::Shape;

use super::ExpectedLayer;
use crate::official::{Identity, listed};
use crate::table::{Align, render};

/// What the file has for one tensor of the model.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Status {
    /// The tensor, in the right shape.
    Ok,
    /// Nothing.
    Missing,
    /// A tensor of that name, in another shape.
    Shape,
    /// More than one tensor of that name.
    Twice,
    /// A tensor that the model has no place for.
    Extra,
}

impl std::fmt::Display for Status {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.pad(match self {
            Self::Ok => "ok",
            Self::Missing => "missing",
            Self::Shape => "other shape",
            Self::Twice => "there twice",
            Self::Extra => "not in the model",
        })
    }
}

/// One line of the table: a tensor, its shape in the model and in the file.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Row {
    /// `block1_conv1/kernel`.
    pub tensor: String,
    /// What the model wants.
    pub model: Option<Shape>,
    /// What the file has.
    pub file: Option<Shape>,
    /// How the two compare.
    pub status: Status,
}

/// The tensors of a file are not those of the model: what the file is, what to do, and a row for each tensor.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{} is {found}; the model wants {wanted}: {remedy}\n{}", path.display(), self.table())]
#[non_exhaustive]
pub struct Mismatch {
    /// The file.
    pub path: PathBuf,
    /// What it is.
    pub found: String,
    /// What the model is.
    pub wanted: String,
    /// What to do.
    pub remedy: String,
    /// Tensor by tensor.
    pub rows: Vec<Row>,
}

impl Mismatch {
    /// The rows as a table.
    pub fn table(&self) -> String {
        let shape = |s: &Option<Shape>| s.map_or_else(|| "–".to_owned(), |s| s.to_string());
        let mut rows: Vec<_> = self
            .rows
            .iter()
            .map(|r| [r.tensor.clone(), shape(&r.model), shape(&r.file), r.status.to_string()])
            .collect();
        let extra = rows.iter().filter(|r| r[3] == Status::Extra.to_string()).count();
        if extra > MAX_EXTRA {
            rows.truncate(rows.len() - (extra - MAX_EXTRA));
            rows.push([
                format!("… and {} more", extra - MAX_EXTRA),
                String::new(),
                String::new(),
                String::new(),
            ]);
        }
        render(
            [("tensor", Align::Left), ("model", Align::Left), ("file", Align::Left), ("", Align::Left)],
            &rows,
        )
    }
}

/// How many rows of tensors that the model has no place for are worth reading.
const MAX_EXTRA: usize = 8;

fn has_top(expected: &[ExpectedLayer]) -> bool {
    expected.iter().any(|l| l.name == "fc1")
}

/// The model in words.
pub(super) fn wanted(expected: &[ExpectedLayer]) -> String {
    match expected {
        [first, ..] if first.name == "block1_conv1" && has_top(expected) => "VGG16 with its top".to_owned(),
        [first, ..] if first.name == "block1_conv1" => "VGG16's convolutions".to_owned(),
        _ => format!(
            "{} layers ({})",
            expected.len(),
            listed(&expected.iter().map(|l| l.name.clone()).collect::<Vec<_>>())
        ),
    }
}

/// What to do about it.
pub(super) fn remedy(identity: &Identity, expected: &[ExpectedLayer]) -> String {
    let top = has_top(expected);
    let fetch = if top { "`weights fetch top`" } else { "`weights fetch notop`" };
    match identity {
        Identity::Theano => {
            format!("take a file in TensorFlow's order (…_tf_dim_ordering_tf_kernels…), as {fetch} brings it")
        }
        Identity::Vgg { depth: 19, .. } => format!("take a VGG16 file, as {fetch} brings it"),
        Identity::Vgg { top: false, .. } if top => {
            format!("take the file with the top, as {fetch} brings it, or leave the top out of the model")
        }
        Identity::Vgg { .. } => {
            "only the tensors marked below differ; check the model's input size and classes".to_owned()
        }
        Identity::Renamed(_) => {
            "copy its weights into keras.applications.VGG16 with set_weights and save that".to_owned()
        }
        Identity::Part { .. } => {
            format!("save or download it whole, or take Keras's own, as {fetch} brings it")
        }
        Identity::Other { .. } => format!("take a VGG16 file, as {fetch} brings it"),
    }
}
