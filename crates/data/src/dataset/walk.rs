//! Which files below a folder are meant as pictures.
//!
//! Four rules, each for something that has become a class or a sample in somebody's training run:
//!
//! * Names that start with a dot are not there (`.DS_Store`, `.ipynb_checkpoints`, the `._photo.jpg` of a Mac's
//!   archive), nor are the few folders that systems leave behind under other names.
//! * A file counts if its name claims that it is a picture, or if its content is one. A claim that its content breaks
//!   is told later, when the picture is decoded; all other files are counted and passed over.
//! * Links are followed, to files and to folders, but a folder is entered once only, whatever the number of links that
//!   lead to it: no loop is walked for ever, no tangle of links explodes.
//! * The order is that of the paths' bytes, on every system.

use std::collections::HashSet;
use std::ffi::{OsStr, OsString};
use std::fs::{self, File};
use std::io::Read;
use std::path::{Path, PathBuf};

use crate::decode::{SNIFFED, claims_to_be_a_picture};
use crate::{DataError, Format, Result};

/// What systems leave in folders without asking.
const LEFT_BEHIND: [&str; 5] =
    ["__MACOSX", "@eaDir", "lost+found", "$RECYCLE.BIN", "System Volume Information"];

/// The visible entries of one folder, sorted.
#[derive(Debug, Default)]
pub(super) struct Listing {
    pub(super) folders: Vec<OsString>,
    pub(super) files: Vec<PathBuf>,
}

pub(super) fn list(folder: &Path) -> Result<Listing> {
    let io = |source| DataError::Io { path: folder.to_owned(), source };
    let mut listing = Listing::default();
    for entry in fs::read_dir(folder).map_err(io)? {
        let name = entry.map_err(io)?.file_name();
        let path = folder.join(&name);
        if is_hidden(&name) {
            continue;
        }
        // Follows links; a dangling one is a file, which will be found unreadable if it claims to be a picture.
        if path.is_dir() { listing.folders.push(name) } else { listing.files.push(path) }
    }
    listing.folders.sort();
    listing.files.sort();
    Ok(listing)
}

fn is_hidden(name: &OsStr) -> bool {
    name.as_encoded_bytes().first() == Some(&b'.') || LEFT_BEHIND.iter().any(|&junk| name == junk)
}

/// The files below a folder.
#[derive(Debug, Default)]
pub(super) struct Found {
    /// Those meant as pictures, sorted.
    pub(super) pictures: Vec<PathBuf>,
    /// How many visible files are not.
    pub(super) ignored: usize,
}

/// Walks a folder and all below it.
pub(super) fn walk(root: &Path) -> Result<Found> {
    let (mut found, mut entered, mut waiting) = (Found::default(), HashSet::new(), vec![root.to_owned()]);
    while let Some(folder) = waiting.pop() {
        let real = folder.canonicalize().map_err(|source| DataError::Io { path: folder.clone(), source })?;
        if !entered.insert(real) {
            continue;
        }
        let listing = list(&folder)?;
        waiting.extend(listing.folders.iter().map(|name| folder.join(name)));
        for file in listing.files {
            if is_meant_as_picture(&file) { found.pictures.push(file) } else { found.ignored += 1 }
        }
    }
    found.pictures.sort();
    Ok(found)
}

pub(super) fn is_meant_as_picture(path: &Path) -> bool {
    claims_to_be_a_picture(path) || (path.is_file() && starts_like_picture(path).unwrap_or(false))
}

fn starts_like_picture(path: &Path) -> std::io::Result<bool> {
    let mut head = Vec::with_capacity(SNIFFED);
    File::open(path)?.take(SNIFFED as u64).read_to_end(&mut head)?;
    Ok(Format::sniff(&head).is_some())
}

/// The pictures to predict for: the file itself, or all below the folder, sorted.
///
/// A file that is named is taken at its word; within a folder stray files are passed over.
///
/// # Errors
/// [`DataError::Folder`] if there is nothing at the path, or no picture below it; [`DataError::Io`] if a folder cannot
/// be read.
pub fn image_files(path: &Path) -> Result<Vec<PathBuf>> {
    if path.is_file() {
        return Ok(vec![path.to_owned()]);
    }
    super::require_folder(path, "a picture or a folder of pictures")?;
    let found = walk(path)?;
    if found.pictures.is_empty() {
        return Err(DataError::Folder {
            path: path.to_owned(),
            found: format!("no picture ({} other files)", found.ignored),
            expected: "at least one picture".to_owned(),
            remedy: "JPEG, PNG, BMP, GIF, WebP, TIFF and PNM files are read".to_owned(),
        });
    }
    Ok(found.pictures)
}
