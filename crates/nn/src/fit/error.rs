//! Why training ended badly.

use std::path::PathBuf;

use super::logs::readable;
use crate::NnError;

/// An error of somebody else's: a reader of pictures, a writer of models.
pub type BoxError = Box<dyn std::error::Error + Send + Sync>;

/// Why training or evaluation failed.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum FitError {
    /// The model cannot run on the data, or an option makes no sense.
    #[error(transparent)]
    Model(#[from] NnError),
    /// A batch could not be read.
    #[error(transparent)]
    Data(BoxError),
    /// There is nothing to train or to evaluate on.
    #[error("there are no {what} pictures")]
    NoSamples {
        /// Which part of the data is empty.
        what: &'static str,
    },
    /// Every layer is frozen.
    #[error("nothing to train: no layer has a trainable weight (unfreeze a layer, or add a head)")]
    NothingToTrain,
    /// The loss is no longer a number.
    #[error(
        "the loss became {loss} in epoch {}, step {}, at a learning rate of {learning_rate}: training has diverged. \
         Try a learning rate of {}, or clip the gradients (clipnorm 1)", epoch + 1, step + 1, readable(learning_rate / 10.0)
    )]
    Diverged {
        /// The epoch, from 0.
        epoch: u64,
        /// The batch within the epoch, from 0.
        step: usize,
        /// The loss so far in the epoch: NaN or infinite.
        loss: f64,
        /// The learning rate of the step.
        learning_rate: f32,
    },
    /// Somebody ended an evaluation; a training run that is ended is none of an error ([`History`](super::History)).
    #[error("interrupted")]
    Interrupted,
    /// A file could not be written.
    #[error("cannot write {}: {error}", path.display())]
    Write {
        /// The file.
        path: PathBuf,
        /// The system's reason.
        error: std::io::Error,
    },
    /// A model could not be saved.
    #[error(transparent)]
    Save(BoxError),
}

impl FitError {
    /// From an error of writing `path`.
    pub(crate) fn write(path: &std::path::Path) -> impl FnOnce(std::io::Error) -> Self {
        let path = path.to_owned();
        move |error| Self::Write { path, error }
    }
}
