//! Data for other programs: on standard output, and in tables.

use std::io::{ErrorKind, Write};
use std::path::Path;

use serde::Serialize;

use crate::{Error, Result};

/// Prints text for another program, or a person, to read.
///
/// # Errors
/// If it cannot be written. A reader who has seen enough and gone, as `head` does, is no error.
pub fn to_stdout(text: &str) -> Result<()> {
    let mut out = std::io::stdout().lock();
    match out.write_all(text.as_bytes()).and_then(|()| out.flush()) {
        Err(e) if e.kind() != ErrorKind::BrokenPipe => Err(Error::write(Path::new("standard output"), &e)),
        _ => Ok(()),
    }
}

/// Prints a value as JSON for another program to read.
///
/// # Errors
/// As [`to_stdout`].
pub fn json_to_stdout(value: &impl Serialize) -> Result<()> {
    to_stdout(&(serde_json::to_string_pretty(value).map_err(|e| Error::Usage(e.to_string()))? + "\n"))
}

/// Asks whether files may be written in a folder, or in the one that it would be made in: better before the work than
/// after it.
///
/// # Errors
/// [`Error::Output`] if not.
pub fn require_writable(folder: &Path) -> Result<()> {
    let there = folder.ancestors().find(|p| p.exists()).unwrap_or(Path::new("."));
    match tempfile::tempfile_in(there) {
        Ok(_) => Ok(()),
        Err(e) => Err(Error::write(folder, &graft_tensor::plain(e))),
    }
}

/// Writes a CSV file, a header and then a record per row; it appears whole or not at all.
///
/// # Errors
/// [`Error::Output`] if the file cannot be written.
pub fn write_csv<R: IntoIterator<Item = String>>(
    file: &Path,
    header: impl IntoIterator<Item = String>,
    rows: impl IntoIterator<Item = R>,
) -> Result<()> {
    let write = |w: &mut dyn Write| {
        let mut csv = csv::Writer::from_writer(w);
        csv.write_record(header)?;
        for row in rows {
            csv.write_record(row)?;
        }
        csv.flush()
    };
    graft_tensor::write_atomically(file, |w| write(w)).map_err(|e| Error::write(file, &e))
}
