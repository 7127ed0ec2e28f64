//! Two-dimensional convolution, forward and backward: nearly all the work of VGG16.
//!
//! ```text
//! x: (n, h, w, cin)   w: (kh, kw, cin, cout)   bias: (cout)   y: (n, out_h, out_w, cout)
//! ```
//!
//! The ladder of [`Algorithm`]s, to be read from the bottom:
//!
//! 1. [`mod@reference`]: what a convolution is, in seven loops.
//! 2. `im2col`: the observation that it is a matrix product, and a library that multiplies.
//! 3. `direct`: the same product, by our own tile, without the matrix; `first_layer`, where that reads the picture itself.
//! 4. `winograd`: a quarter of the multiplications.
//!
//! `patches` is the matrix that 2 and 3 speak of. Bias and ReLU are applied as the last sum is stored, while it is in
//! a register or in L1: a pass over the output less. All of them let NaN through.
//!
//! ```
//! use graft_kernels::{Isa, conv2d::{self, Algorithm, Conv2dShape, Finish, Padding}};
//! let s = Conv2dShape::new([1, 2, 2, 1], [2, 2, 1, 1], [1, 1], Padding::Valid)?;
//! let (x, w) = ([1.0, 2.0, 3.0, 4.0], [1.0, 1.0, 1.0, -5.0]);
//! let mut y = [f32::NAN];
//! let finish = Finish { bias: Some(&[15.0]), relu: true, pool: false };
//! conv2d::forward(Isa::best(), Algorithm::Auto, &s, &x, &w, None, finish, &mut y);
//! assert_eq!(y, [1.0]); // 1 + 2 + 3 - 20 + 15
//! # Ok::<(), graft_kernels::conv2d::Conv2dError>(())
//! ```

mod algorithm;
mod direct;
mod first_layer;
mod im2col;
mod kept;
mod patches;
pub mod reference;
mod shape;
mod winograd;

pub use crate::window::Padding;
pub use algorithm::{Algorithm, UnknownAlgorithm};
pub use kept::KeptFilters;
pub use shape::{Conv2dError, Conv2dShape};

use crate::column_sums::column_sums;
use crate::gemm::Epilogue;
use crate::isa::Isa;
use crate::max_pool2d;
use crate::parallel::with_scratch;

/// What happens to a finished sum before it is stored: `y = sum + bias`, then ReLU, then the maximum of each 2×2.
#[derive(Copy, Clone, Default, Debug)]
pub struct Finish<'a> {
    /// One number for each output channel.
    pub bias: Option<&'a [f32]>,
    /// Negative results become zero; NaN stays NaN.
    pub relu: bool,
    /// Whether of each 2×2 outputs only the largest is stored.
    pub pool: bool,
}

/// y = x ∗ w, then bias, ReLU and pooling as `finish` says; y: (n, out_h, out_w, cout), height and width halved (rounded
/// down) if it is pooled. `kept` is what [`KeptFilters::new`] made of `w`, if that was worth while.
///
/// # Panics
/// If a slice has not the length that `s` gives it.
#[expect(clippy::too_many_arguments, reason = "the operands of the operation, and how to compute it")]
pub fn forward(
    isa: Isa,
    algorithm: Algorithm,
    s: &Conv2dShape,
    x: &[f32],
    w: &[f32],
    kept: Option<&KeptFilters>,
    finish: Finish<'_>,
    y: &mut [f32],
) {
    let y_len = if finish.pool { s.pooled_len() } else { s.y_len() };
    check(s, [("x", x.len(), s.x_len()), ("w", w.len(), s.w_len()), ("y", y.len(), y_len)]);
    assert!(finish.bias.is_none_or(|b| b.len() == s.cout), "conv2d {s:?}: one bias for each output channel");
    if y.is_empty() {
        return;
    }
    let algorithm = algorithm.chosen(s);
    if algorithm == Algorithm::Winograd {
        let kept = kept.and_then(|kept| kept.at_points(isa, s));
        return winograd::forward(isa, s, x, w, kept, finish, y);
    }
    let Finish { bias, relu, pool } = finish;
    let epilogue = Epilogue { bias, relu };
    let unpooled = |y: &mut [f32]| match algorithm {
        Algorithm::Reference => reference::forward(s, x, w, bias, relu, y),
        Algorithm::Im2colGemm => im2col::forward(s, x, w, epilogue, y),
        _ if first_layer::can(s) => first_layer::forward(isa, s, x, w, epilogue, y),
        _ => direct::forward(isa, s, x, w, epilogue, y),
    };
    if !pool {
        return unpooled(y);
    }
    with_scratch(s.y_len(), |map| {
        unpooled(map);
        max_pool2d::forward(isa, &s.pooled(), map, y);
    });
}

/// dx, the gradient of the input, from dy.
///
/// # Panics
/// If a slice has not the length that `s` gives it.
pub fn backward_input(
    isa: Isa,
    algorithm: Algorithm,
    s: &Conv2dShape,
    w: &[f32],
    dy: &[f32],
    dx: &mut [f32],
) {
    check(s, [("w", w.len(), s.w_len()), ("dy", dy.len(), s.y_len()), ("dx", dx.len(), s.x_len())]);
    if dx.is_empty() || dy.is_empty() {
        return dx.fill(0.0);
    }
    match algorithm.chosen(s) {
        Algorithm::Reference => reference::backward_input(s, w, dy, dx),
        Algorithm::Im2colGemm => im2col::backward_input(isa, s, w, dy, dx),
        Algorithm::Winograd => winograd::backward_input(isa, s, w, dy, dx),
        _ => direct::backward_input(isa, s, w, dy, dx),
    }
}

/// dw, the gradient of the filters, from x and dy.
///
/// # Panics
/// If a slice has not the length that `s` gives it.
pub fn backward_weights(
    isa: Isa,
    algorithm: Algorithm,
    s: &Conv2dShape,
    x: &[f32],
    dy: &[f32],
    dw: &mut [f32],
) {
    check(s, [("x", x.len(), s.x_len()), ("dy", dy.len(), s.y_len()), ("dw", dw.len(), s.w_len())]);
    if dw.is_empty() || dy.is_empty() {
        return dw.fill(0.0);
    }
    match algorithm.chosen(s) {
        Algorithm::Reference => reference::backward_weights(s, x, dy, dw),
        Algorithm::Im2colGemm => im2col::backward_weights(s, x, dy, dw),
        Algorithm::Winograd => winograd::backward_weights(isa, s, x, dy, dw),
        _ => direct::backward_weights(isa, s, x, dy, dw),
    }
}

/// db, the gradient of the bias: dy summed over all pixels.
///
/// # Panics
/// If a slice has not the length that `s` gives it.
pub fn backward_bias(isa: Isa, s: &Conv2dShape, dy: &[f32], db: &mut [f32]) {
    check(s, [("dy", dy.len(), s.y_len()), ("db", db.len(), s.cout)]);
    column_sums(isa, dy, db);
}

/// Found and expected lengths, by name.
fn check<const N: usize>(s: &Conv2dShape, lengths: [(&str, usize, usize); N]) {
    for (name, found, expected) in lengths {
        assert_eq!(found, expected, "conv2d {s:?}: {name} has another length than the shape says");
    }
}
