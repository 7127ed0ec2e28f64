//! Bounds for gradients.
//!
//! | | what it does to the gradients | |
//! |---|---|---|
//! | `clipnorm = c` | of each weight by itself: `g · c / max(‖g‖, c)` | a long one is shortened to c |
//! | `global_clipnorm = c` | of all together: `g · c · min(1/‖all‖, 1/c)` | shortened, their direction kept |
//! | `clipvalue = c` | each number into [−c, c] | the direction changes |
//!
//! What is not a number stays visible. A NaN makes the whole gradient NaN by the first formula, an infinity becomes NaN
//! itself (`∞/∞`) while the finite numbers beside it become 0; by the second, either makes all gradients NaN. By the
//! third a NaN stays, and an infinity becomes the bound. All this as in Keras. Formulas: `_clip_gradients` and
//! `clip_by_global_norm` in `keras/src/optimizers/base_optimizer.py`, `tf.clip_by_norm` (Keras 3.15.1).

use graft_kernels::{Isa, elementwise};
use graft_tensor::Tensor;
use rayon::prelude::*;
use serde::{Deserialize, Serialize};

use crate::{NnError, Result, WeightId};

/// A bound for gradients; see the top of this file for the formulas.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Clipping {
    /// The longest that the gradient of one weight (a kernel, a bias) may be.
    Clipnorm(f32),
    /// The largest that one number may be.
    Clipvalue(f32),
    /// The longest that all gradients together may be.
    GlobalClipnorm(f32),
}

impl Clipping {
    /// From Keras's three options, of which one may be set.
    ///
    /// # Errors
    /// If more are, or if the one is not above 0.
    ///
    /// ```
    /// # use graft_nn::optimizers::Clipping;
    /// assert_eq!(Clipping::from_options(Some(1.0), None, None)?, Some(Clipping::Clipnorm(1.0)));
    /// assert!(Clipping::from_options(Some(1.0), Some(0.5), None).is_err());
    /// # Ok::<(), graft_nn::NnError>(())
    /// ```
    pub fn from_options(
        clipnorm: Option<f32>,
        clipvalue: Option<f32>,
        global_clipnorm: Option<f32>,
    ) -> Result<Option<Self>> {
        let all = [
            clipnorm.map(Self::Clipnorm),
            clipvalue.map(Self::Clipvalue),
            global_clipnorm.map(Self::GlobalClipnorm),
        ];
        let set: Vec<_> = all.into_iter().flatten().collect();
        match set[..] {
            [] => Ok(None),
            [one] => one.check().map(|()| Some(one)),
            _ => {
                let names: Vec<_> = set.iter().map(|c| c.parts().0).collect();
                let expected = "set alone (one of clipnorm, clipvalue, global_clipnorm)";
                Err(NnError::argument(set[0].parts().0, expected, names.join(" and ")))
            }
        }
    }

    /// An error unless the bound is a number above 0.
    pub(super) fn check(self) -> Result<()> {
        match self.parts() {
            (_, bound) if bound.is_finite() && bound > 0.0 => Ok(()),
            (name, bound) => Err(NnError::argument(name, "above 0", bound)),
        }
    }

    /// Name and bound.
    fn parts(self) -> (&'static str, f32) {
        match self {
            Self::Clipnorm(c) => ("clipnorm", c),
            Self::Clipvalue(c) => ("clipvalue", c),
            Self::GlobalClipnorm(c) => ("global_clipnorm", c),
        }
    }

    /// Applies the bound.
    pub(super) fn apply(self, isa: Isa, gradients: &mut [(WeightId, Tensor)]) {
        match self {
            Self::Clipnorm(c) => gradients.iter_mut().for_each(|(_, g)| by_norm(isa, c, g.data_mut())),
            Self::Clipvalue(c) => gradients.iter_mut().for_each(|(_, g)| by_value(isa, c, g.data_mut())),
            Self::GlobalClipnorm(c) => {
                let squares = gradients.iter().map(|(_, g)| elementwise::sum_of_squares(isa, g.data()));
                let norm = squares.sum::<f64>().sqrt() as f32;
                // Keras gets its NaN by adding `norm − norm`.
                let scale = if norm.is_finite() { c * (1.0 / norm).min(1.0 / c) } else { f32::NAN };
                gradients.iter_mut().for_each(|(_, g)| elementwise::scale(isa, scale, g.data_mut()));
            }
        }
    }
}

fn by_norm(isa: Isa, c: f32, g: &mut [f32]) {
    let norm = elementwise::sum_of_squares(isa, g).sqrt() as f32;
    let divisor = if norm <= c { c } else { norm }; // a NaN divides
    g.par_chunks_mut(elementwise::BLOCK).for_each(|g| {
        isa.vectorize(
            #[inline(always)]
            || g.iter_mut().for_each(|g| *g = *g * c / divisor),
        );
    });
}

fn by_value(isa: Isa, c: f32, g: &mut [f32]) {
    g.par_chunks_mut(elementwise::BLOCK).for_each(|g| {
        isa.vectorize(
            #[inline(always)]
            || g.iter_mut().for_each(|g| *g = g.clamp(-c, c)), // a NaN stays
        );
    });
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What `clipnorm = 1` makes of a gradient.
    fn clipped(g: [f32; 3]) -> [f32; 3] {
        let mut g = g;
        by_norm(Isa::best(), 1.0, &mut g);
        g
    }

    #[test]
    fn a_gradient_that_is_no_number_does_not_pass_for_one() {
        assert!(clipped([1.0, f32::NAN, 2.0]).iter().all(|g| g.is_nan()));
        let [a, infinite, b] = clipped([1.0, f32::INFINITY, 2.0]);
        assert!(a == 0.0 && infinite.is_nan() && b == 0.0);
        assert_eq!(clipped([0.0, 3.0, 4.0]), [0.0, 0.6, 0.8]);
    }
}
