//! A learning rate for every step: up from nothing, then down to nothing.

use super::{Callback, Control};
use crate::fit::{FitError, Logs};
use crate::{NnError, Result};

/// Sets the learning rate before each step of a run whose length is known: it rises in a straight line to its peak,
/// which carries the weights over the worst of their random start, and falls in a straight line to almost nothing,
/// which lets them settle. After L. N. Smith and N. Topin, *Super-convergence* (2018), with the final fall of the
/// same slope.
///
/// The rate follows the optimiser's own count of steps, so that a run that is taken up again goes on where it was.
///
/// ```
/// use graft_nn::callbacks::OneCycle;
/// let cycle = OneCycle::new(0.1, 2, 6)?;
/// let rates: Vec<f32> = (0..7).map(|step| cycle.rate(step)).collect();
/// assert_eq!(rates, [0.05, 0.1, 0.1, 0.075, 0.05, 0.025, 0.0]);
/// # Ok::<(), graft_nn::NnError>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct OneCycle {
    peak: f32,
    warmup_steps: u64,
    steps: u64,
}

impl OneCycle {
    /// Rises to `peak` in `warmup_steps`, and falls in the rest of `steps`.
    ///
    /// # Errors
    /// [`NnError::Argument`] if the peak is no finite number above 0, or nothing is left of the steps to fall in.
    pub fn new(peak: f32, warmup_steps: u64, steps: u64) -> Result<Self> {
        if !(peak.is_finite() && peak > 0.0) {
            return Err(NnError::argument("learning_rate", "finite and above 0", peak));
        }
        if warmup_steps >= steps {
            let expected = format!("below {steps}, the number of steps");
            return Err(NnError::argument("warm-up steps", expected, warmup_steps));
        }
        Ok(Self { peak, warmup_steps, steps })
    }

    /// The learning rate of a step, counted from 0.
    pub fn rate(&self, step: u64) -> f32 {
        let share = if step < self.warmup_steps {
            (step + 1) as f64 / self.warmup_steps as f64
        } else {
            self.steps.saturating_sub(step) as f64 / (self.steps - self.warmup_steps) as f64
        };
        (f64::from(self.peak) * share) as f32
    }

    fn set(&self, control: &mut Control<'_>) {
        let step = control.optimizer.iterations();
        control.optimizer.set_learning_rate(self.rate(step));
    }
}

impl Callback for OneCycle {
    fn on_epoch_begin(&mut self, _: u64, control: &mut Control<'_>) -> Result<(), FitError> {
        self.set(control);
        Ok(())
    }

    fn on_batch_end(&mut self, _: usize, _: &Logs, control: &mut Control<'_>) -> Result<(), FitError> {
        self.set(control);
        Ok(())
    }

    fn on_epoch_end(&mut self, _: u64, logs: &mut Logs, control: &mut Control<'_>) -> Result<(), FitError> {
        // That of the last step, and not of the one that would come next.
        let step = control.optimizer.iterations().saturating_sub(1);
        logs.set("learning_rate", self.rate(step).into());
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cycle_has_one_peak_and_ends_at_nothing() {
        let cycle = OneCycle::new(0.4, 390, 3900).unwrap();
        let rates: Vec<f32> = (0..3900).map(|step| cycle.rate(step)).collect();
        assert!(rates[..390].windows(2).all(|w| w[0] < w[1]) && rates[390..].windows(2).all(|w| w[0] > w[1]));
        assert_eq!((rates[389], rates[390]), (0.4, 0.4));
        assert!(rates[3899] > 0.0 && rates[3899] < 2e-4);
        assert_eq!(cycle.rate(u64::MAX), 0.0);
    }

    #[test]
    fn cycles_that_cannot_be_are_refused() {
        assert!(OneCycle::new(0.1, 5, 5).is_err());
        assert!(OneCycle::new(f32::NAN, 0, 5).is_err());
        assert_eq!(OneCycle::new(0.1, 0, 2).unwrap().rate(0), 0.1);
    }
}
