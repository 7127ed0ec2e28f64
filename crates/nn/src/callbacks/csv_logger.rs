//! The history as a table on disk, row by row.

use std::fs::{File, OpenOptions};
use std::io::{BufRead, BufReader, Write};
use std::path::{Path, PathBuf};

use super::{Callback, Control};
use crate::fit::{FitError, Logs};

/// Writes a row per epoch to a CSV file, and makes sure it is there before the next one begins. Keras's `CSVLogger`:
///
/// ```text
/// epoch,accuracy,learning_rate,loss,val_accuracy,val_loss
/// 0,0.875,0.001,0.3127,0.9020,0.2514
/// ```
///
/// Epochs count from 0. The columns are fixed by the first epoch: its names, sorted, and if none of them is a
/// validation figure, a `val_` column for each, which stay `NA`. The file is written as the run goes, so that a run
/// that is cut off leaves its history behind.
#[derive(Debug)]
pub struct CSVLogger {
    path: PathBuf,
    append: bool,
    file: Option<File>,
    columns: Option<Vec<String>>,
}

impl CSVLogger {
    /// Writes to `path`, from its start.
    pub fn new(path: impl Into<PathBuf>) -> Self {
        Self { path: path.into(), append: false, file: None, columns: None }
    }

    /// Goes on with a file that is there, under its own columns: for a run that is taken up again.
    pub fn append(mut self) -> Self {
        self.append = true;
        self
    }

    fn row(&mut self, epoch: u64, logs: &Logs) -> std::io::Result<()> {
        let Some(file) = &mut self.file else { return Ok(()) };
        let columns = match &mut self.columns {
            Some(columns) => columns,
            none => {
                let columns = none.insert(columns_of(logs));
                writeln!(file, "epoch,{}", columns.join(","))?;
                columns
            }
        };
        let cells = columns.iter().map(|c| logs.get(c).map_or_else(|| "NA".to_owned(), cell));
        let line = cells.fold(epoch.to_string(), |line, cell| line + "," + &cell);
        // One write, so that no reader sees half a row.
        file.write_all((line + "\n").as_bytes())?;
        file.sync_data()
    }
}

/// The columns beside the epoch, from the figures of the first one.
fn columns_of(logs: &Logs) -> Vec<String> {
    let mut names: Vec<_> = logs.iter().map(|(name, _)| name.to_owned()).collect();
    names.sort();
    if !names.iter().any(|n| n.starts_with("val_")) {
        names.extend(names.clone().iter().map(|n| format!("val_{n}")));
    }
    names
}

/// The shortest text that reads back as the same number; a number that is an f32 is written as one (0.001, not
/// 0.0010000000474974513).
fn cell(value: f64) -> String {
    let short = value as f32;
    let text = if f64::from(short) == value { format!("{short:?}") } else { format!("{value:?}") };
    text.to_lowercase() // nan, inf: what Python writes and reads
}

/// The columns of a file that is there and not empty.
fn header(path: &Path) -> std::io::Result<Option<Vec<String>>> {
    let mut line = String::new();
    match File::open(path) {
        Ok(file) => BufReader::new(file).read_line(&mut line)?,
        Err(e) if e.kind() == std::io::ErrorKind::NotFound => return Ok(None),
        Err(e) => return Err(e),
    };
    let columns: Vec<_> = line.trim_end().split(',').skip(1).map(str::to_owned).collect();
    Ok((!columns.is_empty()).then_some(columns))
}

impl Callback for CSVLogger {
    fn on_train_begin(&mut self, _: &mut Control<'_>) -> Result<(), FitError> {
        let failed = || FitError::write(&self.path);
        self.columns = if self.append { header(&self.path).map_err(failed())? } else { None };
        let mut options = OpenOptions::new();
        options.create(true).write(true).append(self.append).truncate(!self.append);
        self.file = Some(options.open(&self.path).map_err(failed())?);
        Ok(())
    }

    fn on_epoch_end(&mut self, epoch: u64, logs: &mut Logs, _: &mut Control<'_>) -> Result<(), FitError> {
        self.row(epoch, logs).map_err(FitError::write(&self.path))
    }

    fn on_train_end(&mut self, _: &mut Control<'_>) -> Result<(), FitError> {
        self.file = None;
        Ok(())
    }
}
