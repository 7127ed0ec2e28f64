//! The `.weights.h5` layout of Keras 3: the tree of Python objects, as groups.
//!
//! ```text
//! /layers/conv2d_3/vars                attribute name = "block2_conv2"
//! /layers/conv2d_3/vars/0              kernel
//! /layers/conv2d_3/vars/1              bias
//! /layers/functional/layers/conv2d/…   a base nested in a model
//! /optimizer/vars/…                    not ours
//! ```
//!
//! Groups are named after the class and a counter, in the order of the layers *of one class*. HDF5 lists them
//! alphabetically, `conv2d_10` before `conv2d_2`; here they are sorted by number. The attribute with the layer's own name
//! came with a later Keras 3; without it, the group's name has to do, and matching goes by order and shape.

use hdf5_pure::{AttrValue, Group};

use super::entry::{Kind, strip_number};
use super::hdf5::Container;
use super::{Entry, Located};
use crate::{Result, WeightsError};

/// How deep models may be nested, and how many groups a file may have.
const MAX_DEPTH: usize = 32;
const MAX_GROUPS: usize = 20_000;

/// Every tensor of the model, in the order of its groups.
pub(crate) fn entries(file: &Container) -> Result<Located> {
    let mut walk = Walk { file, found: Located::default(), groups: 0 };
    walk.group(&file.root()?, "", 0)?;
    Ok(walk.found)
}

struct Walk<'f> {
    file: &'f Container,
    found: Located,
    groups: usize,
}

impl Walk<'_> {
    fn group(&mut self, group: &Group, path: &str, depth: usize) -> Result<()> {
        self.groups += 1;
        if depth > MAX_DEPTH || self.groups > MAX_GROUPS {
            let detail =
                format!("its groups go deeper than {MAX_DEPTH} levels or are more than {MAX_GROUPS}");
            return Err(WeightsError::refused(self.file.path(), detail));
        }
        let mut children = self.file.groups(group, path)?;
        children.sort_by(|a, b| numbered(a).cmp(&numbered(b)));
        for child in children.iter().filter(|c| depth > 0 || *c != "optimizer") {
            let inner = format!("{path}{child}");
            let Some(subgroup) = self.file.group(group, child)? else { continue };
            if child == "vars" {
                self.variables(&subgroup, &inner)?;
            } else {
                self.group(&subgroup, &format!("{inner}/"), depth + 1)?;
            }
        }
        Ok(())
    }

    /// The variables of one layer: `path` is `…/<class>_<n>/vars`.
    fn variables(&mut self, vars: &Group, path: &str) -> Result<()> {
        let mut numbers = self.file.datasets(vars, path)?;
        numbers.sort_by(|a, b| numbered(a).cmp(&numbered(b)));
        if numbers.is_empty() {
            return Ok(());
        }
        let attributes = self.file.attributes(vars, path)?;
        let group = path.rsplit('/').nth(1).unwrap_or("");
        let layer = attributes.get("name").and_then(AttrValue::as_str).unwrap_or(group);
        for number in numbers {
            let name = format!("{path}/{number}");
            match self.file.stored(&name)? {
                Some(stored) => self.found.push(
                    Entry {
                        layer: layer.to_owned(),
                        kind: Kind::from_index(strip_number(group, '_'), &number),
                        name,
                        shape: stored.shape,
                        dtype: stored.encoding.dtype,
                    },
                    stored,
                ),
                None => self.found.skipped.push(name),
            }
        }
        Ok(())
    }
}

/// A key that puts `conv2d_2` before `conv2d_10`, `conv2d` before both, and `2` before `10`.
fn numbered(name: &str) -> (&str, u64) {
    let stem = strip_number(name, '_');
    let tail = name.strip_prefix(stem).and_then(|t| t.strip_prefix('_'));
    match (tail, name.parse()) {
        (Some(n), _) => (stem, n.parse().unwrap_or(u64::MAX)),
        (None, Ok(n)) => ("", n),
        (None, Err(_)) => (name, 0),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn groups_and_variables_sort_by_number() {
        let mut names = ["conv2d_10", "dense", "conv2d_2", "conv2d", "conv2d_1", "batch_normalization"];
        names.sort_by(|a, b| numbered(a).cmp(&numbered(b)));
        assert_eq!(names, ["batch_normalization", "conv2d", "conv2d_1", "conv2d_2", "conv2d_10", "dense"]);
        let mut vars = ["10", "2", "0"];
        vars.sort_by(|a, b| numbered(a).cmp(&numbered(b)));
        assert_eq!(vars, ["0", "2", "10"]);
    }
}
