//! yᵢ = exp(xᵢ) / Σⱼ exp(xⱼ), along the last axis.

use graft_kernels::softmax;
use graft_tensor::{Result, Tensor, TensorError};

use crate::Var;

impl<'t> Var<'t> {
    /// Probabilities from logits, `(…, classes)` to the same shape; each row adds up to 1.
    ///
    /// # Errors
    /// [`graft_tensor::TensorError::Shape`] without axes.
    pub fn softmax(&self) -> Result<Var<'t>> {
        let isa = self.tape.isa();
        let shape = *self.shape();
        let &cols = shape.last().ok_or_else(|| TensorError::shape("softmax", "(…, classes)", &shape))?;
        let rows = shape[..shape.len() - 1].iter().product();
        let mut y = Tensor::for_overwrite(shape)?;
        softmax::forward(isa, rows, cols, self.value().data(), y.data_mut());
        let kept = y.clone();
        Ok(self.tape.record(y, [self], move |dy, _| {
            let mut dx = Tensor::for_overwrite(shape)?;
            softmax::backward(isa, rows, cols, kept.data(), dy.data(), dx.data_mut());
            Ok([Some(dx)])
        }))
    }
}

#[cfg(test)]
mod tests {
    use graft_tensor::Tensor;

    use crate::ops::testing::numbers;
    use crate::{Tape, gradcheck};

    #[test]
    fn gradients_are_slopes() {
        gradcheck(&[numbers([3, 4])], |v| v[0].softmax()).unwrap();
        gradcheck(&[numbers([2, 2, 3])], |v| v[0].softmax()).unwrap();
    }

    #[test]
    fn a_scalar_has_no_classes() {
        assert!(Tape::new().constant(Tensor::scalar(1.0)).softmax().is_err());
    }
}
