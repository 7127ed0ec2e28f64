//! Layers, losses, optimisers, metrics and callbacks with Keras's names and arithmetic.
//!
//! A model is a flat stack of named layers, the pre-trained ones and the new ones alike:
//!
//! ```
//! use graft_nn::{Sequential, head::Head, layers::{Conv2D, MaxPooling2D}, Activation, Mode};
//! use graft_tensor::Tensor;
//!
//! // A base, frozen …
//! let mut model = Sequential::new([8, 8, 3]);
//! model.push("conv", Conv2D::new(4, [3, 3]).activation(Activation::Relu))?;
//! model.push("pool", MaxPooling2D::new([2, 2]))?;
//! model.freeze_all();
//! // … and a head on top, as it is written on the command line.
//! let head: Head = "flatten, dense(16, relu), dropout(0.5), dense(classes, softmax)".parse()?;
//! model.push_all(&head.layers(2)?)?;
//! model.initialize(7);
//!
//! assert_eq!(model.frozen_prefix(), 3); // conv, pool, flatten: their output may be computed once
//! let p = model.predict(&Tensor::full([5, 8, 8, 3], 0.5))?;
//! assert_eq!(*p.shape(), [5, 2]);
//! println!("{}", graft_nn::summary(&model, "small", None, true));
//! # Ok::<(), graft_nn::NnError>(())
//! ```
//!
//! To be read in this order:
//!
//! 1. [`Layer`]: a shape rule, weights, and a forward pass of operations that know their backward. [`layers`] has one
//!    file for each; the shortest is `flatten.rs`, the one that matters most `conv2d.rs`.
//! 2. [`Sequential`]: layers in their place, frozen or not, and a pass through them; [`LayerConfig`] is the same without
//!    weights, for files, and [`head`] the same as one line of text.
//! 3. [`losses`], [`optimizers`], [`metrics`]: what a step of training is made of.
//! 4. [`fit`]: the steps in a loop, and [`callbacks`] between them.
#![forbid(unsafe_code)]

mod activation;
pub mod callbacks;
mod config;
mod error;
pub mod fit;
pub mod head;
mod initializer;
mod layer;
pub mod layers;
pub mod losses;
pub mod metrics;
mod names;
pub mod optimizers;
mod placed;
mod sequential;
mod summary;

pub use activation::Activation;
pub use config::{LayerConfig, ModelConfig, PlacedConfig};
pub use error::{NnError, Result};
pub use initializer::Initializer;
pub use layer::{Layer, Mode, Output, Weight, WeightSpec};
pub use placed::{Placed, WeightId};
pub use sequential::{Pass, Sequential};
pub use summary::{DEFAULT_WIDTH, summary};
