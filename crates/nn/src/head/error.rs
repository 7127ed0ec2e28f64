//! What is wrong with a head, and where.

/// A head that cannot be read.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("the head \"{text}\", at character {at}: {message}")]
#[non_exhaustive]
pub struct HeadError {
    /// The whole text.
    pub text: String,
    /// Which character of it, from 1.
    pub at: usize,
    /// What was expected there, and what to do.
    pub message: String,
}

impl HeadError {
    pub(super) fn new(text: &str, at: usize, message: impl Into<String>) -> Self {
        Self { text: text.to_owned(), at, message: message.into() }
    }
}
