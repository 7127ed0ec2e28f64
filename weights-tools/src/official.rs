//! What Keras published: the files with their digests, and the layers of VGG16 and VGG19 that tell a file's nature.
//!
//! Sizes and MD5 are those of `keras/src/applications/vgg16.py`, `vgg19.py` and `imagenet_utils.py`.

use graft_tensor::Shape;

use crate::matching::ExpectedLayer;
use crate::{Entry, Kind};

/// A file that Keras publishes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Official {
    /// Its name, on the server and in Keras's cache.
    pub name: &'static str,
    /// Its size.
    pub bytes: u64,
    /// Its MD5, in hexadecimal.
    pub md5: &'static str,
    /// What it holds.
    pub what: &'static str,
}

/// VGG16 for ImageNet's 1000 classes.
pub const VGG16_TOP: Official = Official {
    name: "vgg16_weights_tf_dim_ordering_tf_kernels.h5",
    bytes: 553_467_096,
    md5: "64373286793e3c8b2b4e3219cbf3544b",
    what: "VGG16 with its top",
};

/// The thirteen convolutions of VGG16 alone.
pub const VGG16_NOTOP: Official = Official {
    name: "vgg16_weights_tf_dim_ordering_tf_kernels_notop.h5",
    bytes: 58_889_256,
    md5: "6d6bbae143d832006294945121d1f1fc",
    what: "VGG16 without its top",
};

/// The names of ImageNet's 1000 classes.
pub const CLASS_INDEX: Official = Official {
    name: "imagenet_class_index.json",
    bytes: 35_363,
    md5: "c2c37ea517e94d9795004a39431a14cb",
    what: "the names of ImageNet's 1000 classes",
};

const VGG19_TOP: Official = Official {
    name: "vgg19_weights_tf_dim_ordering_tf_kernels.h5",
    bytes: 574_710_816,
    md5: "cbe5617147190e668d6c5d5026f83318",
    what: "VGG19 with its top",
};

const VGG19_NOTOP: Official = Official {
    name: "vgg19_weights_tf_dim_ordering_tf_kernels_notop.h5",
    bytes: 80_134_624,
    md5: "253f8cb515780f3b799900260a226db6",
    what: "VGG19 without its top",
};

/// Every weights file whose digest is known.
pub(crate) const WEIGHTS: [Official; 4] = [VGG16_TOP, VGG16_NOTOP, VGG19_TOP, VGG19_NOTOP];

/// Whose the weights are, and on what terms.
pub const LICENCE: &str = "VGG weights: Visual Geometry Group, University of Oxford, CC BY 4.0 \
    (https://creativecommons.org/licenses/by/4.0/); Simonyan & Zisserman, arXiv:1409.1556; converted by Keras";

/// What is said of a sound file that Keras has not published.
pub(crate) const NOT_KERAS_OWN: &str =
    "the names and shapes are right, though the file is not byte for byte one that Keras publishes";

/// What pixels have to go through before they meet VGG's weights.
pub const PREPROCESSING: &str =
    "caffe: RGB→BGR, minus [103.939, 116.779, 123.68] (B, G, R), no scaling; pixels 0…255";

/// The layers of VGG16 (`depth` 16) or VGG19 that carry weights.
pub(crate) fn vgg(depth: usize, top: bool) -> Vec<ExpectedLayer> {
    let deep = if depth == 19 { 4 } else { 3 };
    let mut layers = Vec::new();
    let mut channels = 3;
    for (block, (convs, filters)) in
        [(2, 64), (2, 128), (deep, 256), (deep, 512), (deep, 512)].into_iter().enumerate()
    {
        for conv in 1..=convs {
            let name = format!("block{}_conv{conv}", block + 1);
            layers.push(ExpectedLayer::new(name, Shape::from([3, 3, channels, filters])));
            channels = filters;
        }
    }
    if top {
        for (name, inputs, units) in
            [("fc1", 7 * 7 * 512, 4096), ("fc2", 4096, 4096), ("predictions", 4096, 1000)]
        {
            layers.push(ExpectedLayer::new(name, Shape::from([inputs, units])));
        }
    }
    layers
}

/// What a file is, as far as its names and shapes tell.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Identity {
    /// Kernels lie as [out, in, height, width], or are flipped: Theano's order.
    Theano,
    /// All convolutions of VGG16 or VGG19, with its three dense layers or without, and perhaps layers of somebody's own.
    Vgg { depth: usize, top: bool, own: Vec<String> },
    /// The shapes of VGG16's convolutions in their order, under other names; the first two of these.
    Renamed(Vec<String>),
    /// Some of VGG16's tensors.
    Part { there: usize, of: usize },
    /// Something else; its first layers.
    Other { layers: usize, first: Vec<String> },
}

