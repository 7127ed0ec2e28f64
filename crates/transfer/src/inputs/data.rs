//! What `--data` names.

use std::fmt;
use std::path::PathBuf;

use serde::{Serialize, Serializer};

use super::drawn::COATS;

/// The pictures to work on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Data {
    /// `coats`: twelve animals' coats, drawn by code.
    Coats,
    /// A folder of the user's.
    Folder(PathBuf),
}

impl Data {
    /// The name that stands for the drawn pictures. A folder of this name is `./coats`.
    pub const COATS: &str = "coats";
}

impl From<PathBuf> for Data {
    /// Exactly `coats` is what the program draws; everything else is a folder, `./coats` and `coats/` too.
    fn from(name: PathBuf) -> Self {
        if name.as_os_str() == Self::COATS { Self::Coats } else { Self::Folder(name) }
    }
}

impl fmt::Display for Data {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Coats => write!(
                f,
                "{}, twelve animals' coats drawn by code: of each {} pictures to learn from, {} to judge by",
                Self::COATS,
                COATS.train_per_class,
                COATS.val_per_class
            ),
            Self::Folder(folder) => folder.display().fmt(f),
        }
    }
}

impl Serialize for Data {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Coats => to.serialize_str(Self::COATS),
            Self::Folder(folder) => to.collect_str(&folder.display()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_bare_name_is_what_is_drawn() {
        let data = |name: &str| Data::from(PathBuf::from(name));
        assert_eq!(data("coats"), Data::Coats);
        for folder in ["./coats", "coats/", "Coats", "photos/coats"] {
            assert_eq!(data(folder), Data::Folder(folder.into()));
        }
    }
}
