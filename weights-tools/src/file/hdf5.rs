//! The one door to the HDF5 library: every call goes through here, metered and guarded.
//!
//! HDF5 is a small file system in a file, with heaps, trees and pointers, and a hostile file can point anywhere. So:
//!
//! * Metadata is read through a [`Source`] with an allowance of bytes; a file that sends the parser in circles, or names
//!   one string a million times, runs out of it instead of out of memory.
//! * A panic inside the library becomes an error of that file.
//! * Nothing outside the file is followed: soft and external links count as absent, external and virtual storage is
//!   refused, and so is a shape that claims far more than what is stored (the bounds of Keras's own `saving_lib.py`).
//! * The numbers of a contiguous dataset (all that Keras writes by default) never pass through the library: it tells
//!   where they lie, and they are read from there in blocks, straight into the tensor.

use std::collections::HashMap;
use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use graft_tensor::{Shape, Tensor};
use hdf5_pure::{AttrValue, Dataset, FormatError, Group, Layout, Source};
use rayon::prelude::*;

use super::encoding::Encoding;
use crate::{Result, WeightsError};

/// The first eight bytes of every HDF5 file.
pub(crate) const SIGNATURE: [u8; 8] = *b"\x89HDF\r\n\x1a\n";

/// How many bytes of metadata one step may read. The largest honest case is the JSON of a whole model (under 1 MB),
/// read a few times over.
const ALLOWANCE: u64 = 128 << 20;

/// Beyond this size a dataset has to be stored at no less than a thousandth of what it unfolds to.
const LARGE: u64 = 64 << 20;
const MAX_EXPANSION: u64 = 1000;

/// Bytes read at a time: small beside any tensor that matters, large beside a system call.
const BLOCK: usize = 1 << 20;

/// A stretch of a file that holds HDF5: all of a `.h5`, one stored member of a `.keras`.
pub(crate) struct Region {
    file: Mutex<File>,
    start: u64,
    len: u64,
    allowance: AtomicU64,
}

impl Region {
    pub(crate) fn new(file: File, start: u64, len: u64) -> Self {
        Self { file: Mutex::new(file), start, len, allowance: AtomicU64::new(ALLOWANCE) }
    }

    fn read(&self, offset: u64, buf: &mut [u8]) -> io::Result<()> {
        if offset.checked_add(buf.len() as u64).is_none_or(|end| end > self.len) {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        let mut file = self.file.lock().unwrap_or_else(PoisonError::into_inner);
        file.seek(SeekFrom::Start(self.start + offset))?;
        file.read_exact(buf)
    }
}

/// The region as the HDF5 library sees it: the same bytes, but not endlessly many of them.
struct Metered(Arc<Region>);

impl Source for Metered {
    fn len(&self) -> u64 {
        self.0.len
    }

    fn read_at(&self, offset: u64, buf: &mut [u8]) -> Result<(), FormatError> {
        let spend = |left: u64| left.checked_sub(buf.len() as u64);
        if self.0.allowance.fetch_update(Ordering::Relaxed, Ordering::Relaxed, spend).is_err() {
            return Err(FormatError::Source(format!(
                "its metadata unfolds to more than {} MB",
                ALLOWANCE >> 20
            )));
        }
        self.0.read(offset, buf).map_err(|e| FormatError::Source(e.to_string()))
    }
}

/// The attributes of a group or dataset.
pub(crate) type Attributes = HashMap<String, AttrValue>;

/// An open HDF5 file, and the path that messages name.
pub(crate) struct Container {
    path: PathBuf,
    region: Arc<Region>,
    hdf5: hdf5_pure::File,
}

/// What is known of a dataset before any of its numbers is read.
pub(crate) struct Stored {
    pub(crate) shape: Shape,
    pub(crate) encoding: Encoding,
}

impl Container {
    /// Opens a region; `path` is what messages call it.
    pub(crate) fn open(path: &Path, region: Region) -> Result<Self> {
        let region = Arc::new(region);
        let source = Metered(Arc::clone(&region));
        let hdf5 = guarded(path, "its header", || hdf5_pure::File::from_source(source))?;
        let expected = hdf5.superblock().eof_address;
        if expected > region.len {
            return Err(WeightsError::Truncated { path: path.to_owned(), found: region.len, expected });
        }
        Ok(Self { path: path.to_owned(), region, hdf5 })
    }

    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    pub(crate) fn root(&self) -> Result<Group> {
        self.region.allowance.store(ALLOWANCE, Ordering::Relaxed);
        guarded(&self.path, "its root", || Ok::<_, FormatError>(self.hdf5.root()))
    }

