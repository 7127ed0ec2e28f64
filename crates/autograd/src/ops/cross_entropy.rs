//! L = Σᵣ wᵣ·lᵣ / N with lᵣ = −Σⱼ tᵣⱼ·log pᵣⱼ: how far probabilities are from what they should be.
//!
//! The sum of the weighted losses is divided by the number of rows N, not by the sum of the weights, as Keras does.

use graft_kernels::{Isa, cross_entropy};
use graft_tensor::{Result, Shape, Tensor, TensorError};

use crate::Var;

impl<'t> Var<'t> {
    /// The mean cross-entropy of `softmax(self)`, from logits `(n, classes)` to `()`: the softmax and the logarithm
    /// taken as one function, exact where a probability would have been rounded to 0.
    ///
    /// `targets`: (n, classes), each row a distribution; `sample_weights`: (n), 1 where there are none.
    ///
    /// # Errors
    /// [`TensorError::Shape`] if the shapes do not fit one another.
    pub fn softmax_cross_entropy(
        &self,
        targets: &Tensor,
        sample_weights: Option<&Tensor>,
    ) -> Result<Var<'t>> {
        let rows = Rows::check("softmax_cross_entropy", self, targets, sample_weights)?;
        let mut probs = Tensor::for_overwrite(rows.shape)?;
        let mut losses = vec![0.0; rows.n];
        let (x, t) = (self.value().data(), targets.data());
        cross_entropy::forward(rows.isa, rows.n, rows.classes, x, t, probs.data_mut(), &mut losses);
        let (targets, loss) = (targets.clone(), rows.weighted_mean(&losses));
        Ok(self.tape.record(loss, [self], move |dy, _| {
            let mut dx = Tensor::for_overwrite(rows.shape)?;
            let (p, t, scale) = (probs.data(), targets.data(), rows.scales(dy.item()?));
            cross_entropy::backward(rows.isa, rows.n, rows.classes, p, t, &scale, dx.data_mut());
            Ok([Some(dx)])
        }))
    }

    /// The mean cross-entropy of outputs `(n, classes)` that are meant as probabilities: divided by their sum and kept
    /// 10⁻⁷ away from 0 and 1. Shapes as in [`Var::softmax_cross_entropy`], which is to be preferred after a softmax.
    ///
    /// # Errors
    /// [`TensorError::Shape`] if the shapes do not fit one another.
    pub fn categorical_cross_entropy(
        &self,
        targets: &Tensor,
        sample_weights: Option<&Tensor>,
    ) -> Result<Var<'t>> {
        let rows = Rows::check("categorical_cross_entropy", self, targets, sample_weights)?;
        let mut losses = vec![0.0; rows.n];
        let (x, t) = (self.value().data(), targets.data());
        cross_entropy::forward_probabilities(rows.isa, rows.n, rows.classes, x, t, &mut losses);
        let (outputs, targets, loss) = (self.value().clone(), targets.clone(), rows.weighted_mean(&losses));
        Ok(self.tape.record(loss, [self], move |dy, _| {
            let mut dx = Tensor::for_overwrite(rows.shape)?;
            let (o, t, scale) = (outputs.data(), targets.data(), rows.scales(dy.item()?));
            cross_entropy::backward_probabilities(
                rows.isa,
                rows.n,
                rows.classes,
                o,
                t,
                &scale,
                dx.data_mut(),
            );
            Ok([Some(dx)])
        }))
    }
}

/// What both forms share: the extents, and one weight a row.
struct Rows {
    isa: Isa,
    shape: Shape,
    n: usize,
    classes: usize,
    weights: Option<Tensor>,
}

impl Rows {
    fn check(op: &str, x: &Var<'_>, targets: &Tensor, weights: Option<&Tensor>) -> Result<Self> {
        let shape = *x.shape();
        let [n, classes] = *shape else { return Err(TensorError::shape(op, "(n, classes)", &shape)) };
        if *targets.shape() != shape {
            return Err(TensorError::shape(op, format!("targets of shape {shape}"), targets.shape()));
        }
        if let Some(w) = weights.filter(|w| *w.shape() != [n]) {
            return Err(TensorError::shape(op, format!("sample weights of shape ({n},)"), w.shape()));
        }
        Ok(Self { isa: x.tape.isa(), shape, n, classes, weights: weights.cloned() })
    }

