//! First numbers for weights, so scaled that signals neither die nor explode on their way through the layers.
//!
//! A unit that adds up `fan_in` inputs of variance v, each times a weight of variance s, gives variance `fan_in·s·v`.
//! Keeping that at v asks for s = 1/fan_in on the way forward and 1/fan_out on the way back. *Glorot* takes the mean
//! of the two, s = 2/(fan_in + fan_out); *He* takes s = 2/fan_in, as a ReLU lets half of the variance through.
//! A uniform distribution on (−l, l) has variance l²/3.
//!
//! Sources: Glorot, Bengio: *Understanding the difficulty of training deep feedforward neural networks* (2010);
//! He, Zhang, Ren, Sun: *Delving deep into rectifiers* (2015); Keras's `random_initializers.py` for the details.

use graft_kernels::elementwise::BLOCK;
use graft_kernels::random::Stream;
use graft_tensor::Shape;
use rayon::prelude::*;
use serde::{Deserialize, Serialize};

/// The standard deviation of a standard normal variable that is cut off at ±2; dividing by it gives back 1.
const TRUNCATED_STDDEV: f64 = 0.879_625_661_034_239_8;

/// How many words of a stream [`Stream::range`] reads.
const WORDS_OF_AN_F64: u64 = 2;

/// Where the first numbers of a weight come from; named as in Keras.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Initializer {
    /// Uniform on (−l, l), l = √(6 / (fan_in + fan_out)).
    #[default]
    GlorotUniform,
    /// Normal of variance 2 / fan_in, cut off at two standard deviations.
    HeNormal,
    /// Uniform on (−l, l), l = √(6 / fan_in).
    HeUniform,
    /// 0
    Zeros,
    /// 1
    Ones,
}

impl Initializer {
    /// Every initializer.
    pub const ALL: [Self; 5] =
        [Self::GlorotUniform, Self::HeNormal, Self::HeUniform, Self::Zeros, Self::Ones];

    /// The name in Keras.
    pub fn name(self) -> &'static str {
        match self {
            Self::GlorotUniform => "glorot_uniform",
            Self::HeNormal => "he_normal",
            Self::HeUniform => "he_uniform",
            Self::Zeros => "zeros",
            Self::Ones => "ones",
        }
    }

    /// The initializer of this name.
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|i| i.name() == name)
    }

    /// Fills `w`, a weight of this shape, with numbers drawn from `stream`.
    pub fn fill(self, shape: &Shape, stream: &mut Stream, w: &mut [f32]) {
        let (fan_in, fan_out) = fans(shape);
        match self {
            Self::GlorotUniform => uniform((6.0 / (fan_in + fan_out)).sqrt(), stream, w),
            Self::HeUniform => uniform((6.0 / fan_in).sqrt(), stream, w),
            Self::HeNormal => truncated_normal((2.0 / fan_in).sqrt() / TRUNCATED_STDDEV, stream, w),
            Self::Zeros => w.fill(0.0),
            Self::Ones => w.fill(1.0),
        }
    }
}

/// How many inputs a unit adds up, and how many units an input reaches: `[in, out]` for a dense kernel,
/// `[height, width, in, out]` for a convolution's.
fn fans(shape: &[usize]) -> (f64, f64) {
    match *shape {
        [] => (1.0, 1.0),
        [n] => (n as f64, n as f64),
        [ref window @ .., inputs, outputs] => {
            let window: f64 = window.iter().map(|&d| d as f64).product();
            (window * inputs as f64, window * outputs as f64)
        }
    }
}

/// Each block takes up the stream where the one before it will end, so the numbers are those of one thread.
fn uniform(limit: f64, stream: &mut Stream, w: &mut [f32]) {
    w.par_chunks_mut(BLOCK).enumerate().for_each(|(block, w)| {
        let mut stream = stream.clone();
        stream.advance(block as u64 * BLOCK as u64 * WORDS_OF_AN_F64);
        w.iter_mut().for_each(|w| *w = stream.range(-limit, limit) as f32);
    });
    stream.advance(w.len() as u64 * WORDS_OF_AN_F64);
}

