//! The numerical kernels of Graft: every operation of a convolutional network, forward and backward, over plain slices.
//!
//! A slice and a small struct of sizes are all a kernel knows; tensors, layers and gradients' bookkeeping are built on
//! top, in other crates. Every other crate forbids `unsafe`; the little there is lives here, one sentence of proof each.
//!
//! # Where to begin
//!
//! The path is the table of contents: a folder is an operation, and in it
//!
//! * `reference.rs` is the operation as the textbook has it, in the shortest correct loops with f64 sums: read it first;
//! * `mod.rs` is the operation as it is used: shapes, formulas, and what makes it fast;
//! * other files are one idea each.
//!
//! | to learn | read |
//! |---|---|
//! | what a convolution is, and its three gradients | [`conv2d::reference`] |
//! | how it becomes a matrix product | [`conv2d`], then its `patches.rs` and `im2col.rs` |
//! | how a matrix product becomes fast | [`gemm`], then its `tile/`, `pack.rs` and `driver.rs` |
//! | how one program uses every CPU's instructions, safely | [`isa`] |
//! | what a core can do at best | [`peak`] |
//! | why threads change no bit of a result | `parallel.rs`, [`elementwise`] |
//! | random numbers without a running state | [`random`] |
//!
//! # Conventions
//!
//! * Pictures are (n, height, width, channels), filters (height, width, channels in, channels out), dense weights
//!   (inputs, outputs), as Keras keeps them. `x` is an input, `w` weights, `y` an output; `dx`, `dw`, `dy` are how the
//!   loss changes with them.
//! * Outputs are overwritten, unless a function says that it adds.
//! * NaN passes: through ReLU, maxima, and sums.
//! * The bits of a result depend on the shapes and the instruction set, never on the number of threads.
//! * Lengths that contradict a shape are a mistake of the caller, and panic.
//!
//! # Example
//!
//! One step of a dense layer: forward, the gradients, and the weights a little better than before.
//!
//! ```
//! use graft_kernels::{Isa, dense::{self, DenseShape}};
//!
//! let isa = Isa::best();
//! let s = DenseShape { batch: 2, inputs: 2, outputs: 1 };
//! let (x, target) = ([1.0, 0.0, 0.0, 1.0], [3.0, -1.0]);
//! let (mut w, mut y, mut dw) = ([0.0; 2], [0.0; 2], [0.0; 2]);
//! for _ in 0..50 {
//!     dense::forward(isa, &s, &x, &w, None, false, &mut y);
//!     let dy = [y[0] - target[0], y[1] - target[1]]; // of the loss ½·(y - target)²
//!     dense::backward_weights(isa, &s, &x, &dy, &mut dw);
//!     w = [w[0] - 0.5 * dw[0], w[1] - 0.5 * dw[1]];
//! }
//! assert_eq!(w, [3.0, -1.0]);
//! ```

pub mod batch_norm;
mod buffer;
mod column_sums;
pub mod conv2d;
pub mod cross_entropy;
pub mod dense;
pub mod dropout;
pub mod elementwise;
mod freed_memory;
pub mod gemm;
pub mod global_pool2d;
pub mod half;
pub mod isa;
pub mod max_pool2d;
pub mod optimizers;
mod parallel;
pub mod peak;
pub mod random;
pub mod relu;
mod simd;
pub mod softmax;
mod window;

pub use buffer::{Buffer, OutOfMemory};
pub use freed_memory::keep_freed_memory;
pub use isa::{Isa, IsaError};
