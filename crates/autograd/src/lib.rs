//! Under construction.
#![forbid(unsafe_code)]

pub mod gradcheck;
mod ops;
mod tape;

pub use gradcheck::gradcheck;
pub use graft_kernels::conv2d::{Algorithm, Padding};
pub use graft_kernels::dropout::Key as DropoutKey;
pub use ops::{Conv2dOptions, MaxPool2dOptions};
pub use tape::{Gradients, Tape, Var};
