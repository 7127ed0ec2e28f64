//! Under construction.
#![forbid(unsafe_code)]

pub mod gradcheck;
mod ops;
mod tape;

pub use gradcheck::gradcheck;
pub use tape::{Gradients, Tape, Var};
