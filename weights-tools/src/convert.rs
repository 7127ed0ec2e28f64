//! A weights file as a folder of plain arrays, which numpy, and people, can read.
//!
//! ```text
//! vgg16/block1_conv1.kernel.npy     np.load gives Keras's array
//! vgg16/block1_conv1.bias.npy
//! vgg16/…
//! vgg16/manifest.json               names, shapes, digests; the preprocessing and the licence that belong to them
//! ```
//!
//! The folder appears whole or not at all: it is written beside its place under a passing name, and renamed.

use std::collections::HashSet;
use std::fs::{self, File};
use std::io::{BufWriter, Write};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};

use graft_tensor::{Tensor, npy, write_atomically};

use crate::digest::{Digesting, FileDigest, sha256_of_numbers};
use crate::manifest::{FILE_NAME, FORMAT, Manifest, Preprocessing, SourceFile, TensorRecord, VERSION};
use crate::official::Identity;
use crate::{DType, Entry, Kind, Result, WeightsError, WeightsFile};

/// Writes the tensors of a weights file to a new folder.
///
/// An earlier conversion is replaced where `force` is given, and nothing else ever is. It ends early, before the next
/// tensor, if `interrupted` becomes true.
///
/// # Errors
/// If the file cannot be read, the folder is taken, the disk is full, or it is interrupted; nothing is left behind then.
pub fn convert(
    file: &WeightsFile,
    dir: impl AsRef<Path>,
    force: bool,
    interrupted: &AtomicBool,
) -> Result<()> {
    let about = Manifest {
        format: FORMAT.to_owned(),
        version: VERSION,
        architecture: file.architecture(),
        source: source(file)?,
        preprocessing: file.preprocessing().map(|_| Preprocessing::caffe()),
        licence: file.licence().map(str::to_owned),
        tensors: vec![],
    };
    let dir = dir.as_ref();
    write(dir, force, about, file.entries(), |i| match interrupted.load(Ordering::Relaxed) {
        true => Err(WeightsError::Interrupted { path: dir.to_owned(), kept: 0, bytes: 0 }),
        false => file.verified_tensor(i),
    })
}

/// Writes tensors that are in memory to a new folder, as if they had been converted: for each layer its name, and its
/// tensors by their names (`kernel`, `bias`, …). Nothing is said of where they come from.
///
/// # Errors
/// If the folder is taken, or the disk is full; nothing is left behind then.
pub fn write_folder<'t>(
    dir: impl AsRef<Path>,
    layers: impl IntoIterator<Item = (&'t str, Vec<(&'t str, &'t Tensor)>)>,
) -> Result<()> {
    let flat =
        layers.into_iter().flat_map(|(layer, tensors)| tensors.into_iter().map(move |(n, t)| (layer, n, t)));
    let (entries, tensors): (Vec<Entry>, Vec<&Tensor>) = flat
        .map(|(layer, name, tensor)| {
            let (layer, kind, name) = (layer.to_owned(), Kind::from_name(name), format!("{layer}/{name}"));
            (Entry { layer, kind, name, shape: *tensor.shape(), dtype: DType::F32 }, tensor)
        })
        .unzip();
    let about = Manifest {
        format: FORMAT.to_owned(),
        version: VERSION,
        architecture: Identity::of(&entries, false).to_string(),
        source: None,
        preprocessing: None,
        licence: None,
        tensors: vec![],
    };
    write(dir.as_ref(), false, about, &entries, |i| Ok(tensors[i].clone()))
}

/// The folder, with a manifest that has its tensors added.
fn write(
    dir: &Path,
    force: bool,
    about: Manifest,
    entries: &[Entry],
    tensor: impl Fn(usize) -> Result<Tensor>,
) -> Result<()> {
    let taken = Taken::look(dir, force)?;
    let parent = dir.parent().filter(|p| !p.as_os_str().is_empty()).unwrap_or(Path::new("."));
    fs::create_dir_all(parent).map_err(WeightsError::writing("make the folder", parent))?;
    let mut builder = tempfile::Builder::new();
    builder.prefix(".graft-").suffix(".part");
    #[cfg(unix)]
    builder.permissions(std::os::unix::fs::PermissionsExt::from_mode(0o777)); // less the umask, as any new folder
    let part = builder.tempdir_in(parent).map_err(WeightsError::writing("write to", parent))?;

    let names = file_names(entries).into_iter().enumerate();
    let records = names.map(|(i, name)| write_tensor(&entries[i], &tensor(i)?, name, part.path()));
    let manifest = Manifest { tensors: records.collect::<Result<_>>()?, ..about };
    let path = part.path().join(FILE_NAME);
    let json = serde_json::to_string_pretty(&manifest)
        .map_err(|e| WeightsError::writing("write", &path)(e.into()))?;
    write_atomically(&path, |out| writeln!(out, "{json}")).map_err(WeightsError::writing("write", &path))?;
    taken.replace(part, dir)
}

