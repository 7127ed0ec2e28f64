//! Accuracy: how many rows have their true class on top, or among the best k.

use graft_tensor::{Tensor, TensorError};

use crate::Result;

/// The index of the highest score, the first where several tie. `None` for a row that holds a NaN, or nothing: a model
/// that gives NaN has no opinion, and none of its answers may count as right.
///
/// ```
/// # use graft_nn::metrics::argmax;
/// assert_eq!(argmax(&[0.2, 0.4, 0.4]), Some(1));
/// assert_eq!(argmax(&[0.2, f32::NAN]), None);
/// ```
pub fn argmax(scores: &[f32]) -> Option<usize> {
    if scores.iter().any(|s| s.is_nan()) {
        return None;
    }
    (0..scores.len()).reduce(|best, i| if scores[i] > scores[best] { i } else { best })
}

/// How many rows of `scores: (n, classes)` have their highest score at the true class. A row with a NaN has none.
///
/// # Errors
/// If there is not one label to a row.
pub fn correct(scores: &Tensor, labels: &[usize]) -> Result<usize> {
    count(scores, labels, |row, label| argmax(row) == Some(label))
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

/// How many rows have fewer than `k` scores that are higher than that of the true class. Classes that tie for place `k` all
/// count as within the best `k`, as in TensorFlow's `in_top_k`; a row in which any score is NaN or infinite does not count.
///
/// # Errors
/// If there is not one label to a row.
pub fn in_top_k(scores: &Tensor, labels: &[usize], k: usize) -> Result<usize> {
    count(scores, labels, |row, label| {
        let own = row.get(label).filter(|_| row.iter().all(|s| s.is_finite()));
        own.is_some_and(|own| row.iter().filter(|s| *s > own).count() < k)
    })
}

/// The part of the rows that [`in_top_k`] counts; Keras's `top_k_categorical_accuracy`.
///
/// # Errors
/// If there is not one label to a row.
pub fn top_k_accuracy(scores: &Tensor, labels: &[usize], k: usize) -> Result<f64> {
    Ok(in_top_k(scores, labels, k)? as f64 / labels.len() as f64)
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
    fn the_first_maximum_wins() {
        assert_eq!(argmax(&[1.0, 3.0, 3.0]), Some(1));
        assert_eq!(argmax(&[f32::NEG_INFINITY; 2]), Some(0));
        assert_eq!(argmax(&[]), None);
    }

    #[test]
    fn a_row_with_nan_is_never_right() {
        for (at, label) in [(0, 0), (0, 1), (1, 0), (1, 1)] {
            let mut row = [0.5, 0.5];
            row[at] = f32::NAN;
            assert_eq!(argmax(&row), None);
            let scores = Tensor::new([1, 2], &row).unwrap();
            assert_eq!(correct(&scores, &[label]).unwrap(), 0);
            assert_eq!(accuracy(&scores, &[label]).unwrap(), 0.0);
            assert_eq!(top_k_accuracy(&scores, &[label], 2).unwrap(), 0.0);
        }
    }

    /// `keras.ops.in_top_k(y, [[.1, .6, .3], [.4, .4, .2], [.2, .4, .4]], k)` of Keras 3.15.1 for y = [2, 1, 1].
    #[test]
    fn ties_for_the_last_place_count_as_within() {
        let scores = Tensor::new([3, 3], &[0.1, 0.6, 0.3, 0.4, 0.4, 0.2, 0.2, 0.4, 0.4]).unwrap();
        assert_eq!(top_k_accuracy(&scores, &[2, 1, 1], 1).unwrap(), 2.0 / 3.0);
        assert_eq!(top_k_accuracy(&scores, &[2, 1, 1], 2).unwrap(), 1.0);
    }

    #[test]
    fn a_missing_label_is_an_error() {
        let scores = Tensor::zeros([3, 2]);
        let e = accuracy(&scores, &[0, 1]).unwrap_err().to_string();
        assert!(e.contains("(2, classes)") && e.contains("(3, 2)"), "{e}");
    }
}
