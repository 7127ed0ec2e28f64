//! No hours of computing with a model that is lost.

use super::{Callback, Control};
use crate::fit::{FitError, Logs};

/// Ends training with [`FitError::Diverged`] as soon as the loss is NaN or infinite.
///
/// Keras's callback of this name stops the run as if it had come to its end; here it is an error, so that nobody takes
/// the weights for a result.
#[derive(Debug, Clone, Copy, Default)]
pub struct TerminateOnNaN;

impl Callback for TerminateOnNaN {
    fn on_batch_end(&mut self, step: usize, logs: &Logs, control: &mut Control<'_>) -> Result<(), FitError> {
        match logs.get("loss") {
            Some(loss) if !loss.is_finite() => {
                let learning_rate = control.optimizer.learning_rate();
                Err(FitError::Diverged { epoch: control.epoch, step, loss, learning_rate })
            }
            _ => Ok(()),
        }
    }
}
