//! Folders of pictures to batches of tensors: decoding, resizing, splitting, augmenting.
#![forbid(unsafe_code)]

mod error;
mod image;

pub use error::{DataError, Result};
pub use image::{CHANNELS, Rgb8, RgbF32};
