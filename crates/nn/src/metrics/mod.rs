//! How good the answers are: figures for people, computed beside the loss and never differentiated.
//!
//! All of them start from the scores `(n, classes)` of a batch or of a data set and from the true class of each row.
//! The predicted class is the one of the highest score, the first of them where several tie, as `argmax` has it in
//! numpy and in Keras.

mod accuracy;
mod confusion_matrix;
mod mean;

pub use accuracy::{accuracy, argmax, correct, in_top_k, top_k_accuracy};
pub use confusion_matrix::{ClassReport, ConfusionMatrix};
pub use mean::Mean;
