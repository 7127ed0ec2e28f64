//! Filters as an algorithm wants them, made once and used for many batches.

use super::{Algorithm, Conv2dShape, winograd};
use crate::{Buffer, Isa, OutOfMemory};

/// What an algorithm makes of a layer's filters before it multiplies, kept for as long as they stay the same: the base of
/// a network that is frozen, or that only answers. Winograd's filters at 36 points are four times as many numbers as
/// the filters, and take longer to make than one picture takes to convolve.
#[derive(Debug)]
pub struct KeptFilters {
    isa: Isa,
    channels: [usize; 2],
    at_points: Buffer,
}

impl KeptFilters {
    /// What `algorithm` would make of the filters `w` for a convolution of this shape; `None` where it reads them as they
    /// are.
    ///
    /// # Errors
    /// [`OutOfMemory`].
    ///
    /// # Panics
    /// If `w` has not the length that `s` gives it.
    pub fn new(
        isa: Isa,
        algorithm: Algorithm,
        s: &Conv2dShape,
        w: &[f32],
    ) -> Result<Option<Self>, OutOfMemory> {
        assert_eq!(w.len(), s.w_len(), "conv2d {s:?}: w has another length than the shape says");
        match algorithm.chosen(s) {
            Algorithm::Winograd => {
                let at_points = winograd::filters_at_points(isa, s, w)?;
                Ok(Some(Self { isa, channels: [s.cin, s.cout], at_points }))
            }
            _ => Ok(None),
        }
    }

    /// The filters at the points, if they were made for these channels and this instruction set.
    pub(super) fn at_points(&self, isa: Isa, s: &Conv2dShape) -> Option<&[f32]> {
        (self.isa == isa && self.channels == [s.cin, s.cout]).then_some(&*self.at_points)
    }
}
