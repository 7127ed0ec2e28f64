//! Gradients kept from growing too large, in Keras's three ways.
//!
//! The norms come from [`sum_of_squares`](crate::elementwise::sum_of_squares), in f64; the clipping is Keras's own
//! arithmetic in f32. A NaN in the gradient makes NaN of all of it, so that it is seen, not hidden.

use crate::{Isa, elementwise};

/// `clipnorm`: `g ← g·limit / max(‖g‖, limit)`, with the norm of this one gradient.
///
/// ```
/// use graft_kernels::{Isa, optimizers::clip};
/// let mut g = [3.0, 4.0];
/// clip::by_norm(Isa::best(), 1.0, &mut g);
/// assert_eq!(g, [0.6, 0.8]);
/// ```
pub fn by_norm(isa: Isa, limit: f32, g: &mut [f32]) {
    let norm = elementwise::sum_of_squares(isa, g).sqrt() as f32;
    let divisor = if norm <= limit { limit } else { norm };
    elementwise::map_in_place(
        isa,
        g,
        #[inline(always)]
        |g| g * limit / divisor,
    );
}

/// `clipvalue`: each element into [−limit, limit].
pub fn by_value(isa: Isa, limit: f32, g: &mut [f32]) {
    elementwise::map_in_place(
        isa,
        g,
        #[inline(always)]
        |g| g.clamp(-limit, limit),
    );
}

/// `global_clipnorm`: what every gradient is to be multiplied by, given the norm of all gradients together.
///
/// It is `limit·min(1/norm, 1/limit)`: 1, or nearly, below the limit, and NaN where the norm is not finite.
pub fn global_scale(limit: f32, norm: f64) -> f32 {
    let norm = norm as f32;
    if norm.is_finite() { limit * (1.0 / norm).min(1.0 / limit) } else { f32::NAN }
}
