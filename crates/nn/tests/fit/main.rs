//! Training runs small enough to be judged by eye.

mod endings;
mod learning;
mod losses;
mod support;
