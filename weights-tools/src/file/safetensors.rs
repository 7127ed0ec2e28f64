//! `.safetensors`: what Graft writes, and any safetensors reader opens.
//!
//! ```text
//! 8 bytes   length of the header
//! header    JSON: name → type, shape, place of each tensor; `__metadata__`: text by key
//! data      the tensors, one after the other, from a multiple of 64 bytes on
//! ```
//!
//! A tensor is called `<layer>.<tensor>`, as in `block1_conv1.kernel`. It is written by [`write_safetensors`], in 32 or
//! 16 bits, and read by [`WeightsFile`](super::WeightsFile) as any other layout.

use std::collections::HashMap;
use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::path::Path;
use std::sync::{Mutex, PoisonError};

use graft_tensor::{DType as Width, Shape, Tensor, write_atomically};
use half::{bf16, f16};
use safetensors::Dtype;
use safetensors::tensor::{Metadata, TensorInfo};

use super::encoding::Encoding;
use super::entry::{DType, Entry, Kind};
use crate::{Result, WeightsError};

/// No honest header comes near it; it bounds what a damaged length can ask for.
const MAX_HEADER: u64 = 16 << 20;
/// Bytes that tell the header's length.
const LENGTH: usize = 8;
/// Where the data begin in what is written: on a cache line, from which they can be used in place. (The format itself
/// asks for 8 bytes.)
const ALIGN: usize = 64;
/// Numbers that are converted at a time.
const BLOCK: usize = 1 << 14;

/// Whether a file that begins like this is one: a length, and a JSON object after it.
pub(crate) fn is_head(head: &[u8]) -> bool {
    head.get(LENGTH) == Some(&b'{')
}

/// An open file, and where its tensors are.
pub(crate) struct Safetensors {
    source: Source,
    places: Vec<(u64, Encoding)>,
    metadata: HashMap<String, String>,
}

/// Where the bytes are.
pub(crate) enum Source {
    /// On disk.
    File(Mutex<File>),
    /// In the program itself.
    Program(&'static [u8]),
}

impl Source {
    /// Fills `bytes` with what stands at `start`.
    fn read(&self, start: u64, bytes: &mut [u8]) -> io::Result<()> {
        match self {
            Self::File(file) => {
                // Whoever panicked while reading has left nothing half done: the place is sought anew.
                let mut file = file.lock().unwrap_or_else(PoisonError::into_inner);
                file.seek(SeekFrom::Start(start))?;
                file.read_exact(bytes)
            }
            Self::Program(all) => {
                let from = usize::try_from(start).ok().and_then(|start| all.get(start..));
                from.unwrap_or_default().read_exact(bytes)
            }
        }
    }

    /// A tensor of f32 used where it lies, where that can be done.
    fn map(&self, start: u64, shape: Shape) -> Option<Tensor> {
        match self {
            Self::File(file) => {
                Tensor::map(&file.lock().unwrap_or_else(PoisonError::into_inner), start, shape)
            }
            Self::Program(_) => None,
        }
    }
}

/// What is found in a file.
pub(crate) struct Found {
    pub(crate) file: Safetensors,
    pub(crate) entries: Vec<Entry>,
    /// Tensors that hold no floats.
    pub(crate) skipped: Vec<String>,
}

impl Safetensors {
    /// Reads the header and holds it against the length of the file.
    pub(crate) fn open(path: &Path, source: Source, file_len: u64) -> Result<Found> {
        let mut len = [0; LENGTH];
        source.read(0, &mut len).map_err(WeightsError::io("read", path))?;
        let len = u64::from_le_bytes(len);
        if len > MAX_HEADER {
            return Err(WeightsError::refused(
                path,
                format!("it claims a header of {len} bytes, more than {MAX_HEADER}"),
            ));
        }
        if len > file_len - LENGTH as u64 {
            return Err(WeightsError::Truncated {
                path: path.to_owned(),
                found: file_len,
                expected: 8 + len,
            });
        }
        let mut header = vec![0; len as usize];
        source.read(LENGTH as u64, &mut header).map_err(WeightsError::io("read", path))?;
        let metadata: Metadata = serde_json::from_slice(&header)
            .map_err(|e| WeightsError::damaged(path, format!("as a safetensors header: {e}")))?;
        let (start, data) = (LENGTH as u64 + len, metadata.data_len() as u64);
        let expected = start.saturating_add(data);
        if file_len < expected {
            return Err(WeightsError::Truncated { path: path.to_owned(), found: file_len, expected });
        }
        if file_len > expected {
            return Err(WeightsError::damaged(
                path,
                format!("{} bytes follow its last tensor", file_len - expected),
            ));
        }
        Self::list(path, source, start, &metadata)
    }

