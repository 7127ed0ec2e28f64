//! The data set as a folder of PNG files, as any framework reads it: `train/<class>/007.png`, `val/<class>/007.png`.

use std::fs::{self, File};
use std::io::{self, Write};
use std::path::Path;

use rayon::prelude::*;

use super::{Coat, Coats};
use crate::preview::png_bytes;
use crate::{DataError, Part, Result};

/// The parts that are written, and what their folders are called.
const PARTS: [(Part, &str); 2] = [(Part::Train, "train"), (Part::Validation, "val")];

impl Coats {
    /// Writes every picture to a new folder. The folder appears whole or not at all: it is written beside its place
    /// under a passing name, and renamed.
    ///
    /// # Errors
    /// [`DataError::Setting`] for a size that is not possible or a part without pictures; [`DataError::Folder`] if the
    /// folder is there already and not empty; [`DataError::Write`] if it cannot be written. Nothing is left behind then.
    ///
    /// ```
    /// use graft_data::Coats;
    /// let temporary = tempfile::tempdir()?;
    /// let coats = Coats { size: 16, train_per_class: 2, val_per_class: 1, ..Coats::default() };
    /// coats.write(&temporary.path().join("coats"))?;
    /// assert!(temporary.path().join("coats/train/zebra/001.png").exists());
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn write(&self, out: &Path) -> Result<()> {
        self.check()?;
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
        for (part, name) in PARTS.into_iter().filter(|(part, _)| self.per_class(*part) > 0) {
            for coat in Coat::ALL {
                let folder = passing.path().join(name).join(coat.name());
                fs::create_dir_all(&folder).map_err(refused(&folder))?;
            }
            let all: Vec<_> = self.numbers(part).collect();
            all.into_par_iter().try_for_each(|(coat, index)| {
                let path = passing.path().join(name).join(coat.name()).join(format!("{index:03}.png"));
                png_bytes(&self.picture(coat, part, index))
                    .and_then(|png| write_synced(&path, &png))
                    .map_err(refused(&path))
            })?;
        }
        // An empty folder gives its place to the new one; one that has been filled meanwhile does not.
        fs::rename(passing.path(), out).map_err(refused(out))?;
        // It has its name now: nothing is left to clean up under the passing one.
        let _ = passing.keep();
        Ok(())
    }
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
