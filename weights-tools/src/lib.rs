//! Reads Keras's VGG16 files of every age, and fetches, converts and verifies them.
#![forbid(unsafe_code)]

mod error;
mod file;
mod matching;
mod official;
mod table;

pub use error::{Result, WeightsError};
pub use file::{DType, Entry, Kind, Layout, WeightsFile};
pub use matching::{ExpectedLayer, Matching, Mismatch, Row, Status, match_layers};
pub use official::{CLASS_INDEX, LICENCE, Official, PREPROCESSING, VGG16_NOTOP, VGG16_TOP};
