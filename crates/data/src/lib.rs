//! Folders of pictures to batches of tensors: decoding, resizing, splitting, augmenting.
//!
//! # The way of a picture
//!
//! ```text
//!  folder ── Folder::scan ──▶ files ── verify ──▶ Dataset ── hold_out ──▶ train │ validation │ test
//!            classes, parts          decoded once,         stratified             │
//!                                    bad ones named                               ▼
//!  Batch ◀── Loader: (order of samples, epoch) ◀── shuffled ◀───────────────── indices
//!            decode ─ resize ─ augment, ahead of the compute; preprocess
//! ```
//!
//! | module | what | to be read for |
//! |---|---|---|
//! | `dataset` | [`Folder`], [`verify()`], [`Dataset`] | what counts as a class, a picture, a part; the split |
//! | `decode` | [`decode()`], [`Format`] | every colour model to RGB; torn and hostile files |
//! | [`mod@resize`] | [`Interpolation`] | what Pillow and TensorFlow mean by *bilinear* |
//! | [`augment`] | [`Augmentation`] | all random changes as one matrix, one warp |
//! | [`preview`] | [`preview::sheet`] | a sheet of variants to look at |
//! | `pipeline` | [`Loader`], [`Batch`] | work ahead on threads of its own, in bounded memory |
//! | `coats` | [`Coats`] | pictures of animals' coats, drawn by code: stripes, Voronoi, Turing's patterns |
//!
//! Pixels are bytes ([`Rgb8`]) until a method gives fractions ([`RgbF32`]); what a network's weights want done to them
//! ([`Preprocess`]) is handed to the loader and done last. Nothing here runs on: every random choice is drawn from a
//! stream named by seed, purpose, epoch and sample, so that the number of threads changes no bit.
//!
//! # Example
//!
//! ```
//! use std::{ops::ControlFlow, sync::Arc};
//! use graft_data::{Folder, Loader, LoaderOptions, Part, Target, VerifyOptions, shuffled, verify};
//! # let temporary = tempfile::tempdir()?;
//! # let photos = temporary.path();
//! # for (class, level) in [("ants", 10), ("bees", 200)] {
//! #     std::fs::create_dir(photos.join(class))?;
//! #     for i in 0..5 {
//! #         let photo = image::RgbImage::from_pixel(40, 30, image::Rgb([level + i; 3]));
//! #         photo.save(photos.join(class).join(format!("{i}.png")))?;
//! #     }
//! # }
//!
//! let target = Target::square(32);
//! let options = VerifyOptions { keep: Some(target), ..VerifyOptions::default() };
//! let mut verified = verify(Folder::scan(photos, None)?, &options, &|_done| ControlFlow::Continue(()))?;
//! verified.dataset.hold_out(0.2, 7)?;
//! println!("{}", verified.dataset.class_table());
//!
//! let order = shuffled(&verified.dataset.indices(Part::Train), 7, 0);
//! let scale = |x: &mut [f32]| x.iter_mut().for_each(|v| *v /= 255.0);
//! let loader = Loader::new(
//!     Arc::new(verified.dataset),
//!     verified.store,
//!     LoaderOptions { target, decode: options.decode, batch_size: 4, threads: 2, preprocess: Arc::new(scale) },
//! )?;
//! for batch in loader.batches(order) {
//!     let batch = batch?;
//!     assert_eq!(batch.x.shape()[1..], [32, 32, 3]);
//!     assert_eq!(batch.labels.len(), batch.x.rows());
//! }
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
#![forbid(unsafe_code)]

pub mod augment;
mod coats;
mod dataset;
mod decode;
mod error;
mod image;
mod pipeline;
pub mod preview;
pub mod resize;

pub use augment::{Augmentation, Compat, FillMode, Interval, Transform};
pub use coats::{Coat, Coats, InventedCoats};
pub use dataset::{
    ClassTable, Dataset, File, Folder, Layout, OnBadImage, Part, Sample, Verified, VerifyOptions,
    image_files, shuffled, verify,
};
pub use decode::{DecodeOptions, Decoded, Format, decode, decode_bytes, decode_file};
pub use error::{BadImage, DataError, Result};
pub use image::{CHANNELS, Rgb8, RgbF32};
pub use pipeline::{Ahead, Augment, Batch, Batches, Loader, LoaderOptions, PixelStore, Preprocess, Target};
pub use resize::{Interpolation, Resized, resize};
