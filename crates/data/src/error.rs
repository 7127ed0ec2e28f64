//! What can go wrong between a folder and a batch: always which file, what was found, what was expected, what to do.

use graft_tensor::Shape;

/// The result of reading, changing or dividing data.
pub type Result<T, E = DataError> = std::result::Result<T, E>;

/// Why data cannot be used.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum DataError {
    /// A picture's bytes do not make its height and width.
    #[error("a picture of {expected} has {} values, found {found}", expected.elements())]
    Pixels {
        /// Height, width, channels.
        expected: Shape,
        /// The count at hand.
        found: usize,
    },
}
