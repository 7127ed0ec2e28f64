//! Is this a sound VGG16 file, and is it Keras's own?
//!
//! Sound is what has every tensor in its shape, finite numbers, and, in a converted folder, the digests of its manifest.
//! Keras's own is what has the MD5 that Keras publishes. A sound file is used either way: published weights travel
//! through many hands that rewrite the container and leave the numbers alone.

use serde::Serialize;

use crate::digest::FileDigest;
use crate::inspect::inspect;
use crate::{Result, WeightsError, WeightsFile, match_layers, official};

/// What a check found.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct Verification {
    /// What the file is.
    pub what: String,
    /// How it is laid out.
    pub layout: String,
    /// How many tensors it has.
    pub tensors: usize,
    /// How many numbers these have.
    pub params: u64,
    /// The size of the file, or of the one a folder was converted from, where there was one.
    pub bytes: Option<u64>,
    /// Its MD5.
    pub md5: Option<String>,
    /// Its SHA-256.
    pub sha256: Option<String>,
    /// The digest of names, shapes and numbers, the same in every layout.
    pub fingerprint: String,
    /// The name under which Keras publishes exactly this file.
    pub official: Option<String>,
    /// What a person should know all the same.
    pub notes: Vec<String>,
}

/// Reads all of a file and checks it.
///
/// # Errors
/// If it is no VGG16, with a table that shows where it differs; if a digest or a number is wrong; if it cannot be read.
pub fn verify(file: &WeightsFile) -> Result<Verification> {
    let top = file.entries().iter().any(|e| e.layer == "fc1");
    let mut notes = match_layers(file, &official::vgg(16, top))?.notes;
    let stats = inspect(file)?;
    if let Some(bad) = stats.iter().find(|s| s.not_finite > 0) {
        let detail =
            format!("{}/{} has {} numbers that are NaN or infinite", bad.layer, bad.tensor, bad.not_finite);
        return Err(WeightsError::damaged(file.path(), detail));
    }
    let digest = match file.folder() {
        None => Some(FileDigest::of(file.path())?),
        Some(folder) => {
            for i in 0..folder.manifest.tensors.len() {
                folder.verify_file(i)?;
                folder.verified(i)?;
            }
            let source = folder.manifest.source.as_ref();
            source.map(|s| FileDigest { bytes: s.bytes, md5: s.md5.clone(), sha256: s.sha256.clone() })
        }
    };
    let official = official::WEIGHTS
        .iter()
        .find(|o| digest.as_ref().is_some_and(|d| d.md5 == o.md5))
        .map(|o| o.name.to_owned());
    if official.is_none() {
        notes.push(official::NOT_KERAS_OWN.to_owned());
    }
    Ok(Verification {
        what: file.architecture(),
        layout: file.layout().to_string(),
        tensors: stats.len(),
        params: stats.iter().map(|s| s.params).sum(),
        bytes: digest.as_ref().map(|d| d.bytes),
        md5: digest.as_ref().map(|d| d.md5.clone()),
        sha256: digest.map(|d| d.sha256),
        fingerprint: file.fingerprint()?,
        official,
        notes,
    })
}
