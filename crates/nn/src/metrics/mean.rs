//! A mean that grows as the samples come.

/// The mean of what has been added so far, each value with the number of samples it stands for.
///
/// Keras logs the training loss and accuracy of an epoch so: the mean over the samples seen, each measured with the
/// weights of its own moment and with dropout on. They therefore lag behind, and may look worse than, the validation
/// figures that are taken at the epoch's end.
///
/// ```
/// let mut loss = graft_nn::metrics::Mean::default();
/// loss.add(2.0, 8); // the mean loss of a batch of 8
/// loss.add(1.0, 24);
/// assert_eq!(loss.value(), 1.25);
/// ```
#[derive(Debug, Clone, Copy, Default)]
pub struct Mean {
    total: f64,
    samples: usize,
}

impl Mean {
    /// Adds a value that is already the mean over `samples`.
    pub fn add(&mut self, value: f64, samples: usize) {
        self.total += value * samples as f64;
        self.samples += samples;
    }

    /// The mean; NaN while nothing has been added.
    pub fn value(&self) -> f64 {
        self.total / self.samples as f64
    }

    /// How many samples it stands for.
    pub fn samples(&self) -> usize {
        self.samples
    }
}
