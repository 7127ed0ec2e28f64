//! A weights file of any layout, open: what is in it, and its tensors one by one.

mod about;
mod archive;
mod encoding;
mod entry;
mod folder;
mod hdf5;
mod keras3;
mod legacy;
mod safetensors;

use std::fs::File;
use std::io::Read;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, OnceLock};

use graft_tensor::Tensor;

pub(crate) use entry::strip_number;
pub use entry::{DType, Entry, Kind};
use folder::Folder;
use hdf5::{Container, Region, Stored};
use legacy::Legacy;
pub use safetensors::write_safetensors;
use safetensors::{Found, Safetensors, Source};

use crate::digest::{fingerprint, sha256_of_numbers};
use crate::manifest::Manifest;
use crate::matching::theano_name;
use crate::official::{layer_names, listed};
use crate::{Result, WeightsError};

/// How a weights file is laid out.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Layout {
    /// A legacy `.h5` with weights alone, as the official files and as `save_weights("x.h5")` wrote it.
    LegacyWeights,
    /// A legacy `.h5` with a whole model: `model.save("x.h5")`.
    LegacyModel,
    /// `save_weights("x.weights.h5")` of Keras 3.
    Keras3Weights,
    /// `model.save("x.keras")` of Keras 3.
    KerasArchive,
    /// What `weights convert` makes: one `.npy` a tensor and a `manifest.json`.
    Folder,
    /// One file of Graft's: a JSON header and the tensors.
    Safetensors,
}

impl std::fmt::Display for Layout {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.pad(match self {
            Self::LegacyWeights => "legacy .h5 (weights)",
            Self::LegacyModel => "legacy .h5 (whole model)",
            Self::Keras3Weights => ".weights.h5",
            Self::KerasArchive => ".keras",
            Self::Folder => "converted folder",
            Self::Safetensors => ".safetensors",
        })
    }
}

/// A weights file, open. Nothing but names, shapes and types has been read; tensors are read when asked for.
pub struct WeightsFile {
    path: PathBuf,
    layout: Layout,
    writer: Option<String>,
    backend: Option<String>,
    entries: Vec<Entry>,
    skipped: Vec<String>,
    backing: Backing,
    fingerprint: OnceLock<String>,
}

/// Where the numbers are.
enum Backing {
    Hdf5 { container: Container, stored: Vec<Stored> },
    Folder(Box<Folder>),
    Safetensors(Safetensors),
}

/// What a layout's reader finds: the tensors, how each is stored, and the datasets that are no weights.
#[derive(Default)]
pub(crate) struct Located {
    entries: Vec<Entry>,
    stored: Vec<Stored>,
    skipped: Vec<String>,
}

impl Located {
    fn push(&mut self, entry: Entry, stored: Stored) {
        self.entries.push(entry);
        self.stored.push(stored);
    }
}

impl WeightsFile {
    /// Opens a file of any layout, told by its content and not by its name.
    ///
    /// # Errors
    /// If it is not there, no weights file, cut off, damaged or hostile.
    pub fn open(path: impl AsRef<Path>) -> Result<Self> {
        let path = path.as_ref();
        let mut file = File::open(path).map_err(WeightsError::io("open", path))?;
        let meta = file.metadata().map_err(WeightsError::io("read", path))?;
        if meta.is_dir() {
            return Self::open_folder(path);
        }
        let len = meta.len();
        let mut head = Vec::new();
        file.by_ref().take(512).read_to_end(&mut head).map_err(WeightsError::io("read", path))?;
        if head.starts_with(&hdf5::SIGNATURE) {
            Self::open_hdf5(path, Region::new(file, 0, len), None)
        } else if head.starts_with(&archive::SIGNATURE) {
            Self::open_hdf5(path, archive::member(path, file)?, Some(Layout::KerasArchive))
        } else if safetensors::is_head(&head) {
            Self::open_safetensors(path, Source::File(Mutex::new(file)), len)
        } else {
            Err(WeightsError::not_weights(path, kind_of(&head)))
        }
    }

