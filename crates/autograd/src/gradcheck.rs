//! Is a backward pass right? The definition of the derivative knows.
//!
//! For one number `x_i` of an input, the slope of the loss between `x_i − h` and `x_i + h` is
//!
//! ```text
//! (L(x_i + h) − L(x_i − h)) / 2h  =  ∂L/∂x_i + h²/6 · ∂³L/∂x_i³ + rounding / h
//! ```
//!
//! and must be what the tape says. Forward passes are in f32, so `h` must not be small: at `h = 2⁻⁵` the rounding of
//! values around 1 costs some 10⁻⁶, and the term in h² is removed by Richardson's extrapolation, `(4·D(h/2) − D(h))/3`,
//! which leaves one in h⁴. What remains is far below the [tolerance](Gradcheck::tolerance), and a wrong rule, a forgotten
//! factor or a swapped index, is far above it.
//!
//! An output of many numbers is made one by a fixed random direction, `L = Σ rⱼ·yⱼ`, added up in f64.
//!
//! Where a function has a kink (ReLU at 0, two equal maxima) there is no slope to compare with: choose inputs that stay
//! further than `h` from it.

use graft_kernels::random::{Purpose, Stream};
use graft_tensor::{Result, Tensor, TensorError};

use crate::{Tape, Var};

/// What [`gradcheck`] compares with what.
#[derive(Debug, Clone, Copy)]
pub struct Gradcheck {
    /// h, the step on either side.
    pub step: f32,
    /// The greatest difference allowed, as a part of the input's largest gradient (or of 1, if that is more).
    pub tolerance: f64,
}

impl Default for Gradcheck {
    fn default() -> Self {
        Self { step: 1.0 / 32.0, tolerance: 5e-4 }
    }
}

/// A gradient that is not the slope, or could not be computed.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum GradcheckError {
    /// The tape and the definition disagree.
    #[error(
        "input {input}, number {index}: backward says {backward}, the slope is {slope} (a difference of {difference:e} \
         where {allowed:e} is allowed)"
    )]
    Mismatch {
        /// Which input.
        input: usize,
        /// Which of its numbers, in C order.
        index: usize,
        /// The gradient from the tape.
        backward: f64,
        /// The slope by finite differences.
        slope: f64,
        /// How far apart they are.
        difference: f64,
        /// How far apart they may be.
        allowed: f64,
    },
    /// An operation failed.
    #[error(transparent)]
    Tensor(#[from] TensorError),
}

/// Checks every gradient of `f` at `inputs`, with the default step and tolerance.
///
/// ```
/// use graft_autograd::gradcheck;
/// use graft_tensor::Tensor;
/// let x = Tensor::new([3], &[0.5, -1.0, 2.0])?;
/// gradcheck(&[x.clone(), x], |v| v[0].mul(&v[1])?.mul(&v[0]))?; // x²y
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// # Errors
/// [`GradcheckError::Mismatch`], telling the first number that is wrong.
pub fn gradcheck(
    inputs: &[Tensor],
    f: impl for<'t> Fn(&[Var<'t>]) -> Result<Var<'t>>,
) -> Result<(), GradcheckError> {
    Gradcheck::default().check(inputs, f)
}

impl Gradcheck {
    /// As [`gradcheck`], with this step and tolerance.
    ///
    /// # Errors
    /// As [`gradcheck`].
    pub fn check(
        self,
        inputs: &[Tensor],
        f: impl for<'t> Fn(&[Var<'t>]) -> Result<Var<'t>>,
    ) -> Result<(), GradcheckError> {
        let tape = Tape::new();
        let leaves: Vec<_> = inputs.iter().map(|x| tape.leaf(x.clone())).collect();
        let y = f(&leaves)?;
        let direction = direction(y.value());
        let loss = y.mul(&tape.constant(direction.clone()))?.sum()?;
        let gradients = tape.backward(&loss)?;

        let mut inputs = inputs.to_vec();
        for (input, leaf) in leaves.iter().enumerate() {
            let zeros = Tensor::zeros(*leaf.shape());
            let dx = gradients.get(leaf).unwrap_or(&zeros);
            let largest = dx.data().iter().fold(1.0, |m, &v| f64::from(v.abs()).max(m));
            let allowed = self.tolerance * largest;
            for (index, &backward) in dx.data().iter().enumerate() {
                let mut slope_at = |h| slope(&mut inputs, (input, index), h, &f, &direction);
                let slope = (4.0 * slope_at(self.step / 2.0)? - slope_at(self.step)?) / 3.0;
                let (backward, difference) = (f64::from(backward), (f64::from(backward) - slope).abs());
                if difference.is_nan() || difference > allowed {
                    return Err(GradcheckError::Mismatch {
                        input,
                        index,
                        backward,
                        slope,
                        difference,
                        allowed,
                    });
                }
            }
        }
        Ok(())
    }
}

