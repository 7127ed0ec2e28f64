//! The optimisers, step by step, against Keras's own (`optimizers.npz` of `make_golden.py`): one vector, one gradient,
//! the vector after every step.

use graft_nn::layers::Dense;
use graft_nn::optimizers::{Clipping, Optimizer, OptimizerConfig};
use graft_nn::{Sequential, WeightId};
use graft_tensor::Tensor;
use graft_tests::golden_npz;

/// The vector is the bias of a layer.
const VECTOR: WeightId = WeightId { layer: 0, weight: 1 };

fn model(w0: &Tensor) -> Sequential {
    let mut model = Sequential::new([1]);
    model.push("dense", Dense::new(w0.data().len())).unwrap();
    model.set_weight("dense", "bias", w0.clone()).unwrap();
    model
}

/// What each array's name stands for; all else is Keras's default.
fn config(name: &str) -> OptimizerConfig {
    let (algorithm, clipping) = match name {
        "sgd_nesterov" => ("sgd-nesterov", None),
        "adam_clipnorm" => ("adam", Some(Clipping::Clipnorm(1.0))),
        plain => (plain, None),
    };
    OptimizerConfig { clipping, ..OptimizerConfig::new(algorithm.parse().unwrap()) }
}

#[test]
fn golden_optimizers_take_keras_steps_to_the_last_bit_but_one() {
    let Some(mut file) = golden_npz("optimizers.npz") else { return };
    let (w0, g) = (file.tensor("w0").unwrap(), file.tensor("g").unwrap());
    for name in ["adam", "adamw", "rmsprop", "sgd", "sgd_nesterov", "adam_clipnorm"] {
        let expected = file.tensor(name).unwrap();
        let (mut model, mut optimizer) = (model(&w0), Optimizer::new(config(name)).unwrap());
        let mut worst = 0i64;
        for step in 0..expected.rows() {
            optimizer.apply(&mut model, vec![(VECTOR, g.clone())]).unwrap();
            let found = model.weight(VECTOR).value.data();
            for (&f, &e) in found.iter().zip(expected.row(step)) {
                let ulps = (i64::from(f.to_bits()) - i64::from(e.to_bits())).abs();
                let relative = (f64::from(f) - f64::from(e)).abs() / f64::from(e).abs();
                assert!(ulps <= 1 || relative <= 1e-7, "{name}, step {}: {f} for Keras's {e}", step + 1);
                worst = worst.max(ulps);
            }
        }
        println!("{name}: {} steps, at most {worst} ulp from Keras", expected.rows());
    }
}
