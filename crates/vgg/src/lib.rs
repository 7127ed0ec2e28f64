//! VGG16 for transfer learning: the network as a table, the pixels it was trained on, and its answers by name.
//!
//! A picture takes this way:
//!
//! | step | here |
//! |---|---|
//! | pixels 0 to 255, RGB, become what the weights expect | [`Preprocessing`], [`preprocess_input`] |
//! | 13 convolutions, 5 poolings, and 3 dense layers on top | [`Vgg16`], from the table in [`architecture`] |
//! | the same at a quarter of the width, trained from nothing | [`Vgg16::mini`], [`fold_batch_normalization`] |
//! | 1000 probabilities become names | [`decode_predictions`], with a [`ClassIndex`] |
//!
//! ```
//! use graft_vgg::Vgg16;
//! // What the five methods start from: the convolutions alone, frozen but for their last block.
//! let mut base = Vgg16::without_top(224, 224).build()?;
//! base.freeze_all();
//! base.unfreeze_last(4)?;
//! assert_eq!(*base.output_shape(), [7, 7, 512]);
//! assert_eq!(base.count_params(), 14_714_688);
//! # Ok::<(), graft_nn::NnError>(())
//! ```
//!
//! The weights come from a file of Keras's: layer by layer, [`Sequential::set_weight`](graft_nn::Sequential::set_weight)
//! takes them under the names that [`Vgg16::expected_weights`] lists.
#![forbid(unsafe_code)]

pub mod architecture;
mod class_index;
mod error;
mod fold;
mod predictions;
mod preprocessing;
mod vgg16;

pub use class_index::{Class, ClassIndex};
pub use error::{Result, VggError};
pub use fold::fold_batch_normalization;
pub use predictions::{Prediction, decode_predictions};
pub use preprocessing::{IMAGENET_MEANS_BGR, Preprocessing, preprocess_input};
pub use vgg16::{MIN_SIZE, MINI_WIDTH_DIVISOR, Pooling, Vgg16};
