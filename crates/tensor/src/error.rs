//! What can go wrong with a tensor, always as: where, what was found, what was expected.

use std::fmt::Display;
use std::io;

use crate::Shape;

/// The result of a tensor operation.
pub type Result<T, E = TensorError> = std::result::Result<T, E>;

/// Why a tensor operation, or the reading or writing of a tensor, failed.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum TensorError {
    /// Shapes do not fit the operation.
    #[error("{op}: expected {expected}, got {got}")]
    Shape {
        /// The operation, by the name a user knows it by.
        op: String,
        /// What would have been right.
        expected: String,
        /// The shape at hand.
        got: Shape,
    },
    /// A number that the target type cannot hold.
    #[error("{op}: {value} does not fit {target}")]
    Range {
        /// The operation, by the name a user knows it by.
        op: String,
        /// The number, as it was.
        value: String,
        /// The type it should have become, and what to do instead.
        target: String,
    },
    /// The content of a file, or of a member of an archive, is not what it has to be.
    #[error("{file}: expected {expected}, found {found}")]
    Format {
        /// The file, and the member of the archive.
        file: String,
        /// What is needed here, and how to get it.
        expected: String,
        /// What is there.
        found: String,
    },
    /// The system could not open, read or write a file.
    #[error("{file}: cannot {action}: {source}")]
    Io {
        /// The file, and the member of the archive.
        file: String,
        /// What was tried: "open", "read", "write".
        action: &'static str,
        /// What the system said.
        source: io::Error,
    },
    /// The system has no room.
    #[error(transparent)]
    OutOfMemory(#[from] graft_kernels::OutOfMemory),
}

impl TensorError {
    /// A shape that does not fit.
    pub fn shape(op: impl Into<String>, expected: impl Display, got: &Shape) -> Self {
        Self::Shape { op: op.into(), expected: expected.to_string(), got: *got }
    }

    /// A file whose content is not what it has to be.
    pub fn format(file: impl Display, expected: impl Display, found: impl Display) -> Self {
        Self::Format { file: file.to_string(), expected: expected.to_string(), found: found.to_string() }
    }

    /// A failure of the system with a file.
    pub fn io(file: impl Display, action: &'static str, source: io::Error) -> Self {
        Self::Io { file: file.to_string(), action, source }
    }

    /// A number that the target type cannot hold.
    pub fn range(op: impl Into<String>, value: impl Display, target: impl Display) -> Self {
        Self::Range { op: op.into(), value: value.to_string(), target: target.to_string() }
    }
}
