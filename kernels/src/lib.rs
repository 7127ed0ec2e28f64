//! Under construction.
mod buffer;
pub mod cross_entropy;
pub mod dropout;
pub mod elementwise;
pub mod gemm;
pub mod isa;
mod parallel;
pub mod random;
pub mod relu;
pub mod softmax;
pub use buffer::{Buffer, OutOfMemory};
pub use isa::{Isa, IsaError};
