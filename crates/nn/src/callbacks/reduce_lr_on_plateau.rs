//! Smaller steps where larger ones no longer help.

use super::{Callback, Control, Monitor};
use crate::fit::{FitError, Logs, readable};
use crate::{NnError, Result};

/// Keras's least change that counts as an improvement.
const MIN_DELTA: f64 = 1e-4;

/// Multiplies the learning rate by `factor` once a figure has not improved for `patience` epochs. Keras's
/// `ReduceLROnPlateau`.
///
/// An improvement is one by more than `min_delta`, in absolute terms (PyTorch's scheduler of the same name takes it
/// relatively). After a reduction nothing is counted for `cooldown` epochs. Adds `learning_rate` to the logs: the one
/// the epoch was trained with.
#[derive(Debug)]
pub struct ReduceLROnPlateau {
    monitor: Monitor,
    factor: f64,
    patience: u64,
    cooldown: u64,
    min_lr: f64,
    best: Option<f64>,
    wait: u64,
    /// Epochs of cooling down that are left.
    cooling: u64,
}

impl Default for ReduceLROnPlateau {
    /// `val_loss`, a tenth after 10 epochs that did not better it by 1e-4, no cooldown, down to 0.
    fn default() -> Self {
        let monitor = Monitor::default().min_delta(MIN_DELTA);
        Self { monitor, factor: 0.1, patience: 10, cooldown: 0, min_lr: 0.0, best: None, wait: 0, cooling: 0 }
    }
}

impl ReduceLROnPlateau {
    /// Watches this figure, with a least change of 1e-4, as in Keras, unless the monitor sets another.
    pub fn new(monitor: Monitor) -> Self {
        Self { monitor: monitor.min_delta_or(MIN_DELTA), ..Self::default() }
    }

    /// What the learning rate is multiplied by.
    ///
    /// # Errors
    /// Unless it is below 1 and not negative.
    pub fn factor(mut self, factor: f64) -> Result<Self> {
        if !(0.0..1.0).contains(&factor) {
            return Err(NnError::argument("factor", "at least 0 and below 1", factor));
        }
        self.factor = factor;
        Ok(self)
    }

    /// How many epochs without improvement to wait.
    pub fn patience(mut self, epochs: u64) -> Self {
        self.patience = epochs;
        self
    }

    /// How many epochs to count nothing after a reduction.
    pub fn cooldown(mut self, epochs: u64) -> Self {
        self.cooldown = epochs;
        self
    }

    /// The least learning rate.
    pub fn min_lr(mut self, min_lr: f64) -> Self {
        self.min_lr = min_lr;
        self
    }

    fn reduce(&mut self, epoch: u64, control: &mut Control<'_>) {
        let old = control.optimizer.learning_rate();
        if old <= self.min_lr as f32 {
            return;
        }
        let new = (f64::from(old) * self.factor).max(self.min_lr) as f32;
        control.optimizer.set_learning_rate(new);
        let (old, new) = (readable(old), readable(new));
        control.say(format!("Epoch {}: learning rate reduced from {old} to {new}", epoch + 1));
        (self.cooling, self.wait) = (self.cooldown, 0);
    }
}

impl Callback for ReduceLROnPlateau {
    fn on_train_begin(&mut self, _: &mut Control<'_>) -> Result<(), FitError> {
        (self.best, self.wait, self.cooling) = (None, 0, 0);
        Ok(())
    }

    fn on_epoch_end(
        &mut self,
        epoch: u64,
        logs: &mut Logs,
        control: &mut Control<'_>,
    ) -> Result<(), FitError> {
        logs.set("learning_rate", f64::from(control.optimizer.learning_rate()));
        let (value, missing) = self.monitor.read("ReduceLROnPlateau", logs);
        control.messages.extend(missing);
        let Some(value) = value else { return Ok(()) };
        if self.cooling > 0 {
            self.cooling -= 1;
            self.wait = 0;
        }
        if self.monitor.is_improvement(value, self.best) {
            (self.best, self.wait) = (Some(value), 0);
        } else if self.cooling == 0 {
            self.wait += 1;
            if self.wait >= self.patience {
                self.reduce(epoch, control);
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_least_change_is_that_of_keras_unless_set() {
        let improves = |m: Monitor| ReduceLROnPlateau::new(m).monitor.is_improvement(0.99995, Some(1.0));
        assert!(!improves(Monitor::default()));
        assert!(improves(Monitor::default().min_delta(0.0)));
    }
}
