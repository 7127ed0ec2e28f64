//! `coats` as a folder: drawn once, and there for every later run.
//!
//! It lies in the user's cache, next to the features that are kept. A folder that is not whole, or that another version
//! drew otherwise, is drawn anew. Where nothing can be written there, the pictures are drawn for this run alone.

use std::path::{Path, PathBuf};

use graft_data::{Coat, Coats, Part};
use tempfile::TempDir;

use super::Data;
use crate::cache::user_cache;
use crate::coats::draw;
use crate::progress::note;
use crate::{Error, Result};

/// The data set that `coats` stands for.
pub(super) const COATS: Coats = Coats { seed: 0, size: 64, train_per_class: 20, val_per_class: 50 };

/// The drawn pictures.
#[derive(Debug)]
pub struct Drawn {
    /// Where they lie: `train/<class>/*.png`, `val/<class>/*.png`.
    pub folder: PathBuf,
    /// Takes the folder away when it is dropped, if it is for this run alone.
    pub temporary: Option<TempDir>,
}

impl Drawn {
    /// The pictures, drawn if they are not there yet.
    ///
    /// # Errors
    /// If they can be written nowhere, or somebody interrupts.
    pub fn at_hand() -> Result<Self> {
        if Path::new(Data::COATS).is_dir() {
            note("note: this is not the folder ./coats, which --data ./coats names");
        }
        let why = match user_cache("coats") {
            None => "there is no home folder".to_owned(),
            Some(cache) => match kept_in(&cache) {
                Ok(folder) => return Ok(Self { folder, temporary: None }),
                Err(e @ Error::Interrupted { .. }) => return Err(e),
                Err(e) => e.to_string(),
            },
        };
        note(format_args!("note: the pictures are drawn for this run alone, and not kept ({why})"));
        let temporary = tempfile::tempdir().map_err(|e| Error::write(&std::env::temp_dir(), &e))?;
        let folder = temporary.path().join(Data::COATS);
        draw(&COATS, &folder)?;
        note(format_args!("      drawn to {}", folder.display()));
        Ok(Self { folder, temporary: Some(temporary) })
    }

    /// The folder, and what takes it away when it is dropped.
    pub fn into_parts(self) -> (PathBuf, Option<TempDir>) {
        (self.folder, self.temporary)
    }

    /// One picture of each class that no run has learnt from.
    pub fn examples(&self) -> Vec<(Coat, PathBuf)> {
        let example = |coat| (coat, COATS.example(&self.folder, coat, Part::Validation));
        Coat::ALL.into_iter().map(example).collect()
    }
}

/// The folder within the cache, as it should be.
fn kept_in(cache: &Path) -> Result<PathBuf> {
    let Coats { seed, size, train_per_class, val_per_class } = COATS;
    let folder = cache.join(format!("{size}px-{train_per_class}+{val_per_class}-seed{seed}"));
    if COATS.is_written(&folder) {
        note(format_args!("      in {}", folder.display()));
        return Ok(folder);
    }
    // It is moved aside as a whole, so that there is never half a folder under the name.
    let gives_way = || -> std::io::Result<()> {
        let aside = tempfile::Builder::new().prefix(".graft-").suffix(".old").tempdir_in(cache)?;
        std::fs::rename(&folder, aside.path().join("coats"))
    };
    if folder.exists() {
        gives_way().map_err(|e| Error::write(&folder, &e))?;
    }
    match draw(&COATS, &folder) {
        // Another run has been faster: its pictures are the same.
        Err(Error::Data(_)) if COATS.is_written(&folder) => {}
        drawn => drawn?,
    }
    note(format_args!("      drawn to {}", folder.display()));
    Ok(folder)
}