    /// Opens a `.safetensors` file that is part of the program, as `include_bytes!` makes it. Where a file has its path,
    /// in [`path`](Self::path) and in errors, this has `name`.
    ///
    /// # Errors
    /// If it is of another layout, cut off or damaged.
    ///
    /// ```no_run
    /// # const BYTES: &[u8] = &[];
    /// let file = graft_weights::WeightsFile::from_bytes("vgg16-mini", BYTES)?;
    /// let (kernel, bias) = file.take_layer("block1_conv1")?;
    /// # Ok::<(), graft_weights::WeightsError>(())
    /// ```
    pub fn from_bytes(name: &str, bytes: &'static [u8]) -> Result<Self> {
        let path = Path::new(name);
        if !safetensors::is_head(bytes) {
            return Err(WeightsError::not_weights(path, "is no .safetensors file"));
        }
        Self::open_safetensors(path, Source::Program(bytes), bytes.len() as u64)
    }

    fn open_folder(path: &Path) -> Result<Self> {
        let folder = Folder::open(path)?;
        Ok(Self {
            path: path.to_owned(),
            layout: Layout::Folder,
            writer: None,
            backend: None,
            entries: folder.entries()?,
            skipped: vec![],
            backing: Backing::Folder(Box::new(folder)),
            fingerprint: OnceLock::new(),
        })
    }

    fn open_safetensors(path: &Path, source: Source, len: u64) -> Result<Self> {
        let Found { file, entries, skipped } = Safetensors::open(path, source, len)?;
        if entries.is_empty() {
            return Err(WeightsError::not_weights(path, "is a safetensors file without any floats"));
        }
        Ok(Self {
            path: path.to_owned(),
            layout: Layout::Safetensors,
            writer: None,
            backend: None,
            entries,
            skipped,
            backing: Backing::Safetensors(file),
            fingerprint: OnceLock::new(),
        })
    }

    fn open_hdf5(path: &Path, region: Region, archive: Option<Layout>) -> Result<Self> {
        let container = Container::open(path, region)?;
        let legacy = Legacy::find(&container)?;
        let (layout, found) = match &legacy {
            Some(l) if l.is_model() => (Layout::LegacyModel, l.entries(&container)?),
            Some(l) => (Layout::LegacyWeights, l.entries(&container)?),
            None => (Layout::Keras3Weights, keras3::entries(&container)?),
        };
        let Located { entries, stored, skipped } = found;
        if entries.is_empty() {
            return Err(WeightsError::not_weights(
                path,
                "is an HDF5 file without any weights that Keras would find",
            ));
        }
        let text = |name| legacy.as_ref().and_then(|l| l.text(name));
        Ok(Self {
            path: path.to_owned(),
            layout: archive.unwrap_or(layout),
            writer: text("keras_version"),
            backend: text("backend"),
            entries,
            skipped,
            backing: Backing::Hdf5 { container, stored },
            fingerprint: OnceLock::new(),
        })
    }

    /// Where the file is.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// How it is laid out.
    pub fn layout(&self) -> Layout {
        self.layout
    }

    /// Every float tensor, in the file's order of layers.
    pub fn entries(&self) -> &[Entry] {
        &self.entries
    }

    /// Datasets that are no float tensors, such as counters and states of random generators.
    pub fn skipped(&self) -> &[String] {
        &self.skipped
    }

    /// The text that a `.safetensors` file keeps under a key of its header, such as a model card.
    pub fn metadata(&self, key: &str) -> Option<&str> {
        match &self.backing {
            Backing::Safetensors(file) => file.metadata(key),
            Backing::Hdf5 { .. } | Backing::Folder(_) => None,
        }
    }

    /// Whether its kernels are Theano's, by the file's name or by the backend that Keras noted when it wrote them.
    pub(crate) fn is_theano(&self) -> bool {
        theano_name(&self.path) || self.backend.as_deref() == Some("theano")
    }

