//! Under construction.
#![forbid(unsafe_code)]

mod activation;
mod config;
mod error;
mod initializer;
mod layer;
pub mod layers;
mod names;
mod placed;
mod sequential;

pub use activation::Activation;
pub use config::{LayerConfig, ModelConfig, PlacedConfig};
pub use error::{NnError, Result};
pub use initializer::Initializer;
pub use layer::{Layer, Mode, Output, Weight, WeightSpec};
pub use placed::{Placed, WeightId};
pub use sequential::{Pass, Sequential};
