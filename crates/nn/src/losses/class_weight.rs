//! Weights for classes of uneven size.

use std::collections::BTreeMap;

use super::check_label;
use crate::{NnError, Result};

/// How much a picture of each class counts in the training loss.
///
/// Metrics and the validation loss are never weighted, as in Keras.
#[derive(Debug, Clone, PartialEq, Default, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ClassWeight {
    /// Every picture counts 1.
    #[default]
    None,
    /// A picture of class c counts `n / (K · n_c)`, where `n_c` of the `n` training pictures are of class c and K
    /// classes have any: every class then has the same say, and the mean weight is 1, so that a learning rate that
    /// suited the unweighted loss still does. scikit-learn's `class_weight="balanced"`; Keras has no such mode.
    Balanced,
    /// A weight for some classes; those not named count 1.
    Explicit(BTreeMap<usize, f32>),
}

impl ClassWeight {
    /// The weight of each class, given the true classes of the training pictures; `None` if all count 1.
    ///
    /// # Errors
    /// If a label or a named class is not below `classes`, or a weight is negative or not finite.
    ///
    /// ```
    /// # use graft_nn::losses::ClassWeight;
    /// let w = ClassWeight::Balanced.weights(&[0, 0, 0, 1], 2)?.unwrap();
    /// assert_eq!(w, [4.0 / (2.0 * 3.0), 4.0 / (2.0 * 1.0)]);
    /// # Ok::<(), graft_nn::NnError>(())
    /// ```
    pub fn weights(&self, labels: &[usize], classes: usize) -> Result<Option<Vec<f32>>> {
        match self {
            Self::None => Ok(None),
            Self::Balanced => balanced(labels, classes).map(Some),
            Self::Explicit(given) => explicit(given, classes).map(Some),
        }
    }
}

fn balanced(labels: &[usize], classes: usize) -> Result<Vec<f32>> {
    let mut counts = vec![0usize; classes];
    for &label in labels {
        check_label(label, classes)?;
        counts[label] += 1;
    }
    let present = counts.iter().filter(|&&c| c > 0).count();
    let weight = |count: usize| match count {
        0 => 1.0, // no picture will ask for it
        _ => (labels.len() as f64 / (present * count) as f64) as f32,
    };
    Ok(counts.into_iter().map(weight).collect())
}

fn explicit(given: &BTreeMap<usize, f32>, classes: usize) -> Result<Vec<f32>> {
    let mut weights = vec![1.0; classes];
    for (&class, &weight) in given {
        check_label(class, classes)?;
        if !(weight.is_finite() && weight >= 0.0) {
            return Err(NnError::argument("class_weight", "finite and not negative", weight));
        }
        weights[class] = weight;
    }
    Ok(weights)
}

/// `none`, `balanced`, or weights by class number: `0:1,1:2.5`.
impl std::str::FromStr for ClassWeight {
    type Err = NnError;

    fn from_str(text: &str) -> Result<Self> {
        let pair = |part: &str| {
            let (class, weight) = part.split_once(':')?;
            Some((class.trim().parse().ok()?, weight.trim().parse().ok()?))
        };
        match text {
            "none" => Ok(Self::None),
            "balanced" => Ok(Self::Balanced),
            _ => text.split(',').map(pair).collect::<Option<_>>().map(Self::Explicit).ok_or_else(|| {
                NnError::argument("class_weight", "none, balanced, or weights like 0:1,1:2.5", text)
            }),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn balanced_weights_are_inverse_to_the_counts_and_one_on_average() {
        let labels = [0, 0, 0, 0, 0, 0, 1, 1, 1, 3];
        let w = ClassWeight::Balanced.weights(&labels, 4).unwrap().unwrap();
        assert_eq!(w, [10.0 / 18.0, 10.0 / 9.0, 1.0, 10.0 / 3.0]);
        let mean: f32 = labels.iter().map(|&l| w[l]).sum::<f32>() / 10.0;
        assert!((mean - 1.0).abs() < 1e-6);
    }

    #[test]
    fn explicit_weights_are_read_and_checked() {
        let weights = |text: &str| text.parse::<ClassWeight>()?.weights(&[], 3);
        assert_eq!(weights("1:2.5").unwrap(), Some(vec![1.0, 2.5, 1.0]));
        assert_eq!(weights("none").unwrap(), None);
        for wrong in ["3:1", "0:-1", "0:nan", "0", "heavy", ""] {
            assert!(weights(wrong).is_err(), "{wrong}");
        }
    }
}
