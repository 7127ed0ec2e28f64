//! Tensors: a shape, and f32 numbers in C order.
//!
//! A picture is (height, width, channels), a batch of them (N, H, W, C), a filter (height, width, in, out), and a
//! dense layer's kernel (in, out), all as Keras has them, so that every weight file and every figure of Keras can be
//! laid beside ours without a transposition. The last axis runs fastest: a pixel's channels lie side by side.
//!
//! There are no strides and no views. A [`Tensor`] is contiguous, always; what would be a view elsewhere is a copy of
//! rows here, or the same numbers under another shape. Clones share their numbers until one of them is written to.
//!
//! # A tour
//!
//! ```
//! use graft_tensor::{DType, Stored, Tensor, npz, relative_l2};
//!
//! // Four pictures of 2×2 pixels and 3 channels; number i, in C order, is i.
//! let pictures = Tensor::from_fn([4, 2, 2, 3], |i| i as f32);
//! assert_eq!(pictures.shape().to_string(), "(4, 2, 2, 3)");
//! assert_eq!(pictures.data()[3..6], [3.0, 4.0, 5.0]); // the second pixel of the first picture
//!
//! // The outermost axis counts rows: here, pictures. A batch is some of them in some order.
//! let batch = pictures.gather_rows(&[3, 0])?;
//! assert_eq!(batch.row(0), pictures.row(3));
//!
//! // Flatten copies nothing.
//! let flat = batch.reshape([2, 12])?;
//! assert_eq!(flat.row_len(), 12);
//!
//! // Which class scores best? A NaN never does.
//! let scores = Tensor::new([2, 3], &[0.1, 0.7, 0.2, f32::NAN, 0.5, 0.5])?;
//! assert_eq!(scores.argmax_rows(), [Some(1), None]);
//!
//! // At rest, in half the memory; computing is always in f32.
//! let cache = Stored::from_tensor(&flat, DType::F16)?;
//! assert_eq!(cache.bytes(), 2 * 12 * 2);
//! assert!(relative_l2(&cache.to_tensor()?, &flat) < 1e-3);
//!
//! // To numpy and back.
//! # let folder = tempfile::tempdir().unwrap();
//! # let path = folder.path().join("batch.npz");
//! npz::write(&path, &[("pictures", &batch), ("scores", &scores)])?;
//! assert_eq!(npz::Npz::open(&path)?.tensor("pictures")?, batch);
//!
//! // Errors say what was tried, what it needed, and what it got.
//! let error = flat.reshape([5, 5]).unwrap_err();
//! assert_eq!(error.to_string(), "reshape: expected a shape of 24 elements, got (5, 5)");
//! # Ok::<(), graft_tensor::TensorError>(())
//! ```
//!
//! # Where to find what
//!
//! | file | what |
//! |---|---|
//! | `shape.rs` | [`Shape`]: extents, counted with care |
//! | `tensor.rs` | [`Tensor`]: making, reading, writing, reshaping |
//! | `rows.rs` | the rows of a tensor: slices, batches, arg max |
//! | `stored.rs` | [`Stored`]: f16 and bf16 for weights and caches |
//! | `npy/`, `npz.rs` | numpy's files: [`npy`] for one array, [`npz`] for several |
//! | `compare.rs` | [`relative_l2`]: how far from what was expected |
//! | `atomic.rs` | [`write_atomically`]: files that are whole or not there |
//! | `error.rs` | [`TensorError`] |
#![forbid(unsafe_code)]

mod atomic;
mod compare;
mod error;
pub mod npy;
pub mod npz;
mod rows;
mod shape;
mod stored;
mod tensor;

pub use atomic::{outlive_file_size_limit, plain, write_atomically, write_remedy};
pub use compare::relative_l2;
pub use error::{Result, TensorError};
pub use shape::{MAX_RANK, Shape};
pub use stored::{DType, Stored};
pub use tensor::Tensor;
