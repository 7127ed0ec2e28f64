//! The updates of the optimisers, in Keras's order of operations, each operation rounded to f32.
//!
//! An optimiser is a struct of hyper-parameters, with Keras's names and defaults, and a function `step` that updates
//! one variable `w` by its gradient `g`. What it remembers from step to step lies in slices of the same length that
//! the caller keeps, zero at first, in the order of this table.
//!
//! | | slots | update |
//! |---|---|---|
//! | [`Sgd`] | m | `m ← μm − ηg`, `w ← w + m` |
//! | [`RmsProp`] | v, m, a | `v ← ρv + (1 − ρ)g²`, `w ← w − ηg/√(v + ε)` |
//! | [`Adam`] | m, v | `m ← m + (g − m)(1 − β₁)`, `v ← v + (g² − v)(1 − β₂)`, `w ← w − αm/(√v + ε)` |
//! | [`AdamW`] | m, v | `w ← w − wλη`, then as Adam |
//!
//! The formulas of papers and libraries differ in where ε stands and in what η multiplies, so that the same
//! hyper-parameters mean different things; the tests compare with figures that Keras printed. Hyper-parameters are f64,
//! as Python's are, and rounded to f32 where Keras does it: `1 − 0.9` is 0.1 to the last bit, not 0.100000024.

mod adam;
mod adamw;
pub mod reference;
mod rmsprop;
mod sgd;

pub use adam::Adam;
pub use adamw::AdamW;
pub use rmsprop::RmsProp;
pub use sgd::Sgd;

use crate::relu::NEGLIGIBLE;

/// What is remembered of a weight: nothing below [`NEGLIGIBLE`], beside an ε of 10⁻⁷. The mean of a gradient that has become
/// zero, as that of a unit which no picture reaches any more, shrinks by a tenth in each step, and after 800 would be a
/// *subnormal* number, with which most CPUs compute a hundred times slower.
#[inline(always)]
fn remembered(mean: f32) -> f32 {
    if mean.abs() < NEGLIGIBLE { 0.0 } else { mean }
}

/// g², or zero where it would be below [`NEGLIGIBLE`].
#[inline(always)]
fn square(g: f32) -> f32 {
    let g = if g.abs() < SQUARED_NEGLIGIBLE { 0.0 } else { g };
    g * g
}

/// Its square is [`NEGLIGIBLE`].
const SQUARED_NEGLIGIBLE: f32 = 1e-15;

/// A slot that the hyper-parameters leave unused may be empty; any other is as long as the weights.
fn check(name: &str, len: usize, g: &[f32], slots: &[(&[f32], bool)]) {
    let fits = g.len() == len && slots.iter().all(|&(slot, used)| !used || slot.len() == len);
    assert!(fits, "{name}: {len} weights, and a gradient or a slot of another length");
}
