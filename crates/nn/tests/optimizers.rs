//! Optimisers against figures that Keras gave, and against their own formulas.

use graft_nn::layers::Dense;
use graft_nn::optimizers::{Algorithm, Clipping, Optimizer, OptimizerConfig};
use graft_nn::{Sequential, WeightId};
use graft_tensor::Tensor;

const BIAS: WeightId = WeightId { layer: 0, weight: 1 };

/// A model whose bias is the vector that is optimised.
fn vector(values: &[f32]) -> Sequential {
    let mut model = Sequential::new([1]);
    model.push("dense", Dense::new(values.len())).unwrap();
    model.set_weight("dense", "bias", Tensor::new([values.len()], values).unwrap()).unwrap();
    model
}

/// The vector after `steps` steps with one gradient.
fn after(config: OptimizerConfig, steps: usize, w: &[f32], g: &[f32]) -> Vec<f32> {
    let (mut model, mut optimizer) = (vector(w), Optimizer::new(config).unwrap());
    let g = Tensor::new([g.len()], g).unwrap();
    for _ in 0..steps {
        optimizer.apply(&mut model, vec![(BIAS, g.clone())]).unwrap();
    }
    assert_eq!(optimizer.iterations(), steps as u64);
    model.weight(BIAS).value.data().to_vec()
}

fn named(name: &str) -> OptimizerConfig {
    OptimizerConfig::new(name.parse().unwrap())
}

fn assert_near(found: &[f32], expected: &[f32], tolerance: f32) {
    assert_eq!(found.len(), expected.len());
    for (f, e) in found.iter().zip(expected) {
        assert!((f - e).abs() <= tolerance * e.abs(), "{found:?} {expected:?}");
    }
}

/// Keras 3.15.1, three times
/// `o.apply([g])` on `v = keras.Variable([1., 2., 3.])` with `g = [.1, -.2, 1e-8]`, `o` being
/// `Adam()`, `RMSprop()`, and `SGD(.01, momentum=.9, nesterov=True)`.
#[test]
fn three_steps_lead_where_keras_goes() {
    for (name, expected) in [
        ("adam", [0.997_000_04, 2.002_999_8, 2.999_987]),
        ("rmsprop", [0.992_622_8, 2.007_377_1, 3.0]),
        ("sgd-nesterov", [0.991_951, 2.016_097_8, 3.0]),
    ] {
        assert_near(&after(named(name), 3, &[1.0, 2.0, 3.0], &[0.1, -0.2, 1e-8]), &expected, 1.2e-7);
    }
}

#[test]
fn every_name_is_an_algorithm_and_no_other() {
    for name in Algorithm::NAMES {
        let config = named(name);
        assert!(Optimizer::new(config).is_ok());
        let json = serde_json::to_string(&config).unwrap();
        assert_eq!(serde_json::from_str::<OptimizerConfig>(&json).unwrap(), config, "{json}");
    }
    let e = "adamax".parse::<Algorithm>().unwrap_err().to_string();
    assert!(e.contains("sgd-nesterov, adam, adamw, rmsprop") && e.contains("adamax"), "{e}");
    assert_eq!((named("sgd").learning_rate, named("adamw").weight_decay), (0.01, Some(0.004)));
}

#[test]
fn options_out_of_range_are_refused_by_name() {
    let adam = named("adam");
    let wrong = [
        ("learning_rate", OptimizerConfig { learning_rate: f32::NAN, ..adam }),
        ("learning_rate", OptimizerConfig { learning_rate: -1.0, ..adam }),
        ("weight_decay", OptimizerConfig { weight_decay: Some(-0.1), ..adam }),
        ("clipvalue", OptimizerConfig { clipping: Some(Clipping::Clipvalue(0.0)), ..adam }),
        ("momentum", OptimizerConfig::new(Algorithm::Sgd { momentum: 1.5, nesterov: false })),
        ("beta_2", OptimizerConfig::new(Algorithm::Adam { beta_1: 0.9, beta_2: 1.0, epsilon: 1e-7 })),
    ];
    for (name, config) in wrong {
        let e = Optimizer::new(config).unwrap_err().to_string();
        assert!(e.contains(name), "{e}");
    }
    let e = Clipping::from_options(Some(1.0), None, Some(2.0)).unwrap_err().to_string();
    assert!(e.contains("clipnorm and global_clipnorm"), "{e}");
}

/// One step of plain descent at rate 1 shows the gradient as it was applied.
fn applied(clipping: Clipping, gradients: &[&[f32]]) -> Vec<Vec<f32>> {
    let mut model = Sequential::new([1]);
    let ids: Vec<_> = (0..gradients.len()).map(|layer| WeightId { layer, weight: 1 }).collect();
    for (i, g) in gradients.iter().enumerate() {
        model.push(format!("dense_{i}"), Dense::new(g.len())).unwrap();
    }
    let config = OptimizerConfig { learning_rate: 1.0, clipping: Some(clipping), ..named("sgd") };
    let tensors = gradients.iter().map(|g| Tensor::new([g.len()], g).unwrap());
    Optimizer::new(config).unwrap().apply(&mut model, ids.iter().copied().zip(tensors).collect()).unwrap();
    ids.iter().map(|&id| model.weight(id).value.data().iter().map(|w| -w).collect()).collect()
}

