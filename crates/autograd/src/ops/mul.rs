//! y = a · b, number by number.

use graft_tensor::{Result, Tensor};

use super::{keep, same_shape};
use crate::Var;

impl<'t> Var<'t> {
    /// The product, number by number, of two values of one shape.
    ///
    /// # Errors
    /// [`graft_tensor::TensorError::Shape`] if the shapes differ.
    pub fn mul(&self, other: &Var<'t>) -> Result<Var<'t>> {
        same_shape("mul", self, other)?;
        let y = product(self.value(), other.value());
        let (a, b) = (keep(self, other), keep(other, self));
        Ok(self.tape.record(y, [self, other], move |dy, _| {
            Ok([b.map(|b| product(&dy, &b)), a.map(|a| product(&dy, &a))])
        }))
    }
}

fn product(a: &Tensor, b: &Tensor) -> Tensor {
    let mut y = a.clone();
    y.data_mut().iter_mut().zip(b.data()).for_each(|(y, b)| *y *= b);
    y
}

#[cfg(test)]
mod tests {
    use crate::gradcheck;
    use crate::ops::testing::numbers;

    #[test]
    fn gradients_are_slopes() {
        gradcheck(&[numbers([2, 3]), numbers([2, 3])], |v| v[0].mul(&v[1])).unwrap();
        gradcheck(&[numbers([2, 3])], |v| v[0].mul(&v[0])?.mul(&v[0])).unwrap();
    }
}
