//! Whoever watches the training.

use super::Logs;

/// Told what happens, to draw a bar or to write lines. Every method does nothing unless written otherwise.
pub trait Progress {
    /// Epoch `epoch`, counted from 0, begins; `end` is the number that training goes up to, and the epoch has `steps`
    /// batches.
    fn on_epoch_begin(&mut self, epoch: u64, end: u64, steps: usize) {
        let _ = (epoch, end, steps);
    }

    /// Batch `step`, counted from 0, is done; `logs` are the means over the epoch so far.
    fn on_batch_end(&mut self, step: usize, logs: &Logs) {
        let _ = (step, logs);
    }

    /// Batch `step` of `steps` of a data set that is only evaluated is done.
    fn on_evaluation_batch_end(&mut self, step: usize, steps: usize) {
        let _ = (step, steps);
    }

    /// The epoch is done, validation and callbacks included.
    fn on_epoch_end(&mut self, epoch: u64, logs: &Logs, seconds: f64) {
        let _ = (epoch, logs, seconds);
    }

    /// A callback has something to tell.
    fn on_message(&mut self, text: &str) {
        let _ = text;
    }
}

/// Nobody watches.
#[derive(Debug, Clone, Copy, Default)]
pub struct Silent;

impl Progress for Silent {}
