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
