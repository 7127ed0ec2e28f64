//! y = Σ x and y = Σ x / count, added up in f64.

use graft_kernels::elementwise;
use graft_tensor::{Result, Tensor};

use crate::Var;

impl<'t> Var<'t> {
    /// The sum of all numbers, of shape `()`.
    ///
    /// # Errors
    /// If there is no room for the gradient.
    pub fn sum(&self) -> Result<Var<'t>> {
        self.scaled_sum(1.0)
    }

    /// The mean of all numbers, of shape `()`; NaN where there are none.
    ///
    /// # Errors
    /// As [`Var::sum`].
    pub fn mean(&self) -> Result<Var<'t>> {
        self.scaled_sum(1.0 / self.value().data().len() as f64)
    }

    fn scaled_sum(&self, scale: f64) -> Result<Var<'t>> {
        let y = Tensor::scalar((elementwise::sum(self.tape.isa(), self.value().data()) * scale) as f32);
        let shape = *self.shape();
        Ok(self.tape.record(y, [self], move |dy, _| {
            let dx = (f64::from(dy.item()?) * scale) as f32;
            Ok([Some(Tensor::full(shape, dx))])
        }))
    }
}

#[cfg(test)]
mod tests {
    use crate::gradcheck;
    use crate::ops::testing::numbers;

    #[test]
    fn gradients_are_slopes() {
        gradcheck(&[numbers([2, 3])], |v| v[0].sum()).unwrap();
        gradcheck(&[numbers([2, 3])], |v| v[0].mul(&v[0])?.mean()).unwrap();
    }
}
