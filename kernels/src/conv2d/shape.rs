//! The sizes of a convolution.

use crate::max_pool2d::Pool2dShape;
use crate::window::{Padding, too_long, too_many};

/// A convolution cannot have these sizes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Conv2dError {
    /// A kernel of no height or width, or a step of zero.
    #[error("conv2d: kernel {kernel:?} (height, width) and stride {stride:?} must be at least 1")]
    Zero {
        /// Height and width.
        kernel: [usize; 2],
        /// Steps down and to the right.
        stride: [usize; 2],
    },
    /// The filters were made for other channels.
    #[error("conv2d: the input has {input} channels, the filters take {filters}")]
    Channels {
        /// Channels of x.
        input: usize,
        /// Input channels of w.
        filters: usize,
    },
    /// With `valid` padding, the window does not fit into the input.
    #[error(
        "conv2d: a kernel of {kernel:?} does not fit into a map of {map:?} (height, width) with padding `valid`"
    )]
    TooSmall {
        /// Height and width of the kernel.
        kernel: [usize; 2],
        /// Height and width of the input.
        map: [usize; 2],
    },
    /// Some tensor would have more numbers than memory has bytes.
    #[error("conv2d: the sizes overflow")]
    Overflow,
}

/// The sizes of one convolution: x (n, h, w, cin) ∗ w (kh, kw, cin, cout) → y (n, out_h, out_w, cout).
#[derive(Copy, Clone, PartialEq, Eq, Hash, Debug)]
pub struct Conv2dShape {
    /// Pictures in the batch.
    pub n: usize,
    /// Height of the input.
    pub h: usize,
    /// Width of the input.
    pub w: usize,
    /// Channels of the input.
    pub cin: usize,
    /// Channels of the output, filters.
    pub cout: usize,
    /// Height of the kernel.
    pub kh: usize,
    /// Width of the kernel.
    pub kw: usize,
    /// Steps of the window, down and to the right.
    pub stride: [usize; 2],
    /// What lies beyond the edges.
    pub padding: Padding,
}

impl Conv2dShape {
    /// The shape for an input (n, h, w, cin) and filters (kh, kw, cin, cout), once they are known to fit.
    ///
    /// # Errors
    /// [`Conv2dError`] says what does not fit.
    ///
    /// ```
    /// use graft_kernels::conv2d::{Conv2dShape, Padding};
    /// let s = Conv2dShape::new([8, 224, 224, 3], [3, 3, 3, 64], [1, 1], Padding::Same)?;
    /// assert_eq!([s.out_h(), s.out_w()], [224, 224]);
    /// # Ok::<(), graft_kernels::conv2d::Conv2dError>(())
    /// ```
    pub fn new(
        input: [usize; 4],
        filters: [usize; 4],
        stride: [usize; 2],
        padding: Padding,
    ) -> Result<Self, Conv2dError> {
        let ([n, h, w, cin], [kh, kw, filters_in, cout]) = (input, filters);
        if kh == 0 || kw == 0 || stride.contains(&0) {
            return Err(Conv2dError::Zero { kernel: [kh, kw], stride });
        }
        if cin != filters_in {
            return Err(Conv2dError::Channels { input: cin, filters: filters_in });
        }
        if padding == Padding::Valid && (kh > h || kw > w) {
            return Err(Conv2dError::TooSmall { kernel: [kh, kw], map: [h, w] });
        }
        // The output is never larger than the input's map.
        let tensors = [&input[..], &filters, &[n, h, w, cout], &[kh, kw, cin, h, w]];
        if tensors.into_iter().any(too_many) || too_long(stride) {
            return Err(Conv2dError::Overflow);
        }
        Ok(Self { n, h, w, cin, cout, kh, kw, stride, padding })
    }

    /// Height of the output.
    pub fn out_h(&self) -> usize {
        self.padding.along(self.h, self.kh, self.stride[0]).0
    }

    /// Width of the output.
    pub fn out_w(&self) -> usize {
        self.padding.along(self.w, self.kw, self.stride[1]).0
    }

    /// Rows of zeros above the input, columns of zeros left of it.
    pub fn pad(&self) -> [usize; 2] {
        let [sy, sx] = self.stride;
        [self.padding.along(self.h, self.kh, sy).1, self.padding.along(self.w, self.kw, sx).1]
    }

    /// Numbers of x and dx.
    pub fn x_len(&self) -> usize {
        self.n * self.h * self.w * self.cin
    }

    /// Numbers of w and dw.
    pub fn w_len(&self) -> usize {
        self.taps() * self.cout
    }

    /// Numbers of y and dy.
    pub fn y_len(&self) -> usize {
        self.pixels() * self.cout
    }

    /// Pixels of the whole output.
    pub fn pixels(&self) -> usize {
        self.n * self.out_h() * self.out_w()
    }

    /// The pooling by 2×2 that may follow.
    pub fn pooled(&self) -> Pool2dShape {
        let (h, w) = (self.out_h(), self.out_w());
        Pool2dShape { n: self.n, h, w, c: self.cout, pool: [2, 2], stride: [2, 2], padding: Padding::Valid }
    }

    /// Numbers of the output after that pooling.
    pub(super) fn pooled_len(&self) -> usize {
        self.n * (self.out_h() / 2) * (self.out_w() / 2) * self.cout
    }

    /// Numbers of the input under one window: kh · kw · cin.
    pub fn taps(&self) -> usize {
        self.kh * self.kw * self.cin
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_does_not_fit_is_told() {
        let new = |x, w, s, p| Conv2dShape::new(x, w, s, p).map_err(|e| e.to_string());
        let e = new([1, 8, 8, 3], [3, 3, 4, 1], [1, 1], Padding::Same).unwrap_err();
        assert!(e.contains("input has 3 channels, the filters take 4"), "{e}");
        let e = new([1, 2, 8, 3], [3, 3, 3, 1], [1, 1], Padding::Valid).unwrap_err();
        assert!(e.contains("[3, 3] does not fit into a map of [2, 8]"), "{e}");
        let e = new([1, 8, 8, 3], [3, 3, 3, 1], [1, 0], Padding::Same).unwrap_err();
        assert!(e.contains("stride [1, 0] must be at least 1"), "{e}");
        let e = new([usize::MAX, 8, 8, 3], [3, 3, 3, 1], [1, 1], Padding::Same).unwrap_err();
        assert!(e.contains("overflow"), "{e}");
    }
}
