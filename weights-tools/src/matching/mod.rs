//! Are these the tensors of the model? By name and by shape, and if not, exactly where they differ.
//!
//! "You are trying to load a weight file containing 13 layers into a model with 19 layers" has sent many people to the
//! forums. Here every tensor of the model gets a row that says what the file has for it, and one sentence says what the
//! file is and what to do about it.

mod by_order;
mod mismatch;

use std::collections::HashMap;
use std::path::Path;

use graft_tensor::Shape;

use by_order::match_by_order;
pub use mismatch::{Mismatch, Row, Status};
use mismatch::{remedy, wanted};

use crate::file::strip_number;
use crate::official::{Identity, layer_names, listed, transposed};
use crate::{Entry, Kind, Result, WeightsFile};

/// A layer of a model, and the tensors that it needs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ExpectedLayer {
    /// Keras's name of the layer.
    pub name: String,
    /// What each tensor is to the layer, and its shape.
    pub tensors: Vec<(Kind, Shape)>,
}

impl ExpectedLayer {
    /// A convolution or dense layer: a kernel, and a bias for each of its outputs (the kernel's last axis).
    ///
    /// # Panics
    /// On a kernel without axes.
    pub fn new(name: impl Into<String>, kernel: Shape) -> Self {
        let bias = Shape::from([*kernel.last().expect("a kernel has axes")]);
        Self { name: name.into(), tensors: vec![(Kind::Kernel, kernel), (Kind::Bias, bias)] }
    }
}

/// Where a model's tensors are in a file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Matching {
    /// For each layer of the model and each of its tensors: the number of the file's entry.
    pub layers: Vec<Vec<usize>>,
    /// What a person should know all the same: layers left unused, names that were not there.
    pub notes: Vec<String>,
}

/// Finds the model's tensors in a file.
///
/// Layers of the file that the model lacks are passed over with a note, except where they show that the file is of
/// another network altogether (VGG19 has all of VGG16's names).
///
/// # Errors
/// [`WeightsError::Mismatch`](crate::WeightsError::Mismatch) with the table, where a tensor is missing or of another
/// shape, or where the file is in Theano's order.
pub fn match_layers(file: &WeightsFile, expected: &[ExpectedLayer]) -> Result<Matching> {
    let entries = file.entries();
    let theano = file.is_theano() || transposed(entries, expected);
    let rows = compare(entries, expected);
    let deeper = deeper_network(entries, expected);
    if !theano && deeper.is_none() {
        if let Some(layers) = all_ok(&rows) {
            let notes = unused(entries, expected, &layers);
            return Ok(Matching { layers, notes });
        }
        if let Some(layers) = match_by_order(file, expected) {
            let notes =
                vec!["the file does not name its layers: they were matched by order and shape".to_owned()];
            return Ok(Matching { layers, notes });
        }
    }
    let identity = Identity::of(entries, theano);
    let wanted = wanted(expected);
    let remedy = remedy(&identity, expected);
    let rows = rows.into_iter().flatten().map(|(row, _)| row).chain(extra(entries, expected)).collect();
    let mismatch =
        Mismatch { path: file.path().to_owned(), found: identity.to_string(), wanted, remedy, rows };
    Err(Box::new(mismatch).into())
}

/// A row for each tensor of each layer, with the entry that answers to it.
fn compare(entries: &[Entry], expected: &[ExpectedLayer]) -> Vec<Vec<(Row, Option<usize>)>> {
    let mut by_layer: HashMap<&str, Vec<usize>> = HashMap::new();
    for (i, e) in entries.iter().enumerate() {
        by_layer.entry(&e.layer).or_default().push(i);
    }
    // TensorFlow made a name unique by a number: `block1_conv1_1` is `block1_conv1` of a second model in one session.
    let renumbered = |name: &str| {
        let mut same = by_layer.iter().filter(|(l, _)| strip_number(l, '_') == name);
        same.next().filter(|_| same.next().is_none()).map(|(_, found)| found)
    };
    let layer = |l: &ExpectedLayer| {
        let found =
            by_layer.get(l.name.as_str()).or_else(|| renumbered(&l.name)).cloned().unwrap_or_default();
        let row = |(kind, shape): &(Kind, Shape)| {
            let same: Vec<usize> = found.iter().copied().filter(|&i| entries[i].kind == *kind).collect();
            let entry = same.first().copied();
            let status = match same[..] {
                [] => Status::Missing,
                [i] if entries[i].shape == *shape => Status::Ok,
                [_] => Status::Shape,
                _ => Status::Twice,
            };
            let tensor = format!("{}/{kind}", l.name);
            (Row { tensor, model: Some(*shape), file: entry.map(|i| entries[i].shape), status }, entry)
        };
        l.tensors.iter().map(row).collect()
    };
    expected.iter().map(layer).collect()
}

fn all_ok(rows: &[Vec<(Row, Option<usize>)>]) -> Option<Vec<Vec<usize>>> {
    let ok = |(row, entry): &(Row, Option<usize>)| entry.filter(|_| row.status == Status::Ok);
    rows.iter().map(|layer| layer.iter().map(ok).collect()).collect()
}

/// A convolution `blockB_convN` of the file after the last of that block in the model.
fn deeper_network<'e>(entries: &'e [Entry], expected: &[ExpectedLayer]) -> Option<&'e str> {
    let block = |name: &str| name.split_once("_conv").map(|(block, _)| block.to_owned());
    let known = |name: &str| expected.iter().any(|l| l.name == name);
    layer_names(entries).filter(|n| !known(n)).find(|n| {
        let (stem, own) = (n.trim_end_matches(|c: char| c.is_ascii_digit()), block(n));
        n.starts_with("block")
            && stem.ends_with("_conv")
            && own.is_some_and(|b| expected.iter().any(|l| block(&l.name).as_ref() == Some(&b)))
    })
}

/// Layers of the file that no layer of the model took.
fn unused(entries: &[Entry], expected: &[ExpectedLayer], taken: &[Vec<usize>]) -> Vec<String> {
    let taken: Vec<&str> = taken.iter().flatten().map(|&i| entries[i].layer.as_str()).collect();
    let known = |n: &str| taken.contains(&n) || expected.iter().any(|l| l.name == n);
    let left: Vec<String> = layer_names(entries).filter(|n| !known(n)).map(str::to_owned).collect();
    if left.is_empty() {
        vec![]
    } else {
        vec![format!("not used, as the model has no such layers: {}", listed(&left))]
    }
}

fn extra<'e>(entries: &'e [Entry], expected: &[ExpectedLayer]) -> impl Iterator<Item = Row> + 'e {
    let known: Vec<String> =
        expected.iter().flat_map(|l| l.tensors.iter().map(|(k, _)| format!("{}/{k}", l.name))).collect();
    let rest = entries.iter().filter(move |e| !known.contains(&e.label()));
    rest.map(|e| Row { tensor: e.label(), model: None, file: Some(e.shape), status: Status::Extra })
}

/// Whether a file's name says that its kernels are Theano's: flipped ones have the shapes of TensorFlow's.
pub(crate) fn theano_name(path: &Path) -> bool {
    let name = path.file_name().map(|n| n.to_string_lossy().to_lowercase()).unwrap_or_default();
    name.contains("th_kernels") || name.contains("th_dim_ordering")
}
