//! Adam with weight decay that is a decay of weights, not a gradient.
//!
//! A penalty ½λ‖w‖² added to the loss would pass through Adam's division by √v, so that weights with small gradients
//! decay most. Here each weight shrinks by the same factor, `w ← w − w·λ·η`, and then Adam's step follows.
//!
//! Source: I. Loshchilov, F. Hutter, *Decoupled weight decay regularization*, ICLR 2019.

use super::Adam;
use crate::Isa;

/// `keras.optimizers.AdamW`.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct AdamW {
    /// What both optimisers share.
    pub adam: Adam,
    /// λ: the part of a weight that is lost in a step, before it is multiplied by the learning rate.
    pub weight_decay: f64,
}

impl Default for AdamW {
    fn default() -> Self {
        Self { adam: Adam::default(), weight_decay: 0.004 }
    }
}

impl AdamW {
    /// Step number `t`, counted from 1: updates `w`, `m` and `v`.
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
        let (lambda, eta) = (self.weight_decay as f32, learning_rate);
        self.adam.step_after(
            isa,
            t,
            learning_rate,
            w,
            g,
            slots,
            #[inline(always)]
            move |w| w - w * lambda * eta,
        );
    }
}
