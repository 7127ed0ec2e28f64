//! What a person sees while it runs: a bar for all that takes time, and Keras's lines for the epochs. All on standard
//! error; where that is no terminal there are no bars, and each epoch is one line.

use std::fmt::{self, Display};
use std::io::Write;
use std::time::Instant;

use console::Term;
use graft_data::Part;
use graft_nn::DEFAULT_WIDTH;
use graft_nn::fit::{Logs, Progress};
use indicatif::{ProgressBar, ProgressState, ProgressStyle};

/// Columns below which a table is better broken by the terminal.
const NARROWEST: usize = 60;

/// How many columns a table may have: those of the terminal, if standard error is one that is narrower than Keras's tables.
pub fn table_width() -> Option<usize> {
    let (_, columns) = Term::stderr().size_checked()?;
    Some(usize::from(columns)).filter(|columns| (NARROWEST..DEFAULT_WIDTH).contains(columns))
}

/// A bar for something counted in pictures.
pub fn pictures(what: &'static str, len: usize) -> ProgressBar {
    let style = "{msg} {pos}/{len} {bar:20.green/dim} {eta} left, {speed}";
    ProgressBar::new(len as u64).with_style(styled(style)).with_message(what)
}

fn styled(template: &str) -> ProgressStyle {
    let speed = |bar: &ProgressState, out: &mut dyn fmt::Write| {
        // What cannot be shown is not worth an end.
        let _ = write!(out, "{:.1} a second", bar.per_sec());
    };
    let style = ProgressStyle::with_template(template).expect("a template of known fields");
    style.with_key("speed", speed).progress_chars("━╸━")
}

/// The epochs as Keras shows them:
///
/// ```text
/// Epoch 2/5
/// 8/8 ━━━━━━━━━━━━━━━━━━━━ 0s 31ms/step - accuracy: 0.9426 - loss: 0.3107 - val_accuracy: 0.9085 - val_loss: 0.9423
/// ```
pub struct Epochs {
    bar: ProgressBar,
    steps: usize,
    begun: Instant,
}

impl Epochs {
    /// Nothing to be seen yet.
    pub fn new() -> Self {
        Self { bar: ProgressBar::hidden(), steps: 0, begun: Instant::now() }
    }
}

impl Default for Epochs {
    fn default() -> Self {
        Self::new()
    }
}

impl Progress for Epochs {
    fn on_epoch_begin(&mut self, epoch: u64, end: u64, steps: usize) {
        note(format_args!("Epoch {}/{end}", epoch + 1));
        (self.steps, self.begun) = (steps, Instant::now());
        self.bar = ProgressBar::new(steps as u64)
            .with_style(styled("{pos}/{len} {bar:20.green/dim} {eta} left{msg}"));
        self.bar.tick();
    }

    fn on_batch_end(&mut self, step: usize, logs: &Logs) {
        self.bar.set_position(step as u64 + 1);
        self.bar.set_message(format!(" - {logs}"));
    }

    fn on_evaluation_batch_end(&mut self, step: usize, steps: usize) {
        if step == 0 {
            self.bar.set_length((self.steps + steps) as u64);
        }
        self.bar.set_position((self.steps + step) as u64 + 1);
    }

    fn on_epoch_end(&mut self, _epoch: u64, logs: &Logs, seconds: f64) {
        self.bar.finish_and_clear();
        let ms = 1e3 * self.begun.elapsed().as_secs_f64() / self.steps.max(1) as f64;
        note(format_args!("{0}/{0} ━━━━━━━━━━━━━━━━━━━━ {seconds:.1}s {ms:.0}ms/step - {logs}", self.steps));
    }

    fn on_message(&mut self, text: &str) {
        self.bar.suspend(|| note(text));
    }
}

/// A training of which only the end is of interest: one bar for all its epochs.
pub struct Whole {
    bar: ProgressBar,
}

impl Whole {
    /// Nothing to be seen yet.
    pub fn new(what: &'static str) -> Self {
        let style = "{msg}: epoch {pos}/{len} {bar:20.green/dim} {eta} left";
        Self { bar: ProgressBar::new(0).with_style(styled(style)).with_message(what) }
    }
}

impl Progress for Whole {
    fn on_epoch_begin(&mut self, epoch: u64, end: u64, _steps: usize) {
        self.bar.set_length(end);
        self.bar.set_position(epoch);
    }

    fn on_epoch_end(&mut self, epoch: u64, _logs: &Logs, _seconds: f64) {
        self.bar.set_position(epoch + 1);
        if Some(epoch + 1) == self.bar.length() {
            self.bar.finish_and_clear();
        }
    }

    fn on_message(&mut self, text: &str) {
        self.bar.suspend(|| note(text));
    }
}

/// A pass over photos that are only measured.
pub struct Measuring {
    bar: ProgressBar,
    part: Part,
}

impl Measuring {
    /// Nothing to be seen yet.
    pub fn new(part: Part) -> Self {
        Self { bar: ProgressBar::hidden(), part }
    }
}

impl Progress for Measuring {
    fn on_evaluation_batch_end(&mut self, step: usize, steps: usize) {
        if step == 0 {
            let message = format!("{} photos", self.part);
            self.bar = ProgressBar::new(steps as u64)
                .with_style(styled("{msg} {bar:20.green/dim} {eta} left"))
                .with_message(message);
        }
        self.bar.set_position(step as u64 + 1);
        if step + 1 == steps {
            self.bar.finish_and_clear();
        }
    }
}

/// A line for the person who watches. If nobody does any more, as when a pager was quit, the run goes on all the same.
pub fn note(text: impl Display) {
    let _ = writeln!(std::io::stderr(), "{text}");
}
