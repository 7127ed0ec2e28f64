//! Reads Keras's VGG16 files of every age, and fetches, converts and verifies them.
#![forbid(unsafe_code)]

mod convert;
mod digest;
mod error;
mod fetch;
mod file;
mod inspect;
mod manifest;
mod matching;
mod official;
mod table;
mod verify;

pub use convert::convert;
pub use error::{Result, WeightsError};
pub use fetch::{Fetched, Fetcher, Origin, cache_dir, class_index, imagenet};
pub use file::{DType, Entry, Kind, Layout, WeightsFile};
pub use inspect::{TensorStats, inspect, table};
pub use matching::{ExpectedLayer, Matching, Mismatch, Row, Status, match_layers};
pub use official::{CLASS_INDEX, LICENCE, Official, PREPROCESSING, VGG16_NOTOP, VGG16_TOP};
pub use verify::{Verification, verify};
