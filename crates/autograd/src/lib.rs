//! Under construction.
#![forbid(unsafe_code)]

mod ops;
mod tape;

pub use tape::{Gradients, Tape, Var};
