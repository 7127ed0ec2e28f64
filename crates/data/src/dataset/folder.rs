//! A folder of pictures, read as classes and parts; no picture is opened yet.
//!
//! ```text
//! photos/                    photos/
//!   ants/  a.jpg b.jpg …       train/       ants/ … bees/ …
//!   bees/  c.jpg d.jpg …       val/         ants/ … bees/ …      (or validation/, valid/)
//!                              test/        ants/ … bees/ …      (if there is one)
//! ```
//!
//! Classes are the folders' names in byte order, as in Keras, so that an index means the same class in both. All parts
//! must have the same classes: a class that is known in one and missing in another would be an index that is never
//! right, or a name that was never learnt.

use std::ffi::OsString;
use std::path::{Path, PathBuf};

use super::walk::{self, Listing};
use super::{Part, require_folder};
use crate::{DataError, Result};

/// How a folder is laid out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Layout {
    /// A folder per class.
    Classes,
    /// `train/` and others, each with a folder per class.
    Parts,
    /// Pictures without folders, hence without classes.
    Flat,
}

/// A file that is meant as a picture, and what its place says about it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct File {
    /// Where it lies.
    pub path: PathBuf,
    /// The index of its class, 0 where there are none.
    pub label: usize,
    /// The part of the data that it belongs to.
    pub part: Part,
}

/// A folder's classes and files.
#[derive(Debug, Clone)]
pub struct Folder {
    /// The folder itself.
    pub root: PathBuf,
    /// The classes by index; empty for a flat folder.
    pub class_names: Vec<String>,
    /// The files meant as pictures: by part, by class, by path.
    pub files: Vec<File>,
    /// How many visible files are not meant as pictures.
    pub ignored: usize,
    /// What the user should know before training: empty classes, pictures outside of any class, classes left out.
    pub warnings: Vec<String>,
}

impl Folder {
    /// How the folder is laid out.
    ///
    /// # Errors
    /// [`DataError::Folder`] if it is missing, a file, or holds neither folders nor pictures.
    pub fn layout(root: &Path) -> Result<Layout> {
        require_folder(root, "a folder of pictures")?;
        let listing = walk::list(root)?;
        if !part_folders(root, &listing)?.is_empty() {
            Ok(Layout::Parts)
        } else if !listing.folders.is_empty() {
            Ok(Layout::Classes)
        } else if listing.files.iter().any(|f| walk::is_meant_as_picture(f)) {
            Ok(Layout::Flat)
        } else {
            Err(error(
                root,
                format!("neither folders nor pictures ({} other files)", listing.files.len()),
                "a folder of pictures per class",
                "check the path",
            ))
        }
    }

    /// Reads a folder with classes. `wanted` gives their order and may leave some out.
    ///
    /// # Errors
    /// [`DataError::Folder`] if there are not at least two classes with pictures to train on, if the parts differ in
    /// their classes, or if a wanted class is not there; as [`Folder::layout`] otherwise.
    pub fn scan(root: &Path, wanted: Option<&[String]>) -> Result<Self> {
        let layout = Self::layout(root)?;
        let listing = walk::list(root)?;
        let parts = match layout {
            Layout::Parts => part_folders(root, &listing)?,
            Layout::Classes => vec![(Part::Train, root.to_owned())],
            Layout::Flat => return Err(without_classes(root, &listing)),
        };
        let mut folder = Self::empty(root);
        if layout == Layout::Parts {
            folder.ignored += listing.files.len();
            folder.warn_of_unused_folders(&listing, &parts);
        }
        let mut first = None;
        for (part, path) in &parts {
            let listing = walk::list(path)?;
            let found = class_names(path, &listing.folders)?;
            if found.is_empty() && *part == Part::Test {
                // As competitions hand it out: the answers are not told.
                folder
                    .warnings
                    .push(format!("{}: has no class folders and will not be used", path.display()));
                continue;
            }
            if found.is_empty() {
                return Err(without_classes(path, &listing));
            }
            let known = first.get_or_insert_with(|| found.clone());
            folder.choose_classes(path, known, &found, wanted)?;
            folder.add_part(*part, path, &listing)?;
        }
        folder.require_two_classes()?;
        Ok(folder)
    }

