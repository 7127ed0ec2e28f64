//! Under construction.
mod buffer;
mod column_sums;
pub mod conv2d;
pub mod cross_entropy;
pub mod dense;
pub mod dropout;
pub mod elementwise;
pub mod gemm;
pub mod half;
pub mod isa;
pub mod optimizers;
mod parallel;
pub mod random;
pub mod relu;
pub mod softmax;
pub use buffer::{Buffer, OutOfMemory};
pub use isa::{Isa, IsaError};