    /// Σ w·l / N, added up in f64.
    fn weighted_mean(&self, losses: &[f32]) -> Tensor {
        let losses = losses.iter().map(|&l| f64::from(l));
        let sum: f64 = match &self.weights {
            None => losses.sum(),
            Some(w) => losses.zip(w.data()).map(|(l, &w)| l * f64::from(w)).sum(),
        };
        Tensor::scalar((sum / self.n as f64) as f32)
    }

    /// The gradient of each row's loss: dy·w / N.
    fn scales(&self, dy: f32) -> Vec<f32> {
        match &self.weights {
            None => vec![dy / self.n as f32; self.n],
            Some(w) => w.data().iter().map(|w| dy * w / self.n as f32).collect(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ops::testing::numbers;
    use crate::{Tape, gradcheck};

    fn targets() -> Tensor {
        Tensor::new([3, 4], &[0.0, 1.0, 0.0, 0.0, 0.1, 0.2, 0.3, 0.4, 0.0, 0.0, 0.0, 1.0]).unwrap()
    }

    #[test]
    fn gradients_are_slopes() {
        let (t, w) = (targets(), Tensor::new([3], &[1.0, 2.0, 0.5]).unwrap());
        for weights in [None, Some(&w)] {
            gradcheck(&[numbers([3, 4])], |v| v[0].softmax_cross_entropy(&t, weights)).unwrap();
            gradcheck(&[numbers([3, 4])], |v| v[0].softmax()?.categorical_cross_entropy(&t, weights))
                .unwrap();
            // Outputs that do not sum to one.
            let outputs = Tensor::from_fn([3, 4], |i| 0.4 + 0.1 * (i * 5 % 7) as f32);
            gradcheck(&[outputs], |v| v[0].categorical_cross_entropy(&t, weights)).unwrap();
        }
    }

    #[test]
    fn the_weighted_sum_is_divided_by_the_count() {
        let tape = Tape::new();
        let x = tape.leaf(Tensor::zeros([2, 2]));
        let t = Tensor::new([2, 2], &[1.0, 0.0, 0.0, 1.0]).unwrap();
        let w = Tensor::new([2], &[1.0, 3.0]).unwrap();
        let loss = x.softmax_cross_entropy(&t, Some(&w)).unwrap();
        assert!((loss.value().item().unwrap() - 2.0 * 2f32.ln()).abs() < 1e-6);
        assert_eq!(tape.backward(&loss).unwrap().get(&x).unwrap().data(), [-0.25, 0.25, 0.75, -0.75]);
    }

    #[test]
    fn logits_are_exact_where_probabilities_have_vanished() {
        let tape = Tape::new();
        let x = tape.constant(Tensor::new([1, 2], &[0.0, 200.0]).unwrap());
        let t = Tensor::new([1, 2], &[1.0, 0.0]).unwrap();
        assert_eq!(x.softmax_cross_entropy(&t, None).unwrap().value().item().unwrap(), 200.0);
        let clipped = x.softmax().unwrap().categorical_cross_entropy(&t, None).unwrap();
        assert!((clipped.value().item().unwrap() - 16.118).abs() < 1e-3);
    }

    #[test]
    fn shapes_that_do_not_fit_are_errors() {
        let tape = Tape::new();
        let x = tape.constant(numbers([3, 4]));
        assert!(x.softmax_cross_entropy(&Tensor::zeros([3, 5]), None).is_err());
        assert!(x.categorical_cross_entropy(&targets(), Some(&Tensor::zeros([4]))).is_err());
        assert!(tape.constant(numbers([4])).softmax_cross_entropy(&Tensor::zeros([4]), None).is_err());
    }
}
