//! Random variants of training pictures: turned, shifted, sheared, zoomed, mirrored, brighter, tinted.
//!
//! The options and their meaning are those of Keras's `ImageDataGenerator`. [`Augmentation`] holds the ranges, all off
//! by default; [`Augmentation::sample`] draws one [`Transform`] from them, out of a stream keyed by seed, epoch and
//! picture, so that no variant depends on the order of the work; [`Transform::apply`] makes the variant.
//!
//! # One warp
//!
//! Interpolating blurs, so a picture is interpolated once, however many changes were drawn. A warp is written
//! backwards: for each pixel (row r, column c) of the *result* it says from where in the *source* to take it. With
//! homogeneous coordinates (r, c, 1)ᵀ all of the changes are matrices, and one after the other is their product:
//!
//! ```text
//!     ⎡ cos θ  −sin θ  0 ⎤      ⎡ 1  0  tx ⎤      ⎡ 1  −sin s  0 ⎤      ⎡ zx  0  0 ⎤
//! R = ⎢ sin θ   cos θ  0 ⎥  T = ⎢ 0  1  ty ⎥  S = ⎢ 0   cos s  0 ⎥  Z = ⎢ 0  zy  0 ⎥    M = C·R·T·S·Z·C⁻¹
//!     ⎣   0       0    1 ⎦      ⎣ 0  0   1 ⎦      ⎣ 0     0    1 ⎦      ⎣ 0   0  1 ⎦
//! ```
//!
//! C moves the origin to the middle of the picture, (h/2 − ½, w/2 − ½) when pixel centres are whole numbers. A flip
//! follows the warp; run backwards it precedes it: result column c takes what the warp would put at w − 1 − c. That is
//! exact, so a flip costs nothing and blurs nothing. Backwards also means that a zoom factor above 1 makes things
//! smaller, and that tx = 3 takes from three rows further down, that is, moves the picture *up*.
//!
//! # Which way is up
//!
//! In Keras 3 the matrix above is applied to (column, row), by exchanging its first two rows and its first two columns
//! at the end (`M ← P·M·P`). The parameters' names are not exchanged with it: `height_shift_range` moves pictures
//! sideways, `width_shift_range` up and down, rotations turn the other way, shear and zoom change axes, and the
//! centre (h/2 − ½, w/2 − ½) is taken as column and row, so that a picture that is not square turns about a point off
//! its middle. It has been reported since 2016 (keras-team/keras#17398 among others). Here [`Compat::Native`], the
//! default, does what the names say; [`Compat::Keras3`] does what Keras 3 does, number for number.
//!
//! | | native | keras3 |
//! |---|---|---|
//! | tx (drawn from `height_shift_range`) > 0 | up | left |
//! | ty (drawn from `width_shift_range`) > 0 | left | up |
//! | θ > 0 | clockwise | counter-clockwise |
//! | zx > 1 | flatter | narrower |
//!
//! # Then the colours
//!
//! The channel shift adds one number to every value and cuts off at the darkest and brightest value of the picture;
//! the brightness factor multiplies, in bytes, as Keras does by way of Pillow. Both work on single pixels, so that it
//! makes no difference that Keras flips between them.

mod color;
mod fill;
mod interval;
mod matrix;
mod options;
mod transform;
mod warp;

pub use fill::FillMode;
pub use interval::Interval;
pub use options::Augmentation;
pub use transform::{Compat, Transform};

#[cfg(test)]
mod tests;
