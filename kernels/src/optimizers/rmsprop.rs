//! RMSprop: the gradient over the root of the running mean of its square.
//!
//! ```text
//! v ← ρv + (1 − ρ)g²
//! centered:   a ← ρa + (1 − ρ)g,    d = v − a² + ε    (the variance instead of the mean square)
//! otherwise:  d = v + ε
//! plain       w ← w − ηg/√d
//! momentum    m ← μm + ηg/√d,    w ← w − m
//! ```
//!
//! ε stands inside the root, as in TensorFlow; PyTorch adds it to the root.
//!
//! Source: T. Tieleman, G. Hinton, *Neural networks for machine learning*, lecture 6.5, 2012; the centred form is that
//! of A. Graves, *Generating sequences with recurrent neural networks*, 2013, equations 38 to 45.

use super::{remembered, square};
use crate::Isa;
use crate::elementwise::BLOCK;
use crate::parallel::with_scratch;
use rayon::iter::Either;
use rayon::prelude::*;

/// `keras.optimizers.RMSprop`.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct RmsProp {
    /// ρ: the decay of the running means.
    pub rho: f64,
    /// μ: how much of the last step is taken again; 0 turns it off.
    pub momentum: f64,
    /// ε: keeps the division finite.
    pub epsilon: f64,
    /// Whether to divide by the standard deviation of the gradient instead of the root of its mean square.
    pub centered: bool,
}

impl Default for RmsProp {
    fn default() -> Self {
        Self { rho: 0.9, momentum: 0.0, epsilon: 1e-7, centered: false }
    }
}

impl RmsProp {
    /// Updates `w`, and `v`, `m` and `a`, of which the last two may be empty where they are not used.
    ///
    /// ```
    /// use graft_kernels::{Isa, optimizers::RmsProp};
    /// let (mut w, mut v) = ([1.0], [0.0]);
    /// RmsProp::default().step(Isa::best(), 0.1, &mut w, &[3.0], [&mut v, &mut [], &mut []]);
    /// assert!((w[0] - (1.0 - 0.1 / 0.1f32.sqrt())).abs() < 1e-6);
    /// ```
    ///
    /// # Panics
    /// If the lengths differ.
    pub fn step(&self, isa: Isa, learning_rate: f32, w: &mut [f32], g: &[f32], [v, m, a]: [&mut [f32]; 3]) {
        super::check("RMSprop", w.len(), g, &[(v, true), (m, self.momentum > 0.0), (a, self.centered)]);
        let (rho, to_mean, epsilon) = (self.rho as f32, (1.0 - self.rho) as f32, self.epsilon as f32);
        let (eta, mu) = (learning_rate, self.momentum as f32);
        let blocks = w.par_chunks_mut(BLOCK).zip(g.par_chunks(BLOCK)).zip(v.par_chunks_mut(BLOCK));
        let (m, a) =
            (blocks_if(self.momentum > 0.0, m, blocks.len()), blocks_if(self.centered, a, blocks.len()));
        blocks.zip(m).zip(a).for_each(|((((w, g), v), m), a)| {
            let step = |step: &mut [f32]| {
                isa.vectorize(
                    #[inline(always)]
                    || {
                        for ((s, v), &g) in step.iter_mut().zip(v).zip(g) {
                            *v = remembered(rho * *v + to_mean * square(g));
                            *s = *v;
                        }
                        for ((s, a), &g) in step.iter_mut().zip(a).zip(g) {
                            *a = remembered(rho * *a + to_mean * g);
                            *s -= square(*a);
                        }
                        for (s, &g) in step.iter_mut().zip(g) {
                            *s = eta * g / (*s + epsilon).sqrt();
                        }
                        for (s, m) in step.iter_mut().zip(m) {
                            *m = remembered(mu * *m + *s);
                            *s = *m;
                        }
                        for (w, s) in w.iter_mut().zip(step) {
                            *w -= *s;
                        }
                    },
                );
            };
            with_scratch(g.len(), step);
        });
    }
}

/// The blocks of a slot, or as many empty ones if it is not used: a loop over one of those does nothing.
fn blocks_if(used: bool, slot: &mut [f32], blocks: usize) -> impl IndexedParallelIterator<Item = &mut [f32]> {
    match used {
        true => Either::Left(slot.par_chunks_mut(BLOCK)),
        false => Either::Right((0..blocks).into_par_iter().map(|_| Default::default())),
    }
}
