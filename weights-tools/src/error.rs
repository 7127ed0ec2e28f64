//! What can go wrong with a weights file, always as: the file, what was found, what was expected, what to do.

use std::io;
use std::path::{Path, PathBuf};

use crate::matching::Mismatch;

/// The result of reading, fetching, converting or checking weights.
pub type Result<T, E = WeightsError> = std::result::Result<T, E>;

/// Why weights could not be read, fetched, converted or verified.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum WeightsError {
    /// The system would not give a file or a folder to read.
    #[error("cannot {action} {}: {source}; check that it is there and readable", path.display())]
    Io {
        /// What was tried, as a verb: "read", "open", …
        action: &'static str,
        /// The file or folder.
        path: PathBuf,
        /// The system's reason.
        source: io::Error,
    },
    /// The system would not have a file or a folder made, filled or moved.
    #[error("cannot {action} {}: {source}; {}", path.display(), graft_tensor::write_remedy(source))]
    Write {
        /// What was tried, as a verb: "write", "make the folder", …
        action: &'static str,
        /// The file or folder.
        path: PathBuf,
        /// The system's reason.
        source: io::Error,
    },
    /// The content is not that of any layout Keras or Graft writes.
    #[error("{} {found}; expected {EXPECTED_FILE}", path.display())]
    NotWeights {
        /// The file.
        path: PathBuf,
        /// What it is instead.
        found: String,
    },
    /// Part of the file is missing, as after a download that was interrupted.
    #[error("{} is cut off: it has {found} of {expected} bytes; download or copy it again", path.display())]
    Truncated {
        /// The file.
        path: PathBuf,
        /// Its size in bytes.
        found: u64,
        /// The size in bytes that its own header declares.
        expected: u64,
    },
    /// The layout is known, but something in it contradicts itself or is not supported.
    #[error("{} cannot be read: {detail}; {remedy}", path.display())]
    Damaged {
        /// The file.
        path: PathBuf,
        /// What is wrong, and where.
        detail: String,
        /// What to do.
        remedy: &'static str,
    },
    /// The file asks for something that no honest weights file needs.
    #[error("{} is refused: {detail}", path.display())]
    Refused {
        /// The file.
        path: PathBuf,
        /// What it asks for, and the limit.
        detail: String,
    },
    /// A tensor that was asked for by name is not there.
    #[error("{} has no {wanted}; it holds {there}", path.display())]
    Missing {
        /// The file.
        path: PathBuf,
        /// The layer and tensor asked for.
        wanted: String,
        /// The layers that it has.
        there: String,
    },
    /// The tensors are not those of the model.
    #[error(transparent)]
    Mismatch(#[from] Box<Mismatch>),
    /// The content is not what its digest says.
    #[error("{} was altered: its {algorithm} is {found}, expected {expected}; {remedy}", path.display())]
    Digest {
        /// The file.
        path: PathBuf,
        /// MD5 or SHA-256.
        algorithm: &'static str,
        /// The digest that belongs to it, in hexadecimal.
        expected: String,
        /// The digest that it has.
        found: String,
        /// What to do.
        remedy: &'static str,
    },
    /// The place to write to is taken.
    #[error("{} {found}; {remedy}", path.display())]
    TargetExists {
        /// The folder.
        path: PathBuf,
        /// What is there.
        found: &'static str,
        /// What to do.
        remedy: &'static str,
    },
    /// A file could not be fetched.
    #[error("cannot fetch {url}: {detail}. {remedy}")]
    Fetch {
        /// Where from.
        url: String,
        /// What happened.
        detail: String,
        /// How to get the file all the same.
        remedy: String,
    },
    /// Somebody ended it.
    #[error("interrupted: {}", if *kept > 0 {
        format!("{kept} of {bytes} bytes are kept in {}; run it again to resume", path.display())
    } else {
        "nothing is kept; run it again to begin".to_owned()
    })]
    Interrupted {
        /// Where a download's first part is, or what was to be written.
        path: PathBuf,
        /// How many bytes of it are kept for the next time.
        kept: u64,
        /// How many the whole has.
        bytes: u64,
    },
    /// A tensor could not be made, read or written.
    #[error(transparent)]
    Tensor(#[from] graft_tensor::TensorError),
}

/// What a weights file may be, for the end of a sentence.
const EXPECTED_FILE: &str = "a Keras weights file (.h5, .weights.h5, .keras), a folder that `weights convert` made, or a .safetensors file";

impl WeightsError {
    /// What a process that ends by this says to the shell: 2 where the place to write to will not do, 4 where the weights
    /// will not, 130 where somebody ended it.
    pub fn exit_code(&self) -> u8 {
        match self {
            Self::Write { .. } | Self::TargetExists { .. } => 2,
            Self::Interrupted { .. } => 130,
            _ => 4,
        }
    }

    pub(crate) fn io(action: &'static str, path: &Path) -> impl FnOnce(io::Error) -> Self {
        move |source| Self::Io { action, path: path.to_owned(), source }
    }

    pub(crate) fn writing(action: &'static str, path: &Path) -> impl FnOnce(io::Error) -> Self {
        move |source| Self::Write { action, path: path.to_owned(), source: graft_tensor::plain(source) }
    }

    pub(crate) fn not_weights(path: &Path, found: impl Into<String>) -> Self {
        Self::NotWeights { path: path.to_owned(), found: found.into() }
    }

    pub(crate) fn damaged(path: &Path, detail: impl Into<String>) -> Self {
        Self::Damaged { path: path.to_owned(), detail: detail.into(), remedy: "download or save it again" }
    }

    pub(crate) fn refused(path: &Path, detail: impl Into<String>) -> Self {
        Self::Refused { path: path.to_owned(), detail: detail.into() }
    }
}
