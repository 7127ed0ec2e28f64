//! A figure that is watched, and what counts as better.

use crate::fit::Logs;
use crate::{NnError, Result};

/// Which way a figure is to go.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mode {
    /// Lower is better.
    Min,
    /// Higher is better.
    Max,
}

/// A figure of the logs, the direction it is to go, and the least step that counts.
///
/// ```
/// # use graft_nn::callbacks::Monitor;
/// let val_loss = Monitor::new("val_loss")?.min_delta(0.1);
/// assert!(val_loss.is_improvement(0.5, Some(0.7)));
/// assert!(!val_loss.is_improvement(0.65, Some(0.7)));
/// # Ok::<(), graft_nn::NnError>(())
/// ```
#[derive(Debug, Clone, PartialEq)]
pub struct Monitor {
    name: String,
    mode: Mode,
    /// `None` until it is set: then it is 0, or what the callback has as its default.
    min_delta: Option<f64>,
    /// Whether it has been said that the logs lack the figure.
    missed: bool,
}

impl Default for Monitor {
    /// `val_loss`, lower is better, however little.
    fn default() -> Self {
        Self { name: "val_loss".to_owned(), mode: Mode::Min, min_delta: None, missed: false }
    }
}

impl Monitor {
    /// The figure of this name, its direction from the name: a loss is to fall, an accuracy to rise.
    ///
    /// # Errors
    /// If the name says neither; then [`Monitor::with_mode`] is needed.
    pub fn new(name: &str) -> Result<Self> {
        let mode = match name.strip_prefix("val_").unwrap_or(name) {
            "loss" => Mode::Min,
            metric if metric.contains("accuracy") => Mode::Max,
            _ => {
                return Err(NnError::argument(
                    "monitor",
                    "a loss or an accuracy, or to come with a mode",
                    name,
                ));
            }
        };
        Ok(Self::with_mode(name, mode))
    }

    /// The figure of this name, to go this way.
    pub fn with_mode(name: &str, mode: Mode) -> Self {
        Self { name: name.to_owned(), mode, ..Self::default() }
    }

    /// The least change that counts as an improvement; its sign does not matter.
    pub fn min_delta(mut self, min_delta: f64) -> Self {
        self.min_delta = Some(min_delta.abs());
        self
    }

    /// The same with this least change, unless one has been set.
    pub(super) fn min_delta_or(self, default: f64) -> Self {
        if self.min_delta.is_some() { self } else { self.min_delta(default) }
    }

    /// The figure's name.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Whether `value` beats `reference` by more than the least change; anything but NaN beats nothing at all.
    ///
    /// The comparison is made in f32, as Keras makes it: a loss is known no better, and two figures that differ in
    /// their ninth digit are the same. (In Keras a first value of NaN would become a best that nothing can beat.)
    pub fn is_improvement(&self, value: f64, reference: Option<f64>) -> bool {
        let Some(reference) = reference.map(|r| r as f32) else { return !value.is_nan() };
        let min_delta = self.min_delta.unwrap_or(0.0);
        match self.mode {
            Mode::Min => ((value + min_delta) as f32) < reference,
            Mode::Max => ((value - min_delta) as f32) > reference,
        }
    }

    /// The figure in these logs. Where they lack it, the second value is what to tell a person, once.
    pub(super) fn read(&mut self, callback: &str, logs: &Logs) -> (Option<f64>, Option<String>) {
        let value = logs.get(&self.name);
        let first = value.is_none() && !std::mem::replace(&mut self.missed, value.is_none());
        let text = || format!("{callback} watches '{}', but this run only has {}", self.name, logs.names());
        (value, first.then(text))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_direction_follows_from_the_name() {
        assert!(Monitor::new("loss").unwrap().is_improvement(1.0, Some(2.0)));
        assert!(Monitor::new("val_accuracy").unwrap().is_improvement(2.0, Some(1.0)));
        assert!(Monitor::new("val_top_k_categorical_accuracy").unwrap().is_improvement(2.0, Some(1.0)));
        let e = Monitor::new("learning_rate").unwrap_err().to_string();
        assert!(e.contains("learning_rate"), "{e}");
    }

    #[test]
    fn nan_is_never_an_improvement() {
        let m = Monitor::default();
        assert!(!m.is_improvement(f64::NAN, None) && !m.is_improvement(f64::NAN, Some(1.0)));
    }

    #[test]
    fn what_f32_cannot_tell_apart_is_equal() {
        assert!(!Monitor::default().is_improvement(1.0 - 1e-9, Some(1.0)));
        assert!(Monitor::default().is_improvement(1.0 - 1e-7, Some(1.0)));
    }

    #[test]
    fn a_missing_figure_is_told_once() {
        let (mut m, mut logs) = (Monitor::default(), Logs::default());
        logs.set("loss", 1.0);
        let (value, text) = m.read("EarlyStopping", &logs);
        assert_eq!(value, None);
        assert!(text.unwrap().contains("only has loss"));
        assert_eq!(m.read("EarlyStopping", &logs), (None, None));
    }
}
