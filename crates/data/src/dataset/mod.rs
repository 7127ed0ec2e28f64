//! From a folder to a list of samples: which pictures there are, which class and part each belongs to.

mod folder;
mod split;
mod table;
mod verify;
mod walk;

use std::fmt;
use std::path::{Path, PathBuf};

pub use folder::{File, Folder, Layout};
pub use split::shuffled;
pub use table::ClassTable;
pub use verify::{OnBadImage, Verified, VerifyOptions, verify};
pub use walk::image_files;

use crate::{BadImage, DataError, Format, Result};

/// What a picture is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Part {
    /// To learn from.
    Train,
    /// To judge epochs by.
    Validation,
    /// To judge the result by, once.
    Test,
}

impl Part {
    /// All parts, in order.
    pub const ALL: [Self; 3] = [Self::Train, Self::Validation, Self::Test];

    fn from_folder_name(name: &str) -> Option<Self> {
        let is = |known: &str| name.eq_ignore_ascii_case(known);
        if is("train") {
            Some(Self::Train)
        } else if is("val") || is("validation") || is("valid") {
            Some(Self::Validation)
        } else if is("test") {
            Some(Self::Test)
        } else {
            None
        }
    }
}

impl fmt::Display for Part {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Train => "train",
            Self::Validation => "validation",
            Self::Test => "test",
        })
    }
}

/// A picture that has been decoded once and found good.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sample {
    /// Where it lies.
    pub path: PathBuf,
    /// The index of its class, 0 where there are none.
    pub label: usize,
    /// What it is for.
    pub part: Part,
    /// What its content is, whatever its name says.
    pub format: Format,
    /// Rows, upright if EXIF orientation is applied.
    pub height: usize,
    /// Columns.
    pub width: usize,
    /// BLAKE3 of the file's bytes: the same digest, the same picture.
    pub digest: [u8; 32],
}

/// Good pictures with their classes and parts.
#[derive(Debug, Clone)]
pub struct Dataset {
    /// The folder that it was read from.
    pub root: PathBuf,
    /// The classes by index; empty for a flat folder.
    pub class_names: Vec<String>,
    /// The pictures, in the order of the folder; a sample's place in this list is its name in random streams.
    pub samples: Vec<Sample>,
}

/// Fewer photos of a class than this are worth a warning.
const FEW: usize = 5;

impl Dataset {
    /// The samples of one part, in order, as indices into [`Dataset::samples`].
    pub fn indices(&self, part: Part) -> Vec<usize> {
        (0..self.samples.len()).filter(|&i| self.samples[i].part == part).collect()
    }

    /// How many samples a part has.
    pub fn count(&self, part: Part) -> usize {
        self.samples.iter().filter(|s| s.part == part).count()
    }

    /// How many samples each class has in a part, by index.
    pub fn class_counts(&self, part: Part) -> Vec<usize> {
        let mut counts = vec![0; self.class_names.len()];
        self.samples.iter().filter(|s| s.part == part).for_each(|s| {
            if let Some(n) = counts.get_mut(s.label) {
                *n += 1;
            }
        });
        counts
    }

    /// Classes with so few photos to train on that little can be learnt of them; to be asked for after division.
    pub fn warnings(&self) -> Vec<String> {
        let counts = self.class_counts(Part::Train).into_iter().zip(self.class_counts(Part::Validation));
        let few = counts.zip(&self.class_names).filter(|((n, _), _)| (1..FEW).contains(n));
        few.map(|(counts, name)| match counts {
            (1, 0) => format!("the class {name} has a single photo: none can be held out to judge it by"),
            (1, _) => format!("the class {name} has a single photo to train on"),
            (n, _) => format!("the class {name} has only {n} photos to train on"),
        })
        .collect()
    }

    /// The classes and their counts, to be printed.
    pub fn class_table(&self) -> ClassTable<'_> {
        ClassTable(self)
    }

    /// A sample's path below the dataset's folder.
    pub fn relative_path(&self, sample: usize) -> &Path {
        let path = &self.samples[sample].path;
        path.strip_prefix(&self.root).unwrap_or(path)
    }
}

fn require_folder(path: &Path, expected: &str) -> Result<()> {
    let found = match path.metadata() {
        Ok(metadata) if metadata.is_dir() => return Ok(()),
        Ok(_) => "a file",
        Err(e) if e.kind() == std::io::ErrorKind::NotFound => "nothing",
        Err(source) => return Err(DataError::Io { path: path.to_owned(), source }),
    };
    Err(DataError::Folder {
        path: path.to_owned(),
        found: found.to_owned(),
        expected: expected.to_owned(),
        remedy: "check the path".to_owned(),
    })
}
