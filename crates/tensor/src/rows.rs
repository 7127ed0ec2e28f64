//! The rows of a tensor: its slices along the outermost axis, which are the pictures of a batch.

use crate::{Result, Tensor, TensorError};

impl Tensor {
    /// The extent of the outermost axis: the pictures of a batch, the rows of a matrix.
    ///
    /// # Panics
    /// On a tensor without axes.
    pub fn rows(&self) -> usize {
        self.shape()[0]
    }

    /// How many numbers one row holds.
    ///
    /// # Panics
    /// On a tensor without axes.
    pub fn row_len(&self) -> usize {
        self.shape()[1..].iter().product()
    }

    /// Row `i` of the outermost axis.
    ///
    /// # Panics
    /// If there is no such row.
    pub fn row(&self, i: usize) -> &[f32] {
        let n = self.row_len();
        &self.data()[i * n..(i + 1) * n]
    }

    /// Rows `from..to` of the outermost axis, copied.
    ///
    /// # Errors
    /// [`TensorError::Shape`] if the range is not within the tensor.
    pub fn slice_rows(&self, from: usize, to: usize) -> Result<Self> {
        if self.shape().is_empty() || from > to || to > self.rows() {
            return Err(TensorError::shape("slice_rows", format!("rows {from}..{to}"), self.shape()));
        }
        let n = self.row_len();
        Self::new(self.shape().with_rows(to - from), &self.data()[from * n..to * n])
    }

    /// These rows, in this order, copied: a batch drawn from a data set.
    ///
    /// ```
    /// # use graft_tensor::Tensor;
    /// let x = Tensor::new([3, 2], &[0.0, 1.0, 10.0, 11.0, 20.0, 21.0])?;
    /// assert_eq!(x.gather_rows(&[2, 0])?.data(), [20.0, 21.0, 0.0, 1.0]);
    /// # Ok::<(), graft_tensor::TensorError>(())
    /// ```
    ///
    /// # Errors
    /// [`TensorError::Shape`] if one of them does not exist.
    pub fn gather_rows(&self, rows: &[usize]) -> Result<Self> {
        if self.shape().is_empty() {
            return Err(TensorError::shape("gather_rows", "a tensor with rows", self.shape()));
        }
        if let Some(beyond) = rows.iter().find(|&&i| i >= self.rows()) {
            return Err(TensorError::shape("gather_rows", format!("a row {beyond}"), self.shape()));
        }
        let mut batch = Self::for_overwrite(self.shape().with_rows(rows.len()))?;
        let n = self.row_len();
        let out = batch.data_mut();
        rows.iter().enumerate().for_each(|(at, &i)| out[at * n..(at + 1) * n].copy_from_slice(self.row(i)));
        Ok(batch)
    }

    /// Tensors of one row shape, one under the other.
    ///
    /// # Errors
    /// [`TensorError::Shape`] if there is none, or if a row shape differs.
    pub fn concat_rows(parts: &[Self]) -> Result<Self> {
        let op = "concat_rows";
        let Some(first) = parts.first() else {
            return Err(TensorError::shape(op, "at least one tensor", &[0].into()));
        };
        if first.shape().is_empty() {
            return Err(TensorError::shape(op, "a tensor with rows", first.shape()));
        }
        if let Some(odd) = parts.iter().find(|p| p.shape().get(1..) != first.shape().get(1..)) {
            let expected = format!("rows like those of {}", first.shape());
            return Err(TensorError::shape(op, expected, odd.shape()));
        }
        let mut all = Self::for_overwrite(first.shape().with_rows(parts.iter().map(Self::rows).sum()))?;
        let mut rest = all.data_mut();
        for p in parts {
            let (head, tail) = rest.split_at_mut(p.data().len());
            head.copy_from_slice(p.data());
            rest = tail;
        }
        Ok(all)
    }

