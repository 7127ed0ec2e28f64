//! Adam: each weight has a step size of its own, from running means of its gradient and of the gradient's square.
//!
//! ```text
//! m ← m + (g − m)·(1 − β₁)
//! v ← v + (g² − v)·(1 − β₂)
//! α = η·√(1 − β₂ᵗ) / (1 − β₁ᵗ)
//! w ← w − m·α / (√v + ε)
//! ```
//!
//! α undoes the bias of means that started from 0. Since it is taken out of the root, ε is added to the *uncorrected*
//! √v: the paper's "ε hat", which in the first steps is up to 30 times the ε of PyTorch.
//!
//! Source: D. Kingma, J. Ba, *Adam: a method for stochastic optimization*, ICLR 2015, end of section 2.

use super::{remembered, square};
use crate::Isa;
use crate::elementwise::BLOCK;
use rayon::prelude::*;

/// `keras.optimizers.Adam`.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Adam {
    /// β₁: the decay of the mean of gradients.
    pub beta_1: f64,
    /// β₂: the decay of the mean of their squares.
    pub beta_2: f64,
    /// ε: keeps the division finite.
    pub epsilon: f64,
}

impl Default for Adam {
    fn default() -> Self {
        Self { beta_1: 0.9, beta_2: 0.999, epsilon: 1e-7 }
    }
}

impl Adam {
    /// Step number `t`, counted from 1: updates `w`, `m` and `v`.
    ///
    /// ```
    /// use graft_kernels::{Isa, optimizers::Adam};
    /// let (mut w, mut m, mut v) = ([1.0], [0.0], [0.0]);
    /// Adam::default().step(Isa::best(), 1, 0.001, &mut w, &[0.1], [&mut m, &mut v]);
    /// assert_eq!(w, [0.999]); // the first step is η, whatever the gradient
    /// ```
    ///
    /// # Panics
    /// If the lengths differ.
    pub fn step(
        &self,
        isa: Isa,
        t: u64,
        learning_rate: f32,
        w: &mut [f32],
        g: &[f32],
        slots: [&mut [f32]; 2],
    ) {
        self.step_after(
            isa,
            t,
            learning_rate,
            w,
            g,
            slots,
            #[inline(always)]
            |w| w,
        );
    }

    /// The step, from what `before` makes of each weight.
    #[expect(clippy::too_many_arguments, reason = "those of `step`, which AdamW adds one to")]
    pub(super) fn step_after(
        &self,
        isa: Isa,
        t: u64,
        learning_rate: f32,
        w: &mut [f32],
        g: &[f32],
        [m, v]: [&mut [f32]; 2],
        before: impl Fn(f32) -> f32 + Sync,
    ) {
        super::check("Adam", w.len(), g, &[(m, true), (v, true)]);
        let alpha = learning_rate * (1.0 - power(self.beta_2, t)).sqrt() / (1.0 - power(self.beta_1, t));
        let (to_m, to_v) = ((1.0 - self.beta_1) as f32, (1.0 - self.beta_2) as f32);
        let epsilon = self.epsilon as f32;
        let blocks = w.par_chunks_mut(BLOCK).zip(g.par_chunks(BLOCK));
        let blocks = blocks.zip(m.par_chunks_mut(BLOCK)).zip(v.par_chunks_mut(BLOCK));
        blocks.for_each(|(((w, g), m), v)| {
            isa.vectorize(
                #[inline(always)]
                || {
                    for (((w, &g), m), v) in w.iter_mut().zip(g).zip(m).zip(v) {
                        *m = remembered(*m + (g - *m) * to_m);
                        *v = remembered(*v + (square(g) - *v) * to_v);
                        *w = before(*w) - *m * alpha / (v.sqrt() + epsilon);
                    }
                },
            );
        });
    }
}

/// βᵗ of the β that f32 holds, rounded once.
fn power(beta: f64, t: u64) -> f32 {
    f64::from(beta as f32).powi(t.try_into().unwrap_or(i32::MAX)) as f32
}
