//! Whole training runs against Keras's (`method1.npz`, `method2.npz`, `method3.npz` and `full_finetune.npz` of
//! `make_golden.py`): the first gradients, every loss, the weights at the end.
//!
//! The bars leave room for rounding, and for the ReLU or the pooling winner that rounding flips now and then; one
//! flipped ReLU costs a gradient about 1e-3. What is measured is printed.

use std::path::Path;

use graft_nn::fit::{Batch, Trainer};
use graft_nn::layers::{Dense, Dropout, Flatten};
use graft_nn::optimizers::{Algorithm, Optimizer, OptimizerConfig};
use graft_nn::{Activation, Sequential};
use graft_tensor::Tensor;
use graft_tensor::npz::Npz;
use graft_tests::{golden_npz, load_weights, weights};
use graft_vgg::{Vgg16, preprocess_input};

/// One of the runs, as `make_golden.py` has it; sizes, pictures and counts are the file's.
struct Run {
    file: &'static str,
    /// The layers that are trained, counted from the end as in Keras.
    unfreeze_last: usize,
    dropout: Option<f64>,
    class_weight: Option<Vec<f32>>,
    optimizer: OptimizerConfig,
    /// The largest relative L2 distance of the head's update.
    update: f64,
}

fn algorithm(algorithm: Algorithm, learning_rate: f32) -> OptimizerConfig {
    OptimizerConfig { learning_rate, ..OptimizerConfig::new(algorithm) }
}

#[test]
fn golden_method1_frozen_base() {
    let optimizer = algorithm(Algorithm::adam(), 1e-4);
    let file = "method1.npz";
    check(&Run { file, unfreeze_last: 0, dropout: None, class_weight: None, optimizer, update: 1e-3 });
}

#[test]
fn golden_method2_last_block_trained() {
    let optimizer = algorithm(Algorithm::adam(), 1e-5);
    let file = "method2.npz";
    check(&Run { file, unfreeze_last: 4, dropout: None, class_weight: None, optimizer, update: 1e-3 });
}

#[test]
fn golden_method3_dropout_and_class_weights() {
    let optimizer = algorithm(Algorithm::rmsprop(), 2e-5);
    let (file, class_weight) = ("method3.npz", Some(vec![1.0, 2.0]));
    check(&Run { file, unfreeze_last: 0, dropout: Some(0.0), class_weight, optimizer, update: 1e-3 });
}

#[test]
fn golden_full_finetune_every_layer_trained() {
    let optimizer = algorithm(Algorithm::Sgd { momentum: 0.9, nesterov: true }, 1e-6);
    let file = "full_finetune.npz";
    check(&Run { file, unfreeze_last: 19, dropout: None, class_weight: None, optimizer, update: 1e-2 });
}

fn check(run: &Run) {
    let (Some(mut file), Some(weights)) = (golden_npz(run.file), weights()) else { return };
    let data = Pictures::read(&mut file);
    let mut model = model(run, &mut file, &data, &weights);
    gradients(run, &mut file, &data, &mut model);
    let before: Vec<_> = model.trained_weights().iter().map(|&id| model.weight(id).value.clone()).collect();
    losses(run, &mut file, &data, &mut model);
    head(run, &mut file, &model);
    trained_kernels(run, &mut file, &before, &model);
    let p = model.predict(&data.batch(0).x).unwrap();
    let distance = relative(p.data(), file.tensor("softmax_after").unwrap().data());
    println!("{}: softmax after training {distance:.1e}", run.file);
    assert!(distance < 1e-3);
}

/// The gradient of the first batch, without class weights: norms and probes.
fn gradients(run: &Run, file: &mut Npz, data: &Pictures, model: &mut Sequential) {
    let names = trainable(file);
    let found = Trainer::new(model).gradients(0, &data.batch(0)).unwrap().gradients;
    assert_eq!(found.len(), names.len(), "{names:?}");
    for ((_, g), name) in found.iter().zip(&names) {
        let length = norm(g.data().iter().map(|&v| f64::from(v)));
        let expected = numbers(file, &format!("grad/{name}/l2"))[0];
        let of_norm = ratio(length - expected, expected);
        let (found, expected) = probes(file, &format!("grad/{name}"), g);
        let of_probes = relative(&found, &expected);
        println!("{}: gradient of {name}: norm {of_norm:.1e}, probes {of_probes:.1e}", run.file);
        assert!(of_norm < 5e-3 && of_probes < 5e-3, "{}: gradient of {name}", run.file);
    }
}

