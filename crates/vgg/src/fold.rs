//! Batch normalisation taken into the convolutions before it: what training needed, inference need not carry.
//!
//! In inference a batch normalisation is an affine map of each channel, and so is the end of a convolution:
//!
//! ```text
//! γ·(w∗x − μ)/√(σ² + ε) + β  =  (s·w)∗x + (β − s·μ)         with s = γ/√(σ² + ε)
//! ```
//!
//! The network with kernels `s·w` and biases `β − s·μ` gives the same answers, and is VGG as the paper has it.

use graft_nn::{LayerConfig, NnError, Placed, Result, Sequential};
use graft_tensor::Tensor;

use crate::vgg16::normalization_of;

/// Gives `plain` the weights of `trained`, which may have a batch normalisation behind any of its convolutions, as
/// [`Vgg16::batch_normalization`](crate::Vgg16::batch_normalization) builds them. Layers are found by their names.
///
/// Computed in f64 and rounded once: a folded weight is off by half a unit in its last place at most.
///
/// ```
/// use graft_vgg::{Vgg16, fold_batch_normalization};
/// let vgg = Vgg16 { width_divisor: 16, ..Vgg16::without_top(32, 32) };
/// let mut trained = Vgg16 { batch_normalization: true, ..vgg }.build()?;
/// trained.initialize(0); // and train it …
/// let mut plain = vgg.build()?;
/// fold_batch_normalization(&trained, &mut plain)?;
/// # Ok::<(), graft_nn::NnError>(())
/// ```
///
/// # Errors
/// [`NnError`] if `trained` lacks a layer of `plain`, or one has other weights.
pub fn fold_batch_normalization(trained: &Sequential, plain: &mut Sequential) -> Result<()> {
    for layer in plain.layers_mut() {
        let source = &trained.layers()[trained.find(layer.name())?];
        let normalization = trained.index_of(&normalization_of(layer.name()));
        match normalization.map(|i| &trained.layers()[i]) {
            Some(normalization) => fold(source, normalization, layer)?,
            None => {
                source.weights().iter().try_for_each(|w| layer.set_weight(w.spec.name, w.value.clone()))?
            }
        }
    }
    Ok(())
}

/// One convolution with what follows it.
fn fold(convolution: &Placed, normalization: &Placed, into: &mut Placed) -> Result<()> {
    let LayerConfig::BatchNormalization(config) = normalization.layer().config() else {
        return Err(NnError::argument(
            "the layer behind a convolution",
            "a batch normalisation",
            normalization.name(),
        ));
    };
    let found = |layer: &Placed, name: &str| {
        layer.weights().iter().find(|w| w.spec.name == name).map(|w| w.value.clone())
    };
    let needed = |layer: &Placed, name| {
        let missing = || NnError::argument("a weight", name, format!("none in {}", layer.name()));
        found(layer, name).ok_or_else(missing)
    };
    let (gamma, beta) = (needed(normalization, "gamma")?, needed(normalization, "beta")?);
    let mean = needed(normalization, "moving_mean")?;
    let variance = needed(normalization, "moving_variance")?;
    let (mut kernel, bias) = (needed(convolution, "kernel")?, found(convolution, "bias"));

    let f = |t: &Tensor, c: usize| f64::from(t.data()[c]);
    let channels = gamma.data().len();
    let scale: Vec<f64> =
        (0..channels).map(|c| f(&gamma, c) / (f(&variance, c) + config.epsilon).sqrt()).collect();
    // The last axis of a kernel (height, width, in, out) is the one that is scaled.
    for filters in kernel.data_mut().chunks_exact_mut(channels) {
        for (w, s) in filters.iter_mut().zip(&scale) {
            *w = (f64::from(*w) * s) as f32;
        }
    }
    let before = |c| bias.as_ref().map_or(0.0, |b| f(b, c));
    let folded = |c: usize| (f(&beta, c) + scale[c] * (before(c) - f(&mean, c))) as f32;
    into.set_weight("kernel", kernel)?;
    into.set_weight("bias", Tensor::from_fn([channels], folded))
}

