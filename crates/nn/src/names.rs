//! Names: free ones for new layers, and the one that a user may have meant.

/// `base`, or the first of `base_1`, `base_2`, … that is not taken.
pub(crate) fn free(base: &str, taken: impl Fn(&str) -> bool) -> String {
    let numbered = (1..).map(|k| format!("{base}_{k}"));
    let mut candidates = std::iter::once(base.to_owned()).chain(numbered);
    candidates.find(|name| !taken(name)).expect("there are more names than layers")
}

/// `did you mean a, or b?` with the nearest names, or `there are a, b, …` where none is near.
pub(crate) fn suggest<'a>(asked: &str, known: impl Iterator<Item = &'a str>) -> String {
    let asked = asked.to_lowercase();
    let known: Vec<&str> = known.collect();
    let allowed = (asked.chars().count() / 3).max(1);
    let mut near: Vec<_> = known.iter().map(|n| (edits(&asked, &n.to_lowercase()), *n)).collect();
    near.retain(|&(distance, _)| distance <= allowed);
    near.sort_by_key(|&(distance, _)| distance);
    let list = |names: Vec<&str>, last| match names.split_last() {
        Some((end, [])) => (*end).to_owned(),
        Some((end, rest)) => format!("{}{last}{end}", rest.join(", ")),
        None => String::new(),
    };
    if !near.is_empty() {
        format!("did you mean {}?", list(near.into_iter().take(3).map(|(_, n)| n).collect(), " or "))
    } else if known.is_empty() {
        "there are none".into()
    } else {
        format!("there are {}", list(known, " and "))
    }
}

/// How many letters must be put in, taken out or changed to turn `a` into `b` (Levenshtein's distance).
fn edits(a: &str, b: &str) -> usize {
    let b: Vec<char> = b.chars().collect();
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (i, x) in a.chars().enumerate() {
        let mut diagonal = std::mem::replace(&mut row[0], i + 1);
        for (j, &y) in b.iter().enumerate() {
            let changed = diagonal + usize::from(x != y);
            let either_longer = row[j].min(row[j + 1]) + 1;
            diagonal = std::mem::replace(&mut row[j + 1], changed.min(either_longer));
        }
    }
    row[b.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn free_names_are_numbered_as_in_keras() {
        let taken = ["dense", "dense_1"];
        assert_eq!(free("dense", |n| taken.contains(&n)), "dense_2");
        assert_eq!(free("dropout", |n| taken.contains(&n)), "dropout");
    }

    #[test]
    fn near_names_come_first() {
        let known = ["block5_conv1", "block5_conv2", "flatten"];
        assert_eq!(suggest("block5_conv3", known.into_iter()), "did you mean block5_conv1 or block5_conv2?");
        assert_eq!(suggest("Flaten", known.into_iter()), "did you mean flatten?");
        assert_eq!(suggest("x", known.into_iter()), "there are block5_conv1, block5_conv2 and flatten");
        assert_eq!(suggest("x", [].into_iter()), "there are none");
    }

    #[test]
    fn distances() {
        for (a, b, d) in [("", "", 0), ("", "ab", 2), ("kitten", "sitting", 3), ("dense", "dense", 0)] {
            assert_eq!((edits(a, b), edits(b, a)), (d, d), "{a} {b}");
        }
    }
}