    fn list(path: &Path, source: Source, start: u64, metadata: &Metadata) -> Result<Found> {
        let (mut entries, mut places, mut skipped) = (vec![], vec![], vec![]);
        for name in metadata.offset_keys() {
            let Some(info) = metadata.info(&name) else { continue };
            let Some(dtype) = float(info.dtype) else {
                skipped.push(name);
                continue;
            };
            let shape = Shape::try_new(&info.shape).filter(|s| s.checked_elements().is_some());
            let shape = shape.ok_or_else(|| {
                WeightsError::damaged(path, format!("{name} has the impossible shape {:?}", info.shape))
            })?;
            let (layer, tensor) = name.rsplit_once('.').unwrap_or((&name, ""));
            let (layer, kind) = (layer.to_owned(), Kind::from_name(tensor));
            entries.push(Entry { layer, kind, name, shape, dtype });
            places.push((start + info.data_offsets.0 as u64, Encoding { dtype, big_endian: false }));
        }
        let metadata = metadata.metadata().clone().unwrap_or_default();
        Ok(Found { file: Self { source, places, metadata }, entries, skipped })
    }

    /// Tensor `i`: where it lies in the file if it can be, else read, a block at a time.
    pub(crate) fn read(&self, path: &Path, i: usize, shape: &Shape) -> Result<Tensor> {
        let (mut start, encoding) = self.places[i];
        if encoding.dtype == DType::F32
            && let Some(tensor) = self.source.map(start, *shape)
        {
            return Ok(tensor);
        }
        let mut tensor = Tensor::try_zeros(*shape)?;
        let mut bytes = vec![0; BLOCK * encoding.width()];
        for block in tensor.data_mut().chunks_mut(BLOCK) {
            let bytes = &mut bytes[..block.len() * encoding.width()];
            self.source.read(start, bytes).map_err(WeightsError::io("read", path))?;
            encoding.decode(bytes, block);
            start += bytes.len() as u64;
        }
        Ok(tensor)
    }