    /// Reads all pictures of a folder and below it, without classes.
    ///
    /// # Errors
    /// As [`crate::image_files`].
    pub fn scan_flat(root: &Path) -> Result<Self> {
        require_folder(root, "a folder of pictures")?;
        let files =
            crate::image_files(root)?.into_iter().map(|path| File { path, label: 0, part: Part::Train });
        Ok(Self { files: files.collect(), ..Self::empty(root) })
    }

    /// Whether any file of the folder belongs to a part, good or bad.
    pub fn has(&self, part: Part) -> bool {
        self.files.iter().any(|f| f.part == part)
    }

    fn empty(root: &Path) -> Self {
        Self { root: root.to_owned(), class_names: vec![], files: vec![], ignored: 0, warnings: vec![] }
    }

    fn warn_of_unused_folders(&mut self, listing: &Listing, parts: &[(Part, PathBuf)]) {
        let is_part = |name: &OsString| parts.iter().any(|(_, path)| path.file_name() == Some(name));
        for name in listing.folders.iter().filter(|name| !is_part(name)) {
            let path = self.root.join(name);
            self.warnings.push(format!("{}: lies beside train/ and will not be used", path.display()));
        }
    }

    /// Settles the classes at the first part, and holds every further part to them.
    fn choose_classes(
        &mut self,
        path: &Path,
        known: &[String],
        found: &[String],
        wanted: Option<&[String]>,
    ) -> Result<()> {
        let Some(wanted) = wanted else {
            let (missing, extra) = (difference(known, found), difference(found, known));
            if !missing.is_empty() || !extra.is_empty() {
                return Err(error(
                    path,
                    format!(
                        "classes other than those of training (missing: {}; only here: {})",
                        or_none(&missing),
                        or_none(&extra)
                    ),
                    "the same classes in every part",
                    "rename, add or remove folders, or name the classes to use",
                ));
            }
            self.class_names = known.to_vec();
            return Ok(());
        };
        let missing = difference(wanted, found);
        if !missing.is_empty() {
            // In quotes, for a blank after a comma is part of a name.
            let missing = missing.iter().map(|name| format!("'{name}'")).collect::<Vec<_>>().join(", ");
            return Err(error(
                path,
                format!("no folder for {missing} (there are: {})", found.join(", ")),
                "a folder for every class named",
                "class names are those of the folders, letter by letter",
            ));
        }
        if let Some(twice) = wanted.iter().enumerate().find(|(i, name)| wanted[..*i].contains(name)) {
            return Err(error(
                path,
                format!("the class {} named twice", twice.1),
                "each class once",
                "name it once",
            ));
        }
        let unused = difference(found, wanted);
        if !unused.is_empty() {
            self.warnings.push(format!(
                "{}: left out, as they are not named: {}",
                path.display(),
                unused.join(", ")
            ));
        }
        self.class_names = wanted.to_vec();
        Ok(())
    }

    fn add_part(&mut self, part: Part, path: &Path, listing: &Listing) -> Result<()> {
        let loose = listing.files.iter().filter(|f| walk::is_meant_as_picture(f)).count();
        if loose > 0 {
            let what = if loose == 1 { "1 picture lies" } else { &format!("{loose} pictures lie") };
            self.warnings
                .push(format!("{}: {what} outside of any class folder and will not be used", path.display()));
        }
        self.ignored += listing.files.len() - loose;
        for (label, name) in self.class_names.iter().enumerate() {
            let found = walk::walk(&path.join(name))?;
            if found.pictures.is_empty() {
                self.warnings.push(format!("{}: the class {name} has no pictures", path.display()));
            }
            self.ignored += found.ignored;
            self.files.extend(found.pictures.into_iter().map(|path| File { path, label, part }));
        }
        Ok(())
    }

