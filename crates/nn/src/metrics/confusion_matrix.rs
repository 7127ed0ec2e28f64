//! Which class is taken for which, and what follows from it for each class.
//!
//! ```text
//!                predicted                 of class c:
//!               a   b   c                  precision = diagonal / column   of those called c, how many are
//!        a      5   1   0                  recall    = diagonal / row      of those that are c, how many were called so
//!  true  b      0   7   2                  F1        = harmonic mean of both
//!        c      1   0   4                  support   = row                 how many there are
//! ```
//!
//! A figure that would be 0/0 (a class never predicted, or without pictures) is 0, as in scikit-learn's
//! `classification_report`. A picture whose scores hold a NaN is called nothing: it stands in no column, but in the
//! support of its class, and so lowers the recall and the accuracy.

use std::fmt::Write;

use graft_tensor::{Tensor, TensorError};

use super::argmax;
use crate::Result;

/// Counts of (true class, predicted class).
///
/// ```
/// # use graft_nn::metrics::ConfusionMatrix;
/// let mut m = ConfusionMatrix::new(2);
/// for (truth, predicted) in [(0, 0), (0, 1), (1, 1)] {
///     m.record(truth, predicted);
/// }
/// assert_eq!(m.count(0, 1), 1);
/// assert_eq!(m.class(1).precision, 0.5);
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ConfusionMatrix {
    classes: usize,
    /// Row by row: the true class is the row, the predicted one the column.
    counts: Vec<u64>,
    /// Of each class, the pictures without an answer.
    unanswered: Vec<u64>,
}

/// How one class fares.
#[derive(Debug, Clone, Copy, PartialEq, serde::Serialize, serde::Deserialize)]
pub struct ClassReport {
    /// Of the pictures said to be of the class, the part that is.
    pub precision: f64,
    /// Of the pictures of the class, the part that is said to be.
    pub recall: f64,
    /// The harmonic mean of precision and recall.
    pub f1: f64,
    /// How many pictures of the class there are.
    pub support: u64,
}

impl ConfusionMatrix {
    /// No counts yet.
    pub fn new(classes: usize) -> Self {
        Self { classes, counts: vec![0; classes * classes], unanswered: vec![0; classes] }
    }

    /// The matrix of these scores `(n, classes)` and true classes.
    ///
    /// # Errors
    /// If there is not one label to a row, or a label is not below the number of classes.
    pub fn of(scores: &Tensor, labels: &[usize]) -> Result<Self> {
        if scores.shape().len() != 2 || scores.rows() != labels.len() {
            let expected = format!("({}, classes), a row for each label", labels.len());
            return Err(TensorError::shape("confusion matrix", expected, scores.shape()).into());
        }
        let mut matrix = Self::new(scores.row_len());
        for (i, &label) in labels.iter().enumerate() {
            crate::losses::check_label(label, matrix.classes)?;
            matrix.record(label, argmax(scores.row(i)));
        }
        Ok(matrix)
    }

    /// Counts one picture; `predicted` is a class, or `None` where the scores held a NaN.
    ///
    /// # Panics
    /// If one of the two is no class.
    pub fn record(&mut self, truth: usize, predicted: impl Into<Option<usize>>) {
        match predicted.into() {
            Some(predicted) => {
                let at = self.index(truth, predicted);
                self.counts[at] += 1;
            }
            None => self.unanswered[truth] += 1,
        }
    }

    /// How many classes there are.
    pub fn classes(&self) -> usize {
        self.classes
    }

    /// How many pictures of class `truth` were taken for `predicted`.
    ///
    /// # Panics
    /// If one of the two is no class.
    pub fn count(&self, truth: usize, predicted: usize) -> u64 {
        self.counts[self.index(truth, predicted)]
    }

    /// How many pictures were counted, with and without an answer.
    pub fn total(&self) -> u64 {
        self.counts.iter().chain(&self.unanswered).sum()
    }

    /// The part of the pictures on the diagonal; NaN where there are none.
    pub fn accuracy(&self) -> f64 {
        let diagonal: u64 = (0..self.classes).map(|c| self.count(c, c)).sum();
        diagonal as f64 / self.total() as f64
    }

    /// Precision, recall, F1 and support of one class.
    ///
    /// # Panics
    /// If it is no class.
    pub fn class(&self, class: usize) -> ClassReport {
        let hits = self.count(class, class);
        let answered: u64 = (0..self.classes).map(|p| self.count(class, p)).sum();
        let support = answered + self.unanswered[class];
        let predicted: u64 = (0..self.classes).map(|t| self.count(t, class)).sum();
        ClassReport {
            precision: ratio(hits, predicted),
            recall: ratio(hits, support),
            f1: ratio(2 * hits, support + predicted),
            support,
        }
    }

