//! Stops when the model has ceased to get better.

use super::{Callback, Control, Ending, Monitor, Snapshot};
use crate::fit::{FitError, Logs};

/// Ends training once a figure has not improved for `patience` epochs. Keras's `EarlyStopping`.
///
/// The epochs since the last improvement are counted in `wait`; an epoch that improves sets it to 0 (unless there is
/// a baseline it does not beat), one that does not and finds `wait ≥ patience` ends the run, but never the first
/// epoch of all. Patience 0 and patience 1 therefore do the same.
///
/// ```
/// # use graft_nn::callbacks::{EarlyStopping, Monitor};
/// let stop = EarlyStopping::new(Monitor::new("val_accuracy")?).patience(3).restore_best_weights();
/// # Ok::<(), graft_nn::NnError>(())
/// ```
#[derive(Debug, Default)]
pub struct EarlyStopping {
    monitor: Monitor,
    patience: u64,
    baseline: Option<f64>,
    restore_best_weights: bool,
    start_from_epoch: u64,
    wait: u64,
    best: Option<f64>,
    best_epoch: u64,
    best_weights: Option<Snapshot>,
    stopped_epoch: Option<u64>,
}

impl EarlyStopping {
    /// Watches this figure, with no patience.
    pub fn new(monitor: Monitor) -> Self {
        Self { monitor, ..Self::default() }
    }

    /// How many epochs without improvement to wait for one.
    pub fn patience(mut self, epochs: u64) -> Self {
        self.patience = epochs;
        self
    }

    /// A value that must be beaten for an improvement to renew the patience.
    pub fn baseline(mut self, value: f64) -> Self {
        self.baseline = Some(value);
        self
    }

    /// Puts the best epoch's weights back at the end of training, whether it ended early or not.
    pub fn restore_best_weights(mut self) -> Self {
        self.restore_best_weights = true;
        self
    }

    /// Looks at nothing before this epoch, counted from 0.
    pub fn start_from_epoch(mut self, epoch: u64) -> Self {
        self.start_from_epoch = epoch;
        self
    }

    /// The epoch after which training was stopped, if it was.
    pub fn stopped_epoch(&self) -> Option<u64> {
        self.stopped_epoch
    }

    /// The best epoch so far; 0 before the first.
    pub fn best_epoch(&self) -> u64 {
        self.best_epoch
    }
}

impl Callback for EarlyStopping {
    fn on_train_begin(&mut self, _: &mut Control<'_>) -> Result<(), FitError> {
        (self.wait, self.best, self.best_epoch) = (0, None, 0);
        (self.best_weights, self.stopped_epoch) = (None, None);
        Ok(())
    }

    fn on_epoch_end(
        &mut self,
        epoch: u64,
        logs: &mut Logs,
        control: &mut Control<'_>,
    ) -> Result<(), FitError> {
        let (value, missing) = self.monitor.read("EarlyStopping", logs);
        control.messages.extend(missing);
        let Some(value) = value.filter(|_| epoch >= self.start_from_epoch) else { return Ok(()) };
        // Until something is best, the first weights seen are: they are restored even if all that follows is NaN.
        if self.restore_best_weights && self.best_weights.is_none() {
            (self.best_weights, self.best_epoch) = (Some(Snapshot::of(control.model)), epoch);
        }
        self.wait += 1;
        if self.monitor.is_improvement(value, self.best) {
            (self.best, self.best_epoch) = (Some(value), epoch);
            if self.restore_best_weights {
                self.best_weights = Some(Snapshot::of(control.model));
            }
            if self.baseline.is_none_or(|b| self.monitor.is_improvement(value, Some(b))) {
                self.wait = 0;
            }
        } else if self.wait >= self.patience && epoch > 0 {
            self.stopped_epoch = Some(epoch);
            control.stop = true;
            let best = self
                .best
                .map_or_else(String::new, |b| format!(" since {b:.4} in epoch {}", self.best_epoch + 1));
            let name = self.monitor.name();
            control.say(format!("Epoch {}: early stopping, {name} has not improved{best}", epoch + 1));
        }
        Ok(())
    }

    fn on_train_end(&mut self, control: &mut Control<'_>) -> Result<(), FitError> {
        if let Some(best) = self.best_weights.take() {
            best.restore(control.model);
            if control.ending != Some(Ending::Failed) {
                control.say(format!("The model has the weights of its best epoch, {}", self.best_epoch + 1));
            }
        }
        Ok(())
    }
}
