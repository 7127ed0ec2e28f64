//! Keras's VGG16 files: found or fetched, read in every layout Keras has written, matched with a model, converted to
//! plain arrays, verified.
//!
//! # The way of a tensor
//!
//! ```text
//! fetch/        ~/.keras/models, else storage.googleapis.com: resumed, size and MD5 checked
//!   │
//! file/         one open file of any layout → a list of entries (layer, kind, shape), tensors on demand
//!   ├ legacy    Keras 1–3 .h5: layer_names, weight_names; nested models
//!   ├ keras3    .weights.h5: a tree of groups named class and counter
//!   ├ archive   .keras: the same within a zip
//!   ├ folder    what `weights convert` made
//!   ├ safetensors   one file of Graft's own, in 32 or 16 bits
//!   ├ hdf5      the door to the HDF5 library: metered, guarded
//!   └ encoding  f16, bf16, f32, f64 of either byte order → f32
//!   │
//! matching      are these the model's tensors? by name and shape, with a table where they are not
//! official      what Keras publishes, and how to tell what a file is
//! convert       → a folder of .npy files with manifest.json
//! inspect       a row of figures for every tensor
//! verify        sound? Keras's own?
//! ```
//!
//! # A file is a stranger
//!
//! Weights come from anywhere, so nothing in them is believed: the layout is told by content, not by extension; every
//! size is held against the bytes that are there before memory is asked for; links out of the file are not followed;
//! numbers are read one tensor at a time, so that the 553 MB file needs little more than its largest matrix.
//!
//! ```no_run
//! use graft_tensor::Shape;
//! use graft_weights::{ExpectedLayer, Fetcher, VGG16_NOTOP, WeightsFile, match_layers};
//!
//! let file = WeightsFile::open(Fetcher::new()?.at_hand(&VGG16_NOTOP)?)?; // cached, else fetched
//! println!("{}", file.provenance());
//! let model = [ExpectedLayer::new("block1_conv1", Shape::from([3, 3, 3, 64]))];
//! let matching = match_layers(&file, &model)?;              // or an error with a table
//! let kernel = file.tensor(matching.layers[0][0])?;
//! let bias = file.tensor(matching.layers[0][1])?;
//! assert_eq!((kernel.shape().len(), bias.shape().len()), (4, 1));
//! # Ok::<(), graft_weights::WeightsError>(())
//! ```
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

pub use convert::{convert, write_folder};
pub use error::{Result, WeightsError};
pub use fetch::{Fetched, Fetcher, Origin, cache_dir};
pub use file::{DType, Entry, Kind, Layout, WeightsFile, write_safetensors};
pub use inspect::{TensorStats, inspect, table};
pub use matching::{ExpectedLayer, Matching, Mismatch, Row, Status, match_layers};
pub use official::{CLASS_INDEX, LICENCE, Official, PREPROCESSING, VGG16_NOTOP, VGG16_TOP};
pub use verify::{Verification, verify};
