//! Callbacks on given figures: what they do is what Keras's do. The expected values are those that `callbacks.py`,
//! beside this file, prints.

use graft_nn::callbacks::{
    CSVLogger, Callback, Checkpoint, Control, EarlyStopping, Ending, LearningRateScheduler, Mode,
    ModelCheckpoint, Monitor, ReduceLROnPlateau, SaveWhen, StuckLoss, TerminateOnNaN, Which,
};
use graft_nn::fit::{FitError, Logs};
use graft_nn::layers::Dense;
use graft_nn::optimizers::{Algorithm, Optimizer, OptimizerConfig};
use graft_nn::{Sequential, WeightId};

const NAN: f64 = f64::NAN;

/// A model whose one kernel holds the number of the epoch, from 1, and an optimiser: a run without any training.
struct Script {
    model: Sequential,
    optimizer: Optimizer,
    stop: bool,
    messages: Vec<String>,
}

impl Script {
    fn new(learning_rate: f32) -> Self {
        let mut model = Sequential::new([1]);
        model.push("dense", Dense::new(1)).unwrap();
        let optimizer =
            Optimizer::new(OptimizerConfig { learning_rate, ..OptimizerConfig::new(Algorithm::sgd()) });
        Self { model, optimizer: optimizer.unwrap(), stop: false, messages: Vec::new() }
    }

    fn weight(&self) -> f32 {
        self.model.weight(WeightId { layer: 0, weight: 0 }).value.data()[0]
    }

    fn set_weight(&mut self, value: f32) {
        self.model.weight_mut(WeightId { layer: 0, weight: 0 }).data_mut()[0] = value;
    }