    /// The text that the file keeps under a key.
    pub(crate) fn metadata(&self, key: &str) -> Option<&str> {
        self.metadata.get(key).map(String::as_str)
    }
}

fn float(dtype: Dtype) -> Option<DType> {
    match dtype {
        Dtype::F16 => Some(DType::F16),
        Dtype::BF16 => Some(DType::Bf16),
        Dtype::F32 => Some(DType::F32),
        Dtype::F64 => Some(DType::F64),
        _ => None,
    }
}

/// Writes tensors by their names, and text by its keys, as one file; under `path` there is at every moment the old file
/// or the whole new one. In 16 bits numbers are rounded to the nearest, ties to even.
///
/// ```
/// use std::collections::HashMap;
/// use graft_tensor::{DType, Tensor};
/// use graft_weights::{WeightsFile, write_safetensors};
/// # let folder = tempfile::tempdir()?;
/// # let path = folder.path().join("small.safetensors");
/// let kernel = Tensor::new([2, 1], &[0.5, 3.1])?;
/// write_safetensors(&path, HashMap::new(), &[("dense.kernel".to_owned(), &kernel)], DType::F16)?;
/// let file = WeightsFile::open(&path)?;
/// assert_eq!(file.entries()[0].layer, "dense");
/// assert_eq!(file.tensor(0)?.data(), [0.5, 3.0996094]);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// # Errors
/// What the file system says, or that a finite number does not fit the type.
pub fn write_safetensors(
    path: &Path,
    metadata: HashMap<String, String>,
    tensors: &[(String, &Tensor)],
    dtype: Width,
) -> io::Result<()> {
    let stored = match dtype {
        Width::F32 => Dtype::F32,
        Width::F16 => Dtype::F16,
        Width::Bf16 => Dtype::BF16,
    };
    let mut end = 0;
    let infos = tensors.iter().map(|(name, tensor)| {
        let start = end;
        end += tensor.data().len() * dtype.bytes();
        (
            name.clone(),
            TensorInfo { dtype: stored, shape: tensor.shape().to_vec(), data_offsets: (start, end) },
        )
    });
    let metadata = Metadata::new(Some(metadata), infos.collect()).map_err(io::Error::other)?;
    let mut header = serde_json::to_vec(&metadata)?;
    header.resize((LENGTH + header.len()).next_multiple_of(ALIGN) - LENGTH, b' ');
    write_atomically(path, |out| {
        out.write_all(&(header.len() as u64).to_le_bytes())?;
        out.write_all(&header)?;
        tensors.iter().try_for_each(|(name, tensor)| write_numbers(out, name, tensor.data(), dtype))
    })
}

fn write_numbers(out: &mut impl Write, name: &str, numbers: &[f32], dtype: Width) -> io::Result<()> {
    let fits = |x: f32, finite: bool| match finite || !x.is_finite() {
        true => Ok(()),
        false => Err(io::Error::other(format!("{x} in {name} does not fit {dtype}"))),
    };
    let mut bytes = Vec::with_capacity(BLOCK * dtype.bytes());
    for block in numbers.chunks(BLOCK) {
        bytes.clear();
        for &x in block {
            match dtype {
                Width::F32 => bytes.extend(x.to_le_bytes()),
                Width::F16 => {
                    let y = f16::from_f32(x);
                    fits(x, y.is_finite())?;
                    bytes.extend(y.to_le_bytes());
                }
                Width::Bf16 => {
                    let y = bf16::from_f32(x);
                    fits(x, y.is_finite())?;
                    bytes.extend(y.to_le_bytes());
                }
            }
        }
        out.write_all(&bytes)?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Layout, WeightsFile};

    fn write(dtype: Width) -> (tempfile::TempDir, std::path::PathBuf) {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("x.safetensors");
        let [kernel, bias] = [
            Tensor::from_fn([3, 3, 2, 4], |i| i as f32 / 8.0),
            Tensor::new([4], &[0.1, -2.0, 1e-3, 7.0]).unwrap(),
        ];
        let tensors = [("conv.a.kernel".to_owned(), &kernel), ("conv.a.bias".to_owned(), &bias)];
        let metadata = HashMap::from([("card".to_owned(), "what it is".to_owned())]);
        write_safetensors(&path, metadata, &tensors, dtype).unwrap();
        (folder, path)
    }

    #[test]
    fn what_was_written_is_read() {
        for (dtype, bias) in [
            (Width::F32, [0.1, -2.0, 1e-3, 7.0]),
            (Width::F16, [0.099_975_586, -2.0, 0.001_000_404_4, 7.0]),
            (Width::Bf16, [0.100_097_656, -2.0, 0.000_999_450_7, 7.0]),
        ] {
            let (_folder, path) = write(dtype);
            let file = WeightsFile::open(&path).unwrap();
            assert_eq!((file.layout(), file.metadata("card")), (Layout::Safetensors, Some("what it is")));
            let (kernel, found) = file.take_layer("conv.a").unwrap();
            assert_eq!((kernel.shape()[..].to_vec(), kernel.data()[71]), (vec![3, 3, 2, 4], 71.0 / 8.0));
            assert_eq!(found.data(), bias, "{dtype}");
        }
    }

    #[test]
    fn bytes_of_the_program_are_read_as_a_file_is() {
        for dtype in [Width::F32, Width::F16] {
            let (_folder, path) = write(dtype);
            let bytes: &'static [u8] = std::fs::read(&path).unwrap().leak();
            let (file, built_in) =
                (WeightsFile::open(&path).unwrap(), WeightsFile::from_bytes("mini", bytes).unwrap());
            assert_eq!((built_in.path(), built_in.metadata("card")), (Path::new("mini"), Some("what it is")));
            assert_eq!(built_in.entries(), file.entries());
            assert_eq!(built_in.fingerprint().unwrap(), file.fingerprint().unwrap());
            let cut = WeightsFile::from_bytes("mini", &bytes[..bytes.len() - 1]).err().unwrap().to_string();
            assert!(cut.starts_with("mini is cut off"), "{cut}");
        }
        let other = WeightsFile::from_bytes("mini", b"\x89HDF\r\n\x1a\n").err().unwrap().to_string();
        assert!(other.starts_with("mini is no .safetensors file"), "{other}");
    }

    #[test]
    fn hostile_files_are_errors() {
        let (folder, path) = write(Width::F32);
        let whole = std::fs::read(&path).unwrap();
        let damaged = |name: &str, change: &dyn Fn(&mut Vec<u8>)| {
            let (path, mut bytes) = (folder.path().join(name), whole.clone());
            change(&mut bytes);
            std::fs::write(&path, bytes).unwrap();
            WeightsFile::open(&path).err().expect(name).to_string()
        };
        assert!(damaged("cut", &|b| b.truncate(b.len() - 5)).contains("is cut off"));
        assert!(damaged("cut-in-header", &|b| b.truncate(40)).contains("is cut off"));
        assert!(damaged("more", &|b| b.push(0)).contains("1 bytes follow"));
        assert!(damaged("huge", &|b| b[..8].fill(0x7F)).contains("claims a header"));
        assert!(damaged("no-json", &|b| b[9] = b'?').contains("safetensors header"));
    }

    #[test]
    fn what_does_not_fit_is_not_written() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("x");
        let large = Tensor::full([2], 1e6);
        let tensors = [("a.kernel".to_owned(), &large)];
        let error = write_safetensors(&path, HashMap::new(), &tensors, Width::F16).unwrap_err().to_string();
        assert_eq!(error, "1000000 in a.kernel does not fit f16");
        assert!(!path.exists());
    }
}
