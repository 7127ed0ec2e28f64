//! What is in a weights file, tensor by tensor.

use serde::Serialize;

use crate::table::{Align, render, thousands};
use crate::{Result, WeightsFile};

/// A tensor and the figures of its numbers.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[non_exhaustive]
pub struct TensorStats {
    /// The layer, by Keras's name.
    pub layer: String,
    /// `kernel`, `bias`, ….
    pub tensor: String,
    /// Where it is in the file.
    pub name: String,
    /// Its extents.
    pub shape: Vec<usize>,
    /// How it is stored.
    pub dtype: String,
    /// How many numbers it has.
    pub params: u64,
    /// The smallest number that is one.
    pub min: f32,
    /// The largest number that is one.
    pub max: f32,
    /// √Σv², NaN where any number is.
    pub l2: f64,
    /// How many are NaN or infinite.
    pub not_finite: u64,
}

/// Reads every tensor, one after another.
///
/// # Errors
/// If one cannot be read.
pub fn inspect(file: &WeightsFile) -> Result<Vec<TensorStats>> {
    (0..file.entries().len()).map(|i| stats(file, i)).collect()
}

fn stats(file: &WeightsFile, i: usize) -> Result<TensorStats> {
    let (entry, tensor) = (&file.entries()[i], file.tensor(i)?);
    let mut s = TensorStats {
        layer: entry.layer.clone(),
        tensor: entry.kind.to_string(),
        name: entry.name.clone(),
        shape: entry.shape.to_vec(),
        dtype: entry.dtype.to_string(),
        params: tensor.data().len() as u64,
        min: f32::INFINITY,
        max: f32::NEG_INFINITY,
        l2: 0.0,
        not_finite: 0,
    };
    for &v in tensor.data() {
        // `min` and `max` pass over NaN, which is counted instead; the norm keeps it.
        s.min = s.min.min(v);
        s.max = s.max.max(v);
        s.l2 += f64::from(v) * f64::from(v);
        s.not_finite += u64::from(!v.is_finite());
    }
    s.l2 = s.l2.sqrt();
    Ok(s)
}

/// The figures as a table, with the sum of the parameters below.
pub fn table(stats: &[TensorStats]) -> String {
    use Align::{Left, Right};
    let row = |s: &TensorStats| {
        let shape = s.shape.iter().map(usize::to_string).collect::<Vec<_>>().join("×");
        let odd = if s.not_finite > 0 { format!("{} not finite", s.not_finite) } else { String::new() };
        [
            s.layer.clone(),
            s.tensor.clone(),
            shape,
            s.dtype.clone(),
            thousands(s.params),
            format!("{:.4}", s.min),
            format!("{:.4}", s.max),
            format!("{:.4}", s.l2),
            odd,
        ]
    };
    let head = [
        ("layer", Left),
        ("tensor", Left),
        ("shape", Right),
        ("type", Left),
        ("params", Right),
        ("min", Right),
        ("max", Right),
        ("L2", Right),
        ("", Left),
    ];
    let rows: Vec<_> = stats.iter().map(row).collect();
    let total = thousands(stats.iter().map(|s| s.params).sum());
    format!("{}{} tensors, {total} parameters\n", render(head, &rows), stats.len())
}
