//! Training runs small enough to be judged by eye.

use std::sync::atomic::{AtomicBool, Ordering};

use graft_autograd::Padding;
use graft_kernels::conv2d;
use graft_kernels::random::{Purpose, Stream};
use graft_nn::callbacks::{Callback, Control, EarlyStopping, Ending, Monitor, TerminateOnNaN};
use graft_nn::fit::{
    Batch, Batches, BoxError, FitError, History, Interruption, Logs, Silent, Trainer, predict,
};
use graft_nn::layers::{Conv2D, Dense, Dropout, Flatten, MaxPooling2D};
use graft_nn::losses::{ClassWeight, Loss};
use graft_nn::optimizers::{Algorithm, Optimizer, OptimizerConfig};
use graft_nn::{Activation, Sequential, WeightId};
use graft_tensor::Tensor;

/// A data set in memory, shuffled anew each epoch.
#[derive(Clone)]
struct InMemory {
    x: Tensor,
    from_layer: usize,
    labels: Vec<usize>,
    batch_size: usize,
}

impl Batches for InMemory {
    fn samples(&self) -> usize {
        self.labels.len()
    }

    fn steps(&self) -> usize {
        self.labels.len().div_ceil(self.batch_size)
    }

    fn epoch(&mut self, epoch: u64) -> Box<dyn Iterator<Item = Result<Batch, BoxError>> + '_> {
        let mut order: Vec<usize> = (0..self.labels.len()).collect();
        Stream::new(1, Purpose::Shuffle, epoch, 0).shuffle(&mut order);
        let batches: Vec<_> = order.chunks(self.batch_size).map(|rows| self.batch(rows)).collect();
        Box::new(batches.into_iter().map(Ok))
    }
}

impl InMemory {
    fn batch(&self, rows: &[usize]) -> Batch {
        let parts: Vec<_> = rows.iter().map(|&r| self.x.slice_rows(r, r + 1).unwrap()).collect();
        Batch {
            x: Tensor::concat_rows(&parts).unwrap(),
            from_layer: self.from_layer,
            labels: rows.iter().map(|&r| self.labels[r]).collect(),
            samples: rows.iter().map(|&r| r as u64).collect(),
        }
    }

    fn all(&self) -> Batch {
        self.batch(&(0..self.labels.len()).collect::<Vec<_>>())
    }
}

/// The exclusive or of two signs, with a little noise.
fn xor() -> InMemory {
    let mut stream = Stream::new(5, Purpose::Data, 0, 0);
    let labels: Vec<usize> = (0..64).map(|i| (i & 1) ^ (i >> 1 & 1)).collect();
    let x = Tensor::from_fn([64, 2], |k| {
        let (i, axis) = (k / 2, k % 2);
        (if i >> axis & 1 == 1 { 1.0 } else { -1.0 }) + 0.2 * stream.normal() as f32
    });
    InMemory { x, from_layer: 0, labels, batch_size: 10 }
}

/// Pictures of 8 × 8 with a bright spot in one of three places.
fn spots(n: usize) -> InMemory {
    let mut stream = Stream::new(6, Purpose::Data, 0, 0);
    let labels: Vec<usize> = (0..n).map(|i| i % 3).collect();
    let x = Tensor::from_fn([n, 8, 8, 1], |k| {
        let (label, row, col) = (labels[k / 64], k % 64 / 8, k % 8);
        let spot = [(1, 1), (4, 6), (6, 2)][label];
        let near = row.abs_diff(spot.0) <= 1 && col.abs_diff(spot.1) <= 1;
        f32::from(u8::from(near)) + 0.3 * stream.normal() as f32
    });
    InMemory { x, from_layer: 0, labels, batch_size: 16 }
}

fn perceptron() -> Sequential {
    let mut model = Sequential::new([2]);
    model.push("hidden", Dense::new(16).activation(Activation::Relu)).unwrap();
    model.push("top", Dense::new(2).activation(Activation::Softmax)).unwrap();
    model.initialize(3);
    model
}

