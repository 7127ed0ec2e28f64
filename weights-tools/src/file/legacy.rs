//! The legacy `.h5` layout, from Keras 1 to Keras 3: a group a layer, listed in `layer_names`.
//!
//! ```text
//! /                      attribute layer_names = ["input_1", "block1_conv1", …]          (all layers, in order)
//! /block1_conv1          attribute weight_names = ["block1_conv1_W_1:0", "block1_conv1_b_1:0"]
//! /block1_conv1/block1_conv1_W_1:0         dataset, paths relative to the layer's group
//! /block1_pool           attribute weight_names = []     (h5py stores an empty list as an array of f64)
//! ```
//!
//! A whole model has the same below `/model_weights`. A nested model is one layer whose `weight_names` list every tensor
//! within. Lists beyond 64 KB are cut into `weight_names0`, `weight_names1`, …. Order comes from the attributes alone:
//! a listing of the groups is alphabetical.

use std::collections::HashSet;

use hdf5_pure::Group;

use super::entry::{Kind, parse_variable};
use super::hdf5::{Attributes, Container};
use super::{Entry, Located};
use crate::{Result, WeightsError};

/// The group that holds `layer_names`: the root of a weights file, `model_weights` of a whole model.
pub(crate) struct Legacy {
    group: Group,
    prefix: &'static str,
    attributes: Attributes,
}

impl Legacy {
    /// Looks for `layer_names` where Keras puts them.
    pub(crate) fn find(file: &Container) -> Result<Option<Self>> {
        let root = file.root()?;
        let attributes = file.attributes(&root, "/")?;
        if strings(&attributes, "layer_names").is_some() {
            return Ok(Some(Self { group: root, prefix: "", attributes }));
        }
        let Some(group) = file.group(&root, "model_weights")? else { return Ok(None) };
        let attributes = file.attributes(&group, "/model_weights")?;
        let found = strings(&attributes, "layer_names").is_some();
        Ok(found.then_some(Self { group, prefix: "model_weights/", attributes }))
    }

    /// Whether this is a whole model rather than its weights alone.
    pub(crate) fn is_model(&self) -> bool {
        !self.prefix.is_empty()
    }

    /// An attribute that is one string: `backend`, `keras_version`.
    pub(crate) fn text(&self, name: &str) -> Option<String> {
        self.attributes.get(name)?.as_str().map(str::to_owned)
    }

    /// Every tensor, in the order of the layers and of their variables.
    pub(crate) fn entries(&self, file: &Container) -> Result<Located> {
        let mut found = Located::default();
        let mut layers = strings(&self.attributes, "layer_names").unwrap_or_default();
        if !layers.iter().any(|l| l == TOP_LEVEL) {
            layers.push(TOP_LEVEL.to_owned());
        }
        let mut seen = HashSet::new();
        for layer in layers.iter().filter(|l| seen.insert(l.as_str())) {
            let Some(group) = file.group(&self.group, layer)? else {
                if layer == TOP_LEVEL {
                    continue;
                }
                let detail = format!("layer_names lists {layer}, but there is no such group in the file");
                return Err(WeightsError::damaged(file.path(), detail));
            };
            let attributes = file.attributes(&group, layer)?;
            let Some(variables) = strings(&attributes, "weight_names") else {
                let detail = format!("the layer {layer} does not list its tensors in weight_names");
                return Err(WeightsError::damaged(file.path(), detail));
            };
            self.layer(file, layer, &variables, &mut found)?;
        }
        Ok(found)
    }

    fn layer(&self, file: &Container, layer: &str, variables: &[String], found: &mut Located) -> Result<()> {
        let parsed: Vec<_> = variables.iter().map(|v| parse_variable(v)).collect();
        // Two kernels under one group: not a layer, but a model within the model, whose names tell its layers.
        let kinds: HashSet<&Kind> = parsed.iter().map(|(_, kind)| kind).collect();
        let nested = kinds.len() < parsed.len();
        for (variable, (scope, kind)) in variables.iter().zip(&parsed) {
            let name = format!("{}{layer}/{variable}", self.prefix);
            let owner = scope.as_deref().filter(|_| nested).unwrap_or(layer);
            match file.stored(&name)? {
                Some(stored) => found.push(
                    Entry {
                        layer: owner.to_owned(),
                        kind: kind.clone(),
                        name,
                        shape: stored.shape,
                        dtype: stored.encoding.dtype,
                    },
                    stored,
                ),
                None => found.skipped.push(name),
            }
        }
        Ok(())
    }
}

/// Keras 3 keeps variables of the model itself here; it is not in `layer_names`.
const TOP_LEVEL: &str = "top_level_model_weights";

/// A list of strings, whole or cut into numbered parts; an empty list has no strings to tell its type by.
fn strings(attributes: &Attributes, name: &str) -> Option<Vec<String>> {
    let list = |value: &hdf5_pure::AttrValue| match value.as_strings() {
        Some(strings) => Some(strings.to_vec()),
        None => matches!(value, hdf5_pure::AttrValue::F64Array(v) if v.is_empty()).then(Vec::new),
    };
    if let Some(whole) = attributes.get(name) {
        return list(whole);
    }
    let parts: Vec<_> = (0..).map_while(|i| attributes.get(&format!("{name}{i}"))).map(list).collect();
    if parts.is_empty() { None } else { parts.into_iter().collect::<Option<Vec<_>>>().map(|p| p.concat()) }
}
