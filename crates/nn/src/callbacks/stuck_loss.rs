//! A word to those whose model does not learn.

use super::{Callback, Control};
use crate::fit::{FitError, Logs, readable};

/// Says so, once, when after a number of steps the loss is still `ln(classes)`: that of a model that gives every class
/// the same probability whatever it sees.
///
/// It is how fine-tuning of VGG16 fails most often. A learning rate that is too high kills the rectified units, whose
/// gradient is then 0 for good; one that is too low moves nothing; and unpreprocessed pictures look all the same.
/// Only whole epochs are looked at, as a single batch may be like that by chance.
#[derive(Debug, Clone)]
pub struct StuckLoss {
    classes: usize,
    after_steps: usize,
    steps: usize,
    told: bool,
}

impl StuckLoss {
    /// How near to `ln(classes)`, as a part of it, an epoch's loss has to be. With the head's initial weights the loss
    /// starts well above; a model that learns at all is 1 % below after its first hundred steps.
    const NEAR: f64 = 0.01;

    /// For a model with this many classes, after 100 steps.
    pub fn new(classes: usize) -> Self {
        Self { classes, after_steps: 100, steps: 0, told: false }
    }

    /// How many steps to give the model.
    pub fn after_steps(mut self, steps: usize) -> Self {
        self.after_steps = steps;
        self
    }
}

impl Callback for StuckLoss {
    fn on_train_begin(&mut self, _: &mut Control<'_>) -> Result<(), FitError> {
        (self.steps, self.told) = (0, false);
        Ok(())
    }

    fn on_batch_end(&mut self, _: usize, _: &Logs, _: &mut Control<'_>) -> Result<(), FitError> {
        self.steps += 1;
        Ok(())
    }

    fn on_epoch_end(&mut self, _: u64, logs: &mut Logs, control: &mut Control<'_>) -> Result<(), FitError> {
        let guessing = (self.classes as f64).ln();
        let stuck = logs.get("loss").is_some_and(|loss| (loss - guessing).abs() < Self::NEAR * guessing);
        if stuck && self.steps >= self.after_steps && !self.told {
            self.told = true;
            let (steps, rate) = (self.steps, control.optimizer.learning_rate());
            control.say(format!(
                "After {steps} steps the loss is still {guessing:.3} = ln({}), as if by guessing. Things to try: \
                 train the head alone first, with the base frozen; a learning rate of {} (now {rate}), or of {} if \
                 the loss does not move at all; look at the pictures that go in",
                self.classes,
                readable(rate / 10.0),
                readable(rate * 10.0),
            ));
        }
        Ok(())
    }
}
