//! numpy's `.npy`: one array in one file, read from anywhere and written as numpy writes it.
//!
//! ```text
//! 93 'N' 'U' 'M' 'P' 'Y'   the magic
//! 01 00                    version 1.0 (2.0: longer headers, 3.0: field names in UTF-8)
//! 76 00                    the header's length, 2 bytes; 4 bytes from version 2.0 on; little endian
//! {'descr': '<f4', 'fortran_order': False, 'shape': (3, 4, 5), }     … spaces … \n
//! 6c bf 00 3e …            3·4·5 numbers of 4 bytes
//! ```
//!
//! The header is a Python dictionary, padded so that the numbers start at a multiple of 64 bytes.
//!
//! **A file is a claim, and it is checked before it is believed.** The header's length is bounded, the product of the
//! extents is taken with overflow checks, and the bytes it needs must be the bytes that are there, no fewer and no
//! more, before a single one is allocated. numpy itself ignores what follows the last number; here that is an error,
//! since it is how a half-overwritten file looks. Pickled objects are never read: a pickle is a program.
//!
//! **Numbers are read in bulk**, straight into their final memory, swapped where the file is big endian and
//! transposed where it is in Fortran order.
//!
//! Source: numpy's `numpy/lib/_format_impl.py`, NEP 1.
//!
//! ```
//! use graft_tensor::{Tensor, npy};
//! # let dir = tempfile::tempdir().unwrap();
//! # let path = dir.path().join("x.npy");
//! let x = Tensor::new([2, 2], &[1.0, 2.0, 3.0, 4.0])?;
//! npy::write(&path, &x)?; // numpy: np.save(path, x)
//! assert_eq!(npy::read(&path)?, x);
//! # Ok::<(), graft_tensor::TensorError>(())
//! ```

mod array;
mod header;
mod read;

use std::fs::File;
use std::io::{self, Read, Write};
use std::path::Path;

pub use array::{NpyArray, NpyData};
use header::Header;
use read::Source;

use crate::{Result, Shape, Tensor, TensorError, write_atomically};

/// Reads an array of numbers as f32: floats, integers and booleans of any width, either byte order, C or Fortran order.
///
/// A number that f32 does not hold exactly is rounded to the nearest that it does hold.
///
/// # Errors
/// [`TensorError::Io`]; [`TensorError::Format`] if the file is anything but a whole, sound array of real numbers;
/// [`TensorError::Range`] for a finite f64 beyond f32's largest; [`TensorError::OutOfMemory`].
pub fn read(path: impl AsRef<Path>) -> Result<Tensor> {
    read_array(path)?.to_tensor()
}

/// Reads an array in its own type: pixels, labels, f64 figures, strings.
///
/// # Errors
/// As [`read`], but strings are read as well.
pub fn read_array(path: impl AsRef<Path>) -> Result<NpyArray> {
    let (name, file, len) = open(path.as_ref())?;
    from_reader(&name, len, file)
}

/// As [`read`], but where the file has large f32 numbers as this machine has them, they are used where they lie, and
/// looked at when they are needed ([`graft_kernels::Buffer::map`]): for files that nobody writes into.
///
/// # Errors
/// As [`read`].
pub fn map(path: impl AsRef<Path>) -> Result<Tensor> {
    let (name, file, len) = open(path.as_ref())?;
    Source::new(&name, len, &file).mapped(&file, len)
}

/// The file, its name for messages, and its length.
fn open(path: &Path) -> Result<(String, File, u64)> {
    let name = path.display().to_string();
    let opened = File::open(path).and_then(|f| f.metadata().map(|m| (f, m)));
    let (file, metadata) = opened.map_err(|e| TensorError::io(&name, "open", e))?;
    if metadata.is_dir() {
        return Err(TensorError::format(name, "a .npy file", "a folder"));
    }
    Ok((name, file, metadata.len()))
}

/// Reads an array from memory; `name` is what errors call it.
///
/// # Errors
/// As [`read_array`].
pub fn from_bytes(name: &str, bytes: &[u8]) -> Result<NpyArray> {
    from_reader(name, bytes.len() as u64, bytes)
}

/// Reads an array from a reader that gives `len` bytes and then ends; `name` is what errors call it.
///
/// # Errors
/// As [`read_array`].
pub fn from_reader(name: &str, len: u64, reader: impl Read) -> Result<NpyArray> {
    Source::new(name, len, reader).array()
}

/// Writes a tensor, byte for byte as `numpy.save` writes a float32 array. The file appears whole or not at all.
///
/// # Errors
/// [`TensorError::Io`].
pub fn write(path: impl AsRef<Path>, tensor: &Tensor) -> Result<()> {
    let path = path.as_ref();
    write_atomically(path, |out| write_to(out, tensor))
        .map_err(|e| TensorError::io(path.display(), "write", e))
}

/// The same, of a tensor that comes in parts, one after the other in C order, and need never be whole in memory.
///
/// # Errors
/// What the file system or a part reports, or [`io::ErrorKind::InvalidInput`] if the parts do not add up to `shape`;
/// no file appears then.
pub fn write_parts(
    path: &Path,
    shape: Shape,
    parts: impl IntoIterator<Item = io::Result<Tensor>>,
) -> io::Result<()> {
    let misfit = || {
        io::Error::new(io::ErrorKind::InvalidInput, format!("the parts do not add up to the shape {shape}"))
    };
    write_atomically(path, |out| {
        out.write_all(&header::f32_header(&shape))?;
        let mut left = shape.checked_elements().ok_or_else(misfit)?;
        for part in parts {
            let part = part?;
            left = left.checked_sub(part.data().len()).ok_or_else(misfit)?;
            write_values(&mut *out, &part)?;
        }
        if left == 0 { Ok(()) } else { Err(misfit()) }
    })
}

/// Writes the bytes of a `.npy` file to any writer.
///
/// # Errors
/// What the writer reports.
pub fn write_to(mut out: impl Write, tensor: &Tensor) -> io::Result<()> {
    out.write_all(&header::f32_header(tensor.shape()))?;
    write_values(&mut out, tensor)
}

/// The numbers alone, little end first.
fn write_values(mut out: impl Write, tensor: &Tensor) -> io::Result<()> {
    if cfg!(target_endian = "little") {
        return out.write_all(bytemuck::cast_slice(tensor.data()));
    }
    tensor.data().iter().try_for_each(|v| out.write_all(&v.to_le_bytes()))
}
