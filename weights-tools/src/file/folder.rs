//! A converted folder: one `.npy` a tensor, listed in `manifest.json`.

use std::path::{Path, PathBuf};

use graft_tensor::{Shape, Tensor, TensorError, npy};

use super::{DType, Entry, Kind};
use crate::digest::{sha256_of, sha256_of_numbers};
use crate::manifest::{FILE_NAME, Manifest, TensorRecord};
use crate::{Result, WeightsError};

pub(crate) struct Folder {
    path: PathBuf,
    pub(crate) manifest: Manifest,
}

impl Folder {
    /// Reads the manifest.
    pub(crate) fn open(path: &Path) -> Result<Self> {
        if !path.join(FILE_NAME).exists() {
            let found = format!("is a folder without a {FILE_NAME}");
            return Err(WeightsError::not_weights(path, found));
        }
        Ok(Self { path: path.to_owned(), manifest: Manifest::read(path)? })
    }

    pub(crate) fn entries(&self) -> Result<Vec<Entry>> {
        self.manifest.tensors.iter().map(|t| self.entry(t)).collect()
    }

    fn entry(&self, t: &TensorRecord) -> Result<Entry> {
        let shape = Shape::try_new(&t.shape).filter(|s| s.checked_elements().is_some());
        let shape = shape.ok_or_else(|| {
            WeightsError::damaged(
                &self.path.join(FILE_NAME),
                format!("{} has the impossible shape {:?}", t.file, t.shape),
            )
        })?;
        Ok(Entry {
            layer: t.layer.clone(),
            kind: Kind::from_name(&t.tensor),
            name: t.file.clone(),
            shape,
            dtype: DType::F32,
        })
    }

    /// The file of tensor `i`.
    pub(crate) fn file(&self, i: usize) -> PathBuf {
        self.path.join(&self.manifest.tensors[i].file)
    }

    /// Tensor `i`, its shape checked. Its numbers are used where they lie: a large network is at hand at once, and a digest,
    /// for which all of it has to be read, is left to [`Folder::verified`].
    pub(crate) fn read(&self, i: usize) -> Result<Tensor> {
        let (path, record) = (self.file(i), &self.manifest.tensors[i]);
        if !path.exists() {
            let detail = format!("{} is not there, and its {FILE_NAME} lists it", record.file);
            return Err(unlike_converted(&self.path, detail));
        }
        let tensor = npy::map(&path).map_err(|e| match e {
            TensorError::Format { expected, found, .. } => {
                unlike_converted(&path, format!("expected {expected}, found {found}"))
            }
            e => e.into(),
        })?;
        if **tensor.shape() != record.shape[..] {
            let detail =
                format!("it has the shape {}, but {FILE_NAME} says {:?}", tensor.shape(), record.shape);
            return Err(unlike_converted(&path, detail));
        }
        Ok(tensor)
    }

    /// The same, held against its digest: an array that somebody has edited must not pass for the original where it is
    /// verified or copied under the original's fingerprint.
    pub(crate) fn verified(&self, i: usize) -> Result<Tensor> {
        let tensor = self.read(i)?;
        let (found, expected) = (sha256_of_numbers(&tensor), &self.manifest.tensors[i].data_sha256);
        if found != *expected {
            return Err(altered(self.file(i), expected, found));
        }
        Ok(tensor)
    }

    /// Holds the file of tensor `i`, its header too, against its digest.
    pub(crate) fn verify_file(&self, i: usize) -> Result<()> {
        let (path, expected) = (self.file(i), &self.manifest.tensors[i].sha256);
        let found = sha256_of(&path)?;
        if found == *expected { Ok(()) } else { Err(altered(path, expected, found)) }
    }
}

fn unlike_converted(path: &Path, detail: String) -> WeightsError {
    WeightsError::Damaged { path: path.to_owned(), detail, remedy: CONVERT_AGAIN }
}

fn altered(path: PathBuf, expected: &str, found: String) -> WeightsError {
    let expected = expected.to_owned();
    WeightsError::Digest { path, algorithm: "SHA-256", expected, found, remedy: CONVERT_AGAIN }
}

/// What to do about a converted folder that was altered.
const CONVERT_AGAIN: &str = "convert the original again with `weights convert --force`";
