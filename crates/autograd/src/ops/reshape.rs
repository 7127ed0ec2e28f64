//! The same numbers under another shape: nothing is copied, neither forward nor back.

use graft_tensor::{Result, Shape, TensorError};

use crate::Var;

impl<'t> Var<'t> {
    /// The same numbers as another shape.
    ///
    /// # Errors
    /// [`graft_tensor::TensorError::Shape`] if the counts differ.
    pub fn reshape(&self, shape: impl Into<Shape>) -> Result<Var<'t>> {
        let from = *self.shape();
        let y = self.value().reshape(shape)?;
        Ok(self.tape.record(y, [self], move |dy, _| Ok([Some(dy.reshape(from)?)])))
    }

    /// `(n, …)` to `(n, features)`, in C order: of a map, index (h·width + w)·channels + c.
    ///
    /// # Errors
    /// [`graft_tensor::TensorError::Shape`] without axes.
    pub fn flatten(&self) -> Result<Var<'t>> {
        match **self.shape() {
            [n, ref rest @ ..] => self.reshape([n, rest.iter().product()]),
            [] => Err(TensorError::shape("flatten", "(n, …)", self.shape())),
        }
    }
}

#[cfg(test)]
mod tests {
    use crate::ops::testing::numbers;
    use crate::{Tape, gradcheck};

    #[test]
    fn gradients_are_slopes() {
        gradcheck(&[numbers([2, 3, 2])], |v| v[0].reshape([3, 4])).unwrap();
        gradcheck(&[numbers([2, 3, 2])], |v| v[0].flatten()).unwrap();
    }

    #[test]
    fn flatten_keeps_the_rows_and_copies_nothing() {
        let tape = Tape::new();
        let x = tape.constant(numbers([2, 3, 2]));
        let y = x.flatten().unwrap();
        assert_eq!(*y.shape(), [2, 6]);
        assert!(std::ptr::eq(x.value().data(), y.value().data()));
        assert!(x.reshape([5]).is_err());
    }
}
