//! Which output is which class.

use serde::{Deserialize, Serialize};

use crate::{Result, VggError};

/// One class.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Class {
    /// WordNet's number of the noun, such as `n02504458`, if the class is one of ImageNet's.
    pub wnid: Option<String>,
    /// The name.
    pub name: String,
}

/// The classes in the order of a model's outputs: ImageNet's 1000, or any other list.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ClassIndex {
    classes: Vec<Class>,
}

impl ClassIndex {
    /// Classes of these names, as the folders of a data set give them.
    pub fn of_names(names: impl IntoIterator<Item = impl Into<String>>) -> Self {
        Self { classes: names.into_iter().map(|n| Class { wnid: None, name: n.into() }).collect() }
    }

    /// From the text of Keras's `imagenet_class_index.json`, or one like it: from an index to wnid and name.
    ///
    /// ```
    /// # use graft_vgg::ClassIndex;
    /// let index = ClassIndex::from_json(r#"{"0": ["n01440764", "tench"], "1": ["n01443537", "goldfish"]}"#)?;
    /// assert_eq!(index.classes()[1].name, "goldfish");
    /// # Ok::<(), graft_vgg::VggError>(())
    /// ```
    ///
    /// # Errors
    /// [`VggError::ClassIndex`] if it is no such file, or indices are missing.
    pub fn from_json(text: &str) -> Result<Self> {
        let bad = |problem: String| VggError::ClassIndex { problem };
        let entries: serde_json::Map<String, serde_json::Value> =
            serde_json::from_str(text).map_err(|e| bad(e.to_string()))?;
        if entries.is_empty() {
            return Err(bad("it is empty".into()));
        }
        let mut classes: Vec<Option<Class>> = vec![None; entries.len()];
        for (key, value) in entries {
            let count = classes.len();
            let place = key.parse().ok().and_then(|i: usize| classes.get_mut(i));
            let place = place.ok_or_else(|| {
                bad(format!("\"{key}\" is not an index below {count}, the number of entries"))
            })?;
            let (wnid, name) = serde_json::from_value::<(String, String)>(value)
                .map_err(|_| bad(format!("entry \"{key}\" is not a pair of strings")))?;
            if place.replace(Class { wnid: Some(wnid), name }).is_some() {
                return Err(bad(format!("index {key} is there twice")));
            }
        }
        // As many distinct indices as entries, each below their number: none is missing.
        Ok(Self { classes: classes.into_iter().flatten().collect() })
    }

    /// The classes, in the order of the outputs.
    pub fn classes(&self) -> &[Class] {
        &self.classes
    }

    /// How many classes there are.
    pub fn len(&self) -> usize {
        self.classes.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.classes.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keras_file_has_1000_classes() {
        let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../../../shared/weights/imagenet_class_index.json");
        let Ok(text) = std::fs::read_to_string(path) else {
            println!("skipped: shared/weights/imagenet_class_index.json is not there");
            return;
        };
        let index = ClassIndex::from_json(&text).unwrap();
        assert_eq!(index.len(), 1000);
        let class = |i: usize| (index.classes()[i].wnid.as_deref().unwrap(), &*index.classes()[i].name);
        assert_eq!(class(0), ("n01440764", "tench"));
        assert_eq!(class(386), ("n02504458", "African_elephant"));
        assert_eq!(class(999), ("n15075141", "toilet_tissue"));
    }

    #[test]
    fn other_files_are_refused() {
        for (text, says) in [
            ("", "EOF"),
            ("[1, 2]", "expected a map"),
            ("{}", "it is empty"),
            (r#"{"0": ["n1", "a"], "2": ["n2", "b"]}"#, "\"2\" is not an index below 2"),
            (r#"{"0": ["n1", "a"], "00": ["n2", "b"]}"#, "index 00 is there twice"),
            (r#"{"0": "tench"}"#, "not a pair of strings"),
            (r#"{"x": ["n1", "a"]}"#, "\"x\" is not an index"),
        ] {
            let error = ClassIndex::from_json(text).unwrap_err().to_string();
            assert!(error.contains(says) && error.contains("imagenet_class_index.json"), "{error}");
        }
    }
}
