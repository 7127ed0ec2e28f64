//! What can go wrong with a tensor, always as: the operation, what it expected, what it got.

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
    /// The system has no room.
    #[error(transparent)]
    OutOfMemory(#[from] graft_kernels::OutOfMemory),
}

impl TensorError {
    /// A shape that does not fit.
    pub fn shape(op: impl Into<String>, expected: impl std::fmt::Display, got: &Shape) -> Self {
        Self::Shape { op: op.into(), expected: expected.to_string(), got: *got }
    }
}
