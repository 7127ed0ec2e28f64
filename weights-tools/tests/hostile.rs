//! No file makes the reader panic or lose its measure: foreign ones, forbidden features, cuts, flipped bytes.

mod common;

use std::path::{Path, PathBuf};

use graft_weights::{WeightsError, WeightsFile};

/// Opens a file and reads all of it; how many numbers it gave.
fn devour(path: &Path) -> Result<usize, WeightsError> {
    let file = WeightsFile::open(path)?;
    (0..file.entries().len()).try_fold(0, |n, i| Ok(n + file.tensor(i)?.data().len()))
}

fn files(dir: &Path) -> Vec<PathBuf> {
    let mut all: Vec<_> = std::fs::read_dir(dir).unwrap().map(|e| e.unwrap().path()).collect();
    all.sort();
    all
}

#[test]
fn foreign_files_are_turned_away_by_name() {
    for dir in ["hostile/h5/pyfive", "hostile/h5/h5py", "hostile/npy"] {
        let Some(dir) = common::shared(dir) else { continue };
        for path in files(&dir).iter().filter(|p| p.is_file()) {
            let said = devour(path).expect_err("no weights are in there").to_string();
            assert!(said.contains(path.file_name().unwrap().to_str().unwrap()), "{said}");
        }
    }
}

#[test]
fn what_keras_forbids_is_refused_before_anything_is_allocated() {
    for (name, why) in [
        ("hostile_soft_link.h5", "kernel:0"),
        ("hostile_external_link.h5", "kernel:0"),
        ("hostile_external_storage.h5", "0 are stored in this file"),
        ("hostile_virtual.h5", "virtual"),
        ("hostile_huge.h5", "claims 4398046511104 bytes"),
        ("hostile_never_written.h5", "0 are stored in this file"),
        ("hostile_bomb.keras", "claims to unfold"),
    ] {
        let said = devour(&common::fixture(name)).expect_err(name).to_string();
        assert!(said.contains(name) && said.contains(why), "{said}");
    }
}

#[test]
fn a_file_that_is_cut_off_says_how_much_is_there() {
    let whole = std::fs::read(common::fixture("keras2_weights.h5")).unwrap();
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("cut.h5");
    for len in (0..whole.len()).step_by(61).chain(0..200) {
        std::fs::write(&path, &whole[..len]).unwrap();
        let e = devour(&path).expect_err("part of it is missing");
        if len >= 2048 {
            let WeightsError::Truncated { found, expected, .. } = e else { panic!("{len}: {e}") };
            assert_eq!((found, expected), (len as u64, whole.len() as u64));
        }
    }
}

#[test]
fn a_cut_archive_is_an_error() {
    let whole = std::fs::read(common::fixture("keras3.keras")).unwrap();
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("cut.keras");
    for len in (0..whole.len()).step_by(997) {
        std::fs::write(&path, &whole[..len]).unwrap();
        devour(&path).expect_err("part of it is missing");
    }
}

/// Single bytes set to other values, all over the file: an error or other numbers, but no panic, and never more numbers
/// than such a file could hold.
#[test]
fn flipped_bytes_do_no_harm() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("flipped");
    for name in ["keras1.h5", "keras3_bfloat16.weights.h5", "keras2_latest.h5", "keras3_deflated.keras"] {
        let whole = std::fs::read(common::fixture(name)).unwrap();
        for at in (0..whole.len()).step_by(37) {
            for value in [0xff, whole[at] ^ 0x10] {
                let mut bytes = whole.clone();
                bytes[at] = value;
                std::fs::write(&path, &bytes).unwrap();
                if let Ok(numbers) = devour(&path) {
                    assert!(numbers <= whole.len() * 100, "{name}: byte {at} = {value}: {numbers} numbers");
                }
            }
        }
    }
}
