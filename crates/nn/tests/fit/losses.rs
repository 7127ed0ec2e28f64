//! What counts for how much, and what is logged.

use graft_nn::fit::{Batch, Silent, Trainer};
use graft_nn::layers::Dense;
use graft_nn::losses::{ClassWeight, Loss};
use graft_nn::{Activation, Sequential, WeightId};
use graft_tensor::Tensor;

use crate::support::{convolutional, perceptron, spots, xor};

#[test]
fn class_weights_are_divided_as_in_keras() {
    let (mut model, batch) = (perceptron(), xor().all());
    let p = model.predict(&batch.x).unwrap();
    let weights = ClassWeight::Explicit([(1, 3.0)].into()).weights(&batch.labels, 2).unwrap();
    let cost = |(i, &label): (usize, &usize)| {
        let weight = if label == 1 { 3.0 } else { 1.0 };
        -weight * f64::from(p.row(i)[label]).ln()
    };
    let expected = batch.labels.iter().enumerate().map(cost).sum::<f64>() / 64.0;
    let mut trainer = Trainer::new(&mut model).class_weight(weights);
    let found = trainer.train_step(0, &batch).unwrap();
    assert!((f64::from(found.loss) - expected).abs() < 1e-6 * expected, "{} {expected}", found.loss);
}

/// The gradient under weights is that of the batch in which the heavy rows stand three times, but for the N.
#[test]
fn a_weight_of_three_is_like_three_pictures() {
    let mut model = perceptron();
    let data = xor();
    let batch = data.batch(&[0, 1, 2]);
    let thrice = data.batch(&[0, 1, 1, 1, 2, 2, 2]);
    assert_eq!(batch.labels, [0, 1, 1]);
    let plain = Trainer::new(&mut model).gradients(0, &thrice).unwrap().gradients;
    let weighted =
        Trainer::new(&mut model).class_weight(Some(vec![1.0, 3.0])).gradients(0, &batch).unwrap().gradients;
    for ((id, a), (_, b)) in weighted.iter().zip(&plain) {
        for (a, b) in a.data().iter().zip(b.data()) {
            assert!((a * 3.0 - b * 7.0).abs() < 1e-5, "{id:?}: {a} {b}");
        }
    }
}

#[test]
fn outputs_that_are_no_softmax_are_taken_for_probabilities() {
    let mut model = Sequential::new([2]);
    model.push("top", Dense::new(2).activation(Activation::Relu)).unwrap();
    model.set_weight("top", "kernel", Tensor::new([2, 2], &[3.0, 1.0, 0.0, 0.0]).unwrap()).unwrap();
    model.initialize(0);
    let x = Tensor::new([1, 2], &[1.0, 0.0]).unwrap();
    let batch = Batch { x, from_layer: 0, labels: vec![0], samples: vec![0] };
    let found = Trainer::new(&mut model).gradients(0, &batch).unwrap();
    assert!((found.logs.loss - -(0.75f32.ln())).abs() < 1e-6, "{}", found.logs.loss); // 3 / (3 + 1)
    // d(−ln(a/(a+b))) = (1/(a+b) − 1/a, 1/(a+b))
    let bias = &found.gradients[1];
    assert_eq!(bias.0, WeightId { layer: 0, weight: 1 });
    assert!((bias.1.data()[0] - (0.25 - 1.0 / 3.0)).abs() < 1e-6 && (bias.1.data()[1] - 0.25).abs() < 1e-6);
}

#[test]
fn smoothed_labels_and_sparse_ones_are_what_they_say() {
    let (mut model, batch) = (perceptron(), xor().all());
    let loss = |model: &mut Sequential, loss: Loss| {
        Trainer::new(model).loss(loss).gradients(0, &batch).unwrap().logs.loss
    };
    let plain = loss(&mut model, Loss::default());
    assert_eq!(loss(&mut model, Loss::SparseCategoricalCrossentropy), plain);
    // All of it smoothed away: the mean over the classes of −ln p.
    let p = model.predict(&batch.x).unwrap();
    let expected = -p.data().iter().map(|&p| f64::from(p).ln()).sum::<f64>() / 128.0;
    let smooth = loss(&mut model, Loss::CategoricalCrossentropy { label_smoothing: 1.0 });
    assert!((f64::from(smooth) - expected).abs() < 1e-6 * expected);
}

#[test]
fn the_true_class_among_the_best_k_is_logged_where_it_is_asked_for() {
    let mut model = convolutional();
    let fit = |k, model: &mut Sequential| {
        let mut trainer = Trainer::new(model).top_k(k);
        trainer.fit(&mut spots(48), Some(&mut spots(48)), 0..1, &mut [], &mut Silent).unwrap()
    };
    assert_eq!(fit(None, &mut model).last().unwrap().logs.names(), "accuracy, loss, val_accuracy, val_loss");
    let history = fit(Some(1), &mut model);
    // Of the scores that are finite and do not tie, the best one is the highest one.
    for name in ["", "val_"] {
        let top_1 = history.get(&format!("{name}top_k_categorical_accuracy"));
        assert_eq!(top_1, history.get(&format!("{name}accuracy")));
    }
    assert_eq!(
        fit(Some(3), &mut model).get("val_top_k_categorical_accuracy"),
        [1.0],
        "all classes are three"
    );
}