/// Trains, and compares the loss before every step.
fn losses(run: &Run, file: &mut Npz, data: &Pictures, model: &mut Sequential) {
    let expected = numbers(file, "losses");
    let optimizer = Optimizer::new(run.optimizer).unwrap();
    let mut trainer = Trainer::new(model).optimizer(optimizer).class_weight(run.class_weight.clone());
    let mut worst = 0f64;
    for (step, &e) in expected.iter().enumerate() {
        let found = f64::from(trainer.train_step(0, &data.batch(step)).unwrap().loss);
        let distance = ratio(found - e, e);
        assert!(distance < 3e-4, "{}, step {step}: a loss of {found} for Keras's {e}", run.file);
        worst = worst.max(distance);
    }
    println!("{}: {} losses within {worst:.1e}", run.file, expected.len());
}

/// How far the head has moved, and in which direction.
fn head(run: &Run, file: &mut Npz, model: &Sequential) {
    let (mut found, mut expected) = (Vec::new(), Vec::new());
    for (name, layer, weight) in HEAD {
        let initial = file.tensor(&format!("{name}_init")).unwrap();
        let trained = &model.layers()[model.find(layer).unwrap()].weights();
        let trained = &trained.iter().find(|w| w.spec.name == weight).unwrap().value;
        let (f, e) = (minus(trained, &initial), minus(&file.tensor(name).unwrap(), &initial));
        println!("{}: update of {name} {:.1e}", run.file, relative(&f, &e));
        found.extend(f);
        expected.extend(e);
    }
    let distance = relative(&found, &expected);
    println!("{}: update of the head {distance:.1e}", run.file);
    assert!(distance < run.update, "{}: {distance:.1e}", run.file);
}

/// Of so many probes one may be a matter of chance. Adam divides a gradient by its size, so that a weight whose gradient is
/// rounding and nothing else moves as far as any other, this way or that; Winograd's sums leave such rounding at one in 300
/// of the taps that no pixel reaches, where direct sums have an exact zero. How far single weights move is our own question:
/// what is asked of losses, gradients and the head's update is asked of all their numbers.
const PROBES_TO_CHANCE: usize = 64;

/// How far the larger kernels have moved, at the probes. A small learning rate moves a weight by no more than a few
/// units of its last place, so that one of them is allowed for; so are a few probes, by [`PROBES_TO_CHANCE`].
fn trained_kernels(run: &Run, file: &mut Npz, before: &[Tensor], model: &Sequential) {
    let names = trainable(file);
    for ((id, name), before) in model.trained_weights().into_iter().zip(names).zip(before) {
        let prefix = format!("after/{name}");
        if !file.names().any(|n| n.starts_with(&prefix)) {
            continue;
        }
        let (found, expected) = probes(file, &prefix, &model.weight(id).value);
        let (initial, _) = probes(file, &prefix, before);
        let differences = |a: &[f32], b: &[f32]| -> Vec<f64> {
            a.iter().zip(b).map(|(&a, &b)| (f64::from(a) - f64::from(b)).abs()).collect()
        };
        let mut errors = differences(&found, &expected);
        errors.sort_by(f64::total_cmp);
        errors.truncate(errors.len() - errors.len() / PROBES_TO_CHANCE);
        let (error, moved) = (norm(errors.into_iter()), norm(differences(&expected, &initial).into_iter()));
        let last_place = norm(expected.iter().map(|&e| f64::from(e) * f64::from(f32::EPSILON)));
        println!("{}: {name} moved by {moved:.1e}, within {:.1e} of it", run.file, error / moved);
        assert!(error <= 1e-2 * moved + last_place, "{}: {name}: {error:.1e} of {moved:.1e}", run.file);
    }
}

