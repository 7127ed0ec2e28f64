//! The textbook version: one word of the stream for each number, in turn.

use super::Key;

/// `y = mask·x / (1 − rate)`. `x, y: (samples, row_len)`.
pub fn forward(rate: f32, key: Key, samples: &[u64], row_len: usize, x: &[f32], y: &mut [f32]) {
    for (r, &sample) in samples.iter().enumerate() {
        let mut stream = key.stream(sample);
        for i in r * row_len..(r + 1) * row_len {
            let uniform = f64::from(stream.next_u32()) / (1u64 << 32) as f64;
            let keep = uniform >= f64::from(rate);
            y[i] = if keep { x[i] * (1.0 / (1.0 - f64::from(rate))) as f32 } else { 0.0 };
        }
    }
}
