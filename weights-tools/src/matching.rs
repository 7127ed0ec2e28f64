//! Are these the tensors of the model?

/// The tensors of a file are not those of the model.
#[derive(Debug, thiserror::Error)]
#[error("{sentence}")]
pub struct Mismatch {
    sentence: String,
}
