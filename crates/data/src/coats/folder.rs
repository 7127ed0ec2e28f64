//! The data set as a folder of PNG files, as any framework reads it: `train/<class>/007.png`, `val/<class>/007.png`.

use std::collections::BTreeSet;
use std::fs::{self, File};
use std::io::{self, Write};
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering};

use rayon::prelude::*;

use super::{Coat, Coats, check_size};
use crate::preview::png_bytes;
use crate::{DataError, Part, Result};

/// The parts that are written, and what their folders are called.
const PARTS: [(Part, &str); 2] = [(Part::Train, "train"), (Part::Validation, "val")];

impl Coats {
    /// Writes every picture to a new folder. The folder appears whole or not at all: it is written beside its place
    /// under a passing name, and renamed. `progress` hears after each picture how many there are by now, and may break
    /// off.
    ///
    /// # Errors
    /// [`DataError::Setting`] for a size that is not possible; [`DataError::Folder`] if the folder is there already and
    /// not empty; [`DataError::Write`] if it cannot be written; [`DataError::Interrupted`] if `progress` breaks off.
    /// Nothing is left behind then.
    ///
    /// ```
    /// use std::ops::ControlFlow;
    /// use graft_data::Coats;
    /// let temporary = tempfile::tempdir()?;
    /// let coats = Coats { size: 16, train_per_class: 2, val_per_class: 1, ..Coats::default() };
    /// let folder = temporary.path().join("coats");
    /// coats.write(&folder, &|_| ControlFlow::Continue(()))?;
    /// assert!(folder.join("train/zebra/001.png").exists());
    /// assert!(coats.is_written(&folder));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn write(&self, out: &Path, progress: &(dyn Fn(usize) -> ControlFlow<()> + Sync)) -> Result<()> {
        check_size(self.size)?;
        refuse_taken(out)?;
        let refused = |path: &Path| {
            let path = path.to_owned();
            move |source| DataError::Write { path, source }
        };
        let parent = out.parent().filter(|p| !p.as_os_str().is_empty()).unwrap_or(Path::new("."));
        fs::create_dir_all(parent).map_err(refused(parent))?;
        let mut builder = tempfile::Builder::new();
        builder.prefix(".graft-").suffix(".part");
        #[cfg(unix)]
        builder.permissions(std::os::unix::fs::PermissionsExt::from_mode(0o777)); // less the umask, as any new folder
        let passing = builder.tempdir_in(parent).map_err(refused(out))?;
        let done = AtomicUsize::new(0);
        for (part, name) in PARTS.into_iter().filter(|(part, _)| self.per_class(*part) > 0) {
            for coat in Coat::ALL {
                let folder = passing.path().join(name).join(coat.name());
                fs::create_dir_all(&folder).map_err(refused(&folder))?;
            }
            let all: Vec<_> = self.numbers(part).collect();
            all.into_par_iter().try_for_each(|(coat, index)| {
                let path = passing.path().join(name).join(coat.name()).join(file_name(index));
                png_bytes(&self.picture(coat, part, index))
                    .and_then(|png| write_synced(&path, &png))
                    .map_err(refused(&path))?;
                match progress(done.fetch_add(1, Ordering::Relaxed) + 1) {
                    ControlFlow::Continue(()) => Ok(()),
                    ControlFlow::Break(()) => Err(DataError::Interrupted),
                }
            })?;
        }
        // An empty folder gives its place to the new one; one that has been filled meanwhile does not.
        fs::rename(passing.path(), out).map_err(refused(out))?;
        // It has its name now: nothing is left to clean up under the passing one.
        let _ = passing.keep();
        Ok(())
    }

    /// Whether a folder holds this data set as it would be drawn now: every file and no other, and of each class the
    /// first picture to learn from byte for byte. (An older program may have drawn others.)
    pub fn is_written(&self, folder: &Path) -> bool {
        let first = |coat: Coat| {
            let drawn = png_bytes(&self.picture(coat, Part::Train, 0));
            let path = self.example(folder, coat, Part::Train);
            matches!((fs::read(path), drawn), (Ok(found), Ok(drawn)) if found == drawn)
        };
        let to_learn_from = self.per_class(Part::Train) > 0;
        check_size(self.size).is_ok()
            && PARTS.iter().all(|&(part, name)| {
                let expected: BTreeSet<_> = (0..self.per_class(part)).map(file_name).collect();
                Coat::ALL.iter().all(|coat| files(&folder.join(name).join(coat.name())) == expected)
            })
            && (!to_learn_from || Coat::ALL.into_par_iter().all(first))
    }

    /// Where the first picture of a class and part lies in a folder that was [written](Coats::write).
    pub fn example(&self, folder: &Path, coat: Coat, part: Part) -> PathBuf {
        let name = PARTS.iter().find(|(p, _)| *p == part).map_or("test", |(_, name)| name);
        folder.join(name).join(coat.name()).join(file_name(0))
    }
}

/// The name of picture `index` of its class and part.
fn file_name(index: usize) -> String {
    format!("{index:03}.png")
}

/// The names of the files in a folder that are not empty; none if there is no such folder.
fn files(folder: &Path) -> BTreeSet<String> {
    let entries = fs::read_dir(folder).into_iter().flatten().filter_map(|entry| entry.ok());
    let whole = entries.filter(|entry| entry.metadata().is_ok_and(|m| m.len() > 0));
    whole.map(|entry| entry.file_name().to_string_lossy().into_owned()).collect()
}

/// Writes a new file whose content is on the disk before the folder gets its name.
fn write_synced(path: &Path, content: &[u8]) -> io::Result<()> {
    let mut file = File::create_new(path)?;
    file.write_all(content)?;
    file.sync_all()
}

/// An error unless there is nothing at `out`, or an empty folder.
fn refuse_taken(out: &Path) -> Result<()> {
    let found = match fs::read_dir(out).map(|mut entries| entries.next().is_some()) {
        Ok(false) => return Ok(()),
        Ok(true) => "a folder that is not empty",
        Err(_) if fs::symlink_metadata(out).is_ok() => "something that is no readable folder",
        Err(_) => return Ok(()),
    };
    Err(DataError::Folder {
        path: out.to_owned(),
        found: found.to_owned(),
        expected: "nothing, or an empty folder".to_owned(),
        remedy: "name a new folder: nothing is ever overwritten".to_owned(),
    })
}
