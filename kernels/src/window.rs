//! How a window moves over a map: what convolution and pooling have in common.

/// What lies beyond the edge of a picture, in Keras's words.
#[derive(Copy, Clone, PartialEq, Eq, Hash, Debug)]
pub enum Padding {
    /// Nothing: the window stays inside, and the output is smaller.
    Valid,
    /// Zeros, as many as make the output ⌈input / stride⌉ long; the odd one goes after.
    Same,
}

impl Padding {
    /// Output length, and zeros before the input, along one axis, as TensorFlow computes them.
    pub(crate) fn along(self, len: usize, window: usize, stride: usize) -> (usize, usize) {
        match self {
            Padding::Valid => ((len + stride).saturating_sub(window) / stride, 0),
            Padding::Same => {
                let out = len.div_ceil(stride);
                let covered = out.saturating_sub(1) * stride + window;
                (out, covered.saturating_sub(len) / 2)
            }
        }
    }
}

/// Whether windows or steps are so long that the sum of a place in a map and one of them might overflow.
pub(crate) fn too_long(sides: [usize; 2]) -> bool {
    sides.iter().any(|&s| s > 1 << 31)
}

/// Whether a tensor of these sizes would have more numbers than memory has bytes. An empty one is judged by its other
/// sides, so that none of them overflows by itself.
pub(crate) fn too_many(sizes: &[usize]) -> bool {
    let numbers = sizes.iter().try_fold(1_usize, |p, &s| p.checked_mul(s.max(1)));
    numbers.is_none_or(|n| n > isize::MAX as usize / 4)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_are_those_of_tensorflow() {
        use Padding::{Same, Valid};
        // (padding, input, window, stride) → (output, zeros before), from tf.nn.convolution's documentation:
        // same: ⌈in / s⌉, total = max((out - 1)·s + k - in, 0), before = ⌊total / 2⌋; valid: ⌈(in - k + 1) / s⌉.
        for ((padding, len, window, stride), expected) in [
            ((Same, 224, 3, 1), (224, 1)),
            ((Same, 224, 3, 2), (112, 0)),
            ((Same, 7, 3, 2), (4, 1)),
            ((Same, 13, 6, 5), (3, 1)),
            ((Same, 1, 5, 1), (1, 2)),
            ((Same, 5, 1, 3), (2, 0)),
            ((Valid, 13, 6, 5), (2, 0)),
            ((Valid, 224, 3, 1), (222, 0)),
            ((Valid, 3, 3, 3), (1, 0)),
            ((Valid, 2, 3, 1), (0, 0)),
            ((Valid, 2, 9, 1), (0, 0)),
        ] {
            assert_eq!(padding.along(len, window, stride), expected, "{padding:?} {len} {window} {stride}");
        }
    }
}