    /// One moment of a run.
    fn tell<R>(
        &mut self,
        epoch: u64,
        ending: Option<Ending>,
        moment: impl FnOnce(&mut Control<'_>) -> R,
    ) -> R {
        let (model, optimizer, messages) = (&mut self.model, &mut self.optimizer, Vec::new());
        let mut control = Control { model, optimizer, stop: self.stop, epoch, ending, messages };
        let result = moment(&mut control);
        self.stop = control.stop;
        self.messages.extend(control.messages);
        result
    }

    /// Epochs with these values of one figure, until the callback stops the run; the logs of each.
    fn run(&mut self, callback: &mut dyn Callback, name: &str, values: &[f64]) -> Vec<Logs> {
        self.stop = false;
        self.tell(0, None, |c| callback.on_train_begin(c)).unwrap();
        let mut all = Vec::new();
        for (epoch, &value) in (0u64..).zip(values) {
            self.set_weight(epoch as f32 + 1.0);
            let mut logs = Logs::default();
            logs.set(name, value);
            self.tell(epoch, None, |c| callback.on_epoch_end(epoch, &mut logs, c)).unwrap();
            all.push(logs);
            if self.stop {
                break;
            }
        }
        let last = all.len() as u64 - 1;
        self.tell(last, Some(Ending::Finished), |c| callback.on_train_end(c)).unwrap();
        all
    }
}

/// Epochs run, best epoch, and the kernel at the end.
fn early_stopping(mut stop: EarlyStopping, name: &str, values: &[f64]) -> (usize, u64, f32) {
    let mut script = Script::new(0.1);
    let epochs = script.run(&mut stop, name, values).len();
    // The same instance serves a second run from the start.
    assert_eq!(script.run(&mut stop, name, values).len(), epochs);
    (epochs, stop.best_epoch(), script.weight())
}

#[test]
fn early_stopping_stops_where_keras_does() {
    let stop = || EarlyStopping::new(Monitor::new("val_loss").unwrap());
    let run = |stop: EarlyStopping, values: &[f64]| early_stopping(stop, "val_loss", values);

    let falls_then_rises = [1.0, 0.9, 0.95, 0.96, 0.97, 0.5];
    assert_eq!(run(stop().patience(2), &falls_then_rises), (4, 1, 4.0));
    assert_eq!(run(stop().patience(2).restore_best_weights(), &falls_then_rises), (4, 1, 2.0));
    assert_eq!(run(stop().patience(5).restore_best_weights(), &[1.0, 0.8, 0.9]), (3, 1, 2.0));
    // Patience 0 and 1 are the same, and the first epoch never stops.
    assert_eq!(run(stop(), &[1.0, 1.0, 0.5]), (2, 0, 2.0));
    assert_eq!(run(stop(), &[1.0, 0.5, 0.7, 0.1]), (3, 1, 3.0));
    assert_eq!(run(stop().patience(1), &[1.0, 0.5, 0.7, 0.1]), (3, 1, 3.0));
    // NaN, and what f32 cannot tell apart, are no improvement.
    assert_eq!(run(stop().patience(2).restore_best_weights(), &[1.0, NAN, NAN, 0.5]), (3, 0, 1.0));
    assert_eq!(run(stop().patience(2), &[1.0, 1.0 - 1e-9, 1.0 - 2e-9, 0.5]), (3, 0, 3.0));
}

#[test]
fn early_stopping_knows_all_of_keras_options() {
    let falls_slowly = [1.0, 0.95, 0.85, 0.80, 0.79, 0.78];
    for min_delta in [0.1, -0.1] {
        let stop = EarlyStopping::new(Monitor::new("val_loss").unwrap().min_delta(min_delta)).patience(2);
        assert_eq!(early_stopping(stop, "val_loss", &falls_slowly), (5, 2, 5.0));
    }
    let stop = || EarlyStopping::default().patience(2).restore_best_weights();
    let run = |stop: EarlyStopping, values: &[f64]| early_stopping(stop, "val_loss", values);
    // A baseline that is never beaten does not renew the patience, though every epoch improves.
    assert_eq!(run(stop().baseline(0.5), &[0.9, 0.8, 0.7, 0.6]), (4, 3, 4.0));
    assert_eq!(run(stop().baseline(0.5), &[0.9, 0.4, 0.45, 0.46, 0.47]), (4, 1, 2.0));
    assert_eq!(run(stop().start_from_epoch(2), &[0.1, 0.2, 1.0, 0.9, 0.95, 0.96, 0.97]), (6, 3, 4.0));
    let accuracy = EarlyStopping::new(Monitor::with_mode("val_accuracy", Mode::Max)).patience(2);
    let accuracy = accuracy.restore_best_weights();
    assert_eq!(early_stopping(accuracy, "val_accuracy", &[0.5, 0.6, 0.6, 0.6, 0.7]), (4, 1, 2.0));
}

#[test]
fn a_figure_that_is_not_there_is_told_once_and_stops_nothing() {
    let mut script = Script::new(0.1);
    let epochs = script.run(&mut EarlyStopping::default(), "loss", &[1.0, 2.0, 3.0]).len();
    assert_eq!(epochs, 3);
    assert_eq!(script.messages, ["EarlyStopping watches 'val_loss', but this run only has loss"]);
}

/// Learning rates are f32, as in Keras, and shown here with all their digits.
const HUNDREDTH: f64 = 0.009999999776482582;
const THOUSANDTH: f64 = 0.0010000000474974513;
const TENTH_OF_IT: f64 = 0.00010000000474974513;

/// The learning rate that each epoch logs, and the one at the end.
fn reduce_lr(mut reduce: ReduceLROnPlateau, rate: f32, values: &[f64]) -> (Vec<f64>, f64) {
    let mut script = Script::new(rate);
    let logs = script.run(&mut reduce, "val_loss", values);
    let rates = logs.iter().map(|l| l.get("learning_rate").unwrap()).collect();
    (rates, f64::from(script.optimizer.learning_rate()))
}

#[test]
fn the_learning_rate_falls_where_it_does_in_keras() {
    let reduce =
        |factor: f64, patience| ReduceLROnPlateau::default().patience(patience).factor(factor).unwrap();
    let flat = [1.0; 7];
    assert_eq!(reduce_lr(reduce(0.5, 2), 1.0, &flat[..6]), (vec![1.0, 1.0, 1.0, 0.5, 0.5, 0.25], 0.25));
    assert_eq!(
        reduce_lr(reduce(0.5, 1).cooldown(2), 1.0, &flat),
        (vec![1.0, 1.0, 0.5, 0.5, 0.25, 0.25, 0.125], 0.125)
    );
    // Less than min_delta, which is 1e-4 and absolute, is no improvement.
    assert_eq!(
        reduce_lr(reduce(0.1, 1), 1.0, &[1.0, 0.99995, 0.9999, 0.9998, 0.99979]),
        (vec![1.0, 1.0, 0.10000000149011612, HUNDREDTH, HUNDREDTH], 0.0009999999310821295)
    );
    assert_eq!(
        reduce_lr(reduce(0.1, 1).min_lr(0.05), 1.0, &flat[..5]),
        (vec![1.0, 1.0, 0.10000000149011612, 0.05000000074505806, 0.05000000074505806], 0.05000000074505806)
    );
    assert_eq!(
        reduce_lr(reduce(0.1, 2), 0.001, &[1.0, 1.0, 0.5, 0.5, 0.5, 0.5]),
        (vec![THOUSANDTH, THOUSANDTH, THOUSANDTH, THOUSANDTH, THOUSANDTH, TENTH_OF_IT], TENTH_OF_IT)
    );
    assert_eq!(
        reduce_lr(reduce(0.1, 0), 0.001, &flat[..3]),
        (vec![THOUSANDTH, THOUSANDTH, TENTH_OF_IT], 1.0000000656873453e-5)
    );
    assert!(ReduceLROnPlateau::default().factor(1.0).is_err());
}

#[test]
fn a_schedule_sets_the_rate_and_logs_it() {
    let mut schedule = LearningRateScheduler::new(|epoch, rate| if epoch < 2 { rate } else { rate * 0.5 });
    let mut script = Script::new(1.0);
    let mut rates = Vec::new();
    for epoch in 0..4 {
        let mut logs = Logs::default();
        script.tell(epoch, None, |c| schedule.on_epoch_begin(epoch, c)).unwrap();
        script.tell(epoch, None, |c| schedule.on_epoch_end(epoch, &mut logs, c)).unwrap();
        rates.push(logs.get("learning_rate").unwrap());
    }
    assert_eq!(rates, [1.0, 1.0, 0.5, 0.25]);
    let e = script.tell(0, None, |c| LearningRateScheduler::new(|_, _| f32::NAN).on_epoch_begin(0, c));
    assert!(e.unwrap_err().to_string().contains("learning_rate"));
}

#[test]
fn the_csv_file_has_keras_columns_and_can_be_continued() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("history.csv");
    let mut script = Script::new(0.1);
    let mut epochs = |logger: &mut CSVLogger, range: std::ops::Range<u64>, extra: &str| {
        script.tell(0, None, |c| logger.on_train_begin(c)).unwrap();
        for epoch in range {
            let mut logs = Logs::default();
            logs.set("loss", 0.1 + 0.2);
            logs.set("accuracy", 1.0);
            logs.set("val_loss", if epoch == 1 { NAN } else { 1e-12 });
            logs.set("learning_rate", f64::from(0.001f32));
            logs.set(extra, 1.0);
            script.tell(epoch, None, |c| logger.on_epoch_end(epoch, &mut logs, c)).unwrap();
            // On disk while the run goes on.
            let last =
                format!("{epoch},1.0,0.001,0.30000000000000004,{}", if epoch == 1 { "nan" } else { "1e-12" });
            assert!(std::fs::read_to_string(&path).unwrap().ends_with(&(last + "\n")));
        }
        script.tell(0, Some(Ending::Finished), |c| logger.on_train_end(c)).unwrap();
        std::fs::read_to_string(&path).unwrap()
    };
    let text = epochs(&mut CSVLogger::new(&path), 0..2, "accuracy");
    assert!(text.starts_with("epoch,accuracy,learning_rate,loss,val_loss\n0,"), "{text}");
    // Going on keeps the columns, whatever is logged now.
    let text = epochs(&mut CSVLogger::new(&path).append(), 2..3, "unheard_of");
    assert_eq!(text.lines().count(), 4);
    // Without `append` the file begins anew.
    assert_eq!(epochs(&mut CSVLogger::new(&path), 0..1, "accuracy").lines().count(), 2);
}

