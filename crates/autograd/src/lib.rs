//! Under construction.
#![forbid(unsafe_code)]

mod tape;

pub use tape::{Gradients, Tape, Var};
