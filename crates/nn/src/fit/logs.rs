//! The figures of a batch or an epoch, by name.

use std::fmt;

/// Figures by name, in the order they were set: `accuracy`, `loss`, then `val_accuracy`, `val_loss`, then what
/// callbacks add (`learning_rate`).
///
/// Displayed as Keras's progress bar does it:
///
/// ```
/// # use graft_nn::fit::Logs;
/// let mut logs = Logs::default();
/// logs.set("accuracy", 0.51234);
/// logs.set("loss", 1.2345);
/// logs.set("learning_rate", 1e-5);
/// assert_eq!(logs.to_string(), "accuracy: 0.5123 - loss: 1.2345 - learning_rate: 1.0000e-05");
/// ```
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Logs(Vec<(String, f64)>);

impl Logs {
    /// The figure of this name.
    pub fn get(&self, name: &str) -> Option<f64> {
        self.0.iter().find(|(n, _)| n == name).map(|&(_, v)| v)
    }

    /// Sets a figure, in its place if there is one of that name, else at the end.
    pub fn set(&mut self, name: &str, value: f64) {
        match self.0.iter_mut().find(|(n, _)| n == name) {
            Some((_, v)) => *v = value,
            None => self.0.push((name.to_owned(), value)),
        }
    }

    /// All figures, in order.
    pub fn iter(&self) -> impl Iterator<Item = (&str, f64)> {
        self.0.iter().map(|(n, v)| (n.as_str(), *v))
    }

    /// All names, in order, as a list for a message.
    pub fn names(&self) -> String {
        self.iter().map(|(n, _)| n).collect::<Vec<_>>().join(", ")
    }
}

impl fmt::Display for Logs {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (i, (name, value)) in self.iter().enumerate() {
            let dash = if i > 0 { " - " } else { "" };
            write!(f, "{dash}{name}: {}", Figure(value))?;
        }
        Ok(())
    }
}

/// A figure with four decimals, in powers of ten where these would show little; NaN and infinities by name.
struct Figure(f64);

impl fmt::Display for Figure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let v = self.0;
        if v.abs() > 1e-3 || !v.is_finite() {
            return write!(f, "{v:.4}");
        }
        // Python writes an exponent with its sign and two digits.
        let text = format!("{v:.4e}");
        let (mantissa, exponent) = text.split_once('e').unwrap_or((&text, "0"));
        let exponent: i32 = exponent.parse().unwrap_or(0);
        write!(f, "{mantissa}e{}{:02}", if exponent < 0 { '-' } else { '+' }, exponent.abs())
    }
}

/// A learning rate for people: to three digits, so that a tenth of 0.001 reads 0.0001 and not 0.000100000005.
pub(crate) fn readable(rate: f32) -> f32 {
    format!("{rate:.2e}").parse().unwrap_or(rate)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Python's `f"{v:.4f}" if abs(v) > 1e-3 else f"{v:.4e}"`, the rule of `keras/src/utils/progbar.py`.
    #[test]
    fn figures_look_as_in_keras() {
        for (v, text) in [
            (0.5, "0.5000"),
            (16.11809, "16.1181"),
            (0.001, "1.0000e-03"),
            (0.0, "0.0000e+00"),
            (1.23456e-12, "1.2346e-12"),
            (f64::NAN, "NaN"),
            (f64::INFINITY, "inf"),
        ] {
            assert_eq!(Figure(v).to_string(), text);
        }
    }

    #[test]
    fn learning_rates_are_readable() {
        assert_eq!(readable(0.001 / 10.0).to_string(), "0.0001");
        assert_eq!(readable(0.3 / 10.0).to_string(), "0.03");
        assert!(readable(f32::INFINITY).is_infinite());
    }

    #[test]
    fn setting_again_keeps_the_place() {
        let mut logs = Logs::default();
        logs.set("a", 1.0);
        logs.set("b", 2.0);
        logs.set("a", 3.0);
        assert_eq!(logs.iter().collect::<Vec<_>>(), [("a", 3.0), ("b", 2.0)]);
    }
}