    /// The place of each row's largest number, the first of equals: the class that scores best.
    ///
    /// `None` for a row with a NaN in it, and for an empty one: neither has a largest number.
    ///
    /// ```
    /// # use graft_tensor::Tensor;
    /// let scores = Tensor::new([3, 2], &[0.3, 0.7, 0.5, 0.5, f32::NAN, 1.0])?;
    /// assert_eq!(scores.argmax_rows(), [Some(1), Some(0), None]);
    /// # Ok::<(), graft_tensor::TensorError>(())
    /// ```
    ///
    /// # Panics
    /// On a tensor without axes.
    pub fn argmax_rows(&self) -> Vec<Option<usize>> {
        (0..self.rows()).map(|i| argmax(self.row(i))).collect()
    }
}

fn argmax(row: &[f32]) -> Option<usize> {
    if row.iter().any(|v| v.is_nan()) {
        return None;
    }
    (0..row.len()).reduce(|best, i| if row[i] > row[best] { i } else { best })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn counted(rows: usize, columns: usize) -> Tensor {
        Tensor::from_fn([rows, columns], |i| i as f32)
    }

    #[test]
    fn slices_put_together_again_are_the_whole() {
        let x = counted(5, 3);
        for cut in 0..=5 {
            let parts = [x.slice_rows(0, cut).unwrap(), x.slice_rows(cut, 5).unwrap()];
            assert_eq!(Tensor::concat_rows(&parts).unwrap(), x);
        }
    }

    #[test]
    fn gathered_rows_come_in_the_order_asked_for_and_may_repeat() {
        let x = counted(4, 2);
        let batch = x.gather_rows(&[3, 1, 1]).unwrap();
        assert_eq!(batch, Tensor::new([3, 2], &[6.0, 7.0, 2.0, 3.0, 2.0, 3.0]).unwrap());
        assert_eq!(x.gather_rows(&[]).unwrap().shape(), &[0, 2]);
    }

    #[test]
    fn rows_that_are_not_there_are_errors() {
        let x = counted(4, 2);
        let message = |r: Result<Tensor>| r.unwrap_err().to_string();
        assert_eq!(message(x.gather_rows(&[0, 4])), "gather_rows: expected a row 4, got (4, 2)");
        assert_eq!(message(x.slice_rows(3, 5)), "slice_rows: expected rows 3..5, got (4, 2)");
        assert_eq!(message(x.slice_rows(2, 1)), "slice_rows: expected rows 2..1, got (4, 2)");
        assert_eq!(
            message(Tensor::scalar(1.0).gather_rows(&[0])),
            "gather_rows: expected a tensor with rows, got ()"
        );
    }

    #[test]
    fn only_rows_of_one_shape_go_together() {
        let message = |parts: &[Tensor]| Tensor::concat_rows(parts).unwrap_err().to_string();
        let expected = "concat_rows: expected rows like those of (1, 2), got (1, 3)";
        assert_eq!(message(&[counted(1, 2), counted(1, 3)]), expected);
        assert_eq!(message(&[]), "concat_rows: expected at least one tensor, got (0,)");
        assert!(message(&[counted(1, 2), Tensor::scalar(0.0)]).contains("got ()"));
        assert!(message(&[Tensor::scalar(0.0), Tensor::scalar(0.0)]).contains("a tensor with rows"));
    }

    #[test]
    fn the_first_of_equals_is_best_and_nan_is_never() {
        let best = |row: &[f32]| Tensor::new([1, row.len()], row).unwrap().argmax_rows()[0];
        assert_eq!(best(&[1.0, 3.0, 3.0, 2.0]), Some(1));
        assert_eq!(best(&[-1.0, -0.5, f32::NEG_INFINITY]), Some(1));
        assert_eq!(best(&[f32::INFINITY, f32::INFINITY]), Some(0));
        assert_eq!(best(&[-0.0, 0.0]), Some(0));
        assert_eq!(best(&[0.0, 9.0, f32::NAN]), None);
        assert_eq!(best(&[]), None);
    }
}
