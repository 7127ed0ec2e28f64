//! `--save-features`: what the base makes of every photo, for other programs to read.
//!
//! `features.npy` has a row for each photo, of the shape that the base gives (7 × 7 × 512 for 224 × 224 pixels, or 512
//! behind a pooling); `paths.csv` says in the same order which photo it was, of which class and part.

use std::fs;
use std::io;
use std::path::Path;

use graft_data::{Folder, Layout, Sample};
use graft_nn::Sequential;
use graft_tensor::{Shape, npy};
use serde_json::json;

use crate::base::Base;
use crate::check::usable_folder;
use crate::features::{CacheChoice, Extractor, PICTURES_AT_ONCE};
use crate::output::{json_to_stdout, write_csv};
use crate::pictures::{Pictures, preprocess, shown};
use crate::progress::note;
use crate::{Error, Inputs, Options, Result, report};

const FEATURES: &str = "features.npy";
const PATHS: &str = "paths.csv";

/// Rows that are held at once while the file is written.
const ROWS_AT_ONCE: usize = 64;

/// If the photos lie in one folder and belong to no class, writes their features: there is nothing to train on.
/// Tells whether it did.
///
/// # Errors
/// If the photos or the weights cannot be used, or the files not be written; [`Error::SomeFailed`] when all is written but
/// the rows of photos that could not be read.
pub fn of_flat_folder(to: &Path, inputs: &Inputs, options: &Options, threads: usize) -> Result<bool> {
    if Folder::layout(&inputs.folder)? != Layout::Flat {
        return Ok(false);
    }
    check_folder(to, &inputs.folder)?;
    let base = Base::load(inputs, options)?;
    let pictures = Pictures::unlabelled(inputs, options, threads, preprocess(options.preprocessing))?;
    write(to, &base.network, base.network.layers().len(), &pictures, options)?;
    let (rows, failed) = (pictures.dataset.samples.len(), pictures.bad.len());
    if options.json {
        let shape = base.network.output_shape();
        json_to_stdout(
            &json!({ "features": to.join(FEATURES), "paths": to.join(PATHS), "rows": rows, "shape": **shape }),
        )?;
    }
    match failed {
        0 => Ok(true),
        failed => Err(Error::SomeFailed { failed, total: rows + failed }),
    }
}

/// Writes the features of all photos: what the base, the first layers of the network, makes of them.
///
/// # Errors
/// If a photo can no longer be read, or the files not be written.
pub fn write(
    to: &Path,
    network: &Sequential,
    base_layers: usize,
    pictures: &Pictures,
    options: &Options,
) -> Result<()> {
    let dataset = &pictures.dataset;
    check_folder(to, &dataset.root)?;
    let samples: Vec<_> = (0..dataset.samples.len()).collect();
    let extractor = Extractor {
        loader: &pictures.loader(PICTURES_AT_ONCE)?,
        conditions: options.conditions(),
        choice: &CacheChoice::parse(&options.feature_cache),
        limit: options.feature_cache_limit(),
        precision: options.feature_precision.into(),
    };
    let store = extractor.extract(network, base_layers, &samples, None)?;
    fs::create_dir_all(to).map_err(|e| Error::write(to, &e))?;
    let mut shape = vec![samples.len()];
    shape.extend(store.shape().iter());
    let rows = samples.chunks(ROWS_AT_ONCE).map(|chunk| store.batch(chunk).map_err(io::Error::other));
    let file = to.join(FEATURES);
    npy::write_parts(&file, Shape::from(&shape[..]), rows).map_err(|e| Error::write(&file, &e))?;
    write_paths(&to.join(PATHS), pictures)?;
    report::write_bad_images(to, pictures)?;
    note(format!("features: {} rows of {} in {}", samples.len(), store.shape(), file.display()));
    Ok(())
}

/// Path, class and part of each row; photos without classes have neither of the latter.
fn write_paths(file: &Path, pictures: &Pictures) -> Result<()> {
    let dataset = &pictures.dataset;
    let row = |(i, s): (usize, &Sample)| {
        let (class, part) = match dataset.class_names.get(s.label) {
            Some(class) => (class.clone(), s.part.to_string()),
            None => (String::new(), String::new()),
        };
        [shown(dataset.relative_path(i)), class, part]
    };
    let rows = dataset.samples.iter().enumerate().map(row);
    write_csv(file, ["path", "class", "split"].map(String::from), rows)
}

/// Whether features may be written there: never over others.
///
/// # Errors
/// [`Error::Output`] if the folder holds something, is none, or cannot be made or written to.
pub fn check_folder(to: &Path, photos: &Path) -> Result<()> {
    usable_folder(photos, to, "--save-features")?;
    match fs::read_dir(to).map(|mut entries| entries.next().is_some()) {
        Ok(true) => Err(Error::output(to, "the folder is not empty", "name a new one with --save-features")),
        Err(e) if e.kind() != io::ErrorKind::NotFound => Err(Error::write(to, &e)),
        _ => Ok(()),
    }
}
