//! Under construction.
mod buffer;
pub mod isa;
pub mod random;
pub use buffer::{Buffer, OutOfMemory};
pub use isa::{Isa, IsaError};
