//! Two numbers between which one is drawn.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::{DataError, Result};

/// The factors between which a zoom or a brightness is drawn, each as likely as the other.
///
/// Written `low,high`. One number `z` stands for 1 − z to 1 + z, as Keras has it for `zoom_range`. In files it is a
/// list of two.
///
/// ```
/// use graft_data::augment::Interval;
/// let zoom: Interval = "0.2".parse()?;
/// assert_eq!(zoom, Interval { low: 0.8, high: 1.2 });
/// assert_eq!("0.5,1.5".parse::<Interval>()?.to_string(), "0.5,1.5");
/// # Ok::<(), graft_data::DataError>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(from = "[f64; 2]", into = "[f64; 2]")]
pub struct Interval {
    /// The smallest factor.
    pub low: f64,
    /// The largest factor.
    pub high: f64,
}

impl Interval {
    /// The factor 1 alone: nothing changes.
    pub const ONE: Self = Self { low: 1.0, high: 1.0 };

    /// 1 − z to 1 + z.
    pub fn around_one(z: f64) -> Self {
        Self { low: 1.0 - z, high: 1.0 + z }
    }
}

impl From<[f64; 2]> for Interval {
    fn from([low, high]: [f64; 2]) -> Self {
        Self { low, high }
    }
}

impl From<Interval> for [f64; 2] {
    fn from(interval: Interval) -> Self {
        [interval.low, interval.high]
    }
}

impl fmt::Display for Interval {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{},{}", self.low, self.high)
    }
}

impl FromStr for Interval {
    type Err = DataError;

    fn from_str(text: &str) -> Result<Self> {
        let number = |part: &str| part.trim().parse::<f64>().ok();
        let read = match text.split_once(',') {
            Some((low, high)) => number(low).zip(number(high)).map(|(low, high)| Self { low, high }),
            None => number(text).map(Self::around_one),
        };
        read.ok_or_else(|| DataError::Setting {
            name: "a range",
            found: format!("'{text}'"),
            expected: "two numbers such as 0.8,1.2, or one such as 0.2 for the same",
        })
    }
}
