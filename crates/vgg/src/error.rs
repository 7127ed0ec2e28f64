//! What can go wrong between probabilities and names.

/// The result of turning probabilities into names.
pub type Result<T, E = VggError> = std::result::Result<T, E>;

/// Why a class list could not be read, or a prediction not be named.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum VggError {
    /// The file is not like Keras's `imagenet_class_index.json`.
    #[error(
        "not a class index: {problem} (expected {{\"0\": [\"n01440764\", \"tench\"], …}}, as in Keras's \
         imagenet_class_index.json)"
    )]
    ClassIndex {
        /// What is wrong with it.
        problem: String,
    },
    /// As many probabilities as classes are needed.
    #[error(
        "{outputs} probabilities, but names for {classes} classes: the class list does not belong to this model"
    )]
    ClassCount {
        /// Probabilities in a row.
        outputs: usize,
        /// Names in the list.
        classes: usize,
    },
    /// A probability is not a number.
    #[error(
        "the probability of class {index} ({name}) is NaN: the weights are damaged, or training has diverged (try a lower \
         learning rate)"
    )]
    Nan {
        /// The first such class.
        index: usize,
        /// Its name.
        name: String,
    },
}
