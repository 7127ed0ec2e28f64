//! y = the mean, or the largest number, of each channel over the whole map.

use graft_kernels::global_pool2d::{self, GlobalPool2dShape};
use graft_tensor::{Result, Tensor};

use super::four;
use crate::Var;

impl<'t> Var<'t> {
    /// The mean over height and width, `(n, h, w, c)` → `(n, c)`.
    ///
    /// # Errors
    /// [`graft_tensor::TensorError::Shape`] if it is no map.
    pub fn global_average_pool2d(&self) -> Result<Var<'t>> {
        let isa = self.tape.isa();
        let (s, mut y) = shape_and_output("global_average_pool2d", self)?;
        global_pool2d::average_forward(isa, &s, self.value().data(), y.data_mut());
        let x_shape = *self.shape();
        Ok(self.tape.record(y, [self], move |dy, _| {
            let mut dx = Tensor::for_overwrite(x_shape)?;
            global_pool2d::average_backward(isa, &s, dy.data(), dx.data_mut());
            Ok([Some(dx)])
        }))
    }

    /// The maximum over height and width, `(n, h, w, c)` → `(n, c)`; where several places share it, so do they its
    /// gradient.
    ///
    /// # Errors
    /// [`graft_tensor::TensorError::Shape`] if it is no map.
    pub fn global_max_pool2d(&self) -> Result<Var<'t>> {
        let isa = self.tape.isa();
        let (s, mut y) = shape_and_output("global_max_pool2d", self)?;
        global_pool2d::max_forward(isa, &s, self.value().data(), y.data_mut());
        let (x, y_kept) = (self.value().clone(), y.clone());
        Ok(self.tape.record(y, [self], move |dy, _| {
            let mut dx = Tensor::for_overwrite(*x.shape())?;
            global_pool2d::max_backward(isa, &s, x.data(), y_kept.data(), dy.data(), dx.data_mut());
            Ok([Some(dx)])
        }))
    }
}

fn shape_and_output(op: &str, x: &Var<'_>) -> Result<(GlobalPool2dShape, Tensor)> {
    let [n, h, w, c] = four(op, "(n, height, width, channels)", x)?;
    Ok((GlobalPool2dShape { n, hw: h * w, c }, Tensor::for_overwrite([n, c])?))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ops::testing::numbers;
    use crate::{Tape, gradcheck::Gradcheck};

    #[test]
    fn gradients_are_slopes() {
        let check = Gradcheck { step: 1.0 / 512.0, ..Gradcheck::default() };
        check.check(&[numbers([2, 3, 2, 3])], |v| v[0].global_average_pool2d()).unwrap();
        check.check(&[numbers([2, 3, 2, 3])], |v| v[0].global_max_pool2d()).unwrap();
    }

    #[test]
    fn a_row_is_no_map() {
        let tape = Tape::new();
        let x = tape.constant(Tensor::zeros([2, 512]));
        assert!(x.global_average_pool2d().is_err() && x.global_max_pool2d().is_err());
    }
}
