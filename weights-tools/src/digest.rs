//! Digests: what a file is known by, and what the numbers of a tensor are known by wherever they lie.

use std::fs::File;
use std::io::{self, Read, Write};
use std::path::Path;

use graft_tensor::Tensor;
use md5::Md5;
use sha2::{Digest, Sha256};

use crate::{Entry, Result, WeightsError};

/// What is read or converted at a time.
const BLOCK: usize = 1 << 16;

/// A file's size and digests.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct FileDigest {
    pub(crate) bytes: u64,
    pub(crate) md5: String,
    pub(crate) sha256: String,
}

impl FileDigest {
    /// Reads a file once, to its end.
    pub(crate) fn of(path: &Path) -> Result<Self> {
        let (mut md5, mut sha256) = (Md5::new(), Sha256::new());
        let bytes = each_block(path, |block| {
            md5.update(block);
            sha256.update(block);
        })?;
        Ok(Self { bytes, md5: hex(&md5.finalize()), sha256: hex(&sha256.finalize()) })
    }
}

/// The MD5 of a file.
pub(crate) fn md5_of(path: &Path) -> Result<String> {
    let mut md5 = Md5::new();
    each_block(path, |block| md5.update(block))?;
    Ok(hex(&md5.finalize()))
}

/// The SHA-256 of a file, as `sha256sum` prints it.
pub(crate) fn sha256_of(path: &Path) -> Result<String> {
    let mut sha256 = Sha256::new();
    each_block(path, |block| sha256.update(block))?;
    Ok(hex(&sha256.finalize()))
}

fn each_block(path: &Path, mut f: impl FnMut(&[u8])) -> Result<u64> {
    let mut file = File::open(path).map_err(WeightsError::io("open", path))?;
    let mut block = vec![0; BLOCK];
    let mut total = 0;
    loop {
        match file.read(&mut block) {
            Ok(0) => return Ok(total),
            Ok(n) => {
                f(&block[..n]);
                total += n as u64;
            }
            Err(e) if e.kind() == io::ErrorKind::Interrupted => {}
            Err(e) => return Err(WeightsError::io("read", path)(e)),
        }
    }
}

/// The SHA-256 of a tensor's numbers as little-endian f32, the same for every file and layout that holds them.
pub(crate) fn sha256_of_numbers(tensor: &Tensor) -> String {
    let mut sha256 = Sha256::new();
    let mut bytes = vec![0; BLOCK];
    for part in tensor.data().chunks(BLOCK / 4) {
        let bytes = &mut bytes[..4 * part.len()];
        for (b, v) in bytes.as_chunks_mut::<4>().0.iter_mut().zip(part) {
            *b = v.to_le_bytes();
        }
        sha256.update(bytes);
    }
    hex(&sha256.finalize())
}

/// The digest of a whole set of tensors: of their names, shapes and numbers, in their order.
pub(crate) fn fingerprint<'e>(tensors: impl Iterator<Item = (&'e Entry, String)>) -> String {
    let mut sha256 = Sha256::new();
    for (entry, numbers) in tensors {
        sha256.update(format!("{} {} {numbers}\n", entry.label(), entry.shape));
    }
    hex(&sha256.finalize())
}

/// A writer that digests what passes through it.
pub(crate) struct Digesting<W> {
    inner: W,
    sha256: Sha256,
}

impl<W: Write> Digesting<W> {
    pub(crate) fn new(inner: W) -> Self {
        Self { inner, sha256: Sha256::new() }
    }

    /// The writer, and the SHA-256 of all that was written.
    pub(crate) fn finish(self) -> (W, String) {
        (self.inner, hex(&self.sha256.finalize()))
    }
}

impl<W: Write> Write for Digesting<W> {
    fn write(&mut self, buf: &[u8]) -> io::Result<usize> {
        let n = self.inner.write(buf)?;
        self.sha256.update(&buf[..n]);
        Ok(n)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.inner.flush()
    }
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|b| format!("{b:02x}")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn digests_are_those_of_the_standards() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("abc");
        std::fs::write(&path, "abc").unwrap();
        let d = FileDigest::of(&path).unwrap();
        assert_eq!(d.bytes, 3);
        assert_eq!(d.md5, "900150983cd24fb0d6963f7d28e17f72"); // RFC 1321
        assert_eq!(d.sha256, "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"); // FIPS 180-4
        assert_eq!((md5_of(&path).unwrap(), sha256_of(&path).unwrap()), (d.md5, d.sha256.clone()));
        let mut w = Digesting::new(Vec::new());
        w.write_all(b"abc").unwrap();
        assert_eq!(w.finish(), (b"abc".to_vec(), d.sha256));
    }

    #[test]
    fn numbers_are_digested_as_little_endian_bytes_across_blocks() {
        let t = Tensor::from_fn([BLOCK / 4 + 3], |i| i as f32);
        let bytes: Vec<u8> = t.data().iter().flat_map(|v| v.to_le_bytes()).collect();
        assert_eq!(sha256_of_numbers(&t), hex(&Sha256::digest(bytes)));
    }
}