impl Identity {
    /// Names a file by its tensors; `theano` is what its name and its attributes say.
    pub(crate) fn of(entries: &[Entry], theano: bool) -> Self {
        if theano || transposed(entries, &vgg(16, true)) {
            return Self::Theano;
        }
        for depth in [19, 16] {
            if has_all(entries, &vgg(depth, false)) {
                let all = vgg(depth, true);
                let own =
                    layer_names(entries).filter(|n| all.iter().all(|l| l.name != *n)).map(str::to_owned);
                return Self::Vgg { depth, top: has_all(entries, &all), own: own.collect() };
            }
        }
        let base = vgg(16, false);
        let kernels: Vec<&Entry> =
            entries.iter().filter(|e| e.kind == Kind::Kernel && e.shape.len() == 4).collect();
        if kernels.len() == base.len() && kernels.iter().zip(&base).all(|(e, l)| e.shape == l.tensors[0].1) {
            return Self::Renamed(kernels.iter().take(2).map(|e| e.layer.clone()).collect());
        }
        let of = 2 * base.len();
        let there = base
            .iter()
            .flat_map(|l| &l.tensors)
            .zip(owners(&base))
            .filter(|((k, s), l)| has(entries, l, k, s));
        match there.count() {
            0 => {
                let names: Vec<&str> = layer_names(entries).collect();
                Self::Other {
                    layers: names.len(),
                    first: names.iter().take(3).map(|s| (*s).to_owned()).collect(),
                }
            }
            there => Self::Part { there, of },
        }
    }
}

impl std::fmt::Display for Identity {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Theano => {
                f.write_str("in Theano's order, whose kernels are [out, in, height, width] and flipped")
            }
            Self::Vgg { depth, top: true, .. } => {
                write!(f, "VGG{depth} with its top (fc1, fc2, predictions)")
            }
            Self::Vgg { depth, top: false, own } if own.is_empty() => {
                write!(f, "VGG{depth} without its top ({} convolutions, the notop file)", depth - 3)
            }
            Self::Vgg { depth, own, .. } => {
                write!(f, "VGG{depth}'s convolutions under another head ({})", listed(own))
            }
            Self::Renamed(names) => {
                write!(
                    f,
                    "VGG16's convolutions under other names ({}, … for block1_conv1, …)",
                    names.join(", ")
                )
            }
            Self::Part { there, of } => {
                write!(f, "only a part of VGG16: {there} of the {of} tensors of its base")
            }
            Self::Other { layers, first } => {
                write!(f, "not VGG16, but {layers} layers such as {}", listed(first))
            }
        }
    }
}

/// The first few of many names.
pub(crate) fn listed(names: &[String]) -> String {
    const SHOWN: usize = 4;
    let shown =
        names.iter().take(SHOWN).map(|n| n.chars().take(60).collect()).collect::<Vec<String>>().join(", ");
    if names.len() > SHOWN { format!("{shown}, … {} in all", names.len()) } else { shown }
}

/// Whether a kernel of the model lies in the file as [out, in, height, width].
pub(crate) fn transposed(entries: &[Entry], expected: &[ExpectedLayer]) -> bool {
    expected.iter().any(|l| {
        let Some((Kind::Kernel, shape)) = l.tensors.first() else { return false };
        let [h, w, cin, cout] = **shape else { return false };
        let theano = Shape::from([cout, cin, h, w]);
        theano != *shape && has(entries, &l.name, &Kind::Kernel, &theano)
    })
}

fn has(entries: &[Entry], layer: &str, kind: &Kind, shape: &Shape) -> bool {
    entries.iter().any(|e| e.layer == layer && e.kind == *kind && e.shape == *shape)
}

fn has_all(entries: &[Entry], layers: &[ExpectedLayer]) -> bool {
    layers.iter().all(|l| l.tensors.iter().all(|(kind, shape)| has(entries, &l.name, kind, shape)))
}

/// The name of the layer of each tensor, in order.
fn owners(layers: &[ExpectedLayer]) -> impl Iterator<Item = &str> {
    layers.iter().flat_map(|l| l.tensors.iter().map(|_| l.name.as_str()))
}

/// The names of the layers, each once, as tensors of a layer lie together.
pub(crate) fn layer_names(entries: &[Entry]) -> impl Iterator<Item = &str> {
    entries.chunk_by(|a, b| a.layer == b.layer).map(|tensors| tensors[0].layer.as_str())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_tables_count_as_keras_does() {
        let params = |depth, top| {
            let layers = vgg(depth, top);
            layers.iter().flat_map(|l| &l.tensors).map(|(_, s)| s.elements()).sum::<usize>()
        };
        assert_eq!([params(16, true), params(16, false)], [138_357_544, 14_714_688]);
        assert_eq!([params(19, true), params(19, false)], [143_667_240, 20_024_384]);
    }
}
