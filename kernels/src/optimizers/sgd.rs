//! Gradient descent: down the slope, with momentum if asked.
//!
//! ```text
//! plain       w ← w − ηg
//! momentum    m ← μm − ηg,    w ← w + m
//! Nesterov    m ← μm − ηg,    w ← w + μm − ηg
//! ```
//!
//! The learning rate η stands inside the velocity `m` (in PyTorch, outside): a change of η takes effect gradually.
//!
//! Source: I. Sutskever et al., *On the importance of initialization and momentum in deep learning*, ICML 2013.

use super::remembered;
use crate::Isa;
use crate::elementwise::BLOCK;
use rayon::prelude::*;

/// `keras.optimizers.SGD`.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Sgd {
    /// μ: how much of the last step is taken again; 0 turns it off.
    pub momentum: f64,
    /// Whether the gradient counts as if taken where the momentum leads.
    pub nesterov: bool,
}

impl Default for Sgd {
    fn default() -> Self {
        Self { momentum: 0.0, nesterov: false }
    }
}

impl Sgd {
    /// Updates `w` and `m`; without momentum `m` is not touched, and may be empty.
    ///
    /// ```
    /// use graft_kernels::{Isa, optimizers::Sgd};
    /// let mut w = [1.0];
    /// Sgd::default().step(Isa::best(), 0.5, &mut w, &[2.0], [&mut []]);
    /// assert_eq!(w, [0.0]);
    /// ```
    ///
    /// # Panics
    /// If the lengths differ.
    pub fn step(&self, isa: Isa, learning_rate: f32, w: &mut [f32], g: &[f32], [m]: [&mut [f32]; 1]) {
        super::check("SGD", w.len(), g, &[(m, self.momentum != 0.0)]);
        let (eta, mu) = (learning_rate, self.momentum as f32);
        let blocks = w.par_chunks_mut(BLOCK).zip(g.par_chunks(BLOCK));
        if self.momentum == 0.0 {
            return blocks.for_each(|(w, g)| {
                isa.vectorize(
                    #[inline(always)]
                    || w.iter_mut().zip(g).for_each(|(w, &g)| *w -= g * eta),
                );
            });
        }
        let nesterov = self.nesterov;
        blocks.zip(m.par_chunks_mut(BLOCK)).for_each(|((w, g), m)| {
            isa.vectorize(
                #[inline(always)]
                || {
                    for ((w, &g), m) in w.iter_mut().zip(g).zip(m) {
                        *m = remembered(*m * mu - g * eta);
                        *w += if nesterov { *m * mu - g * eta } else { *m };
                    }
                },
            );
        });
    }
}
