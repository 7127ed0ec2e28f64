//! Plain tables in aligned columns, for messages and for the terminal.

/// Which side of its column a cell leans on.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Align {
    Left,
    Right,
}

/// The rows under their headings, columns two spaces apart, without trailing blanks.
pub(crate) fn render<const N: usize>(head: [(&str, Align); N], rows: &[[String; N]]) -> String {
    let width = |c: usize| rows.iter().map(|r| r[c].chars().count()).chain([head[c].0.chars().count()]).max();
    let widths: [usize; N] = std::array::from_fn(|c| width(c).unwrap_or(0));
    let titles = head.map(|(title, _)| title.to_owned());
    let mut out = String::new();
    for row in std::iter::once(&titles).chain(rows) {
        let cells: Vec<String> = (0..N)
            .map(|c| match head[c].1 {
                Align::Left => format!("{:<1$}", row[c], widths[c]),
                Align::Right => format!("{:>1$}", row[c], widths[c]),
            })
            .collect();
        out.push_str(cells.join("  ").trim_end());
        out.push('\n');
    }
    out
}

/// 1234567 → `1,234,567`.
pub(crate) fn thousands(n: u64) -> String {
    let digits = n.to_string();
    let lead = digits.len() % 3;
    let groups = digits.as_bytes()[lead..].chunks(3).map(|g| String::from_utf8_lossy(g).into_owned());
    let first = (lead > 0).then(|| digits[..lead].to_owned());
    first.into_iter().chain(groups).collect::<Vec<_>>().join(",")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_line_up() {
        let rows = [["fc1".into(), thousands(102_764_544)], ["äöü1".into(), thousands(7)]];
        let table = render([("layer", Align::Left), ("params", Align::Right)], &rows);
        assert_eq!(table, "layer       params\nfc1    102,764,544\näöü1             7\n");
    }

    #[test]
    fn thousands_are_set_apart() {
        for (n, s) in [(0, "0"), (999, "999"), (1000, "1,000"), (138_357_544, "138,357,544")] {
            assert_eq!(thousands(n), s);
        }
    }
}
