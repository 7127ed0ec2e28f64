//! Keras 3 files without layer names: the layers of one (sub)model, taken in order, must have the model's shapes.
//!
//! The order holds within a class only, so convolutions are compared with convolutions and dense layers with dense
//! layers, and all of a kind must fit: one more convolution, and it is another network. Dense layers are free where the
//! model has none, for they are somebody's head.

use std::collections::HashMap;

use super::ExpectedLayer;
use crate::{Entry, Layout, WeightsFile};

/// The tensors of one layer of the file, by their numbers.
type FileLayer = Vec<usize>;

/// For each layer of the model the tensors of the file, if exactly one model in the file fits.
pub(super) fn match_by_order(file: &WeightsFile, expected: &[ExpectedLayer]) -> Option<Vec<FileLayer>> {
    if !matches!(file.layout(), Layout::Keras3Weights | Layout::KerasArchive) {
        return None;
    }
    let models = nameless_models(file.entries())?;
    let mut fitting = models.values().filter_map(|layers| fit(file.entries(), layers, expected));
    fitting.next().filter(|_| fitting.next().is_none())
}

/// The layers of each (sub)model of the file, or `None` if any has a name of its own.
fn nameless_models(entries: &[Entry]) -> Option<HashMap<&str, Vec<FileLayer>>> {
    let mut models: HashMap<&str, Vec<FileLayer>> = HashMap::new();
    let mut last = None;
    for (i, e) in entries.iter().enumerate() {
        // `<model>/conv2d_3/vars/0`
        let (layer, _) = e.name.rsplit_once("/vars/")?;
        let (model, group) = layer.rsplit_once('/').unwrap_or(("", layer));
        if e.layer != group {
            return None;
        }
        let layers = models.entry(model).or_default();
        if last != Some(layer) {
            layers.push(vec![]);
        }
        last = Some(layer);
        layers.last_mut()?.push(i);
    }
    Some(models)
}

fn fit(entries: &[Entry], layers: &[FileLayer], expected: &[ExpectedLayer]) -> Option<Vec<FileLayer>> {
    // The rank of its first tensor tells a convolution (4) from a dense layer (2).
    let wanted_rank = |l: &ExpectedLayer| l.tensors.first().map(|(_, shape)| shape.len());
    let mut ranks: Vec<usize> = expected.iter().filter_map(wanted_rank).collect();
    ranks.sort_unstable();
    ranks.dedup();
    let mut found = vec![vec![]; expected.len()];
    for rank in ranks {
        let want: Vec<usize> =
            (0..expected.len()).filter(|&i| wanted_rank(&expected[i]) == Some(rank)).collect();
        let have: Vec<&FileLayer> = layers.iter().filter(|l| entries[l[0]].shape.len() == rank).collect();
        if want.len() != have.len() {
            return None;
        }
        for (i, layer) in want.into_iter().zip(have) {
            let shapes = expected[i].tensors.iter().map(|(_, shape)| *shape);
            if !layer.iter().map(|&e| entries[e].shape).eq(shapes) {
                return None;
            }
            found[i].clone_from(layer);
        }
    }
    Some(found)
}
