//! What watches a training run and steps in.
//!
//! A callback is called at fixed moments and may change the model, the optimiser and the logs, or end the run. The
//! moments, in order:
//!
//! ```text
//! on_train_begin
//!   for every epoch:   on_epoch_begin
//!     for every batch:     … step …   on_batch_end
//!                      … validation …   on_epoch_end
//! on_train_end         whatever happened: finished, stopped, interrupted or failed
//! ```
//!
//! Callbacks are called in the order they were given, and see what those before them did. So one that adds to the logs
//! ([`ReduceLROnPlateau`] adds `learning_rate`) stands before one that writes them ([`CSVLogger`]).
//!
//! Names, defaults and arithmetic are Keras's (`keras/src/callbacks/`, 3.15.1), except where a doc comment says so.

mod csv_logger;
mod early_stopping;
mod learning_rate_scheduler;
mod model_checkpoint;
mod monitor;
mod one_cycle;
mod reduce_lr_on_plateau;
mod snapshot;
mod stuck_loss;
mod terminate_on_nan;

pub use csv_logger::CSVLogger;
pub use early_stopping::EarlyStopping;
pub use learning_rate_scheduler::LearningRateScheduler;
pub use model_checkpoint::{Checkpoint, Kept, ModelCheckpoint, SaveWhen, Which};
pub use monitor::{Mode, Monitor};
pub use one_cycle::OneCycle;
pub use reduce_lr_on_plateau::ReduceLROnPlateau;
pub use snapshot::Snapshot;
pub use stuck_loss::StuckLoss;
pub use terminate_on_nan::TerminateOnNaN;

use crate::Sequential;
use crate::fit::{FitError, Logs};
use crate::optimizers::Optimizer;

/// What a callback may see and change.
pub struct Control<'a> {
    /// The model in training.
    pub model: &'a mut Sequential,
    /// What moves it.
    pub optimizer: &'a mut Optimizer,
    /// Set to end the run after this epoch.
    pub stop: bool,
    /// The epoch under way, from 0.
    pub epoch: u64,
    /// How the run ends; `None` while it runs.
    pub ending: Option<Ending>,
    /// What callbacks have to tell a person; passed on and emptied after each moment.
    pub messages: Vec<String>,
}

/// How a run ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ending {
    /// After its last epoch, or because a callback asked for it.
    Finished,
    /// In the middle of an epoch, because somebody asked for it.
    Interrupted,
    /// With an error: the weights may be worthless.
    Failed,
}

impl Control<'_> {
    /// Tells a person something.
    pub fn say(&mut self, text: impl Into<String>) {
        self.messages.push(text.into());
    }
}

/// Something that watches a training run; see the top of this module. Every method does nothing unless written
/// otherwise, and an error from any of them ends the run.
pub trait Callback {
    /// Training begins.
    ///
    /// # Errors
    /// Whatever makes it pointless to go on.
    fn on_train_begin(&mut self, control: &mut Control<'_>) -> Result<(), FitError> {
        let _ = control;
        Ok(())
    }

    /// Epoch `epoch`, counted from 0, begins.
    ///
    /// # Errors
    /// Whatever makes it pointless to go on.
    fn on_epoch_begin(&mut self, epoch: u64, control: &mut Control<'_>) -> Result<(), FitError> {
        let _ = (epoch, control);
        Ok(())
    }

    /// A step is done; `logs` are the means over the epoch so far.
    ///
    /// # Errors
    /// Whatever makes it pointless to go on.
    fn on_batch_end(&mut self, step: usize, logs: &Logs, control: &mut Control<'_>) -> Result<(), FitError> {
        let _ = (step, logs, control);
        Ok(())
    }

    /// An epoch is done, validation included.
    ///
    /// # Errors
    /// Whatever makes it pointless to go on.
    fn on_epoch_end(
        &mut self,
        epoch: u64,
        logs: &mut Logs,
        control: &mut Control<'_>,
    ) -> Result<(), FitError> {
        let _ = (epoch, logs, control);
        Ok(())
    }

    /// Training ends; [`Control::ending`] says how.
    ///
    /// # Errors
    /// Whatever kept the callback from finishing its work.
    fn on_train_end(&mut self, control: &mut Control<'_>) -> Result<(), FitError> {
        let _ = control;
        Ok(())
    }
}