/// Normal numbers, where one beyond two standard deviations is drawn again; how much of the stream a number takes is
/// only known when it is drawn, so one thread draws them all.
fn truncated_normal(stddev: f64, stream: &mut Stream, w: &mut [f32]) {
    let mut draw = || loop {
        let z = stream.normal();
        if z.abs() < 2.0 {
            return z;
        }
    };
    w.iter_mut().for_each(|w| *w = (stddev * draw()) as f32);
}

#[cfg(test)]
mod tests {
    use graft_kernels::random::Purpose;

    use super::*;

    fn drawn(initializer: Initializer, shape: Shape) -> Vec<f32> {
        let mut w = vec![f32::NAN; shape.elements()];
        initializer.fill(&shape, &mut Stream::new(5, Purpose::Initialize, 0, 0), &mut w);
        w
    }

    fn moments(w: &[f32]) -> (f64, f64, f64) {
        let n = w.len() as f64;
        let mean = w.iter().map(|&v| f64::from(v)).sum::<f64>() / n;
        let variance = w.iter().map(|&v| (f64::from(v) - mean).powi(2)).sum::<f64>() / n;
        (mean, variance, w.iter().fold(0.0, |m, &v| f64::from(v.abs()).max(m)))
    }

    #[test]
    fn distributions_have_keras_variance_and_limits() {
        // A convolution: fan_in = 3·3·64 = 576, fan_out = 3·3·128 = 1152.
        let shape = Shape::from([3, 3, 64, 128]);
        let he_limit = 2.0 * (2.0f64 / 576.0).sqrt() / TRUNCATED_STDDEV;
        for (initializer, variance, limit) in [
            (Initializer::GlorotUniform, 2.0f64 / (576.0 + 1152.0), (6.0f64 / (576.0 + 1152.0)).sqrt()),
            (Initializer::HeUniform, 2.0 / 576.0, (6.0f64 / 576.0).sqrt()),
            (Initializer::HeNormal, 2.0 / 576.0, he_limit),
        ] {
            let (mean, v, max) = moments(&drawn(initializer, shape));
            assert!(mean.abs() < 0.02 * variance.sqrt(), "{initializer:?}: mean {mean}");
            assert!((v / variance - 1.0).abs() < 0.02, "{initializer:?}: variance {v}, expected {variance}");
            assert!(max <= limit * (1.0 + 1e-6) && max > 0.99 * limit, "{initializer:?}: {max} of {limit}");
        }
    }

    #[test]
    fn blocks_draw_what_one_loop_would() {
        let mut w = vec![f32::NAN; 2 * BLOCK + 77];
        let mut stream = Stream::new(5, Purpose::Initialize, 0, 3);
        let mut serial = stream.clone();
        uniform(0.25, &mut stream, &mut w);
        assert!(w.iter().all(|&w| w == serial.range(-0.25, 0.25) as f32));
        assert_eq!(stream.next_u32(), serial.next_u32());
    }

    #[test]
    fn fans_are_those_of_keras() {
        assert_eq!(fans(&[]), (1.0, 1.0));
        assert_eq!(fans(&[7]), (7.0, 7.0));
        assert_eq!(fans(&[25088, 1024]), (25088.0, 1024.0));
        assert_eq!(fans(&[3, 5, 2, 4]), (30.0, 60.0));
    }

    #[test]
    fn constants_and_names() {
        assert_eq!(drawn(Initializer::Zeros, [3].into()), [0.0; 3]);
        assert_eq!(drawn(Initializer::Ones, [3].into()), [1.0; 3]);
        for i in Initializer::ALL {
            assert_eq!(Initializer::from_name(i.name()), Some(i));
            assert_eq!(serde_json::to_string(&i).unwrap(), format!("\"{}\"", i.name()));
        }
    }
}
