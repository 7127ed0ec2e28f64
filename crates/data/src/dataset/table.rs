//! The classes of a dataset as a table, printed before training: an unwanted folder that became a class is seen there.

use std::fmt;

use unicode_width::UnicodeWidthStr;

use super::{Dataset, Part};

/// Displays name, index and counts of every class; parts without samples have no column.
#[derive(Debug, Clone, Copy)]
pub struct ClassTable<'a>(pub(super) &'a Dataset);

impl fmt::Display for ClassTable<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self(data) = self;
        let parts: Vec<Part> = Part::ALL.into_iter().filter(|&p| data.count(p) > 0).collect();
        let counts: Vec<Vec<usize>> = parts.iter().map(|&p| data.class_counts(p)).collect();
        let names: Vec<_> = data.class_names.iter().map(|name| printable(name)).collect();
        let width = names.iter().map(|n| n.width()).max().unwrap_or(0).max("class".len());
        write!(f, "index  {:<width$}", "class")?;
        parts.iter().try_for_each(|part| write!(f, "  {part:>10}"))?;
        writeln!(f)?;
        for (index, name) in names.iter().enumerate() {
            // A Chinese character is one, and two columns wide.
            write!(f, "{index:>5}  {name}{:blank$}", "", blank = width - name.width())?;
            counts.iter().try_for_each(|counts| write!(f, "  {:>10}", counts[index]))?;
            writeln!(f)?;
        }
        write!(f, "{:>5}  {:<width$}", "", "all")?;
        parts.iter().try_for_each(|&part| write!(f, "  {:>10}", data.count(part)))
    }
}

/// A name on one line: what would end it, or tell a terminal to do something, is written out.
fn printable(name: &str) -> String {
    let shown = |c: char| if c.is_control() { c.escape_default().to_string() } else { c.to_string() };
    name.chars().map(shown).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Format, Sample};

    #[test]
    fn columns_stay_in_line_whatever_the_names_are() {
        let names = ["犬", "naïve cat", "a\nb"];
        let samples = (0..names.len()).map(|label| Sample {
            path: "x.png".into(),
            label,
            part: Part::Train,
            format: Format::Png,
            height: 1,
            width: 1,
            digest: [0; 32],
        });
        let samples = samples.collect();
        let class_names = names.map(str::to_owned).into();
        let data = Dataset { root: "photos".into(), class_names, samples };
        let table = data.class_table().to_string();
        assert_eq!(
            table.lines().collect::<Vec<_>>(),
            [
                "index  class           train",
                "    0  犬                  1",
                "    1  naïve cat           1",
                "    2  a\\nb                1",
                "       all                 3",
            ]
        );
    }
}
