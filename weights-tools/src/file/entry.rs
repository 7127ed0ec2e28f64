//! One tensor of a weights file, under the names that Keras uses today.
//!
//! Ten years of Keras have spelled the same two arrays in many ways. All of these are the kernel of `block1_conv1`:
//!
//! ```text
//! block1_conv1/block1_conv1_W_1:0               Keras 1, and the official VGG files to this day
//! block1_conv1/block1_conv1/kernel:0            Keras 2, weights or (under model_weights/) a whole model
//! vgg16/block1_conv1/kernel:0                   Keras 2, a base nested in another model
//! block1_conv1/block1_conv1/kernel              Keras 3, legacy .h5
//! layers/conv2d/vars/0                          Keras 3, .weights.h5; the layer's name is an attribute
//! ```
//!
//! An [`Entry`] keeps the spelling of the file (`name`) for messages, and says what it means (`layer`, `kind`).

use std::fmt;

use graft_tensor::Shape;

/// What a tensor is to its layer.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[non_exhaustive]
pub enum Kind {
    /// The filters of a convolution (H,W,in,out) or the matrix of a dense layer (in,out).
    Kernel,
    /// What is added to each output channel.
    Bias,
    /// The scale of a batch normalisation.
    Gamma,
    /// The offset of a batch normalisation.
    Beta,
    /// The running mean of a batch normalisation.
    MovingMean,
    /// The running variance of a batch normalisation.
    MovingVariance,
    /// Anything else, under the name (or the number) that the file has for it.
    Other(String),
}

impl Kind {
    /// The kind that a variable's own name (`kernel`, `bias`, …) or that of Keras 1 (`W`, `b`, …) stands for.
    pub fn from_name(name: &str) -> Self {
        match name {
            "kernel" | "W" => Self::Kernel,
            "bias" | "b" => Self::Bias,
            "gamma" => Self::Gamma,
            "beta" => Self::Beta,
            "moving_mean" | "running_mean" => Self::MovingMean,
            "moving_variance" | "running_std" => Self::MovingVariance,
            other => Self::Other(other.to_owned()),
        }
    }

    /// The kind of variable number `index` of a layer of this Keras class (in snake case), as `.weights.h5` numbers them.
    pub(crate) fn from_index(class: &str, index: &str) -> Self {
        let order: &[Self] = match class {
            "batch_normalization" => &[Self::Gamma, Self::Beta, Self::MovingMean, Self::MovingVariance],
            "conv1d" | "conv2d" | "conv3d" | "conv2d_transpose" | "depthwise_conv2d" | "dense" => {
                &[Self::Kernel, Self::Bias]
            }
            _ => &[],
        };
        let known = index.parse::<usize>().ok().and_then(|i| order.get(i));
        known.cloned().unwrap_or_else(|| Self::Other(index.to_owned()))
    }
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Kernel => "kernel",
            Self::Bias => "bias",
            Self::Gamma => "gamma",
            Self::Beta => "beta",
            Self::MovingMean => "moving_mean",
            Self::MovingVariance => "moving_variance",
            Self::Other(name) => name,
        })
    }
}

/// How the numbers are stored in the file; in memory they are always f32.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum DType {
    /// IEEE half precision.
    F16,
    /// The upper half of an f32.
    Bf16,
    /// IEEE single precision, what Keras writes unless told otherwise.
    F32,
    /// IEEE double precision.
    F64,
}

impl fmt::Display for DType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::F16 => "float16",
            Self::Bf16 => "bfloat16",
            Self::F32 => "float32",
            Self::F64 => "float64",
        })
    }
}

/// One tensor of a weights file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    /// The layer, by the name Keras gives it: `block1_conv1`.
    pub layer: String,
    /// What it is to the layer.
    pub kind: Kind,
    /// Where it is in the file, spelled as the file has it.
    pub name: String,
    /// Its extents.
    pub shape: Shape,
    /// How it is stored.
    pub dtype: DType,
}

impl Entry {
    /// `block1_conv1/kernel`, whatever the file calls it.
    pub fn label(&self) -> String {
        format!("{}/{}", self.layer, self.kind)
    }
}

/// A legacy variable name taken apart: the layer, if the name tells it, and the kind.
pub(crate) fn parse_variable(name: &str) -> (Option<String>, Kind) {
    let name = strip_number(name, ':');
    let (scope, own) = name.rsplit_once('/').map_or((None, name), |(scope, own)| (Some(scope), own));
    let scope_layer = scope.map(|s| s.rsplit('/').next().unwrap_or(s).to_owned());
    // Keras 1 has no scopes: `<layer>_W_1`, the number being TensorFlow's answer to a name used twice.
    let keras1 = ["W", "b", "gamma", "beta", "running_mean", "running_std"].into_iter().find_map(|v| {
        let layer = strip_number(own, '_').strip_suffix(v)?.strip_suffix('_')?;
        (!layer.is_empty()).then(|| (layer, Kind::from_name(v)))
    });
    match (Kind::from_name(own), keras1) {
        (Kind::Other(_), Some((layer, kind))) => (scope_layer.or_else(|| Some(layer.to_owned())), kind),
        (kind, _) => (scope_layer, kind),
    }
}

/// `name` without a final separator-and-number: `kernel:0` → `kernel`, `conv2d_12` → `conv2d`.
pub(crate) fn strip_number(name: &str, separator: char) -> &str {
    match name.rsplit_once(separator) {
        Some((stem, n)) if !stem.is_empty() && !n.is_empty() && n.bytes().all(|b| b.is_ascii_digit()) => stem,
        _ => name,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_spelling_of_ten_years_means_the_same() {
        for (name, layer, kind) in [
            ("block1_conv1_W_1:0", Some("block1_conv1"), Kind::Kernel),
            ("block1_conv1_b_1:0", Some("block1_conv1"), Kind::Bias),
            ("block1_conv1_W", Some("block1_conv1"), Kind::Kernel),
            ("block1_conv1/kernel:0", Some("block1_conv1"), Kind::Kernel),
            ("vgg16/block1_conv1/bias:0", Some("block1_conv1"), Kind::Bias),
            ("block1_conv1/kernel", Some("block1_conv1"), Kind::Kernel),
            ("bn/moving_variance:0", Some("bn"), Kind::MovingVariance),
            ("bn_1_running_std:0", Some("bn_1"), Kind::MovingVariance),
            ("kernel", None, Kind::Kernel),
            ("lstm/recurrent_kernel:0", Some("lstm"), Kind::Other("recurrent_kernel".into())),
            ("", None, Kind::Other(String::new())),
            ("_W", None, Kind::Other("_W".into())),
        ] {
            assert_eq!(parse_variable(name), (layer.map(str::to_owned), kind), "{name}");
        }
    }

    #[test]
    fn numbers_stand_for_the_variables_of_their_class() {
        assert_eq!(Kind::from_index("conv2d", "1"), Kind::Bias);
        assert_eq!(Kind::from_index("batch_normalization", "3"), Kind::MovingVariance);
        assert_eq!(Kind::from_index("dense", "2"), Kind::Other("2".into()));
        assert_eq!(Kind::from_index("lstm", "0"), Kind::Other("0".into()));
    }
}