/// The head's arrays, by the file's name, and where they live in the model.
const HEAD: [(&str, &str, &str); 4] =
    [("w1", "hidden", "kernel"), ("b1", "hidden", "bias"), ("w2", "top", "kernel"), ("b2", "top", "bias")];

/// VGG16's base with its weights, and the head with its initial ones.
fn model(run: &Run, file: &mut Npz, data: &Pictures, weights: &Path) -> Sequential {
    let [_, height, width, _] = **data.x.shape() else { panic!("pictures are (n, h, w, 3)") };
    let mut model = Vgg16::without_top(height, width).build().unwrap();
    load_weights(&mut model, weights);
    model.freeze_all();
    model.unfreeze_last(run.unfreeze_last).unwrap();

    let mut units = |name| *file.tensor(name).unwrap().shape().last().unwrap();
    model.push("flatten", Flatten).unwrap();
    model.push("hidden", Dense::new(units("w1_init")).activation(Activation::Relu)).unwrap();
    if let Some(rate) = run.dropout {
        model.push("dropout", Dropout::new(rate).unwrap()).unwrap();
    }
    model.push("top", Dense::new(units("w2_init")).activation(Activation::Softmax)).unwrap();
    for (name, layer, weight) in HEAD {
        model.set_weight(layer, weight, file.tensor(&format!("{name}_init")).unwrap()).unwrap();
    }
    model
}

/// The pictures of a run, preprocessed, in their stored order.
struct Pictures {
    x: Tensor,
    labels: Vec<usize>,
    batch_size: usize,
}

impl Pictures {
    fn read(file: &mut Npz) -> Self {
        let mut x = file.get("pixels").unwrap().to_tensor().unwrap();
        preprocess_input(x.data_mut());
        let index = |v: f64| v as usize;
        let labels = numbers(file, "labels").into_iter().map(index).collect();
        Self { x, labels, batch_size: index(numbers(file, "batch_size")[0]) }
    }

    /// The batch of step `s`: the next ones in order, from the start again after the last.
    fn batch(&self, s: usize) -> Batch {
        let from = s * self.batch_size % self.labels.len();
        let to = self.labels.len().min(from + self.batch_size);
        let x = self.x.slice_rows(from, to).unwrap();
        Batch {
            x,
            from_layer: 0,
            labels: self.labels[from..to].to_vec(),
            samples: (from as u64..to as u64).collect(),
        }
    }
}

fn trainable(file: &mut Npz) -> Vec<String> {
    file.get("trainable").unwrap().strings().unwrap().to_vec()
}

fn numbers(file: &mut Npz, name: &str) -> Vec<f64> {
    file.get(name).unwrap().to_f64().unwrap()
}

/// The numbers of `tensor` at the probes stored under `prefix`, and what Keras had there.
fn probes(file: &mut Npz, prefix: &str, tensor: &Tensor) -> (Vec<f32>, Vec<f32>) {
    let index = file.get(&format!("{prefix}/probe_index")).unwrap().to_i64().unwrap();
    let found: Vec<_> = index.iter().map(|&i| tensor.data()[usize::try_from(i).unwrap()]).collect();
    let expected = file.tensor(&format!("{prefix}/probe")).unwrap().data().to_vec();
    assert_eq!(found.len(), expected.len());
    (found, expected)
}

fn minus(a: &Tensor, b: &Tensor) -> Vec<f32> {
    assert_eq!(a.shape(), b.shape());
    a.data().iter().zip(b.data()).map(|(a, b)| a - b).collect()
}

/// ‖found − expected‖ / ‖expected‖
fn relative(found: &[f32], expected: &[f32]) -> f64 {
    assert_eq!(found.len(), expected.len());
    let difference = norm(found.iter().zip(expected).map(|(&f, &e)| f64::from(f) - f64::from(e)));
    ratio(difference, norm(expected.iter().map(|&e| f64::from(e))))
}

fn norm(values: impl Iterator<Item = f64>) -> f64 {
    values.map(|v| v * v).sum::<f64>().sqrt()
}

/// `|part| / |whole|`, and 0 for nothing of nothing.
fn ratio(part: f64, whole: f64) -> f64 {
    if part == 0.0 { 0.0 } else { (part / whole).abs() }
}
