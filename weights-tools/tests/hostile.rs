//! No file makes the reader panic or lose its measure: foreign ones, flipped bits, cuts at every length.

mod common;

use std::path::{Path, PathBuf};

use graft_weights::WeightsFile;

/// Opens a file and reads all of it; tells only whether that worked.
fn devour(path: &Path) -> Result<usize, String> {
    let file = WeightsFile::open(path).map_err(|e| e.to_string())?;
    let mut numbers = 0;
    for i in 0..file.entries().len() {
        numbers += file.tensor(i).map_err(|e| e.to_string())?.data().len();
    }
    Ok(numbers)
}

fn files(dir: &Path) -> Vec<PathBuf> {
    let mut all: Vec<_> = std::fs::read_dir(dir).unwrap().map(|e| e.unwrap().path()).collect();
    all.sort();
    all
}

#[test]
fn foreign_hdf5_files_are_turned_away() {
    for dir in ["hostile/h5/pyfive", "hostile/h5/h5py"] {
        let Some(dir) = common::shared(dir) else { return };
        for path in files(&dir) {
            let said = devour(&path).expect_err("no weights are in there");
            println!("{said}");
            assert!(said.contains(path.file_name().unwrap().to_str().unwrap()), "{said}");
        }
    }
}
