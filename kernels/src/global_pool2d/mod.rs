//! Global pooling: of each channel one number, the mean or the largest over the whole map.
//!
//! ```text
//! x: (n, hw, c)   y: (n, c)   y[n, c] = Σ_p x[n, p, c] / hw    or    max_p x[n, p, c]
//! ```
//!
//! The mean is summed in f64. NaN anywhere in a channel makes the channel NaN, in both.
//!
//! Backward, the mean hands `dy / hw` to every position. The maximum hands `dy` to its winner; where several positions
//! tie, each gets an equal part, for that is how TensorFlow differentiates `reduce_max`. (Its max-*pooling* gives all to
//! the first: see [`max_pool2d`](crate::max_pool2d).) Ties are the rule, not the exception: a channel that a ReLU has
//! silenced is 0 everywhere.
//!
//! Source: M. Lin, Q. Chen, S. Yan, *Network in network*, ICLR 2014.

pub mod reference;

use crate::Isa;
use rayon::prelude::*;

/// Channels that one task works on, with their sums on the stack.
const CHANNELS: usize = 64;

/// The sizes of a global pooling: x (n, hw, c) → y (n, c).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct GlobalPool2dShape {
    /// Pictures in the batch.
    pub n: usize,
    /// Positions of the map: height times width.
    pub hw: usize,
    /// Channels.
    pub c: usize,
}

impl GlobalPool2dShape {
    /// Numbers of x and dx.
    pub fn x_len(&self) -> usize {
        self.n * self.hw * self.c
    }

    /// Numbers of y and dy.
    pub fn y_len(&self) -> usize {
        self.n * self.c
    }

    fn check(&self, x: &[f32], y: &[f32]) {
        assert!(x.len() == self.x_len() && y.len() == self.y_len(), "{self:?}: x or y has another length");
    }
}

/// `y` = the mean over positions; NaN where there are none. `x: (n, hw, c)`, `y: (n, c)`.
///
/// ```
/// use graft_kernels::{Isa, global_pool2d::{self, GlobalPool2dShape}};
/// let mut y = [0.0; 2];
/// let s = GlobalPool2dShape { n: 1, hw: 2, c: 2 };
/// global_pool2d::average_forward(Isa::best(), &s, &[1.0, 10.0, 2.0, 20.0], &mut y);
/// assert_eq!(y, [1.5, 15.0]);
/// ```
///
/// # Panics
/// If a slice has not the length that `s` gives it.
pub fn average_forward(isa: Isa, s: &GlobalPool2dShape, x: &[f32], y: &mut [f32]) {
    s.check(x, y);
    each_channels(
        isa,
        s,
        y,
        #[inline(always)]
        |n, c, y| {
            let mut sums = [0.0f64; CHANNELS];
            for x in positions(s, x, n, c, y.len()) {
                for (sum, &x) in sums.iter_mut().zip(x) {
                    *sum += f64::from(x);
                }
            }
            for (y, sum) in y.iter_mut().zip(sums) {
                *y = (sum / s.hw as f64) as f32;
            }
        },
    );
}

/// `dx = dy / hw` at every position. `dy: (n, c)`, `dx: (n, hw, c)`.
///
/// # Panics
/// If a slice has not the length that `s` gives it.
pub fn average_backward(isa: Isa, s: &GlobalPool2dShape, dy: &[f32], dx: &mut [f32]) {
    s.check(dx, dy);
    let hw = s.hw as f32;
    each_position(
        isa,
        s,
        dx,
        #[inline(always)]
        |p, dx| {
            for (dx, &dy) in dx.iter_mut().zip(&dy[p / s.hw * s.c..]) {
                *dx = dy / hw;
            }
        },
    );
}

/// `y` = the largest number over positions; −∞ where there are none. `x: (n, hw, c)`, `y: (n, c)`.
///
/// # Panics
/// If a slice has not the length that `s` gives it.
pub fn max_forward(isa: Isa, s: &GlobalPool2dShape, x: &[f32], y: &mut [f32]) {
    s.check(x, y);
    each_channels(
        isa,
        s,
        y,
        #[inline(always)]
        |n, c, y| {
            y.fill(f32::NEG_INFINITY);
            for x in positions(s, x, n, c, y.len()) {
                for (y, &x) in y.iter_mut().zip(x) {
                    *y = if x > *y || x.is_nan() { x } else { *y };
                }
            }
        },
    );
}

/// `dx` = `dy` at the largest `x`, in equal parts where several tie, and 0 elsewhere. `y` is the output of
/// [`max_forward`]; where it is NaN, the NaNs of `x` are what was largest.
///
/// `x, dx: (n, hw, c)`, `y, dy: (n, c)`.
///
/// # Panics
/// If a slice has not the length that `s` gives it.
pub fn max_backward(isa: Isa, s: &GlobalPool2dShape, x: &[f32], y: &[f32], dy: &[f32], dx: &mut [f32]) {
    s.check(x, y);
    s.check(dx, dy);
    let mut parts = vec![0.0; dy.len()];
    each_channels(
        isa,
        s,
        &mut parts,
        #[inline(always)]
        |n, c, parts| {
            for x in positions(s, x, n, c, parts.len()) {
                for ((ties, &x), &y) in parts.iter_mut().zip(x).zip(&y[n * s.c + c..]) {
                    *ties += if is_largest(x, y) { 1.0 } else { 0.0 };
                }
            }
            for (part, &dy) in parts.iter_mut().zip(&dy[n * s.c + c..]) {
                *part = dy / *part;
            }
        },
    );
    each_position(
        isa,
        s,
        dx,
        #[inline(always)]
        |p, dx| {
            let (x, n) = (&x[p * s.c..], p / s.hw * s.c);
            for (((dx, &x), &y), &part) in dx.iter_mut().zip(x).zip(&y[n..]).zip(&parts[n..]) {
                *dx = if is_largest(x, y) { part } else { 0.0 };
            }
        },
    );
}

#[inline(always)]
fn is_largest(x: f32, y: f32) -> bool {
    x == y || (x.is_nan() && y.is_nan())
}

/// Channels `c .. c + len` of picture `n`, position by position.
#[inline(always)]
fn positions<'a>(
    s: &GlobalPool2dShape,
    x: &'a [f32],
    n: usize,
    c: usize,
    len: usize,
) -> impl Iterator<Item = &'a [f32]> {
    x[n * s.hw * s.c..][..s.hw * s.c].chunks_exact(s.c).map(move |x| &x[c..][..len])
}

/// Calls `body` with picture, first channel and the outputs of up to [`CHANNELS`] channels.
fn each_channels(
    isa: Isa,
    s: &GlobalPool2dShape,
    y: &mut [f32],
    body: impl Fn(usize, usize, &mut [f32]) + Sync,
) {
    y.par_chunks_mut(s.c.max(1)).enumerate().for_each(|(n, y)| {
        for (i, y) in y.chunks_mut(CHANNELS).enumerate() {
            isa.vectorize(
                #[inline(always)]
                || body(n, i * CHANNELS, y),
            );
        }
    });
}

/// Calls `body` with the number of each position, counted through the batch, and its channels.
fn each_position(isa: Isa, s: &GlobalPool2dShape, dx: &mut [f32], body: impl Fn(usize, &mut [f32]) + Sync) {
    dx.par_chunks_mut(s.c.max(1)).with_min_len(16).enumerate().for_each(|(p, dx)| {
        isa.vectorize(
            #[inline(always)]
            || body(p, dx),
        );
    });
}
