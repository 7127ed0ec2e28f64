//! Chance in the order and the division of samples, from streams that are named, not run on.

use graft_kernels::random::{Purpose, Stream};

use super::{Dataset, Part};
use crate::{DataError, Result};

impl Dataset {
    /// Holds out a fraction of the training part for validation, class by class.
    ///
    /// Of the n samples of a class, round(fraction · n) are held out, half up; at least one and not all, as long as
    /// the class has two. A class of one sample stays with training. A fraction of 0 holds out nothing.
    ///
    /// Which ones follows from the files' bytes: each draws its rank from the stream (seed, `Split`, 0, 40 bits of its digest),
    /// and the first in rank are held out. So a picture keeps its part when it is renamed, and, but at the border, when others
    /// come or go: little of what was trained on yesterday is measured with today. And copies within a class stay together,
    /// or one would be learnt by heart and the other measured with; the number held out gives way by as little as can be.
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
            let mut held_out = if n < 2 { 0 } else { ((fraction * n as f64 + 0.5) as usize).clamp(1, n - 1) };
            let rank_of = |i: usize| rank(seed, &self.samples[i].digest);
            members.sort_by_cached_key(|&i| rank_of(i));
            if held_out > 0 {
                // Before or behind all copies of the picture at the border, whichever is nearer.
                let border = rank_of(members[held_out]);
                let before = members.partition_point(|&i| rank_of(i) < border);
                let behind = members.partition_point(|&i| rank_of(i) <= border);
                let cuts = [before, behind].into_iter().filter(|cut| (1..n).contains(cut));
                held_out = cuts.min_by_key(|cut| cut.abs_diff(held_out)).unwrap_or(held_out);
            }
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

/// The place of a picture among those of its class: random, and the same only for copies of it.
fn rank(seed: u64, digest: &[u8; 32]) -> (u64, &[u8; 32]) {
    let name = digest[..5].iter().fold(0, |name, &byte| name << 8 | u64::from(byte));
    (Stream::new(seed, Purpose::Split, 0, name).next_u64(), digest)
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
