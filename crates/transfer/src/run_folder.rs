//! Where a run leaves its results: `runs/<method>-N/`, a new folder each time, each file whole or absent.

use std::fs;
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use serde::Serialize;

use crate::output::require_writable;
use crate::{Error, Result};

/// The folder in which runs are numbered unless `--out` names one.
pub(crate) const RUNS: &str = "runs";

/// The model with the smallest `val_loss`.
pub const BEST: &str = "best.safetensors";
/// The model as training left it.
pub const LAST: &str = "last.safetensors";
/// What was asked for.
pub const OPTIONS: &str = "options.json";
/// Which photo was in which part.
pub const SPLIT: &str = "split.csv";
/// Files that were left out, and why.
pub const BAD_IMAGES: &str = "bad_images.csv";
/// The figures of the run.
pub const METRICS: &str = "metrics.json";
/// The figures of each epoch.
pub const HISTORY: &str = "history.csv";

/// The folder of one run.
#[derive(Debug, Clone)]
pub struct RunFolder {
    path: PathBuf,
    /// The folders that were made for it, the outermost first.
    made: Vec<PathBuf>,
}

impl RunFolder {
    /// Makes the folder that `--out` names, which must be new or empty, or else the next `runs/<method>-N`.
    ///
    /// # Errors
    /// [`Error::Output`] if it holds something already or cannot be made.
    pub fn create(out: Option<&Path>, method: &str) -> Result<Self> {
        match out {
            Some(path) => Self::create_named(path),
            None => Self::create_numbered(Path::new(RUNS), method),
        }
    }

    fn create_named(path: &Path) -> Result<Self> {
        let refuse = |what: &str| Err(Error::output(path, what, "name a new folder with --out"));
        match fs::read_dir(path).map(|mut entries| entries.next().is_some()) {
            Ok(true) => return refuse("the folder is not empty, and a run never overwrites"),
            Err(_) if path.exists() => return refuse("a file stands where the run's folder is to be"),
            _ => {}
        }
        let folder = Self { path: path.to_owned(), made: make(path)? };
        // Whether it can be written to is better known before the training than after.
        require_writable(path).inspect_err(|_| folder.discard())?;
        Ok(folder)
    }

    fn create_numbered(runs: &Path, method: &str) -> Result<Self> {
        let mut made = make(runs)?;
        let mut n = 1;
        loop {
            let path = runs.join(format!("{method}-{n}"));
            // `create_dir` fails if the folder is there, so that two runs started at once get two folders.
            match fs::create_dir(&path) {
                Ok(()) => {
                    made.push(path.clone());
                    return Ok(Self { path, made });
                }
                Err(e) if e.kind() == io::ErrorKind::AlreadyExists => n += 1,
                Err(e) => return Err(Error::write(&path, &e)),
            }
        }
    }

    /// A folder that an earlier run has made and this one goes on with.
    pub fn reopen(path: &Path) -> Self {
        Self { path: path.to_owned(), made: Vec::new() }
    }

    /// The folder.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// A file in it.
    pub fn file(&self, name: &str) -> PathBuf {
        self.path.join(name)
    }

    /// Whether a model has been saved: then the folder is of use, however the run ended.
    pub fn has_model(&self) -> bool {
        [BEST, LAST].iter().any(|name| self.file(name).exists())
    }

    /// The files that are in it by now, by name.
    pub fn files(&self) -> Vec<String> {
        let entries = fs::read_dir(&self.path).into_iter().flatten().filter_map(Result::ok);
        let mut names: Vec<_> = entries.map(|e| e.file_name().to_string_lossy().into_owned()).collect();
        names.sort();
        names
    }

    /// What a run that was ended early leaves behind, in words; `None` if there is nothing of use.
    pub fn kept(&self) -> Option<String> {
        let folder = self.path.display();
        match [BEST, LAST].map(|name| self.file(name).exists()) {
            [true, _] => Some(format!(
                "{folder} has the best model so far ({BEST}), the model as training left it ({LAST}) and {HISTORY}"
            )),
            [false, true] => Some(format!(
                "{folder} has the model as training left it ({LAST}), but no best one, since no epoch was finished"
            )),
            [false, false] => None,
        }
    }

    /// Takes back what a run that came to nothing has written and made, and no more.
    pub fn discard(&self) {
        for name in [OPTIONS, SPLIT, BAD_IMAGES, HISTORY] {
            let _ = fs::remove_file(self.file(name));
        }
        // `remove_dir` refuses a folder with content, which is just what is wanted.
        self.made.iter().rev().for_each(|folder| drop(fs::remove_dir(folder)));
    }

    /// Writes a JSON file.
    ///
    /// # Errors
    /// [`Error::Output`] if the file cannot be written.
    pub fn write_json(&self, name: &str, value: &impl Serialize) -> Result<()> {
        let path = self.file(name);
        let write = |w: &mut dyn Write| {
            serde_json::to_writer_pretty(&mut *w, value)?;
            w.write_all(b"\n")
        };
        graft_tensor::write_atomically(&path, |w| write(w)).map_err(|e| Error::write(&path, &e))
    }

    /// Writes a page of text.
    ///
    /// # Errors
    /// As [`RunFolder::write_json`].
    pub fn write_text(&self, name: &str, text: &str) -> Result<()> {
        let path = self.file(name);
        graft_tensor::write_atomically(&path, |w| w.write_all(text.as_bytes()))
            .map_err(|e| Error::write(&path, &e))
    }
}

/// Makes a folder and those it lies in, as far as they are missing; tells which, the outermost first.
fn make(path: &Path) -> Result<Vec<PathBuf>> {
    let missing = path.ancestors().take_while(|p| !p.as_os_str().is_empty() && !p.exists());
    let mut missing: Vec<_> = missing.map(Path::to_owned).collect();
    missing.reverse();
    fs::create_dir_all(path).map_err(|e| Error::write(path, &e))?;
    Ok(missing)
}
