//! The loop over epochs and batches, and what happens around it.

use std::ops::Range;
use std::time::Instant;

use super::evaluation::{self, Evaluation};
use super::{Batches, EpochLogs, FitError, History, Interruption, Logs, Progress, StepLogs, Trainer};
use crate::callbacks::{Callback, Control, Ending};
use crate::metrics::{Mean, top_k_accuracy};

/// Keras's names of the figures that [`Trainer::top_k`] asks for.
const TOP_K: &str = "top_k_categorical_accuracy";
const VAL_TOP_K: &str = "val_top_k_categorical_accuracy";

impl Trainer<'_> {
    /// Trains for the epochs of this range, counted from 0; a range that does not begin at 0 goes on where an earlier
    /// run ended. Each epoch ends with an evaluation of the validation data, if there is any.
    ///
    /// # Errors
    /// If a batch cannot be read or does not fit, nothing is trainable, or a callback ends the run with an error. The
    /// callbacks' `on_train_end` has run then, too.
    pub fn fit(
        &mut self,
        train: &mut dyn Batches,
        mut validation: Option<&mut dyn Batches>,
        epochs: Range<u64>,
        callbacks: &mut [&mut dyn Callback],
        progress: &mut dyn Progress,
    ) -> Result<History, FitError> {
        let mut history = History::default();
        let mut run = Run { callbacks, progress, epoch: epochs.start, steps: 0, stop: false };
        let mut outcome = run.tell(self, None, |callback, control| callback.on_train_begin(control));
        for epoch in epochs.clone() {
            if outcome.is_err() || run.stop {
                break;
            }
            (run.epoch, run.steps) = (epoch, 0);
            let validation = validation.as_mut().map(|v| &mut **v as &mut dyn Batches);
            match self.run_epoch(epochs.end, train, validation, &mut run) {
                Ok(Some(logs)) => history.epochs.push(logs),
                Ok(None) => {
                    history.interrupted = Some(Interruption { epoch, steps: run.steps });
                    break;
                }
                Err(e) => outcome = Err(e),
            }
        }
        history.stopped = run.stop && history.epochs.len() < epochs.count();
        let ending = match &outcome {
            Err(_) => Ending::Failed,
            Ok(()) if history.interrupted.is_some() => Ending::Interrupted,
            Ok(()) => Ending::Finished,
        };
        let ended = run.tell(self, Some(ending), |callback, control| callback.on_train_end(control));
        // The first error is the cause.
        outcome.and(ended).map(|()| history)
    }

    /// One epoch, or `None` if it was interrupted.
    fn run_epoch(
        &mut self,
        end: u64,
        train: &mut dyn Batches,
        validation: Option<&mut dyn Batches>,
        run: &mut Run<'_, '_, '_>,
    ) -> Result<Option<EpochLogs>, FitError> {
        let (epoch, begun) = (run.epoch, Instant::now());
        run.progress.on_epoch_begin(epoch, end, train.steps());
        run.tell(self, None, |callback, control| callback.on_epoch_begin(epoch, control))?;
        let Some(mut logs) = self.train_epoch(train, run)? else { return Ok(None) };
        if let Some(validation) = validation {
            let Some(found) = self.validate(validation, run)? else { return Ok(None) };
            logs.set("val_accuracy", found.accuracy);
            logs.set("val_loss", found.loss);
            if let Some(k) = self.top_k {
                logs.set(VAL_TOP_K, top_k_accuracy(&found.probabilities, &found.labels, k)?);
            }
        }
        let (outcome, messages) =
            run.call(self, None, |callback, control| callback.on_epoch_end(epoch, &mut logs, control));
        let seconds = begun.elapsed().as_secs_f64();
        if outcome.is_ok() {
            run.progress.on_epoch_end(epoch, &logs, seconds);
        }
        // Below the figures that they are about.
        run.pass_on(&messages);
        outcome?;
        Ok(Some(EpochLogs { epoch, logs, seconds }))
    }

    /// The batches of one epoch, or `None` if it was interrupted.
    fn train_epoch(
        &mut self,
        train: &mut dyn Batches,
        run: &mut Run<'_, '_, '_>,
    ) -> Result<Option<Logs>, FitError> {
        let (mut loss, mut right, mut logs) = (Mean::default(), 0, Logs::default());
        let mut within = 0;
        for (step, batch) in train.epoch(run.epoch).enumerate() {
            if self.is_interrupted() {
                return Ok(None);
            }
            let batch = batch.map_err(FitError::Data)?;
            let n = batch.labels.len();
            let StepLogs { loss: l, correct, in_top_k } = self.train_step(run.epoch, &batch)?;
            run.steps = step + 1;
            loss.add(f64::from(l), n);
            right += correct;
            logs.set("accuracy", right as f64 / loss.samples() as f64);
            logs.set("loss", loss.value());
            if let Some(hits) = in_top_k {
                within += hits;
                logs.set(TOP_K, within as f64 / loss.samples() as f64);
            }
            run.tell(self, None, |callback, control| callback.on_batch_end(step, &logs, control))?;
            run.progress.on_batch_end(step, &logs);
        }
        match loss.samples() {
            _ if self.is_interrupted() => Ok(None),
            0 => Err(FitError::NoSamples { what: "training" }),
            _ => Ok(Some(logs)),
        }
    }

    /// The evaluation at an epoch's end, or `None` if it was interrupted.
    fn validate(
        &self,
        validation: &mut dyn Batches,
        run: &mut Run<'_, '_, '_>,
    ) -> Result<Option<Evaluation>, FitError> {
        let steps = validation.steps();
        let after_batch = |step| {
            run.progress.on_evaluation_batch_end(step, steps);
            !self.is_interrupted()
        };
        evaluation::evaluate(self.model, self.loss, validation, "validation", after_batch)
    }
}

/// Who takes part in a run beside the trainer, and where it stands.
struct Run<'a, 'c, 'p> {
    callbacks: &'a mut [&'c mut dyn Callback],
    progress: &'p mut dyn Progress,
    epoch: u64,
    /// The batches of the epoch that have been trained on.
    steps: usize,
    stop: bool,
}

impl Run<'_, '_, '_> {
    /// Calls every callback, and passes on what they have to tell.
    fn tell(
        &mut self,
        trainer: &mut Trainer<'_>,
        ending: Option<Ending>,
        moment: impl FnMut(&mut dyn Callback, &mut Control<'_>) -> Result<(), FitError>,
    ) -> Result<(), FitError> {
        let (outcome, messages) = self.call(trainer, ending, moment);
        self.pass_on(&messages);
        outcome
    }

    fn pass_on(&mut self, messages: &[String]) {
        messages.iter().for_each(|text| self.progress.on_message(text));
    }

    /// Calls every callback, and gives what they have to tell. As the run ends, the error of one does not keep the others from
    /// ending.
    fn call(
        &mut self,
        trainer: &mut Trainer<'_>,
        ending: Option<Ending>,
        mut moment: impl FnMut(&mut dyn Callback, &mut Control<'_>) -> Result<(), FitError>,
    ) -> (Result<(), FitError>, Vec<String>) {
        let mut control = Control {
            model: &mut *trainer.model,
            optimizer: &mut trainer.optimizer,
            stop: self.stop,
            epoch: self.epoch,
            ending,
            messages: Vec::new(),
        };
        let mut outcome = Ok(());
        for callback in self.callbacks.iter_mut() {
            if outcome.is_err() && ending.is_none() {
                break;
            }
            let called = moment(&mut **callback, &mut control);
            outcome = outcome.and(called);
        }
        self.stop = control.stop;
        (outcome, control.messages)
    }
}
