//! What is learnt, and that it is the same whatever way it is computed.

use graft_kernels::conv2d;
use graft_nn::Sequential;
use graft_nn::fit::{Silent, Trainer, predict};

use crate::support::{InMemory, adam, bits, convolutional, fit, perceptron, spots, xor};

#[test]
fn exclusive_or_is_learnt_to_the_last_point() {
    let mut model = perceptron();
    let mut trainer = Trainer::new(&mut model).optimizer(adam(0.02));
    let history = fit(&mut trainer, xor(), 0..40);
    let losses = history.get("loss");
    assert!(losses[39] < losses[0] / 10.0, "{losses:?}");
    let found = trainer.evaluate(&mut xor(), &mut Silent).unwrap();
    assert_eq!(found.accuracy, 1.0);
    assert_eq!((found.probabilities.rows(), found.labels.len(), found.samples.len()), (64, 64, 64));
}

#[test]
fn pictures_are_learnt_with_dropout_and_judged_without() {
    let (mut model, mut held_out) = (convolutional(), spots(60));
    let mut trainer = Trainer::new(&mut model).optimizer(adam(0.01)).seed(9);
    let mut train = spots(120);
    let history = trainer.fit(&mut train, Some(&mut held_out), 0..8, &mut [], &mut Silent).unwrap();
    let last = history.last().unwrap();
    assert_eq!(last.logs.names(), "accuracy, loss, val_accuracy, val_loss");
    assert_eq!(last.logs.get("val_accuracy"), Some(1.0));
    let again = trainer.evaluate(&mut held_out, &mut Silent).unwrap();
    assert_eq!(last.logs.get("val_loss"), Some(again.loss), "nothing is random in an evaluation");
}

#[test]
fn every_number_of_threads_gives_the_same_bits_and_so_does_a_second_run() {
    let train = |threads: usize| {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
        pool.install(|| {
            let mut model = convolutional();
            let mut trainer = Trainer::new(&mut model).optimizer(adam(0.01)).seed(2);
            let losses: Vec<_> =
                fit(&mut trainer, spots(50), 0..2).get("loss").iter().map(|l| l.to_bits()).collect();
            (losses, bits(&model))
        })
    };
    let one = train(1);
    for threads in [1, 2, 7] {
        assert!(train(threads) == one, "{threads} threads");
    }
    let mut model = convolutional();
    let mut trainer = Trainer::new(&mut model).optimizer(adam(0.01)).seed(3);
    fit(&mut trainer, spots(50), 0..2);
    assert_ne!(bits(&model), one.1, "another seed drops other units");
}

#[test]
fn a_run_that_is_taken_up_again_ends_where_one_in_one_piece_does() {
    let mut whole = convolutional();
    fit(&mut Trainer::new(&mut whole).optimizer(adam(0.01)), spots(40), 0..4);

    let mut model = convolutional();
    let mut trainer = Trainer::new(&mut model).optimizer(adam(0.01));
    fit(&mut trainer, spots(40), 0..2);
    let state = trainer.optimizer_ref().state(trainer.model());
    // Another process: the weights and the optimiser's state are all it has.
    let mut optimizer = adam(0.5);
    optimizer.restore(&model, &state).unwrap();
    fit(&mut Trainer::new(&mut model).optimizer(optimizer), spots(40), 2..4);
    assert_eq!(bits(&model), bits(&whole));
}

#[test]
fn weights_are_changed_in_place() {
    let mut model = convolutional();
    let batch = spots(16).all();
    let places = |m: &Sequential| m.weights().map(|(_, _, w)| w.value.data().as_ptr()).collect::<Vec<_>>();
    let (before, weights) = (places(&model), bits(&model));
    Trainer::new(&mut model).train_step(0, &batch).unwrap();
    assert_eq!(places(&model), before);
    assert_ne!(bits(&model), weights);
}

/// What lies before the first trained layer may be computed once; the result is the same to the last bit.
#[test]
fn training_may_begin_behind_the_frozen_layers() {
    let frozen = || {
        let mut model = convolutional();
        model.set_trainable(..2, false);
        model
    };
    let mut whole = frozen();
    fit(&mut Trainer::new(&mut whole).optimizer(adam(0.01)), spots(40), 0..2);

    let mut model = frozen();
    assert_eq!(model.frozen_prefix(), 3);
    let pictures = spots(40);
    let features = InMemory { x: predict(&model, 0..3, &pictures.x).unwrap(), from_layer: 3, ..pictures };
    fit(&mut Trainer::new(&mut model).optimizer(adam(0.01)), features, 0..2);
    assert_eq!(bits(&model), bits(&whole));
}

#[test]
fn pictures_a_few_at_a_time_give_the_bits_of_all_at_once() {
    let model = convolutional();
    for n in [1, 8, 9, 16, 19] {
        let x = spots(n).x;
        assert_eq!(predict(&model, 0..6, &x).unwrap().data(), model.predict(&x).unwrap().data());
    }
}

#[test]
fn every_rung_of_the_ladder_can_be_had_in_training_and_in_prediction() {
    let batch = spots(64).all();
    let run = |algorithm: conv2d::Algorithm| {
        let mut model = convolutional();
        model.set_algorithm(algorithm);
        let evaluated = Trainer::new(&mut model).evaluate(&mut spots(64), &mut Silent).unwrap();
        let y = model.predict(&batch.x).unwrap();
        Trainer::new(&mut model).train_step(0, &batch).unwrap();
        (evaluated.probabilities.data().to_vec(), y.data().to_vec(), bits(&model))
    };
    // Sums in f64 and in f32 differ in the last bits.
    let (reference, im2col) = (run(conv2d::Algorithm::Reference), run(conv2d::Algorithm::Im2colGemm));
    assert_ne!(reference.0, im2col.0, "evaluation");
    assert_ne!(reference.1, im2col.1, "prediction");
    assert_ne!(reference.2, im2col.2, "training");
    assert!(reference.0.iter().zip(&im2col.0).all(|(a, b)| (a - b).abs() < 1e-5));
}
