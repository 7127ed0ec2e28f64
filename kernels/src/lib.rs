//! Under construction.
mod buffer;
pub mod random;
pub use buffer::{Buffer, OutOfMemory};
