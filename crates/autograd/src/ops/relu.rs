//! y = max(0, x); back through it goes what belongs to the active units.

use graft_kernels::relu;
use graft_tensor::{Result, Tensor};

use crate::Var;

impl<'t> Var<'t> {
    /// `max(0, x)`, of any shape; NaN stays NaN.
    ///
    /// # Errors
    /// If there is no room for the result.
    pub fn relu(&self) -> Result<Var<'t>> {
        let isa = self.tape.isa();
        let mut y = Tensor::try_zeros(*self.shape())?;
        relu::forward(isa, self.value().data(), y.data_mut());
        let kept = y.clone();
        Ok(self.tape.record(y, [self], move |dy, _| {
            let mut dx = Tensor::try_zeros(*dy.shape())?;
            relu::backward(isa, kept.data(), dy.data(), dx.data_mut());
            Ok([Some(dx)])
        }))
    }
}