/// A random direction for each number of `y`, between 1/2 and 3/2 so that none is overlooked.
fn direction(y: &Tensor) -> Tensor {
    let mut stream = Stream::new(0, Purpose::Data, 0, 0);
    Tensor::from_fn(*y.shape(), |_| {
        let size = stream.range(0.5, 1.5) as f32;
        if stream.uniform() < 0.5 { -size } else { size }
    })
}

/// (L(x + h) − L(x − h)) / 2h at one number of one input.
fn slope(
    inputs: &mut [Tensor],
    (input, index): (usize, usize),
    h: f32,
    f: &impl for<'t> Fn(&[Var<'t>]) -> Result<Var<'t>>,
    direction: &Tensor,
) -> Result<f64> {
    let x = inputs[input].data()[index];
    // The step that is really taken, after rounding.
    let (below, above) = (x - h, x + h);
    let mut loss_at = |x| {
        inputs[input].data_mut()[index] = x;
        let tape = Tape::new();
        let constants: Vec<_> = inputs.iter().map(|x| tape.constant(x.clone())).collect();
        let y = f(&constants)?;
        let terms = y.value().data().iter().zip(direction.data());
        Ok::<_, TensorError>(terms.map(|(&y, &r)| f64::from(y) * f64::from(r)).sum::<f64>())
    };
    let difference = loss_at(above)? - loss_at(below)?;
    inputs[input].data_mut()[index] = x;
    Ok(difference / (f64::from(above) - f64::from(below)))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// y = x², with a rule that a slip of the pen could have made.
    fn square<'t>(x: &Var<'t>, rule: impl Fn(f32, f32) -> f32 + 'static) -> Result<Var<'t>> {
        let kept = x.value().clone();
        let y = Tensor::from_fn(*x.shape(), |i| kept.data()[i].powi(2));
        Ok(x.tape.record(y, [x], move |dy, _| {
            Ok([Some(Tensor::from_fn(*dy.shape(), |i| rule(kept.data()[i], dy.data()[i])))])
        }))
    }

    #[test]
    fn a_right_rule_passes_and_wrong_ones_are_caught() {
        let x = [Tensor::new([4], &[0.5, -1.5, 0.25, 2.0]).unwrap()];
        gradcheck(&x, |v| square(&v[0], |x, dy| 2.0 * x * dy)).unwrap();
        for (mistake, rule) in [
            ("factor", (|x, dy| x * dy) as fn(f32, f32) -> f32),
            ("dy forgotten", |x, _| 2.0 * x),
            ("sign", |x, dy| -2.0 * x * dy),
            ("one in a thousand", |x, dy| 2.002 * x * dy),
            ("NaN", |_, _| f32::NAN),
        ] {
            let error = gradcheck(&x, |v| square(&v[0], rule)).expect_err(mistake);
            assert!(matches!(error, GradcheckError::Mismatch { input: 0, .. }), "{mistake}: {error}");
        }
    }

    #[test]
    fn the_wrong_number_is_named() {
        let x = Tensor::full([3], 1.0);
        let error = gradcheck(&[x.clone(), x], |v| {
            let kept = v[1].value().clone();
            let y = v[0].mul(&v[1])?;
            Ok(y.tape.record(y.value().clone(), [&v[0], &v[1]], move |dy, _| {
                let mut dx = dy.clone();
                dx.data_mut().iter_mut().zip(kept.data()).for_each(|(d, w)| *d *= w);
                let mut dw = dx.clone();
                dw.data_mut()[2] = 7.0;
                Ok([Some(dx), Some(dw)])
            }))
        })
        .unwrap_err();
        assert!(error.to_string().starts_with("input 1, number 2: backward says 7, the slope is"), "{error}");
    }
}
