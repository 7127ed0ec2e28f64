//! The sizes of a max-pooling.

use crate::window::{Padding, too_long, too_many};
use std::ops::Range;

/// A pooling cannot have these sizes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Pool2dError {
    /// A window of no height or width, or a step of zero.
    #[error("pool2d: window {pool:?} (height, width) and stride {stride:?} must be at least 1")]
    Zero {
        /// Height and width of the window.
        pool: [usize; 2],
        /// Steps down and to the right.
        stride: [usize; 2],
    },
    /// With `valid` padding, the window does not fit into the input.
    #[error(
        "pool2d: a window of {pool:?} does not fit into a map of {map:?} (height, width) with padding `valid`"
    )]
    TooSmall {
        /// Height and width of the window.
        pool: [usize; 2],
        /// Height and width of the input.
        map: [usize; 2],
    },
    /// The input would have more numbers than memory has bytes, or the window or its step is beyond all sense.
    #[error("pool2d: the sizes overflow: window {pool:?}, stride {stride:?}, input {input:?}")]
    Overflow {
        /// Height and width of the window.
        pool: [usize; 2],
        /// Steps down and to the right.
        stride: [usize; 2],
        /// Pictures, height, width, channels.
        input: [usize; 4],
    },
}

/// The sizes of one pooling: x (n, h, w, c) → y (n, out_h, out_w, c).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Pool2dShape {
    /// Pictures in the batch.
    pub n: usize,
    /// Height of the input.
    pub h: usize,
    /// Width of the input.
    pub w: usize,
    /// Channels.
    pub c: usize,
    /// Height and width of the window.
    pub pool: [usize; 2],
    /// Steps of the window, down and to the right.
    pub stride: [usize; 2],
    /// What lies beyond the edges; nothing there ever wins.
    pub padding: Padding,
}

impl Pool2dShape {
    /// The shape for an input (n, h, w, c), once the window is known to fit.
    ///
    /// # Errors
    /// [`Pool2dError`] says what does not fit.
    ///
    /// ```
    /// use graft_kernels::{conv2d::Padding, max_pool2d::Pool2dShape};
    /// let s = Pool2dShape::new([8, 7, 7, 64], [2, 2], [2, 2], Padding::Valid)?;
    /// assert_eq!([s.out_h(), s.out_w()], [3, 3]);
    /// # Ok::<(), graft_kernels::max_pool2d::Pool2dError>(())
    /// ```
    pub fn new(
        input: [usize; 4],
        pool: [usize; 2],
        stride: [usize; 2],
        padding: Padding,
    ) -> Result<Self, Pool2dError> {
        let [n, h, w, c] = input;
        if pool.contains(&0) || stride.contains(&0) {
            return Err(Pool2dError::Zero { pool, stride });
        }
        if padding == Padding::Valid && (pool[0] > h || pool[1] > w) {
            return Err(Pool2dError::TooSmall { pool, map: [h, w] });
        }
        if too_many(&input) || too_long(pool) || too_long(stride) {
            return Err(Pool2dError::Overflow { pool, stride, input });
        }
        Ok(Self { n, h, w, c, pool, stride, padding })
    }

    /// Height of the output.
    pub fn out_h(&self) -> usize {
        self.padding.along(self.h, self.pool[0], self.stride[0]).0
    }

    /// Width of the output.
    pub fn out_w(&self) -> usize {
        self.padding.along(self.w, self.pool[1], self.stride[1]).0
    }

    /// Numbers of x and dx.
    pub fn x_len(&self) -> usize {
        self.n * self.h * self.w * self.c
    }

    /// Numbers of y and dy.
    pub fn y_len(&self) -> usize {
        self.n * self.out_h() * self.out_w() * self.c
    }

    /// Rows of the input under output row `i`, without what lies beyond the edges.
    #[inline(always)]
    pub(super) fn rows(&self, i: usize) -> Range<usize> {
        inside(self.padding, self.h, self.pool[0], self.stride[0], i)
    }

    /// Row and column of the cells under output (i, j), in row-major order, without what lies beyond the edges.
    #[inline(always)]
    pub(super) fn cells(&self, i: usize, j: usize) -> impl Iterator<Item = [usize; 2]> + use<> {
        let cols = inside(self.padding, self.w, self.pool[1], self.stride[1], j);
        self.rows(i).flat_map(move |h| cols.clone().map(move |w| [h, w]))
    }
}

/// The part of window `i` that lies in `0..len`.
#[inline(always)]
fn inside(padding: Padding, len: usize, window: usize, stride: usize, i: usize) -> Range<usize> {
    let (_, pad) = padding.along(len, window, stride);
    (i * stride).saturating_sub(pad)..(i * stride + window).saturating_sub(pad).min(len)
}