fn source(file: &WeightsFile) -> Result<Option<SourceFile>> {
    if let Some(manifest) = file.manifest() {
        return Ok(manifest.source.clone());
    }
    let digest = FileDigest::of(file.path())?;
    Ok(Some(SourceFile {
        file: file.path().file_name().map(|n| n.to_string_lossy().into_owned()).unwrap_or_default(),
        layout: file.layout().to_string(),
        bytes: digest.bytes,
        md5: digest.md5,
        sha256: digest.sha256,
    }))
}

fn write_tensor(entry: &Entry, tensor: &Tensor, name: String, dir: &Path) -> Result<TensorRecord> {
    let path = dir.join(&name);
    let write = || {
        let mut out = Digesting::new(BufWriter::new(File::create_new(&path)?));
        npy::write_to(&mut out, tensor)?;
        let (out, sha256) = out.finish();
        out.into_inner()?.sync_all()?;
        Ok(sha256)
    };
    let sha256 = write().map_err(WeightsError::writing("write", &path))?;
    Ok(TensorRecord {
        layer: entry.layer.clone(),
        tensor: entry.kind.to_string(),
        file: name,
        shape: entry.shape.to_vec(),
        dtype: "float32".to_owned(),
        sha256,
        data_sha256: sha256_of_numbers(tensor),
    })
}

/// `block1_conv1.kernel.npy` for each tensor: letters, digits, `_`, `-` and `.` alone, never twice the same even where
/// the file system does not tell `A` from `a`.
fn file_names(entries: &[Entry]) -> Vec<String> {
    let safe = |s: &str| -> String {
        let plain = |c: char| if c.is_ascii_alphanumeric() || "_-.".contains(c) { c } else { '_' };
        s.trim_start_matches('.').chars().take(80).map(plain).collect()
    };
    let mut taken = HashSet::new();
    let name = |e: &Entry| {
        let stem = format!("{}.{}", safe(&e.layer), safe(&e.kind.to_string()));
        let numbered = (2..).map(|n| format!("{stem}-{n}.npy"));
        let mut names = std::iter::once(format!("{stem}.npy")).chain(numbered);
        names.find(|n| taken.insert(n.to_lowercase())).expect("there is always another number")
    };
    entries.iter().map(name).collect()
}

/// What stands where the folder shall be.
enum Taken {
    Free,
    Empty,
    Conversion,
}

impl Taken {
    fn look(dir: &Path, force: bool) -> Result<Self> {
        let refuse = |found, remedy| Err(WeightsError::TargetExists { path: dir.to_owned(), found, remedy });
        let Ok(meta) = fs::symlink_metadata(dir) else { return Ok(Self::Free) };
        if !meta.is_dir() {
            return refuse("exists and is no folder", "name another folder");
        }
        let listed: fs::ReadDir = fs::read_dir(dir).map_err(WeightsError::io("read", dir))?;
        let names = listed.map(|e| e.map(|e| e.file_name().to_string_lossy().into_owned()));
        let names: Vec<String> = names.collect::<Result<_, _>>().map_err(WeightsError::io("read", dir))?;
        if names.is_empty() {
            return Ok(Self::Empty);
        }
        let Ok(manifest) = Manifest::read(dir) else {
            return refuse("exists and holds other files", "name a new or an empty folder");
        };
        if names.iter().any(|n| n != FILE_NAME && manifest.tensors.iter().all(|t| t.file != *n)) {
            return refuse(
                "holds an earlier conversion and other files beside it",
                "name a new or an empty folder",
            );
        }
        if force {
            Ok(Self::Conversion)
        } else {
            refuse("holds an earlier conversion", "add --force to replace it")
        }
    }

    /// Puts the finished folder in its place.
    fn replace(self, part: tempfile::TempDir, dir: &Path) -> Result<()> {
        let moved = WeightsError::writing("move the converted folder to", dir);
        let earlier = match self {
            Self::Free => None,
            Self::Empty => {
                fs::remove_dir(dir).map(|()| None).map_err(WeightsError::writing("replace", dir))?
            }
            Self::Conversion => {
                let aside: PathBuf = part.path().with_extension("old");
                fs::rename(dir, &aside).map_err(WeightsError::writing("replace", dir))?;
                Some(aside)
            }
        };
        fs::rename(part.path(), dir).map_err(moved)?;
        // It has its name now: nothing is left to clean up under the passing one.
        let _ = part.keep();
        earlier.map_or(Ok(()), |aside| {
            fs::remove_dir_all(&aside).map_err(WeightsError::writing("remove", &aside))
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn file_names_are_plain_and_differ() {
        let entry = |layer: &str, kind: Kind| Entry {
            layer: layer.into(),
            kind,
            name: String::new(),
            shape: [1].into(),
            dtype: DType::F32,
        };
        let entries = [
            entry("block1_conv1", Kind::Kernel),
            entry("../../etc", Kind::Other("a/b".into())),
            entry("FC", Kind::Bias),
            entry("fc", Kind::Bias),
        ];
        let names = ["block1_conv1.kernel.npy", "_.._etc.a_b.npy", "FC.bias.npy", "fc.bias-2.npy"];
        assert_eq!(file_names(&entries), names);
    }
}
