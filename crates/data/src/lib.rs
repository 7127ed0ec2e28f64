//! Folders of pictures to batches of tensors: decoding, resizing, splitting, augmenting.
#![forbid(unsafe_code)]

pub mod augment;
mod dataset;
mod decode;
mod error;
mod image;
mod pipeline;
pub mod resize;

pub use augment::{Augmentation, Compat, FillMode, Interval, Transform};
pub use dataset::{
    ClassTable, Dataset, File, Folder, Layout, OnBadImage, Part, Sample, Verified, VerifyOptions,
    image_files, shuffled, verify,
};
pub use decode::{DecodeOptions, Decoded, Format, decode, decode_bytes, decode_file};
pub use error::{BadImage, DataError, Result};
pub use image::{CHANNELS, Rgb8, RgbF32};
pub use pipeline::{Augment, Batch, Batches, Loader, LoaderOptions, PixelStore, Preprocess, Target};
pub use resize::{Interpolation, Resized, resize};