#[test]
fn without_validation_the_csv_file_has_columns_for_it_all_the_same() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("history.csv");
    Script::new(0.1).run(&mut CSVLogger::new(&path), "loss", &[0.5]);
    assert_eq!(std::fs::read_to_string(&path).unwrap(), "epoch,loss,val_loss\n0,0.5,NA\n");
}

#[test]
fn a_file_that_cannot_be_written_is_named() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("missing/history.csv");
    let e = Script::new(0.1).tell(0, None, |c| CSVLogger::new(&path).on_train_begin(c)).unwrap_err();
    assert!(matches!(e, FitError::Write { .. }) && e.to_string().contains("missing/history.csv"), "{e}");
}

/// What was saved: which, epoch, and the kernel.
fn checkpoints(when: SaveWhen, values: &[f64]) -> Vec<(Which, u64, f32)> {
    let mut saved = Vec::new();
    let mut script = Script::new(0.1);
    let save = |c: &Checkpoint<'_>| {
        assert_eq!(c.logs.get("val_loss"), Some(values[c.epoch as usize]));
        saved.push((c.which, c.epoch, c.model.weight(WeightId { layer: 0, weight: 0 }).value.data()[0]));
        Ok(())
    };
    let mut checkpoint = ModelCheckpoint::new(Monitor::default(), save).when(when);
    script.run(&mut checkpoint, "val_loss", values);
    assert_eq!(checkpoint.best().unwrap().epoch, 1);
    assert_eq!(script.weight(), values.len() as f32, "saving leaves the model as it is");
    drop(checkpoint);
    saved
}

