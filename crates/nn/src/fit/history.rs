//! What a training run leaves behind.

use super::Logs;

/// The figures of one epoch.
#[derive(Debug, Clone, PartialEq)]
pub struct EpochLogs {
    /// The epoch, from 0.
    pub epoch: u64,
    /// Its figures.
    pub logs: Logs,
    /// How long it took, validation included.
    pub seconds: f64,
}

/// How far a run had come when it was interrupted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Interruption {
    /// The epoch that was under way, from 0.
    pub epoch: u64,
    /// How many of its batches had been trained on.
    pub steps: usize,
}

/// The figures of every epoch that was finished, as Keras's `fit` returns them.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct History {
    /// The epochs, in order.
    pub epochs: Vec<EpochLogs>,
    /// Where somebody interrupted the run, if it was; the epoch that was under way is not listed.
    pub interrupted: Option<Interruption>,
    /// Whether a callback ended the run before its last epoch.
    pub stopped: bool,
}

impl History {
    /// One figure of every epoch that has it, in order: `history.get("val_loss")`.
    pub fn get(&self, name: &str) -> Vec<f64> {
        self.epochs.iter().filter_map(|e| e.logs.get(name)).collect()
    }

    /// The last finished epoch.
    pub fn last(&self) -> Option<&EpochLogs> {
        self.epochs.last()
    }
}