/// `tf.clip_by_norm`, `keras.ops.clip`, `keras.src.optimizers.base_optimizer.clip_by_global_norm` on these gradients.
#[test]
fn gradients_are_bounded_as_in_keras() {
    let g: [&[f32]; 2] = [&[3.0, 4.0], &[0.0, 0.3]];
    assert_eq!(applied(Clipping::Clipnorm(1.0), &g), [[0.6, 0.8], [0.0, 0.3]]);
    assert_eq!(applied(Clipping::Clipvalue(3.5), &g), [[3.0, 3.5], [0.0, 0.3]]);
    let norm = 25.09f32.sqrt();
    let both = applied(Clipping::GlobalClipnorm(1.0), &g).concat();
    assert_near(&both, &[3.0 / norm, 4.0 / norm, 0.0, 0.3 / norm], 2e-7);
    assert_near(&applied(Clipping::GlobalClipnorm(10.0), &g).concat(), &[3.0, 4.0, 0.0, 0.3], 2e-7);
}

#[test]
fn no_bound_hides_what_is_no_number() {
    let bad: [&[f32]; 2] = [&[f32::NAN, 1.0], &[0.5]];
    let by_norm = applied(Clipping::Clipnorm(1.0), &bad);
    assert!(by_norm[0].iter().all(|v| v.is_nan()) && by_norm[1] == [0.5]);
    assert!(applied(Clipping::Clipvalue(1.0), &bad)[0][0].is_nan());
    let infinite: [&[f32]; 2] = [&[f32::INFINITY], &[0.5]];
    for g in [bad, infinite] {
        assert!(applied(Clipping::GlobalClipnorm(1.0), &g).concat().iter().all(|v| v.is_nan()));
    }
}

#[test]
fn weight_decay_shrinks_before_the_step() {
    let sgd = OptimizerConfig { learning_rate: 0.5, weight_decay: Some(0.1), ..named("sgd") };
    assert_eq!(after(sgd, 1, &[2.0], &[1.0]), [2.0 - 2.0 * 0.1 * 0.5 - 0.5]);
    // AdamW is Adam on shrunken weights, however the kernels divide the work.
    let (w, g) = ([1.0, -2.0, 3.0], [0.1, -0.2, 1e-3]);
    let adam = OptimizerConfig { weight_decay: Some(0.004), ..named("adam") };
    assert_eq!(after(named("adamw"), 4, &w, &g), after(adam, 4, &w, &g));
    let off = OptimizerConfig { weight_decay: None, ..named("adamw") };
    assert_eq!(after(off, 4, &w, &g), after(named("adam"), 4, &w, &g));
}

#[test]
fn what_is_remembered_can_be_stored_and_restored() {
    let g = Tensor::new([2], &[0.3, -0.1]).unwrap();
    let step = |o: &mut Optimizer, m: &mut Sequential| o.apply(m, vec![(BIAS, g.clone())]).unwrap();
    for (name, slots) in [
        ("sgd", &[][..]),
        ("sgd-momentum", &["dense/bias/momentum"]),
        ("rmsprop", &["dense/bias/velocity"]),
        ("adam", &["dense/bias/momentum", "dense/bias/velocity"]),
    ] {
        let (mut model, mut optimizer) = (vector(&[1.0, 2.0]), Optimizer::new(named(name)).unwrap());
        step(&mut optimizer, &mut model);
        optimizer.set_learning_rate(0.25);
        let state = optimizer.state(&model);
        assert_eq!(state.tensors.keys().collect::<Vec<_>>(), slots);
        let mut other = Optimizer::new(named(name)).unwrap();
        other.restore(&model, &state).unwrap();
        assert_eq!((other.iterations(), other.learning_rate()), (1, 0.25));
        let mut twin = vector(model.weight(BIAS).value.data());
        step(&mut optimizer, &mut model);
        step(&mut other, &mut twin);
        assert_eq!(twin.weight(BIAS).value, model.weight(BIAS).value, "{name}");
    }
}

#[test]
fn a_state_of_another_model_or_algorithm_is_refused() {
    let (mut model, mut adam) = (vector(&[1.0, 2.0]), Optimizer::default());
    adam.apply(&mut model, vec![(BIAS, Tensor::zeros([2]))]).unwrap();
    let state = adam.state(&model);
    let e = Optimizer::new(named("rmsprop")).unwrap().restore(&model, &state).unwrap_err().to_string();
    assert!(e.contains("dense/bias/momentum"), "{e}");
    let e = Optimizer::default().restore(&vector(&[1.0]), &state).unwrap_err().to_string();
    assert!(e.contains("(1,)") && e.contains("(2,)"), "{e}");
}

#[test]
fn a_gradient_of_another_shape_changes_nothing() {
    let mut model = vector(&[1.0, 2.0]);
    let e = Optimizer::default().apply(&mut model, vec![(BIAS, Tensor::zeros([3]))]).unwrap_err();
    assert!(e.to_string().contains("(2,)"), "{e}");
    assert_eq!(model.weight(BIAS).value.data(), [1.0, 2.0]);
}