    /// The kernel and the bias of a layer.
    ///
    /// # Errors
    /// If there is no such layer, or it cannot be read.
    pub fn take_layer(&self, layer: &str) -> Result<(Tensor, Tensor)> {
        let take = |kind: Kind| {
            let found = self.entries.iter().position(|e| e.layer == layer && e.kind == kind);
            let missing = || WeightsError::Missing {
                path: self.path.clone(),
                wanted: format!("{layer}/{kind}"),
                there: listed(&layer_names(&self.entries).map(str::to_owned).collect::<Vec<_>>()),
            };
            self.tensor(found.ok_or_else(missing)?)
        };
        Ok((take(Kind::Kernel)?, take(Kind::Bias)?))
    }

    /// Reads tensor `i` of [`entries`](Self::entries), whatever its stored type, as f32. What lies in a converted folder is
    /// not read but mapped, and no digest is taken: [`crate::verify`] does that.
    ///
    /// # Errors
    /// If the file is damaged, or there is no memory for it.
    ///
    /// # Panics
    /// If there is no entry `i`.
    pub fn tensor(&self, i: usize) -> Result<Tensor> {
        match &self.backing {
            Backing::Hdf5 { container, stored } => container.read(&self.entries[i].name, &stored[i]),
            Backing::Folder(folder) => folder.read(i),
            Backing::Safetensors(file) => file.read(&self.path, i, &self.entries[i].shape),
        }
    }

    /// The same, and in a converted folder held against the digest that its manifest has for it.
    pub(crate) fn verified_tensor(&self, i: usize) -> Result<Tensor> {
        self.folder().map_or_else(|| self.tensor(i), |folder| folder.verified(i))
    }

    /// A SHA-256 over the names, shapes and numbers of all tensors: the same for a file and for its conversion, for
    /// every layout and stored type that gives the same f32 numbers. Computed when first asked for, by reading all of
    /// them; a converted folder has the digests in its manifest, where they are as true as [`crate::verify`] finds them.
    ///
    /// # Errors
    /// If a tensor cannot be read.
    pub fn fingerprint(&self) -> Result<String> {
        if let Some(known) = self.fingerprint.get() {
            return Ok(known.clone());
        }
        let digests: Vec<String> = match &self.backing {
            Backing::Folder(folder) => {
                folder.manifest.tensors.iter().map(|t| t.data_sha256.clone()).collect()
            }
            Backing::Hdf5 { .. } | Backing::Safetensors(_) => {
                let digest = |i| Ok(sha256_of_numbers(&self.tensor(i)?));
                (0..self.entries.len()).map(digest).collect::<Result<_>>()?
            }
        };
        let made = fingerprint(self.entries.iter().zip(digests));
        Ok(self.fingerprint.get_or_init(|| made).clone())
    }

    pub(crate) fn folder(&self) -> Option<&Folder> {
        match &self.backing {
            Backing::Folder(folder) => Some(folder),
            Backing::Hdf5 { .. } | Backing::Safetensors(_) => None,
        }
    }

    pub(crate) fn manifest(&self) -> Option<&Manifest> {
        self.folder().map(|f| &f.manifest)
    }
}

/// What else a file may be, by its first bytes.
fn kind_of(head: &[u8]) -> &'static str {
    const KNOWN: [(&[u8], &str); 7] = [
        (b"\x89PNG", "is a PNG image"),
        (b"\xff\xd8\xff", "is a JPEG image"),
        (b"\x93NUMPY", "is a single numpy array"),
        (b"\x1f\x8b", "is packed with gzip: unpack it first"),
        (b"\x80", "is a Python pickle (PyTorch?)"),
        (b"<", "is a web page or XML, perhaps the error page of a download"),
        (b"version https://git-lfs", "is a Git LFS pointer: run `git lfs pull`"),
    ];
    match KNOWN.iter().find(|(magic, _)| head.starts_with(magic)) {
        Some((_, what)) => what,
        None if head.is_empty() => "is empty",
        None if head.is_ascii() => "is a text file",
        None => "is of an unknown kind",
    }
}