    /// A group below another, or `None` if there is none of that name.
    pub(crate) fn group(&self, parent: &Group, name: &str) -> Result<Option<Group>> {
        match guarded(&self.path, name, || Ok::<_, FormatError>(parent.group(name)))? {
            Ok(group) => Ok(Some(group)),
            Err(hdf5_pure::Error::NotAGroup(_) | hdf5_pure::Error::Format(FormatError::PathNotFound(_))) => {
                Ok(None)
            }
            Err(e) => Err(self.damaged(name, &e)),
        }
    }

    pub(crate) fn attributes(&self, group: &Group, name: &str) -> Result<Attributes> {
        guarded(&self.path, name, || group.attrs())
    }

    /// The names of the groups right below a group.
    pub(crate) fn groups(&self, group: &Group, name: &str) -> Result<Vec<String>> {
        guarded(&self.path, name, || group.groups())
    }

    /// The names of the datasets right below a group.
    pub(crate) fn datasets(&self, group: &Group, name: &str) -> Result<Vec<String>> {
        guarded(&self.path, name, || group.datasets())
    }

    /// What is stored at `path`; `None` if it is no float tensor of a rank we can hold.
    ///
    /// # Errors
    /// If it is not there, or claims a size that the file cannot hold.
    pub(crate) fn stored(&self, path: &str) -> Result<Option<Stored>> {
        let dataset = self.dataset(path)?;
        guarded(&self.path, path, || {
            let attrs = dataset.attrs()?;
            let encoding = Encoding::of(&dataset.datatype()?, attrs.get("dtype"));
            Ok::<_, hdf5_pure::Error>((encoding, dataset.shape()?))
        })
        .and_then(|(encoding, dims)| {
            let dims: Option<Vec<usize>> = dims.into_iter().map(|d| usize::try_from(d).ok()).collect();
            let shape = dims.and_then(|d| Shape::try_new(&d));
            let (Some(encoding), Some(shape)) = (encoding, shape) else { return Ok(None) };
            self.check_size(path, &dataset, shape, encoding)?;
            Ok(Some(Stored { shape, encoding }))
        })
    }

    /// The numbers at `path`, which [`stored`](Self::stored) has described.
    pub(crate) fn read(&self, path: &str, stored: &Stored) -> Result<Tensor> {
        let &Stored { shape, encoding } = stored;
        let dataset = self.dataset(path)?;
        self.check_size(path, &dataset, shape, encoding)?;
        let mut tensor = Tensor::try_zeros(shape)?;
        match self.layout(path, &dataset)? {
            Layout::Contiguous { address: Some(address), .. } => {
                self.read_contiguous(address, encoding, tensor.data_mut())
                    .map_err(WeightsError::io("read", &self.path))?;
            }
            _ => {
                let bytes = guarded(&self.path, path, || dataset.read_raw())?;
                if bytes.len() != tensor.data().len() * encoding.width() {
                    let detail =
                        format!("{path} holds {} bytes, which is not the size of {shape}", bytes.len());
                    return Err(WeightsError::damaged(&self.path, detail));
                }
                encoding.decode(&bytes, tensor.data_mut());
            }
        }
        Ok(tensor)
    }