    /// There has to be something to tell apart.
    fn require_two_classes(&self) -> Result<()> {
        let trained = |label: usize| self.files.iter().any(|f| f.part == Part::Train && f.label == label);
        let with_pictures = (0..self.class_names.len()).filter(|&label| trained(label)).count();
        let found = match (self.class_names.as_slice(), with_pictures) {
            (_, 2..) => return Ok(()),
            ([], _) => "no class".to_owned(),
            ([only], _) => format!("one class, {only}"),
            (names, 0) => format!("no pictures in any of the {} class folders", names.len()),
            (names, _) => format!("pictures in one only of the {} class folders", names.len()),
        };
        let inner = self.class_names.first().map(|name| self.root.join(name));
        let nested = inner
            .filter(|p| self.class_names.len() == 1 && walk::list(p).is_ok_and(|l| !l.folders.is_empty()));
        let remedy = match nested {
            Some(inner) => format!("the folders within {} may be meant: name that one", inner.display()),
            None if walk::list(&self.root).is_ok_and(|l| l.folders.len() > self.class_names.len()) => {
                "add a folder of pictures for another class, or name one of those that are there".to_owned()
            }
            None => "add a folder of pictures for another class".to_owned(),
        };
        Err(error(&self.root, found, "pictures in at least two class folders", remedy))
    }
}

/// The folders of the parts, if the folder is laid out so: a `train/`, and beside it another part or nothing else.
fn part_folders(root: &Path, listing: &Listing) -> Result<Vec<(Part, PathBuf)>> {
    let mut parts: Vec<(Part, PathBuf)> = Vec::new();
    for name in &listing.folders {
        let Some(part) = name.to_str().and_then(Part::from_folder_name) else { continue };
        if let Some((_, other)) = parts.iter().find(|(p, _)| *p == part) {
            let found = format!("both {} and {}", other.display(), root.join(name).display());
            return Err(error(root, found, format!("one folder for {part}"), "keep one of them"));
        }
        parts.push((part, root.join(name)));
    }
    parts.sort_by_key(|(part, _)| *part);
    let has_train = parts.first().is_some_and(|(part, _)| *part == Part::Train);
    // A class may be called `train`, beside `bus` and `tram`.
    let is_layout = has_train && (parts.len() > 1 || listing.folders.len() == 1);
    if !has_train && !parts.is_empty() && parts.len() == listing.folders.len() {
        let found = parts.iter().map(|(_, p)| p.display().to_string()).collect::<Vec<_>>().join(" and ");
        return Err(error(
            root,
            format!("{found}, but no train/"),
            "pictures to train on",
            "add train/ with a folder per class",
        ));
    }
    Ok(if is_layout { parts } else { vec![] })
}

fn class_names(path: &Path, folders: &[OsString]) -> Result<Vec<String>> {
    let name = |folder: &OsString| {
        folder.to_str().map(str::to_owned).ok_or_else(|| {
            let found = format!("a class folder whose name is not UTF-8, {}", folder.display());
            error(path, found, "class names in UTF-8", "rename the folder")
        })
    };
    folders.iter().map(name).collect()
}

fn without_classes(path: &Path, listing: &Listing) -> DataError {
    let pictures = listing.files.iter().filter(|f| walk::is_meant_as_picture(f)).count();
    let found = format!("no class folders ({pictures} pictures lie directly in it)");
    error(
        path,
        found,
        "a folder of pictures per class",
        "put the pictures of each class into a folder named after it",
    )
}

fn difference(a: &[String], b: &[String]) -> Vec<String> {
    a.iter().filter(|name| !b.contains(name)).cloned().collect()
}

fn or_none(names: &[String]) -> String {
    if names.is_empty() { "none".to_owned() } else { names.join(", ") }
}

fn error(
    path: &Path,
    found: impl Into<String>,
    expected: impl Into<String>,
    remedy: impl Into<String>,
) -> DataError {
    let (found, expected, remedy) = (found.into(), expected.into(), remedy.into());
    DataError::Folder { path: path.to_owned(), found, expected, remedy }
}
