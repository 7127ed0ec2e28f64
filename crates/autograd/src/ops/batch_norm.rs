//! y = γ·(x − μ) / √(σ² + ε) + β, channel by channel: with the batch's own μ and σ², which x takes part in, or with
//! given ones.

use graft_kernels::batch_norm::{self, BatchNormShape};
use graft_tensor::{Result, Tensor, TensorError};

use crate::Var;

impl<'t> Var<'t> {
    /// Normalises each channel of `(…, channels)` by its mean and variance over all rows of this batch, and gives these
    /// two as well; `gamma`, `beta`: (channels,). The variance is divided by the number of rows.
    ///
    /// # Errors
    /// [`TensorError::Shape`] if the shapes do not fit one another.
    pub fn batch_norm(
        &self,
        gamma: &Var<'t>,
        beta: &Var<'t>,
        epsilon: f32,
    ) -> Result<(Var<'t>, Tensor, Tensor)> {
        let isa = self.tape.isa();
        let s = shape(self, [gamma.value(), beta.value()], epsilon)?;
        let mut y = Tensor::for_overwrite(*self.shape())?;
        let [mut mean, mut variance] = [Tensor::for_overwrite([s.c])?, Tensor::for_overwrite([s.c])?];
        let (x, g, b) = (self.value().clone(), gamma.value().clone(), beta.value());
        let statistics = [mean.data_mut(), variance.data_mut()];
        batch_norm::forward_training(isa, &s, x.data(), g.data(), b.data(), y.data_mut(), statistics);
        let kept = [mean.clone(), variance.clone()];
        let y = self.tape.record(y, [self, gamma, beta], move |dy, _| {
            let mut dx = Tensor::for_overwrite(*x.shape())?;
            let [mut dg, mut db] = [Tensor::for_overwrite([s.c])?, Tensor::for_overwrite([s.c])?];
            let (statistics, parameters) =
                (kept.each_ref().map(Tensor::data), [dg.data_mut(), db.data_mut()]);
            let (x, g, dy) = (x.data(), g.data(), dy.data());
            batch_norm::backward_training(isa, &s, x, g, statistics, dy, dx.data_mut(), parameters);
            Ok([Some(dx), Some(dg), Some(db)])
        });
        Ok((y, mean, variance))
    }

    /// Normalises each channel of `(…, channels)` by a given mean and variance, which are constants: how a trained or a
    /// frozen layer runs.
    ///
    /// # Errors
    /// [`TensorError::Shape`] if the shapes do not fit one another.
    pub fn normalize(
        &self,
        gamma: &Var<'t>,
        beta: &Var<'t>,
        mean: &Tensor,
        variance: &Tensor,
        epsilon: f32,
    ) -> Result<Var<'t>> {
        let isa = self.tape.isa();
        let s = shape(self, [gamma.value(), beta.value(), mean, variance], epsilon)?;
        let mut y = Tensor::for_overwrite(*self.shape())?;
        let (x, g, b) = (self.value(), gamma.value(), beta.value());
        let statistics = [mean.data(), variance.data()];
        batch_norm::forward_inference(isa, &s, x.data(), g.data(), b.data(), statistics, y.data_mut());

        // Frozen, γ and β ask for no gradient, and the way back to x does not need x: this layer then keeps no map.
        let x_kept = (gamma.needs_gradient() || beta.needs_gradient()).then(|| x.clone());
        let (g, mean, variance) = (g.clone(), mean.clone(), variance.clone());
        Ok(self.tape.record(y, [self, gamma, beta], move |dy, [x_wanted, ..]| {
            let mut gradients = [None, None, None];
            if x_wanted {
                let dx = gradients[0].insert(Tensor::for_overwrite(*dy.shape())?);
                batch_norm::backward_inference(isa, &s, g.data(), variance.data(), dy.data(), dx.data_mut());
            }
            if let Some(x) = x_kept {
                let [mut dg, mut db] = [Tensor::for_overwrite([s.c])?, Tensor::for_overwrite([s.c])?];
                let (statistics, parameters) =
                    ([mean.data(), variance.data()], [dg.data_mut(), db.data_mut()]);
                batch_norm::backward_parameters(isa, &s, x.data(), statistics, dy.data(), parameters);
                (gradients[1], gradients[2]) = (Some(dg), Some(db));
            }
            Ok(gradients)
        }))
    }
}

fn shape<const N: usize>(x: &Var<'_>, vectors: [&Tensor; N], epsilon: f32) -> Result<BatchNormShape> {
    let [ref rows @ .., c] = **x.shape() else {
        return Err(TensorError::shape("batch_norm", "(…, channels)", x.shape()));
    };
    if let Some(odd) = vectors.into_iter().find(|v| *v.shape() != [c]) {
        return Err(TensorError::shape("batch_norm", format!("one number a channel, ({c},)"), odd.shape()));
    }
    Ok(BatchNormShape { rows: rows.iter().product(), c, epsilon })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ops::testing::numbers;
    use crate::{Tape, gradcheck};

    const EPSILON: f32 = 0.05;

    #[test]
    fn gradients_are_slopes() {
        let inputs = [numbers([3, 2, 2, 3]), numbers([3]), numbers([3])];
        gradcheck(&inputs, |v| Ok(v[0].batch_norm(&v[1], &v[2], EPSILON)?.0)).unwrap();
        let (mean, variance) = (numbers([3]), Tensor::new([3], &[0.5, 1.0, 2.0]).unwrap());
        gradcheck(&inputs, |v| v[0].normalize(&v[1], &v[2], &mean, &variance, EPSILON)).unwrap();
    }

    /// What is kept for the way back shares its numbers with x: writing to x has to copy them first.
    #[test]
    fn a_frozen_layer_passes_the_gradient_on_without_keeping_its_input() {
        let (mean, variance) = (numbers([3]), Tensor::new([3], &[0.5, 1.0, 2.0]).unwrap());
        let run = |frozen: bool| {
            let tape = Tape::new();
            let place = |t: Tensor| if frozen { tape.constant(t) } else { tape.leaf(t) };
            let (gamma, beta) = (place(numbers([3])), place(numbers([3])));
            let x = tape.leaf(numbers([3, 2, 2, 3]));
            let y = x.normalize(&gamma, &beta, &mean, &variance, EPSILON).unwrap();
            let gradient = tape.backward(&y.mul(&y).unwrap().sum().unwrap()).unwrap().take(&x).unwrap();

            let _recorded = x.normalize(&gamma, &beta, &mean, &variance, EPSILON).unwrap();
            let mut x = x.into_value();
            let place = x.data().as_ptr();
            (gradient, x.data_mut().as_ptr() != place)
        };
        let ((frozen, kept_frozen), (trained, kept_trained)) = (run(true), run(false));
        assert!(!kept_frozen, "a map is kept that nobody asks for");
        assert!(kept_trained, "x is needed for the gradient of γ");
        assert_eq!(frozen, trained);
    }

    #[test]
    fn shapes_that_do_not_fit_are_errors() {
        let tape = Tape::new();
        let zeros = |n: usize| tape.constant(Tensor::zeros([n]));
        let x = tape.constant(Tensor::zeros([4, 3]));
        assert!(x.batch_norm(&zeros(3), &zeros(2), EPSILON).is_err());
        let (mean, variance) = (Tensor::zeros([3]), Tensor::zeros([1]));
        let error = x.normalize(&zeros(3), &zeros(3), &mean, &variance, EPSILON).unwrap_err();
        assert_eq!(error.to_string(), "batch_norm: expected one number a channel, (3,), got (1,)");
    }
}
