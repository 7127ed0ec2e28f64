//! How a run ends before its end, and what it says.

use std::sync::atomic::{AtomicBool, Ordering};

use graft_nn::callbacks::{Callback, Control, EarlyStopping, Ending, Monitor, TerminateOnNaN};
use graft_nn::fit::{Batch, Batches, BoxError, FitError, Interruption, Logs, Silent, Trainer};
use graft_nn::optimizers::{Algorithm, Optimizer, OptimizerConfig};
use graft_tensor::Tensor;

use crate::support::{InMemory, adam, perceptron, xor};

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
