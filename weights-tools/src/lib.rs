//! Reads Keras's VGG16 files of every age, and fetches, converts and verifies them.
#![forbid(unsafe_code)]

mod error;
mod file;
mod matching;

pub use error::{Result, WeightsError};
pub use file::{DType, Entry, Kind, Layout, WeightsFile};
