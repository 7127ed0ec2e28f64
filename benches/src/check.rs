//! The judge: a result against the textbook version, within what rounding can do. And a way to ask it but once.

/// What the textbook version says about some outputs of a kernel.
///
/// A sum of products of `terms` terms may be off by about `terms·ε/2·Σ|a·b|` in f32 (Higham's γ); kernels that sum in
/// blocks do better, and the bound here is theirs. Σ|a·b| comes from the textbook version too, run on |a| and |b|.
#[derive(Debug, Clone)]
pub struct Check {
    /// The index of each output in the result.
    pub index: Vec<usize>,
    /// What it should be.
    pub expected: Vec<f32>,
    /// Σ|a·b| of each.
    pub magnitude: Vec<f32>,
    /// Products in each sum.
    pub terms: usize,
}

impl Check {
    /// From `reference`, run on the operands `a` and `b` and on their absolute values.
    pub fn new(
        index: Vec<usize>,
        terms: usize,
        [a, b]: [&[f32]; 2],
        reference: impl Fn(&[f32], &[f32]) -> Vec<f32>,
    ) -> Self {
        let absolute = |v: &[f32]| v.iter().map(|v| v.abs()).collect::<Vec<_>>();
        let (expected, magnitude) = (reference(a, b), reference(&absolute(a), &absolute(b)));
        assert!(index.len() == expected.len() && !index.is_empty(), "a check of nothing");
        Self { index, expected, magnitude, terms }
    }

    /// Adds the outputs of another check of the same result.
    #[must_use]
    pub fn and(mut self, other: Self) -> Self {
        self.index.extend(other.index);
        self.expected.extend(other.expected);
        self.magnitude.extend(other.magnitude);
        self
    }

    /// Stops the bench if `result` is wrong.
    ///
    /// # Panics
    /// If an output is NaN or beyond the bound, with what it should have been.
    pub fn judge(&self, what: &str, result: &[f32]) {
        // Chains of 256, and the chains added up; a product that is rounded before it is added counts twice.
        let roundings = 2.0 * (256.0 + self.terms as f32 / 256.0 + 8.0).min(self.terms as f32 + 2.0);
        for ((&i, expected), magnitude) in self.index.iter().zip(&self.expected).zip(&self.magnitude) {
            let bound = roundings * f32::EPSILON / 2.0 * magnitude;
            let error = (result[i] - expected).abs();
            assert!(error <= bound, "{what}[{i}] = {}, expected {expected} ± {bound:e}", result[i]);
        }
    }
}

/// Does something the first time alone: criterion calls the closure of a bench once for every sample.
#[derive(Debug, Default)]
pub struct Once(bool);

impl Once {
    /// Runs `job`, unless it has been run.
    pub fn run(&mut self, job: impl FnOnce()) {
        if !std::mem::replace(&mut self.0, true) {
            job();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_wrong_result_is_caught() {
        let (a, b) = (vec![1.0; 1000], vec![0.5; 1000]);
        let dot = |a: &[f32], b: &[f32]| vec![a.iter().zip(b).map(|(a, b)| a * b).sum()];
        let check = Check::new(vec![1], 1000, [&a, &b], dot);
        check.judge("dot", &[f32::NAN, 500.0]);
        for wrong in [499.5, f32::NAN] {
            assert!(std::panic::catch_unwind(|| check.judge("dot", &[0.0, wrong])).is_err());
        }
    }
}
