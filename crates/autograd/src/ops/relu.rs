//! y = max(0, x); back through it goes what belongs to the active units.

use graft_kernels::{Isa, relu};
use graft_tensor::{Result, Tensor};

use crate::Var;

impl<'t> Var<'t> {
    /// `max(0, x)`, of any shape; NaN stays NaN.
    ///
    /// # Errors
    /// If there is no room for the result.
    pub fn relu(&self) -> Result<Var<'t>> {
        let isa = self.tape.isa();
        let mut y = Tensor::for_overwrite(*self.shape())?;
        relu::forward(isa, self.value().data(), y.data_mut());
        let kept = y.clone();
        Ok(self.tape.record(y, [self], move |dy, _| Ok([Some(back_through_relu(isa, Some(kept), dy))])))
    }
}

/// The gradient before a ReLU of output `y`, from the one after it; without a `y` there was none.
///
/// It is changed in place: whoever else holds `dy` keeps the old one.
pub(super) fn back_through_relu(isa: Isa, y: Option<Tensor>, mut dy: Tensor) -> Tensor {
    if let Some(y) = y {
        relu::backward_in_place(isa, y.data(), dy.data_mut());
    }
    dy
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ops::testing::numbers;
    use crate::{Tape, gradcheck};

    #[test]
    fn gradients_are_slopes() {
        gradcheck(&[numbers([3, 7])], |v| v[0].relu()).unwrap();
    }

    #[test]
    fn nan_passes_both_ways() {
        let tape = Tape::new();
        let x = tape.leaf(Tensor::new([3], &[f32::NAN, -1.0, 2.0]).unwrap());
        let y = x.relu().unwrap();
        assert!(y.value().data()[0].is_nan());
        let loss = y.sum().unwrap();
        assert!(loss.value().data()[0].is_nan());
        assert_eq!(tape.backward(&loss).unwrap().get(&x).unwrap().data(), [1.0, 0.0, 1.0]);
    }
}