/// A convolution, a pooling, a hidden layer that drops half, three classes.
fn convolutional() -> Sequential {
    let mut model = Sequential::new([8, 8, 1]);
    model.push("conv2d", Conv2D::new(4, [3, 3]).padding(Padding::Same).activation(Activation::Relu)).unwrap();
    model.push("max_pooling2d", MaxPooling2D::new([2, 2])).unwrap();
    model.push("flatten", Flatten).unwrap();
    model.push("hidden", Dense::new(32).activation(Activation::Relu)).unwrap();
    model.push("dropout", Dropout::new(0.5).unwrap()).unwrap();
    model.push("top", Dense::new(3).activation(Activation::Softmax)).unwrap();
    model.initialize(4);
    model
}

fn adam(learning_rate: f32) -> Optimizer {
    Optimizer::new(OptimizerConfig { learning_rate, ..OptimizerConfig::new(Algorithm::adam()) }).unwrap()
}

fn bits(model: &Sequential) -> Vec<u32> {
    model
        .weights()
        .flat_map(|(_, _, w)| w.value.data().iter().map(|v| v.to_bits()).collect::<Vec<_>>())
        .collect()
}

fn fit(trainer: &mut Trainer<'_>, mut train: InMemory, epochs: std::ops::Range<u64>) -> History {
    trainer.fit(&mut train, None, epochs, &mut [], &mut Silent).unwrap()
}

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

/// Σ w·l / N with l = −ln p, from the model's own answers.
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

/// Counts its calls, and may raise a flag after so many batches.
#[derive(Default)]
struct Watch<'f> {
    flag: Option<(&'f AtomicBool, usize)>,
    batches: usize,
    endings: Vec<Ending>,
}

impl Callback for Watch<'_> {
    fn on_batch_end(&mut self, _: usize, _: &Logs, _: &mut Control<'_>) -> Result<(), FitError> {
        self.batches += 1;
        if let Some((flag, after)) = self.flag
            && self.batches == after
        {
            flag.store(true, Ordering::Relaxed);
        }
        Ok(())
    }

    fn on_train_end(&mut self, control: &mut Control<'_>) -> Result<(), FitError> {
        self.endings.extend(control.ending);
        Ok(())
    }
}

