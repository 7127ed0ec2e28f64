//! Keeps the best model, and the last.

use super::{Callback, Control, Ending, Monitor, Snapshot};
use crate::Sequential;
use crate::fit::{BoxError, FitError, Logs};
use crate::optimizers::Optimizer;

/// Which of the two models of a run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Which {
    /// The one whose watched figure is best.
    Best,
    /// The newest.
    Last,
}

/// When models are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum SaveWhen {
    /// After every epoch the last, and after one that is better than all before it the best: a run that is cut off
    /// loses an epoch at most.
    #[default]
    EveryEpoch,
    /// Both once, at the end: for epochs that take no longer than the writing.
    AtEnd,
}

/// A model to be saved.
pub struct Checkpoint<'a> {
    /// Which of the two it is.
    pub which: Which,
    /// The model, with the weights of its epoch.
    pub model: &'a Sequential,
    /// The optimiser as it is now, of use for going on from the last model.
    pub optimizer: &'a Optimizer,
    /// The epoch, from 0.
    pub epoch: u64,
    /// The figures of that epoch; empty for a last model of an epoch that was not finished.
    pub logs: &'a Logs,
}

/// What has a model saved.
type Save<'s> = Box<dyn FnMut(&Checkpoint<'_>) -> Result<(), BoxError> + 's>;

/// The weights of an epoch, kept in memory.
#[derive(Debug, Clone)]
pub struct Kept {
    /// The epoch, from 0.
    pub epoch: u64,
    /// Its figures.
    pub logs: Logs,
    /// Its weights.
    pub weights: Snapshot,
}

/// Keeps the best and the last model of a run, and calls a hook to have them saved. After Keras's `ModelCheckpoint`,
/// which saves one of the two, under a name made of a pattern; here both are always saved, and the hook decides about
/// files.
///
/// The best is one over all calls of `fit` that the same callback is given to. In the list of callbacks this one
/// stands before an [`EarlyStopping`](super::EarlyStopping) that restores weights, so that "last" means last.
pub struct ModelCheckpoint<'s> {
    monitor: Monitor,
    when: SaveWhen,
    save: Save<'s>,
    best: Option<Kept>,
    /// The last finished epoch, kept only while its saving is put off.
    last: Option<Kept>,
    /// Nothing that is not better than this is best.
    threshold: Option<f64>,
    /// Whether a step has been taken since the last finished epoch, or since the beginning.
    moved: bool,
}

impl<'s> ModelCheckpoint<'s> {
    /// Watches this figure and saves by this hook.
    pub fn new(monitor: Monitor, save: impl FnMut(&Checkpoint<'_>) -> Result<(), BoxError> + 's) -> Self {
        let save = Box::new(save);
        let when = SaveWhen::default();
        Self { monitor, when, save, best: None, last: None, threshold: None, moved: false }
    }

    /// When to write.
    pub fn when(mut self, when: SaveWhen) -> Self {
        self.when = when;
        self
    }

    /// Only what is better than this can be best: the figure of a best model that is there already. Keras's
    /// `initial_value_threshold`.
    pub fn initial_value_threshold(mut self, value: f64) -> Self {
        self.threshold = Some(value);
        self
    }

    /// The best epoch so far.
    pub fn best(&self) -> Option<&Kept> {
        self.best.as_ref()
    }

    /// Has the model as it is saved.
    fn save(&mut self, which: Which, epoch: u64, logs: &Logs, control: &Control<'_>) -> Result<(), FitError> {
        let (model, optimizer) = (&*control.model, &*control.optimizer);
        (self.save)(&Checkpoint { which, model, optimizer, epoch, logs }).map_err(FitError::Save)
    }

    /// Has an epoch saved that was kept: for the moment, the model gets its weights.
    fn save_kept(&mut self, which: Which, kept: &Kept, control: &mut Control<'_>) -> Result<(), FitError> {
        let now = Snapshot::of(control.model);
        kept.weights.restore(control.model);
        let saved = self.save(which, kept.epoch, &kept.logs, control);
        now.restore(control.model);
        saved
    }
}

impl Callback for ModelCheckpoint<'_> {
    fn on_train_begin(&mut self, _: &mut Control<'_>) -> Result<(), FitError> {
        self.moved = false;
        Ok(())
    }

    fn on_batch_end(&mut self, _: usize, _: &Logs, _: &mut Control<'_>) -> Result<(), FitError> {
        self.moved = true;
        Ok(())
    }

    fn on_epoch_end(
        &mut self,
        epoch: u64,
        logs: &mut Logs,
        control: &mut Control<'_>,
    ) -> Result<(), FitError> {
        self.moved = false;
        let kept = || Kept { epoch, logs: logs.clone(), weights: Snapshot::of(control.model) };
        let (value, missing) = self.monitor.read("ModelCheckpoint", logs);
        let better = value.is_some_and(|v| self.monitor.is_improvement(v, self.threshold));
        if better {
            (self.threshold, self.best) = (value, Some(kept()));
        }
        match self.when {
            SaveWhen::AtEnd => self.last = Some(kept()),
            SaveWhen::EveryEpoch => {
                if better {
                    self.save(Which::Best, epoch, logs, control)?;
                }
                self.save(Which::Last, epoch, logs, control)?;
            }
        }
        control.messages.extend(missing);
        Ok(())
    }

    /// An interrupted run keeps what it has: its weights in the middle of the epoch are the last, unless not a single step
    /// has changed them.
    fn on_train_end(&mut self, control: &mut Control<'_>) -> Result<(), FitError> {
        let last = self.last.take();
        if self.when == SaveWhen::AtEnd
            && let Some(best) = self.best.clone()
        {
            self.save_kept(Which::Best, &best, control)?;
        }
        match last {
            _ if control.ending == Some(Ending::Interrupted) && self.moved => {
                self.save(Which::Last, control.epoch, &Logs::default(), control)
            }
            Some(last) => self.save_kept(Which::Last, &last, control),
            None => Ok(()),
        }
    }
}
