//! y = a + b, number by number.

use graft_kernels::elementwise;
use graft_tensor::Result;

use super::same_shape;
use crate::Var;

impl<'t> Var<'t> {
    /// The sum of two values of one shape.
    ///
    /// # Errors
    /// [`graft_tensor::TensorError::Shape`] if the shapes differ.
    pub fn add(&self, other: &Var<'t>) -> Result<Var<'t>> {
        same_shape("add", self, other)?;
        let mut y = self.value().clone();
        elementwise::add(self.tape.isa(), other.value().data(), y.data_mut());
        Ok(self.tape.record(y, [self, other], |dy, [a, b]| Ok([a.then(|| dy.clone()), b.then_some(dy)])))
    }
}

#[cfg(test)]
mod tests {
    use crate::ops::testing::numbers;
    use crate::{Tape, gradcheck};

    #[test]
    fn gradients_are_slopes() {
        gradcheck(&[numbers([2, 3]), numbers([2, 3])], |v| v[0].add(&v[1])).unwrap();
        gradcheck(&[numbers([2, 3])], |v| v[0].add(&v[0])).unwrap();
    }

    #[test]
    fn shapes_must_agree() {
        let tape = Tape::new();
        let [a, b] = [tape.constant(numbers([2, 3])), tape.constant(numbers([3, 2]))];
        assert!(a.add(&b).is_err() && a.mul(&b).is_err());
    }
}
