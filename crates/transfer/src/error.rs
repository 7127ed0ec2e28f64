//! What can end a run, and the exit code that says so to a script.

use std::io;
use std::path::{Path, PathBuf};

use graft_data::{DataError, Part};
use graft_nn::NnError;
use graft_vgg::VggError;
use graft_weights::WeightsError;

use crate::RunFolder;

/// The result of a step of a run.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// Why a run ended before its end.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The command line asks for something that cannot be.
    #[error("{0}")]
    Usage(String),
    /// The results cannot be written.
    #[error("{path}: {problem}; {remedy}")]
    Output {
        /// The file or folder.
        path: PathBuf,
        /// What is wrong with it.
        problem: String,
        /// What to do.
        remedy: String,
    },
    /// The pictures cannot be used.
    #[error(transparent)]
    Data(#[from] DataError),
    /// The weights cannot be used.
    #[error(transparent)]
    Weights(#[from] WeightsError),
    /// Keras's own weights are neither at hand nor to be had.
    #[error("{0}; `--weights vgg16-mini`, which is built in, needs neither a file nor a network")]
    NoImageNet(#[source] WeightsError),
    /// A saved model cannot be used.
    #[error("{path}: {problem}; {remedy}")]
    Model {
        /// The file or folder.
        path: PathBuf,
        /// What is wrong with it.
        problem: String,
        /// What to do.
        remedy: String,
    },
    /// The network cannot be built or run.
    #[error(transparent)]
    Network(#[from] NnError),
    /// Classes and outputs do not belong together.
    #[error(transparent)]
    Vgg(#[from] VggError),
    /// Training left the range of numbers.
    #[error("{0}")]
    Diverged(String),
    /// Some pictures could not be read; with the others, if any, all was done.
    #[error("{failed} of {total} pictures could not be read, for the reasons above")]
    SomeFailed {
        /// How many failed.
        failed: usize,
        /// How many there were.
        total: usize,
    },
    /// Ctrl-C.
    #[error("interrupted {when}; {kept}")]
    Interrupted {
        /// At what point.
        when: String,
        /// What is there all the same.
        kept: String,
    },
}

impl Error {
    /// A result that has no place.
    pub fn output(path: &Path, problem: impl Into<String>, remedy: impl Into<String>) -> Self {
        Self::Output { path: path.to_owned(), problem: problem.into(), remedy: remedy.into() }
    }

    /// A file that the system would not write.
    pub fn write(path: &Path, e: &io::Error) -> Self {
        Self::output(path, format!("cannot be written ({e})"), graft_tensor::write_remedy(e))
    }

    /// A file of our own that the system would not give back.
    pub fn read(path: &Path, e: &io::Error) -> Self {
        Self::output(
            path,
            format!("cannot be read back ({e})"),
            "see whether the disk is well, and start again",
        )
    }

    /// A saved model that is not what was hoped for.
    pub fn model(path: &Path, problem: impl Into<String>, remedy: impl Into<String>) -> Self {
        Self::Model { path: path.to_owned(), problem: problem.into(), remedy: remedy.into() }
    }

    /// Training that has left weights with which the loss on these photos is no number.
    pub fn diverged(part: Part, loss: f64) -> Self {
        Self::Diverged(format!(
            "the loss on the {part} photos is {loss} after the last epoch: training has diverged. Try a learning rate ten times \
             lower, or clip the gradients (--clipnorm 1)"
        ))
    }

    /// An end by Ctrl-C, with nothing to show for it.
    pub fn interrupted(when: impl Into<String>) -> Self {
        Self::Interrupted { when: when.into(), kept: "no result was saved".to_owned() }
    }

    /// The same error, told with what the run leaves behind.
    pub fn with_kept(self, folder: &RunFolder) -> Self {
        match (self, folder.kept()) {
            (Self::Interrupted { when, .. }, Some(kept)) => Self::Interrupted { when, kept },
            (Self::Diverged(what), Some(kept)) => Self::Diverged(format!("{what}. {kept}")),
            (other, _) => other,
        }
    }

    /// What the process says to the shell: 2 usage, 3 data, 4 weights or model, 5 diverged, 7 some inputs failed,
    /// 130 interrupted.
    pub fn exit_code(&self) -> u8 {
        match self {
            Self::Usage(_) | Self::Output { .. } => 2,
            Self::Interrupted { .. } => 130,
            Self::Data(_) => 3,
            Self::Weights(e) => e.exit_code(),
            Self::NoImageNet(_) | Self::Model { .. } | Self::Network(_) | Self::Vgg(_) => 4,
            Self::Diverged(_) => 5,
            Self::SomeFailed { .. } => 7,
        }
    }
}
