//! The classes of a dataset as a table, printed before training: an unwanted folder that became a class is seen there.

use std::fmt;

use super::{Dataset, Part};

/// Displays name, index and counts of every class; parts without samples have no column.
#[derive(Debug, Clone, Copy)]
pub struct ClassTable<'a>(pub(super) &'a Dataset);

impl fmt::Display for ClassTable<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self(data) = self;
        let parts: Vec<Part> = Part::ALL.into_iter().filter(|&p| data.count(p) > 0).collect();
        let counts: Vec<Vec<usize>> = parts.iter().map(|&p| data.class_counts(p)).collect();
        let width = data.class_names.iter().map(|n| n.chars().count()).max().unwrap_or(0).max("class".len());
        write!(f, "index  {:<width$}", "class")?;
        parts.iter().try_for_each(|part| write!(f, "  {part:>10}"))?;
        writeln!(f)?;
        for (index, name) in data.class_names.iter().enumerate() {
            write!(f, "{index:>5}  {name:<width$}")?;
            counts.iter().try_for_each(|counts| write!(f, "  {:>10}", counts[index]))?;
            writeln!(f)?;
        }
        write!(f, "{:>5}  {:<width$}", "", "all")?;
        parts.iter().try_for_each(|&part| write!(f, "  {:>10}", data.count(part)))
    }
}