#[test]
fn the_best_and_the_last_model_are_saved() {
    use Which::{Best, Last};
    let values = [0.9, 0.5, 0.7];
    let every = [(Best, 0, 1.0), (Last, 0, 1.0), (Best, 1, 2.0), (Last, 1, 2.0), (Last, 2, 3.0)];
    assert_eq!(checkpoints(SaveWhen::EveryEpoch, &values), every);
    assert_eq!(checkpoints(SaveWhen::AtEnd, &values), [(Best, 1, 2.0), (Last, 2, 3.0)]);
}

#[test]
fn an_interrupted_run_saves_the_weights_of_the_moment_and_a_failed_one_those_of_its_last_epoch() {
    for (ending, expected) in [(Ending::Interrupted, 9.0), (Ending::Failed, 1.0)] {
        let mut saved = Vec::new();
        let mut script = Script::new(0.1);
        let mut checkpoint = ModelCheckpoint::new(Monitor::default(), |c| {
            saved.push((c.which, c.model.weight(WeightId { layer: 0, weight: 0 }).value.data()[0]));
            Ok(())
        })
        .when(SaveWhen::AtEnd);
        let mut logs = Logs::default();
        logs.set("val_loss", 1.0);
        script.set_weight(1.0);
        script.tell(0, None, |c| checkpoint.on_epoch_end(0, &mut logs, c)).unwrap();
        script.set_weight(9.0);
        script.tell(1, None, |c| checkpoint.on_batch_end(0, &Logs::default(), c)).unwrap();
        script.tell(1, Some(ending), |c| checkpoint.on_train_end(c)).unwrap();
        drop(checkpoint);
        assert_eq!(saved, [(Which::Best, 1.0), (Which::Last, expected)]);
    }
}

#[test]
fn a_run_that_is_interrupted_before_its_first_step_saves_nothing() {
    for when in [SaveWhen::AtEnd, SaveWhen::EveryEpoch] {
        let mut saved = 0;
        let mut script = Script::new(0.1);
        let mut checkpoint = ModelCheckpoint::new(Monitor::default(), |_| {
            saved += 1;
            Ok(())
        })
        .when(when);
        script.tell(0, None, |c| checkpoint.on_train_begin(c)).unwrap();
        script.tell(0, Some(Ending::Interrupted), |c| checkpoint.on_train_end(c)).unwrap();
        drop(checkpoint);
        assert_eq!(saved, 0, "what nobody has trained is no model");
    }
}

#[test]
fn a_model_that_cannot_be_saved_ends_the_run() {
    let mut checkpoint = ModelCheckpoint::new(Monitor::default(), |_| Err("no space left".into()));
    let e = Script::new(0.1).tell(0, None, |c| checkpoint.on_epoch_end(0, &mut Logs::default(), c));
    assert!(matches!(e, Err(FitError::Save(e)) if e.to_string() == "no space left"));
}

#[test]
fn a_loss_that_is_no_number_is_an_error_that_says_where_and_what_to_do() {
    for loss in [NAN, f64::INFINITY] {
        let mut logs = Logs::default();
        logs.set("loss", loss);
        let e = Script::new(0.5).tell(2, None, |c| TerminateOnNaN.on_batch_end(7, &logs, c)).unwrap_err();
        let text = e.to_string();
        assert!(text.contains("epoch 3, step 8, at a learning rate of 0.5"), "{text}");
        assert!(text.contains("Try a learning rate of 0.05"), "{text}");
    }
}

#[test]
fn a_loss_that_stays_at_that_of_guessing_is_told_once() {
    let run = |loss: f64| {
        let mut script = Script::new(0.01);
        let mut stuck = StuckLoss::new(196).after_steps(3);
        let mut logs = Logs::default();
        logs.set("loss", loss);
        for epoch in 0..4 {
            for step in 0..2 {
                script.tell(epoch, None, |c| stuck.on_batch_end(step, &logs, c)).unwrap();
            }
            script.tell(epoch, None, |c| stuck.on_epoch_end(epoch, &mut logs, c)).unwrap();
        }
        script.messages
    };
    let told = run(5.27);
    assert_eq!(told.len(), 1);
    assert!(told[0].starts_with("After 4 steps the loss is still 5.278 = ln(196)"), "{}", told[0]);
    assert!(run(4.9).is_empty() && run(9.0).is_empty());
}
