//! Where a run leaves its results: `runs/<method>-N/`, a new folder each time, each file whole or absent.

use std::fs;
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use serde::Serialize;

use crate::{Error, Result};

/// The folder in which runs are numbered unless `--out` names one.
const RUNS: &str = "runs";

/// The folder of one run.
#[derive(Debug, Clone)]
pub struct RunFolder {
    path: PathBuf,
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
            _ => fs::create_dir_all(path).map_err(|e| Error::write(path, &e))?,
        }
        tempfile::tempfile_in(path).map_err(|e| Error::write(path, &e))?;
        Ok(Self { path: path.to_owned() })
    }

    fn create_numbered(runs: &Path, method: &str) -> Result<Self> {
        fs::create_dir_all(runs).map_err(|e| Error::write(runs, &e))?;
        let mut n = 1;
        loop {
            let path = runs.join(format!("{method}-{n}"));
            // `create_dir` fails if the folder is there, so that two runs started at once get two folders.
            match fs::create_dir(&path) {
                Ok(()) => return Ok(Self { path }),
                Err(e) if e.kind() == io::ErrorKind::AlreadyExists => n += 1,
                Err(e) => return Err(Error::write(&path, &e)),
            }
        }
    }

    /// The folder.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// A file in it.
    pub fn file(&self, name: &str) -> PathBuf {
        self.path.join(name)
    }

    /// Takes the folder away again if nothing was written into it.
    pub fn discard_if_empty(&self) {
        // `remove_dir` refuses a folder with content, which is just what is wanted.
        let _ = fs::remove_dir(&self.path);
    }

    /// Writes a JSON file.
    ///
    /// # Errors
    /// [`Error::Output`] if the file cannot be written.
    pub fn write_json(&self, name: &str, value: &impl Serialize) -> Result<()> {
        self.write(name, |w| {
            serde_json::to_writer_pretty(&mut *w, value)?;
            w.write_all(b"\n")
        })
    }

    /// Writes a CSV file, a header and then a record per row.
    ///
    /// # Errors
    /// As [`RunFolder::write_json`].
    pub fn write_csv<R: IntoIterator<Item = String>>(
        &self,
        name: &str,
        header: impl IntoIterator<Item = String>,
        rows: impl IntoIterator<Item = R>,
    ) -> Result<()> {
        self.write(name, |w| {
            let mut csv = csv::Writer::from_writer(w);
            csv.write_record(header)?;
            for row in rows {
                csv.write_record(row)?;
            }
            csv.flush()
        })
    }

    fn write(&self, name: &str, f: impl FnOnce(&mut dyn Write) -> io::Result<()>) -> Result<()> {
        let path = self.file(name);
        graft_tensor::write_atomically(&path, |w| f(w)).map_err(|e| Error::write(&path, &e))
    }
}
