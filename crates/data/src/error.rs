//! What can go wrong between a folder and a batch: always which file, what was found, what was expected, what to do.

use std::fmt;
use std::path::PathBuf;

use graft_tensor::{Shape, TensorError};

/// The result of reading, changing or dividing data.
pub type Result<T, E = DataError> = std::result::Result<T, E>;

/// A file that is no picture, and why.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BadImage {
    /// The file.
    pub path: PathBuf,
    /// What is wrong with it.
    pub reason: String,
}

impl fmt::Display for BadImage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.path.display(), self.reason)
    }
}

/// Why data cannot be used.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum DataError {
    /// A file is no picture that can be decoded to its last row.
    #[error("{0}")]
    BadImage(BadImage),

    /// Files of a folder are no pictures that can be decoded, and were not to be skipped.
    #[error("{}: {}; replace or remove them, or let bad images be skipped", root.display(), list_bad(bad))]
    BadImages {
        /// The folder.
        root: PathBuf,
        /// The files.
        bad: Vec<BadImage>,
    },

    /// A folder is not laid out as it has to be.
    #[error("{}: found {found}, expected {expected}; {remedy}", path.display())]
    Folder {
        /// The folder.
        path: PathBuf,
        /// What is there.
        found: String,
        /// What should be.
        expected: String,
        /// What to do.
        remedy: String,
    },

    /// A setting has a value that it cannot have.
    #[error("{name}: found {found}, expected {expected}")]
    Setting {
        /// The setting.
        name: &'static str,
        /// Its value.
        found: String,
        /// What it may be.
        expected: &'static str,
    },

    /// The system refused.
    #[error("{}: cannot be read: {source}; check that it is there and readable", path.display())]
    Io {
        /// The file or folder.
        path: PathBuf,
        /// The system's reason.
        source: std::io::Error,
    },

    /// A file that was to be made cannot be.
    #[error("{}: cannot be written: {source}; check that the folder is there, writable and not full", path.display())]
    Write {
        /// The file.
        path: PathBuf,
        /// The reason.
        source: std::io::Error,
    },

    /// A sheet of pictures cannot be put together.
    #[error("a sheet of pictures cannot be made: {why}")]
    Sheet {
        /// The reason.
        why: &'static str,
    },

    /// The caller broke off.
    #[error("interrupted")]
    Interrupted,

    /// No room for a batch.
    #[error(transparent)]
    Tensor(#[from] TensorError),

    /// A picture's bytes do not make its height and width.
    #[error("a picture of {expected} has {} values, found {found}", expected.elements())]
    Pixels {
        /// Height, width, channels.
        expected: Shape,
        /// The count at hand.
        found: usize,
    },

    /// A picture cannot be brought to this size.
    #[error("a picture of {} x {} pixels cannot be resized to {} x {} (height x width): {why}", from.0, from.1, to.0, to.1)]
    Resize {
        /// Height and width it has.
        from: (usize, usize),
        /// Height and width asked for.
        to: (usize, usize),
        /// Which of the two will not do.
        why: &'static str,
    },
}

/// The first few of them; the whole list is in the error.
fn list_bad(bad: &[BadImage]) -> String {
    const SHOWN: usize = 5;
    let shown = bad.iter().take(SHOWN).map(BadImage::to_string).collect::<Vec<_>>().join("; ");
    let more = if bad.len() > SHOWN { "; …" } else { "" };
    format!("{} bad image{}: {shown}{more}", bad.len(), if bad.len() == 1 { "" } else { "s" })
}
