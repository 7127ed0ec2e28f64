//! Dropout: each number is dropped with probability `rate`, and what is kept grows by `1 / (1 − rate)`, so that the
//! expected sum stays what it was.
//!
//! # The mask is a function, not a memory
//! Whether element `i` of a sample is dropped depends on its [`Key`] (seed, layer, epoch), on *which* sample it is (its
//! number in the data set, not its place in the batch), and on `i`: word `i` of that
//! [`Stream`] is compared with `rate·2³²`. So the backward pass computes the mask again instead
//! of keeping it, the order of the batches and the number of threads change nothing, and a run taken up again at epoch
//! 3 drops what it would have dropped.
//!
//! As in TensorFlow, a kept number is multiplied by 1/(1 − rate) (rounded once), and a dropped one *is* 0, whatever it
//! was; rate 0 is the identity and rate 1 all zeros.
//!
//! Source: N. Srivastava et al., *Dropout: a simple way to prevent neural networks from overfitting*, JMLR 2014.

pub mod reference;

use crate::Isa;
use crate::elementwise::BLOCK;
use crate::random::{Purpose, Stream};
use rayon::prelude::*;

/// What a mask depends on, beside the sample.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Key {
    /// The seed of the run.
    pub seed: u64,
    /// The number of the layer, so that two dropouts drop different units; below 2¹⁶.
    pub layer: u32,
    /// The epoch; below 2²⁴.
    pub epoch: u64,
}

impl Key {
    fn stream(self, sample: u64) -> Stream {
        Stream::of_layer(self.seed, Purpose::Dropout, self.layer, self.epoch, sample)
    }
}

/// Words of a stream that are made at once.
const WORDS: usize = 64;

/// `y = mask·x / (1 − rate)`. `x, y: (samples, row_len)`; `samples[r]` is the number of row `r` in the data set.
///
/// ```
/// use graft_kernels::{Isa, dropout::{self, Key}};
/// let key = Key { seed: 1, layer: 0, epoch: 0 };
/// let mut y = [0.0; 100];
/// dropout::forward(Isa::best(), 0.5, key, &[7], 100, &[1.0; 100], &mut y);
/// assert!(y.iter().all(|&v| v == 0.0 || v == 2.0));
/// ```
///
/// # Panics
/// If `rate` is outside 0 to 1, or a length is not `samples.len()·row_len`.
pub fn forward(isa: Isa, rate: f32, key: Key, samples: &[u64], row_len: usize, x: &[f32], y: &mut [f32]) {
    let len = samples.len() * row_len;
    assert!(x.len() == len && y.len() == len, "dropout of {} rows of {row_len}", samples.len());
    let (threshold, scale) = threshold_and_scale(rate);
    if threshold == 0 {
        return y.copy_from_slice(x);
    }
    if row_len == 0 {
        return;
    }
    let rows = y.par_chunks_mut(row_len).zip(x.par_chunks(row_len)).zip(samples);
    rows.for_each(|((y, x), &sample)| {
        let stream = key.stream(sample);
        let blocks = y.par_chunks_mut(BLOCK).zip(x.par_chunks(BLOCK)).enumerate();
        blocks.for_each(|(b, (y, x))| {
            isa.vectorize(
                #[inline(always)]
                || {
                    let first = b * (BLOCK / WORDS);
                    for (i, (y, x)) in y.chunks_mut(WORDS).zip(x.chunks(WORDS)).enumerate() {
                        let words = stream.words((first + i) as u32);
                        for ((y, &x), word) in y.iter_mut().zip(x).zip(words) {
                            *y = if u64::from(word) >= threshold { x * scale } else { 0.0 };
                        }
                    }
                },
            );
        });
    });
}

/// `dx = mask·dy / (1 − rate)`: the same mask, the same map, applied to the gradient.
///
/// # Panics
/// As [`forward`].
pub fn backward(isa: Isa, rate: f32, key: Key, samples: &[u64], row_len: usize, dy: &[f32], dx: &mut [f32]) {
    forward(isa, rate, key, samples, row_len, dy, dx);
}

/// A word below the first is dropped; what is kept is multiplied by the second.
fn threshold_and_scale(rate: f32) -> (u64, f32) {
    assert!((0.0..=1.0).contains(&rate), "dropout's rate goes from 0 to 1, not {rate}");
    let words = (1u64 << 32) as f64;
    let keep = 1.0 - f64::from(rate);
    ((f64::from(rate) * words) as u64, if keep > 0.0 { (1.0 / keep) as f32 } else { 0.0 })
}
