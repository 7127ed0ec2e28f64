//! `manifest.json` of a converted folder: which file holds which tensor, its digests, and what belongs to the weights.
//!
//! Two digests a tensor: `sha256` is the file's, for `sha256sum`; `data_sha256` is that of the numbers alone, the same
//! whatever file they came from, and the [fingerprint](crate::WeightsFile::fingerprint) is made of these.

use std::path::{Component, Path};

use serde::{Deserialize, Serialize};

use crate::{Result, WeightsError};

/// The name of the manifest within its folder.
pub(crate) const FILE_NAME: &str = "manifest.json";

/// What `format` says in every manifest.
pub(crate) const FORMAT: &str = "graft-weights";

/// The version that is written, and the highest that is read.
pub(crate) const VERSION: u32 = 1;

/// More than a manifest of any network needs.
const MAX_BYTES: u64 = 16 << 20;

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Manifest {
    pub(crate) format: String,
    pub(crate) version: u32,
    pub(crate) architecture: String,
    /// The file they come from; absent for tensors that never were in one.
    pub(crate) source: Option<SourceFile>,
    /// What pixels go through first; absent where the network is not known.
    pub(crate) preprocessing: Option<Preprocessing>,
    pub(crate) licence: Option<String>,
    pub(crate) tensors: Vec<TensorRecord>,
}

/// The file that was converted.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct SourceFile {
    pub(crate) file: String,
    pub(crate) layout: String,
    pub(crate) bytes: u64,
    pub(crate) md5: String,
    pub(crate) sha256: String,
}

/// `keras.applications.imagenet_utils.preprocess_input`, as data.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Preprocessing {
    pub(crate) mode: String,
    pub(crate) channels: String,
    pub(crate) mean: [f64; 3],
    pub(crate) scale: f64,
    pub(crate) description: String,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct TensorRecord {
    pub(crate) layer: String,
    pub(crate) tensor: String,
    pub(crate) file: String,
    pub(crate) shape: Vec<usize>,
    pub(crate) dtype: String,
    pub(crate) sha256: String,
    pub(crate) data_sha256: String,
}

impl Preprocessing {
    /// What VGG's weights were trained with.
    pub(crate) fn caffe() -> Self {
        Self {
            mode: "caffe".to_owned(),
            channels: "RGB→BGR".to_owned(),
            mean: [103.939, 116.779, 123.68],
            scale: 1.0,
            description: crate::PREPROCESSING.to_owned(),
        }
    }
}

impl Manifest {
    /// Reads the manifest of a folder and checks all that can be checked without the tensors.
    pub(crate) fn read(dir: &Path) -> Result<Self> {
        let path = dir.join(FILE_NAME);
        let bytes = std::fs::metadata(&path).map_err(WeightsError::io("read", &path))?.len();
        if bytes > MAX_BYTES {
            return Err(WeightsError::refused(&path, format!("it has {bytes} bytes, more than {MAX_BYTES}")));
        }
        let text = std::fs::read_to_string(&path).map_err(WeightsError::io("read", &path))?;
        let manifest: Self =
            serde_json::from_str(&text).map_err(|e| WeightsError::damaged(&path, e.to_string()))?;
        if manifest.format != FORMAT || manifest.version > VERSION {
            let detail = format!(
                "it says {} {}, expected {FORMAT} {VERSION} or earlier",
                manifest.format.escape_debug(),
                manifest.version
            );
            return Err(WeightsError::damaged(&path, detail));
        }
        if let Some(t) = manifest.tensors.iter().find(|t| !is_plain(&t.file)) {
            let detail = format!("it names {:?}, which is no plain file name in its own folder", t.file);
            return Err(WeightsError::refused(&path, detail));
        }
        Ok(manifest)
    }
}

/// Whether this is the name of a file right here, and not a way to somewhere else.
fn is_plain(name: &str) -> bool {
    let mut parts = Path::new(name).components();
    matches!(parts.next(), Some(Component::Normal(_)))
        && parts.next().is_none()
        && !name.contains(['/', '\\', ':'])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_plain_names_are_files_of_the_folder() {
        for (name, plain) in [
            ("fc1.bias.npy", true),
            ("../x", false),
            ("a/b", false),
            ("/x", false),
            ("..", false),
            ("", false),
        ] {
            assert_eq!(is_plain(name), plain, "{name}");
        }
    }
}
