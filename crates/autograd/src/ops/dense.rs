//! y = x·w + bias, and then ReLU if asked.

use graft_kernels::dense::{self, DenseShape};
use graft_tensor::{Result, Stored, Tensor, TensorError};

use super::relu::back_through_relu;
use super::{keep, or_absent};
use crate::Var;

impl<'t> Var<'t> {
    /// The product `(n, inputs)` · `(inputs, outputs)` + `(outputs,)` → `(n, outputs)`, with negative sums made 0 if
    /// `relu`. A `w` that has its numbers in 16 bits beside it ([`Tensor::with_stored`]) is read in these, unless a gradient
    /// is wanted.
    ///
    /// # Errors
    /// [`TensorError::Shape`] if the shapes do not fit one another.
    pub fn dense(&self, w: &Var<'t>, bias: Option<&Var<'t>>, relu: bool) -> Result<Var<'t>> {
        let isa = self.tape.isa();
        let s = shape(self, w, bias)?;
        let b = or_absent(self.tape, bias);
        let mut y = Tensor::for_overwrite([s.batch, s.outputs])?;
        let (x_, w_, b_) = (self.value().data(), w.value().data(), bias.map(|b| b.value().data()));
        let needs_gradient = [self, w, &b].iter().any(|v| v.needs_gradient());
        match w.value().stored().and_then(Stored::narrow) {
            Some(w) if !needs_gradient => dense::forward_narrow(isa, &s, x_, w, b_, relu, y.data_mut()),
            _ => dense::forward(isa, &s, x_, w_, b_, relu, y.data_mut()),
        }

        let (x_kept, w_kept, y_kept) = (keep(self, w), keep(w, self), relu.then(|| y.clone()));
        Ok(self.tape.record(y, [self, w, &b], move |dy, [_, _, bias_wanted]| {
            let dy = back_through_relu(isa, y_kept, dy);
            let mut gradients = [None, None, None];
            if let Some(x) = x_kept {
                let dw = gradients[1].insert(Tensor::for_overwrite([s.inputs, s.outputs])?);
                dense::backward_weights(isa, &s, x.data(), dy.data(), dw.data_mut());
            }
            if bias_wanted {
                let db = gradients[2].insert(Tensor::for_overwrite([s.outputs])?);
                dense::backward_bias(isa, &s, dy.data(), db.data_mut());
            }
            if let Some(w) = w_kept {
                let dx = gradients[0].insert(Tensor::for_overwrite([s.batch, s.inputs])?);
                dense::backward_input(isa, &s, w.data(), dy.data(), dx.data_mut());
            }
            Ok(gradients)
        }))
    }
}

fn shape(x: &Var<'_>, w: &Var<'_>, bias: Option<&Var<'_>>) -> Result<DenseShape> {
    let [inputs, outputs] = **w.shape() else {
        return Err(TensorError::shape("dense", "a kernel (inputs, outputs)", w.shape()));
    };
    match **x.shape() {
        [batch, n] if n == inputs => match bias {
            Some(b) if *b.shape() != [outputs] => {
                Err(TensorError::shape("dense", format!("a bias of shape ({outputs},)"), b.shape()))
            }
            _ => Ok(DenseShape { batch, inputs, outputs }),
        },
        _ => Err(TensorError::shape("dense", format!("an input (n, {inputs})"), x.shape())),
    }
}

#[cfg(test)]
mod tests {
    use graft_tensor::DType;

    use super::*;
    use crate::ops::testing::numbers;
    use crate::{Tape, gradcheck};

    #[test]
    fn weights_in_16_bits_are_for_answers_alone() {
        let (tape, x) = (Tape::new(), numbers([3, 5]));
        let w = numbers([5, 4]).with_stored(DType::Bf16).unwrap();
        let rounded = w.stored().unwrap().to_tensor().unwrap();
        let y = |w: Var<'_>| tape.constant(x.clone()).dense(&w, None, false).unwrap().value().clone();
        let y = [&w, &rounded].map(|w| [tape.constant(w.clone()), tape.leaf(w.clone())].map(y));
        assert_eq!(y[0][0].data(), y[1][0].data(), "the rounded weights are used");
        assert_ne!(y[0][1].data(), y[1][1].data(), "a weight in training keeps its digits");
    }

    #[test]
    fn gradients_are_slopes() {
        let [x, w, b] = [numbers([3, 5]), numbers([5, 4]), numbers([4])];
        gradcheck(&[x.clone(), w.clone(), b], |v| v[0].dense(&v[1], Some(&v[2]), false)).unwrap();
        gradcheck(&[x, w], |v| v[0].dense(&v[1], None, false)).unwrap();
    }

    #[test]
    fn relu_fused_is_relu_after() {
        let [x, w, b] = [numbers([3, 5]), numbers([5, 4]), numbers([4])];
        let run = |relu| {
            let tape = Tape::new();
            let v = [&x, &w, &b].map(|t| tape.leaf(t.clone()));
            let y = v[0].dense(&v[1], Some(&v[2]), relu).unwrap();
            let y = if relu { y } else { y.relu().unwrap() };
            let loss = y.mul(&y).unwrap().sum().unwrap();
            let mut gradients = tape.backward(&loss).unwrap();
            (y.value().clone(), v.each_ref().map(|v| gradients.take(v).unwrap()))
        };
        assert_eq!(run(true), run(false));
        assert!(run(true).0.data().contains(&0.0));
    }

    #[test]
    fn shapes_that_do_not_fit_are_errors() {
        let tape = Tape::new();
        let zeros = |shape: &[usize]| tape.constant(Tensor::zeros(shape));
        for (x, w, b, says) in [
            (&[2, 7, 7, 5][..], &[5, 4][..], 4, "expected an input (n, 5), got (2, 7, 7, 5)"),
            (&[2, 6], &[5, 4], 4, "expected an input (n, 5), got (2, 6)"),
            (&[2, 5], &[5], 4, "a kernel (inputs, outputs), got (5,)"),
            (&[2, 5], &[5, 4], 3, "a bias of shape (4,), got (3,)"),
        ] {
            let error = zeros(x).dense(&zeros(w), Some(&zeros(&[b])), false).unwrap_err().to_string();
            assert!(error.contains(says), "{error}");
        }
    }
}
