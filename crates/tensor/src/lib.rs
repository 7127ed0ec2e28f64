//! f32 tensors: a shape and numbers in C order, images as N,H,W,C and filters as H,W,in,out, as Keras has them.
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

pub use atomic::write_atomically;
pub use compare::relative_l2;
pub use error::{Result, TensorError};
pub use shape::{MAX_RANK, Shape};
pub use stored::{DType, Stored};
pub use tensor::Tensor;
