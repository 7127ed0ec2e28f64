//! Chance in the order and the division of samples, from streams that are named, not run on.

use graft_kernels::random::{Purpose, Stream};

use super::{Dataset, Part};
use crate::{DataError, Result};

impl Dataset {
    /// Holds out a fraction of the training part for validation, class by class.
    ///
    /// Of the n samples of a class, round(fraction · n) are held out, half up; at least one and not all, as long as
    /// the class has two. A class of one sample stays with training. Which ones is drawn for every class from a
    /// stream of its own, (seed, `Split`, 0, class), so that another class or its size changes nothing. A fraction of
    /// 0 holds out nothing.
    ///
    /// # Errors
    /// [`DataError::Setting`] if the fraction is not in 0..1, or if there is a validation part already.
    pub fn hold_out(&mut self, fraction: f64, seed: u64) -> Result<()> {
        let refuse = |found: String, expected: &'static str| DataError::Setting {
            name: "validation split",
            found,
            expected,
        };
        if !(0.0..1.0).contains(&fraction) {
            return Err(refuse(fraction.to_string(), "a fraction from 0 up to, but not including, 1"));
        }
        if fraction == 0.0 {
            return Ok(());
        }
        if self.count(Part::Validation) > 0 {
            let found = format!("{fraction} of a folder with a validation part of its own");
            return Err(refuse(found, "no split, or a folder without that part"));
        }
        let train = self.indices(Part::Train);
        for class in 0..self.class_names.len().max(1) {
            let mut members: Vec<usize> =
                train.iter().copied().filter(|&i| self.samples[i].label == class).collect();
            let n = members.len();
            let held_out = if n < 2 { 0 } else { ((fraction * n as f64 + 0.5) as usize).clamp(1, n - 1) };
            Stream::new(seed, Purpose::Split, 0, class as u64).shuffle(&mut members);
            for &i in &members[..held_out] {
                self.samples[i].part = Part::Validation;
            }
        }
        Ok(())
    }

    /// Pictures that lie in more than one part or class, byte for byte the same: pairs of sample indices.
    ///
    /// A picture that is trained on and validated with makes the accuracy look better than it is.
    pub fn duplicates(&self) -> Vec<(usize, usize)> {
        let mut first = std::collections::HashMap::new();
        let mut pairs = Vec::new();
        for (i, s) in self.samples.iter().enumerate() {
            let earlier = *first.entry(s.digest).or_insert(i);
            if (self.samples[earlier].part, self.samples[earlier].label) != (s.part, s.label) {
                pairs.push((earlier, i));
            }
        }
        pairs
    }
}

/// The samples of one epoch in random order, drawn from the stream (seed, `Shuffle`, epoch, 0).
///
/// ```
/// # use graft_data::shuffled;
/// let order = shuffled(&[3, 5, 8], 7, 0);
/// assert_eq!(order, shuffled(&[3, 5, 8], 7, 0));
/// assert_eq!(order.len(), 3);
/// ```
pub fn shuffled(samples: &[usize], seed: u64, epoch: u64) -> Vec<usize> {
    let mut order = samples.to_vec();
    Stream::new(seed, Purpose::Shuffle, epoch, 0).shuffle(&mut order);
    order
}