    /// The same of every class, in order.
    pub fn report(&self) -> Vec<ClassReport> {
        (0..self.classes).map(|c| self.class(c)).collect()
    }

    /// A table for people: the counts with the true classes down the side, then the figures of each class. Classes
    /// beyond the names go by their number.
    ///
    /// ```
    /// # use graft_nn::metrics::ConfusionMatrix;
    /// let mut m = ConfusionMatrix::new(2);
    /// m.record(0, 0);
    /// m.record(1, 0);
    /// let expected = "\
    /// true \\ predicted  ant  bee   precision  recall     f1  support
    /// ant                 1    0      0.500   1.000  0.667        1
    /// bee                 1    0      0.000   0.000  0.000        1
    /// ";
    /// assert_eq!(m.table(&["ant", "bee"]), expected);
    /// ```
    pub fn table(&self, names: &[impl AsRef<str>]) -> String {
        const CORNER: &str = "true \\ predicted";
        let name = |c: usize| names.get(c).map_or_else(|| c.to_string(), |n| n.as_ref().to_owned());
        let width = |text: &str| text.chars().count();
        let side = (0..self.classes).map(|c| width(&name(c))).fold(width(CORNER), usize::max);
        let digits = |p| (0..self.classes).map(move |t| width(&self.count(t, p).to_string())).max();
        let columns: Vec<_> =
            (0..self.classes).map(|p| digits(p).unwrap_or(1).max(width(&name(p)))).collect();

        let mut out = format!("{CORNER:side$}");
        for (p, w) in columns.iter().enumerate() {
            let _ = write!(out, "  {:>w$}", name(p));
        }
        out.push_str("   precision  recall     f1  support\n");
        for t in 0..self.classes {
            let _ = write!(out, "{:side$}", name(t));
            for (p, w) in columns.iter().enumerate() {
                let _ = write!(out, "  {:>w$}", self.count(t, p));
            }
            let ClassReport { precision, recall, f1, support } = self.class(t);
            let _ = writeln!(out, "   {precision:>8.3}  {recall:>6.3}  {f1:.3}  {support:>7}");
        }
        out
    }

    fn index(&self, truth: usize, predicted: usize) -> usize {
        assert!(truth < self.classes && predicted < self.classes, "no such class");
        truth * self.classes + predicted
    }
}

/// `a / b`, and 0 for 0/0.
fn ratio(a: u64, b: u64) -> f64 {
    if b == 0 { 0.0 } else { a as f64 / b as f64 }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The matrix above.
    #[test]
    fn figures_of_each_class() {
        let mut m = ConfusionMatrix::new(3);
        for (t, row) in [[5, 1, 0], [0, 7, 2], [1, 0, 4]].iter().enumerate() {
            for (p, &n) in row.iter().enumerate() {
                (0..n).for_each(|_| m.record(t, p));
            }
        }
        assert_eq!(m.accuracy(), 0.8);
        let b = m.class(1);
        assert_eq!((b.precision, b.recall, b.support), (7.0 / 8.0, 7.0 / 9.0, 9));
        assert!((b.f1 - 2.0 * b.precision * b.recall / (b.precision + b.recall)).abs() < 1e-15);
    }

    #[test]
    fn a_class_that_never_occurs_has_zeros() {
        let mut m = ConfusionMatrix::new(3);
        m.record(0, 0);
        assert_eq!(m.class(2), ClassReport { precision: 0.0, recall: 0.0, f1: 0.0, support: 0 });
        assert!(ConfusionMatrix::new(2).accuracy().is_nan());
    }

    #[test]
    fn scores_lead_to_counts_and_a_wrong_label_to_an_error() {
        let scores = Tensor::new([2, 2], &[0.9, 0.1, 0.8, 0.2]).unwrap();
        let m = ConfusionMatrix::of(&scores, &[0, 1]).unwrap();
        assert_eq!((m.count(0, 0), m.count(1, 0), m.total()), (1, 1, 2));
        assert!(ConfusionMatrix::of(&scores, &[0, 2]).is_err());
    }

    #[test]
    fn scores_that_hold_a_nan_lower_recall_and_accuracy() {
        let scores = Tensor::new([3, 2], &[0.9, 0.1, f32::NAN, 0.2, 0.8, f32::NAN]).unwrap();
        let m = ConfusionMatrix::of(&scores, &[0, 0, 1]).unwrap();
        assert_eq!((m.count(0, 0), m.count(1, 0), m.total(), m.accuracy()), (1, 0, 3, 1.0 / 3.0));
        let class = m.class(0);
        assert_eq!((class.precision, class.recall, class.support), (1.0, 0.5, 2));
        assert_eq!(m.class(1), ClassReport { precision: 0.0, recall: 0.0, f1: 0.0, support: 1 });
    }
}
