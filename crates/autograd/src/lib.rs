//! Reverse-mode differentiation: a tape of operations, each with its forward and its backward side by side.
//!
//! ```
//! use graft_autograd::Tape;
//! use graft_tensor::Tensor;
//!
//! let tape = Tape::new();
//! let x = tape.constant(Tensor::new([2, 3], &[1.0, 2.0, 3.0, -1.0, 0.0, 1.0])?); // two rows of features
//! let w = tape.leaf(Tensor::full([3, 2], 0.1));                                   // a weight to be learnt
//! let logits = x.dense(&w, None, false)?;
//! let targets = Tensor::new([2, 2], &[1.0, 0.0, 0.0, 1.0])?;
//! let loss = logits.softmax_cross_entropy(&targets, None)?;
//! let gradients = tape.backward(&loss)?;
//! assert_eq!(*gradients.get(&w).unwrap().shape(), [3, 2]);
//! # Ok::<(), graft_tensor::TensorError>(())
//! ```
//!
//! To be read in this order:
//!
//! 1. `tape.rs`: the whole machinery, [`Tape`], [`Var`] and the walk back.
//! 2. `ops/`: one file an operation. `ops/mul.rs` is the smallest with something to keep; `ops/conv2d.rs` the one that
//!    all the time goes into. The numbers are worked by [`graft_kernels`], which knows nothing of tapes.
//! 3. [`gradcheck`](mod@gradcheck): how it is known that a backward is right.
//!
//! What needs no gradient costs nothing: an operation none of whose inputs wants one is not recorded, and keeps nothing
//! alive. A frozen base therefore takes the memory of inference.
#![forbid(unsafe_code)]

pub mod gradcheck;
mod ops;
mod tape;

pub use gradcheck::gradcheck;
pub use graft_kernels::conv2d::{Algorithm, Padding};
pub use graft_kernels::dropout::Key as DropoutKey;
pub use ops::{Conv2dOptions, MaxPool2dOptions};
pub use tape::{Gradients, Tape, Var};
