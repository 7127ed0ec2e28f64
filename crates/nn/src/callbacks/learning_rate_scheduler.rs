//! A learning rate for every epoch.

use super::{Callback, Control};
use crate::NnError;
use crate::fit::{FitError, Logs};

/// Sets the learning rate as each epoch begins. Keras's `LearningRateScheduler`.
///
/// ```
/// # use graft_nn::callbacks::LearningRateScheduler;
/// // Ten epochs as it is, then a little less each time.
/// let schedule = LearningRateScheduler::new(|epoch, rate| if epoch < 10 { rate } else { rate * 0.9 });
/// ```
pub struct LearningRateScheduler<F> {
    schedule: F,
}

impl<F: FnMut(u64, f32) -> f32> LearningRateScheduler<F> {
    /// `schedule(epoch, rate)` gives the learning rate of an epoch, counted from 0, from that of the one before.
    pub fn new(schedule: F) -> Self {
        Self { schedule }
    }
}

impl<F: FnMut(u64, f32) -> f32> Callback for LearningRateScheduler<F> {
    fn on_epoch_begin(&mut self, epoch: u64, control: &mut Control<'_>) -> Result<(), FitError> {
        let rate = (self.schedule)(epoch, control.optimizer.learning_rate());
        if !(rate.is_finite() && rate >= 0.0) {
            let expected = format!("finite and not negative in epoch {}", epoch + 1);
            return Err(NnError::argument("learning_rate", expected, rate).into());
        }
        control.optimizer.set_learning_rate(rate);
        Ok(())
    }

    fn on_epoch_end(&mut self, _: u64, logs: &mut Logs, control: &mut Control<'_>) -> Result<(), FitError> {
        logs.set("learning_rate", f64::from(control.optimizer.learning_rate()));
        Ok(())
    }
}