#[cfg(test)]
mod tests {
    use graft_kernels::random::{Purpose, Stream};
    use graft_nn::Activation;
    use graft_nn::layers::Dense;

    use super::*;
    use crate::Vgg16;

    /// A small VGG with batch normalisation whose every number is drawn, running statistics too, and the same without.
    fn networks(classes: usize) -> [Sequential; 2] {
        let vgg = Vgg16 { width_divisor: 16, ..Vgg16::without_top(32, 32) };
        let [mut trained, mut plain] =
            [true, false].map(|batch_normalization| Vgg16 { batch_normalization, ..vgg }.build().unwrap());
        for model in [&mut trained, &mut plain] {
            model.push("flatten", graft_nn::layers::Flatten).unwrap();
            let head = Dense::new(classes).activation(Activation::Softmax);
            model.push("predictions", head).unwrap();
        }
        trained.initialize(3);
        for (i, layer) in trained.layers_mut().iter_mut().enumerate() {
            let specs: Vec<_> = layer.weights().iter().map(|w| w.spec).collect();
            let range = |name| match name {
                "gamma" => Some((0.5, 1.5)),
                "beta" | "moving_mean" => Some((-0.5, 0.5)),
                "moving_variance" => Some((0.3, 2.0)),
                _ => None,
            };
            for (k, spec) in specs.iter().enumerate() {
                let Some((from, to)) = range(spec.name) else { continue };
                let mut s = Stream::new(5, Purpose::Data, k as u64, i as u64);
                let value = Tensor::from_fn(spec.shape, |_| s.range(from, to) as f32);
                layer.set_weight(spec.name, value).unwrap();
            }
        }
        [trained, plain]
    }

    #[test]
    fn the_folded_network_gives_the_same_answers() {
        let [trained, mut plain] = networks(10);
        fold_batch_normalization(&trained, &mut plain).unwrap();
        let mut s = Stream::new(1, Purpose::Data, 0, 0);
        let x = Tensor::from_fn([4, 32, 32, 3], |_| s.range(-1.0, 1.0) as f32);
        // Below the softmax, where nothing hides a difference.
        let [expected, found] =
            [&trained, &plain].map(|m| graft_nn::fit::predict(m, 0..m.layers().len() - 2, &x).unwrap());
        let largest = expected.data().iter().fold(0f32, |m, v| m.max(v.abs()));
        assert!(largest > 1e-2, "the features have died out, and would hide any mistake");
        for (a, b) in expected.data().iter().zip(found.data()) {
            // Thirteen layers, each of which rounds sums of 288 products in another way: some 1e-6 of the largest.
            assert!((a - b).abs() <= 2e-5 * largest, "{a} and {b}, of {largest}");
        }
    }

    #[test]
    fn a_running_mean_that_is_left_out_would_be_seen() {
        let [trained, mut plain] = networks(10);
        fold_batch_normalization(&trained, &mut plain).unwrap();
        let x = Tensor::full([1, 32, 32, 3], 0.5);
        let before = plain.predict(&x).unwrap();
        let zeros = Tensor::zeros([32]);
        plain.set_weight("block5_conv3", "bias", zeros).unwrap();
        let after = plain.predict(&x).unwrap();
        let moved = before.data().iter().zip(after.data()).any(|(a, b)| (a - b).abs() > 1e-3);
        assert!(moved, "{:?}", before.data());
    }

    #[test]
    fn networks_that_do_not_belong_together_are_refused() {
        let [trained, _] = networks(10);
        let [_, mut other_head] = networks(7);
        assert!(fold_batch_normalization(&trained, &mut other_head).is_err());
        let mut wide = Vgg16::without_top(32, 32).build().unwrap();
        let error = fold_batch_normalization(&trained, &mut wide).unwrap_err().to_string();
        assert!(error.contains("block1_conv1"), "{error}");
    }
}