#[test]
fn an_interrupted_run_ends_after_the_batch_and_lists_only_whole_epochs() {
    let flag = AtomicBool::new(false);
    let mut watch = Watch { flag: Some((&flag, 10)), ..Watch::default() };
    let mut model = perceptron();
    let mut trainer = Trainer::new(&mut model).interrupted_by(&flag);
    let history = trainer.fit(&mut xor(), None, 0..5, &mut [&mut watch], &mut Silent).unwrap();
    assert_eq!(history.interrupted, Some(Interruption { epoch: 1, steps: 3 }));
    assert!(!history.stopped);
    assert_eq!((history.epochs.len(), watch.batches), (1, 10)); // 7 batches an epoch
    assert_eq!(watch.endings, [Ending::Interrupted]);
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

#[test]
fn an_evaluation_ends_after_the_batch_in_which_it_is_interrupted() {
    let flag = AtomicBool::new(true);
    let mut model = perceptron();
    let e = Trainer::new(&mut model).interrupted_by(&flag).evaluate(&mut xor(), &mut Silent).unwrap_err();
    assert!(matches!(e, FitError::Interrupted), "{e}");
}

#[test]
fn a_run_that_diverges_says_so_after_its_callbacks_have_ended() {
    let mut watch = Watch::default();
    let mut model = perceptron();
    let sgd = OptimizerConfig { learning_rate: 1e30, ..OptimizerConfig::new(Algorithm::sgd()) };
    let mut trainer = Trainer::new(&mut model).optimizer(Optimizer::new(sgd).unwrap());
    let callbacks: &mut [&mut dyn Callback] = &mut [&mut TerminateOnNaN, &mut watch];
    let e = trainer.fit(&mut xor(), None, 0..5, callbacks, &mut Silent).unwrap_err();
    assert!(matches!(e, FitError::Diverged { epoch: 0, step: 1..=3, .. }), "{e}");
    assert_eq!(watch.endings, [Ending::Failed]);
}

#[test]
fn pictures_that_are_no_numbers_end_the_run_at_the_first_step() {
    let mut data = xor();
    data.x.data_mut().fill(f32::NAN);
    let mut model = perceptron();
    let mut trainer = Trainer::new(&mut model);
    let e = trainer.fit(&mut data, None, 0..1, &mut [&mut TerminateOnNaN], &mut Silent).unwrap_err();
    assert!(matches!(e, FitError::Diverged { epoch: 0, step: 0, loss, .. } if loss.is_nan()), "{e}");
}

#[test]
fn early_stopping_ends_the_run_and_gives_the_best_weights_back() {
    let mut model = perceptron();
    let mut stop = EarlyStopping::new(Monitor::new("val_loss").unwrap()).patience(2).restore_best_weights();
    // The other way round: the better the training data are learnt, the worse these get.
    let mut opposite = xor();
    opposite.labels.iter_mut().for_each(|l| *l = 1 - *l);
    let mut trainer = Trainer::new(&mut model).optimizer(adam(0.02));
    let history = trainer.fit(&mut xor(), Some(&mut opposite), 0..30, &mut [&mut stop], &mut Silent).unwrap();
    assert!(history.stopped && history.epochs.len() < 30);
    let losses = history.get("val_loss");
    let best = losses.iter().copied().fold(f64::INFINITY, f64::min);
    assert_eq!(losses[stop.best_epoch() as usize], best);
    let found = trainer.evaluate(&mut opposite, &mut Silent).unwrap();
    assert_eq!(found.loss, best, "the weights are those of the best epoch");
}

#[test]
fn what_cannot_be_trained_is_an_error_that_says_why() {
    let mut model = perceptron();
    let batch = xor().all();
    model.freeze_all();
    let e = Trainer::new(&mut model).train_step(0, &batch).unwrap_err();
    assert!(matches!(e, FitError::NothingToTrain), "{e}");
    model.set_trainable(.., true);
    let beyond = Batch { from_layer: 2, ..batch.clone() };
    let e = Trainer::new(&mut model).train_step(0, &beyond).unwrap_err();
    assert!(e.to_string().contains("from_layer"), "{e}");
    let wrong = Batch { labels: vec![2; 64], ..batch.clone() };
    let e = Trainer::new(&mut model).train_step(0, &wrong).unwrap_err();
    assert!(e.to_string().contains("label must be below 2"), "{e}");
    let short = Batch { labels: vec![0; 63], ..batch };
    assert!(Trainer::new(&mut model).train_step(0, &short).is_err());
    let mut none = InMemory { x: Tensor::zeros([0, 2]), from_layer: 0, labels: Vec::new(), batch_size: 4 };
    let e = Trainer::new(&mut model).fit(&mut none, None, 0..1, &mut [], &mut Silent).unwrap_err();
    assert!(matches!(e, FitError::NoSamples { what: "training" }), "{e}");
    let e =
        Trainer::new(&mut model).fit(&mut xor(), Some(&mut none), 0..1, &mut [], &mut Silent).unwrap_err();
    assert!(matches!(e, FitError::NoSamples { what: "validation" }), "{e}");
}

/// One good batch, then a picture that cannot be read.
struct Unreadable;

impl Batches for Unreadable {
    fn samples(&self) -> usize {
        128
    }

    fn steps(&self) -> usize {
        2
    }

    fn epoch(&mut self, _: u64) -> Box<dyn Iterator<Item = Result<Batch, BoxError>> + '_> {
        Box::new([Ok(xor().all()), Err("cat.jpg: truncated".into())].into_iter())
    }
}

#[test]
fn a_picture_that_cannot_be_read_ends_the_run_with_its_reason() {
    let (mut model, mut watch) = (perceptron(), Watch::default());
    let mut trainer = Trainer::new(&mut model);
    let e = trainer.fit(&mut Unreadable, None, 0..1, &mut [&mut watch], &mut Silent).unwrap_err();
    assert!(matches!(&e, FitError::Data(_)) && e.to_string() == "cat.jpg: truncated", "{e}");
    assert_eq!((watch.batches, watch.endings), (1, vec![Ending::Failed]));
}
