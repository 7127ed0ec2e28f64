//! How a model file writes a padding: `"same"` or `"valid"`, as Keras does.

use graft_autograd::Padding;
use serde::de::Error;
use serde::{Deserialize, Deserializer, Serializer};

pub(super) fn serialize<S: Serializer>(padding: &Padding, to: S) -> Result<S::Ok, S::Error> {
    to.serialize_str(name(*padding))
}

pub(super) fn deserialize<'d, D: Deserializer<'d>>(from: D) -> Result<Padding, D::Error> {
    let name = String::deserialize(from)?;
    from_name(&name)
        .ok_or_else(|| D::Error::custom(format!("padding must be \"same\" or \"valid\", got {name:?}")))
}

/// The name in Keras.
pub(crate) fn name(padding: Padding) -> &'static str {
    match padding {
        Padding::Same => "same",
        Padding::Valid => "valid",
    }
}

/// The padding of this name.
pub(crate) fn from_name(name: &str) -> Option<Padding> {
    [Padding::Same, Padding::Valid].into_iter().find(|&p| self::name(p) == name)
}

/// The default of pooling and convolution in Keras.
pub(super) fn valid() -> Padding {
    Padding::Valid
}
