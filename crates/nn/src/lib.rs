//! Under construction.
#![forbid(unsafe_code)]

mod activation;
pub mod callbacks;
mod config;
mod error;
pub mod fit;
pub mod head;
mod initializer;
mod layer;
pub mod layers;
pub mod losses;
pub mod metrics;
mod names;
pub mod optimizers;
mod placed;
mod sequential;

pub use activation::Activation;
pub use config::{LayerConfig, ModelConfig, PlacedConfig};
pub use error::{NnError, Result};
pub use initializer::Initializer;
pub use layer::{Layer, Mode, Output, Weight, WeightSpec};
pub use placed::{Placed, WeightId};
pub use sequential::{Pass, Sequential};
