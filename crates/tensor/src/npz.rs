//! numpy's `.npz`: several arrays in one ZIP archive, each a `.npy` file under the array's name.
//!
//! `numpy.savez` stores its members, `numpy.savez_compressed` deflates them; both are read, and [`write()`] deflates.
//! Other members of the archive (notes, folders) are passed over.
//!
//! **A small archive must not be able to ask for a large memory.** The size that the archive declares for a member has
//! to be the size that the member's own header asks for, and no more than deflate's best, 1032 times the bytes that
//! are there; both are checked before anything is allocated, and the checksum when all is read.
//!
//! ```
//! use graft_tensor::{Tensor, npz};
//! # let dir = tempfile::tempdir().unwrap();
//! # let path = dir.path().join("head.npz");
//! let (kernel, bias) = (Tensor::zeros([4, 2]), Tensor::zeros([2]));
//! npz::write(&path, &[("dense/kernel", &kernel), ("dense/bias", &bias)])?; // numpy: np.load(path)["dense/kernel"]
//!
//! let mut archive = npz::Npz::open(&path)?;
//! assert_eq!(archive.names().collect::<Vec<_>>(), ["dense/kernel", "dense/bias"]);
//! assert_eq!(archive.tensor("dense/kernel")?, kernel);
//! # Ok::<(), graft_tensor::TensorError>(())
//! ```

use std::fs::File;
use std::io::{self, BufReader, Read, Seek};
use std::path::Path;

use zip::write::SimpleFileOptions;
use zip::{CompressionMethod, ZipArchive, ZipWriter};

use crate::npy::{self, NpyArray};
use crate::{Result, Tensor, TensorError, write_atomically};

/// Deflate makes of one byte at most 1032: a match of 258 bytes out of two bits.
const DEFLATE_BEST: u64 = 1032;

/// What has to be there.
const WHOLE: &str = "a .npz file, which is a whole ZIP archive";

/// An open archive of arrays.
#[derive(Debug)]
pub struct Npz<R = BufReader<File>> {
    file: String,
    archive: ZipArchive<R>,
    /// Name of the array, number of the member.
    members: Vec<(String, usize)>,
}

impl Npz {
    /// Opens an archive and reads its table of contents.
    ///
    /// # Errors
    /// [`TensorError::Io`]; [`TensorError::Format`] if it is no ZIP archive, or a truncated one.
    pub fn open(path: impl AsRef<Path>) -> Result<Self> {
        let path = path.as_ref();
        let file = path.display().to_string();
        let opened = File::open(path).map_err(|e| TensorError::io(&file, "open", e))?;
        if path.is_dir() {
            return Err(TensorError::format(file, WHOLE, "a folder"));
        }
        Self::from_reader(&file, BufReader::new(opened))
    }
}

impl<R: Read + Seek> Npz<R> {
    /// Reads the table of contents of an archive that lies anywhere; `name` is what errors call it.
    ///
    /// # Errors
    /// As [`Npz::open`].
    pub fn from_reader(name: &str, reader: R) -> Result<Self> {
        let archive = ZipArchive::new(reader).map_err(|e| of_zip(name, WHOLE, e))?;
        let members = (0..archive.len()).filter_map(|i| {
            let member = archive.name_for_index(i)?.ok()?;
            Some((member.strip_suffix(".npy")?.to_owned(), i))
        });
        Ok(Self { members: members.collect(), file: name.to_owned(), archive })
    }

    /// The names of the arrays, in the order of the archive.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.members.iter().map(|(name, _)| name.as_str())
    }

    /// Reads an array in its own type.
    ///
    /// # Errors
    /// [`TensorError::Format`] if there is none of this name, or if it is anything but whole and sound;
    /// [`TensorError::Io`]; [`TensorError::OutOfMemory`].
    pub fn get(&mut self, name: &str) -> Result<NpyArray> {
        let Some(&(_, index)) = self.members.iter().find(|(n, _)| n == name) else {
            let names = self.names().collect::<Vec<_>>().join(", ");
            let found = if names.is_empty() { "no array at all".into() } else { names };
            return Err(TensorError::format(&self.file, format!("an array named '{name}'"), found));
        };
        let title = format!("{}, member '{name}'", self.file);
        let readable = "a stored or deflated member, not encrypted";
        let member = self.archive.by_index(index).map_err(|e| of_zip(&title, readable, e))?;
        let (packed, declared) = (member.compressed_size(), member.size());
        if declared > packed.saturating_mul(DEFLATE_BEST) {
            let found = format!("a declared {declared} bytes");
            return Err(TensorError::format(title, format!("what {packed} deflated bytes can hold"), found));
        }
        npy::from_reader(&title, declared, member)
    }

    /// Reads an array of numbers as f32.
    ///
    /// # Errors
    /// As [`Npz::get`], and as [`NpyArray::to_tensor`].
    pub fn tensor(&mut self, name: &str) -> Result<Tensor> {
        self.get(name)?.to_tensor()
    }
}

/// Writes tensors under their names, deflated. The file appears whole or not at all; the same tensors give the same
/// bytes, since no time is written.
///
/// # Errors
/// [`TensorError::Io`], also for a name given twice.
pub fn write(path: impl AsRef<Path>, tensors: &[(&str, &Tensor)]) -> Result<()> {
    let path = path.as_ref();
    let written = write_atomically(path, |out| {
        let mut archive = ZipWriter::new(out).set_auto_large_file();
        let deflated = SimpleFileOptions::default().compression_method(CompressionMethod::Deflated);
        for (name, tensor) in tensors {
            archive.start_file(format!("{name}.npy"), deflated).map_err(io::Error::other)?;
            npy::write_to(&mut archive, tensor)?;
        }
        archive.finish().map(drop).map_err(io::Error::other)
    });
    written.map_err(|e| TensorError::io(path.display(), "write", e))
}

fn of_zip(file: &str, expected: &str, error: zip::result::ZipError) -> TensorError {
    match error {
        zip::result::ZipError::Io(e) if e.kind() != io::ErrorKind::UnexpectedEof => {
            TensorError::io(file, "read", e)
        }
        other => TensorError::format(file, expected, other),
    }
}
