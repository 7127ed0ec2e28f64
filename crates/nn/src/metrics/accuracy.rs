//! Accuracy: how many rows have their true class on top, or among the best k.

use graft_tensor::{Tensor, TensorError};

use crate::Result;

/// The index of the highest score, the first where several tie; 0 for an empty row.
///
/// A NaN is never the highest. Whoever reports scores to a person checks them first: a model that gives NaN has no
/// opinion, and the loss says so.
///
/// ```
/// assert_eq!(graft_nn::metrics::argmax(&[0.2, 0.4, 0.4]), 1);
/// ```
pub fn argmax(scores: &[f32]) -> usize {
    let mut best = 0;
    for (i, &score) in scores.iter().enumerate() {
        if score > scores[best] || (scores[best].is_nan() && !score.is_nan()) {
            best = i;
        }
    }
    best
}

/// How many rows of `scores: (n, classes)` have their highest score at the true class.
///
/// # Errors
/// If there is not one label to a row.
pub fn correct(scores: &Tensor, labels: &[usize]) -> Result<usize> {
    count(scores, labels, |row, label| argmax(row) == label)
}

/// The part of the rows of `scores: (n, classes)` whose highest score is that of the true class, in 0..=1; Keras's
/// `accuracy`. NaN where there are no rows.
///
/// # Errors
/// If there is not one label to a row.
///
/// ```
/// # use graft_tensor::Tensor;
/// let scores = Tensor::new([2, 3], &[0.1, 0.7, 0.2, 0.5, 0.3, 0.2])?;
/// assert_eq!(graft_nn::metrics::accuracy(&scores, &[1, 2])?, 0.5);
/// # Ok::<(), graft_nn::NnError>(())
/// ```
pub fn accuracy(scores: &Tensor, labels: &[usize]) -> Result<f64> {
    Ok(correct(scores, labels)? as f64 / labels.len() as f64)
}

/// The part of the rows in which fewer than `k` scores are higher than that of the true class; Keras's
/// `top_k_categorical_accuracy`. Classes that tie for place `k` all count as within the best `k`, as in TensorFlow's
/// `in_top_k`; a true class whose score is NaN or infinite does not.
///
/// # Errors
/// If there is not one label to a row.
pub fn top_k_accuracy(scores: &Tensor, labels: &[usize], k: usize) -> Result<f64> {
    let within = count(scores, labels, |row, label| {
        let Some(&own) = row.get(label).filter(|s| s.is_finite()) else { return false };
        row.iter().filter(|&&s| s > own).count() < k
    })?;
    Ok(within as f64 / labels.len() as f64)
}

/// How many rows satisfy `good(row, label)`.
fn count(scores: &Tensor, labels: &[usize], good: impl Fn(&[f32], usize) -> bool) -> Result<usize> {
    if scores.shape().len() != 2 || scores.rows() != labels.len() {
        let expected = format!("({}, classes), a row for each label", labels.len());
        return Err(TensorError::shape("accuracy", expected, scores.shape()).into());
    }
    Ok(labels.iter().enumerate().filter(|&(i, &label)| good(scores.row(i), label)).count())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_maximum_wins_and_nan_never_does() {
        assert_eq!(argmax(&[1.0, 3.0, 3.0]), 1);
        assert_eq!(argmax(&[f32::NAN, -1.0, -2.0]), 1);
        assert_eq!(argmax(&[-1.0, f32::NAN, -0.5]), 2);
        assert_eq!(argmax(&[]), 0);
    }

    /// `keras.ops.in_top_k(y, [[.1, .6, .3], [.4, .4, .2], [.2, .4, .4]], k)` of Keras 3.15.1 for y = [2, 1, 1].
    #[test]
    fn ties_for_the_last_place_count_as_within() {
        let scores = Tensor::new([3, 3], &[0.1, 0.6, 0.3, 0.4, 0.4, 0.2, 0.2, 0.4, 0.4]).unwrap();
        assert_eq!(top_k_accuracy(&scores, &[2, 1, 1], 1).unwrap(), 2.0 / 3.0);
        assert_eq!(top_k_accuracy(&scores, &[2, 1, 1], 2).unwrap(), 1.0);
        let nan = Tensor::new([1, 2], &[f32::NAN, 0.0]).unwrap();
        assert_eq!(top_k_accuracy(&nan, &[0], 2).unwrap(), 0.0);
    }

    #[test]
    fn a_missing_label_is_an_error() {
        let scores = Tensor::zeros([3, 2]);
        let e = accuracy(&scores, &[0, 1]).unwrap_err().to_string();
        assert!(e.contains("(2, classes)") && e.contains("(3, 2)"), "{e}");
    }
}
