//! y = the largest number of each window. Going back, dy goes to the one that was largest; which one it was is found
//! again from x, which is cheaper than to have written it down.

use graft_kernels::conv2d::Padding;
use graft_kernels::max_pool2d::{self, Pool2dError, Pool2dShape};
use graft_tensor::{Result, Tensor, TensorError};

use super::four;
use crate::Var;

/// How a pooling window is moved over a map.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct MaxPool2dOptions {
    /// Height and width of the window.
    pub pool: [usize; 2],
    /// Steps of the window, down and to the right.
    pub stride: [usize; 2],
    /// What lies beyond the edges; nothing there is ever the largest.
    pub padding: Padding,
}

impl<'t> Var<'t> {
    /// The largest number of each window, `(n, h, w, c)` → `(n, out_h, out_w, c)`.
    ///
    /// # Errors
    /// [`TensorError::Shape`] if it is no map, or one that the window does not fit into.
    pub fn max_pool2d(&self, options: MaxPool2dOptions) -> Result<Var<'t>> {
        let isa = self.tape.isa();
        let input = four("max_pool2d", "(n, height, width, channels)", self)?;
        let s = Pool2dShape::new(input, options.pool, options.stride, options.padding).map_err(|e| {
            let expected = match e {
                Pool2dError::TooSmall { pool: [h, w], .. } => {
                    format!("a map of at least {h} by {w} (padding valid)")
                }
                other => format!("sizes that make sense ({other})"),
            };
            TensorError::shape("max_pool2d", expected, self.shape())
        })?;
        let mut y = Tensor::for_overwrite([s.n, s.out_h(), s.out_w(), s.c])?;
        max_pool2d::forward(isa, &s, self.value().data(), y.data_mut());
        let x = self.value().clone();
        Ok(self.tape.record(y, [self], move |dy, _| {
            let mut dx = Tensor::for_overwrite(*x.shape())?;
            max_pool2d::backward(isa, &s, x.data(), dy.data(), dx.data_mut());
            Ok([Some(dx)])
        }))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ops::testing::numbers;
    use crate::{Tape, gradcheck::Gradcheck};

    #[test]
    fn gradients_are_slopes() {
        // The numbers are 1/100 apart, so that a step must be less.
        let check = Gradcheck { step: 1.0 / 512.0, ..Gradcheck::default() };
        for (stride, padding) in [([2, 2], Padding::Valid), ([1, 2], Padding::Same), ([1, 1], Padding::Valid)]
        {
            let options = MaxPool2dOptions { pool: [2, 2], stride, padding };
            check.check(&[numbers([2, 5, 5, 2])], |v| v[0].max_pool2d(options)).unwrap();
        }
    }

    #[test]
    fn shapes_that_do_not_fit_are_errors() {
        let options = MaxPool2dOptions { pool: [2, 2], stride: [2, 2], padding: Padding::Valid };
        let tape = Tape::new();
        let error = |shape: &[usize]| {
            tape.constant(Tensor::zeros(shape)).max_pool2d(options).unwrap_err().to_string()
        };
        assert!(error(&[2, 1, 5, 3]).contains("at least 2 by 2"));
        assert!(error(&[2, 5]).contains("(n, height, width, channels), got (2, 5)"));
    }
}