    /// Reads what lies in one piece, a block at a time. The file gives one block after the other; all threads turn them
    /// into numbers, and touch the fresh memory for these, which takes longer.
    fn read_contiguous(&self, address: u64, encoding: Encoding, out: &mut [f32]) -> io::Result<()> {
        let blocks = out.par_chunks_mut(BLOCK / encoding.width()).enumerate();
        blocks.try_for_each_init(Vec::new, |bytes, (i, part)| {
            bytes.resize(part.len() * encoding.width(), 0);
            self.region.read(address.saturating_add((i * BLOCK) as u64), bytes)?;
            encoding.decode(bytes, part);
            Ok(())
        })
    }

    fn dataset(&self, path: &str) -> Result<Dataset> {
        self.region.allowance.store(ALLOWANCE + self.region.len, Ordering::Relaxed);
        guarded(&self.path, path, || self.hdf5.dataset(path))
    }

    fn layout(&self, path: &str, dataset: &Dataset) -> Result<Layout> {
        guarded(&self.path, path, || dataset.layout())
    }

    /// Holds the size that the shape declares against the bytes that are there, before anything is allocated.
    fn check_size(&self, path: &str, dataset: &Dataset, shape: Shape, encoding: Encoding) -> Result<()> {
        let declared =
            shape.checked_elements().and_then(|n| n.checked_mul(encoding.width())).map(|n| n as u64);
        let Some(declared) = declared else {
            return Err(WeightsError::refused(
                &self.path,
                format!("{path} claims the shape {shape}, beyond any memory"),
            ));
        };
        let (stored, folded) = match self.layout(path, dataset)? {
            Layout::Compact { size } | Layout::Contiguous { address: Some(_), size } => (size, false),
            Layout::Contiguous { address: None, .. } => (0, false),
            Layout::Chunked { chunk_shape, .. } => {
                let chunk = chunk_shape.iter().try_fold(encoding.width() as u64, |n, &d| n.checked_mul(d));
                if chunk.is_none_or(|bytes| bytes > LARGE.max(declared)) {
                    let detail = format!(
                        "{path} is stored in pieces of {chunk_shape:?}, larger than the tensor {shape}"
                    );
                    return Err(WeightsError::refused(&self.path, detail));
                }
                (self.chunk_bytes(path, dataset)?, true)
            }
            _ => {
                let detail = format!("{path} is a virtual dataset, whose numbers lie in other files");
                return Err(WeightsError::refused(&self.path, detail));
            }
        };
        if !folded && stored != declared {
            let detail = format!(
                "{path} has the shape {shape}, which takes {declared} bytes, but {stored} are stored in this file"
            );
            return Err(WeightsError::refused(&self.path, detail));
        }
        if declared > LARGE && declared / MAX_EXPANSION > stored {
            let detail = format!("{path} claims {declared} bytes, but {stored} are stored");
            return Err(WeightsError::refused(&self.path, detail));
        }
        Ok(())
    }

    /// The bytes that all chunks of a dataset take in the file.
    fn chunk_bytes(&self, path: &str, dataset: &Dataset) -> Result<u64> {
        let chunks = guarded(&self.path, path, || dataset.chunks())?;
        let total = chunks.iter().try_fold(0u64, |sum, c| sum.checked_add(c.storage_size));
        match total {
            Some(total) if total <= self.region.len => Ok(total),
            _ => Err(WeightsError::refused(
                &self.path,
                format!("the pieces of {path} add up to more than the file"),
            )),
        }
    }

    fn damaged(&self, what: &str, e: &dyn std::fmt::Display) -> WeightsError {
        WeightsError::damaged(&self.path, format!("{what}: {e}"))
    }
}

/// Runs one step of the HDF5 library; its errors and its panics become an error of the file.
fn guarded<T, E: std::fmt::Display>(
    path: &Path,
    what: &str,
    step: impl FnOnce() -> Result<T, E>,
) -> Result<T> {
    match catch_unwind(AssertUnwindSafe(step)) {
        Ok(Ok(value)) => Ok(value),
        Ok(Err(e)) => Err(WeightsError::damaged(path, format!("{what}: {e}"))),
        Err(_) => Err(WeightsError::damaged(path, format!("{what}: its HDF5 structure makes no sense"))),
    }
}
