//! `.keras`: a zip of `metadata.json`, `config.json` and `model.weights.h5`.
//!
//! Keras stores the members uncompressed, so the HDF5 file is read where it lies. An archive that somebody packed again,
//! with compression, is unpacked into a temporary file first, within the bound Keras sets itself (100 times).

use std::fs::File;
use std::io::{self, Read, Seek};
use std::path::Path;

use zip::{CompressionMethod, ZipArchive};

use super::hdf5::Region;
use crate::{Result, WeightsError};

/// What a zip archive begins with.
pub(crate) const SIGNATURE: [u8; 4] = *b"PK\x03\x04";

const MEMBER: &str = "model.weights.h5";
const MAX_EXPANSION: u64 = 100;

/// The HDF5 file within the archive.
pub(crate) fn member(path: &Path, file: File) -> Result<Region> {
    let bad = |e: &dyn std::fmt::Display| WeightsError::damaged(path, format!("as a zip archive: {e}"));
    let len = file.metadata().map_err(WeightsError::io("read", path))?.len();
    let mut archive = ZipArchive::new(file).map_err(|e| bad(&e))?;
    let Some(index) = archive.index_for_name(MEMBER) else {
        let found = format!("is a zip archive without {MEMBER}");
        return Err(WeightsError::not_weights(path, found));
    };
    let mut member = archive.by_index(index).map_err(|e| bad(&e))?;
    let (size, packed) = (member.size(), member.compressed_size());
    if size / MAX_EXPANSION > packed || packed > len {
        let detail = format!("{MEMBER} claims to unfold from {packed} to {size} bytes");
        return Err(WeightsError::refused(path, detail));
    }
    if member.compression() == CompressionMethod::Stored {
        let start = member.data_start().filter(|s| s.checked_add(size).is_some_and(|end| end <= len));
        let start = start.ok_or_else(|| bad(&format_args!("{MEMBER} lies beyond its end")))?;
        drop(member);
        return Ok(Region::new(archive.into_inner(), start, size));
    }
    let mut unpacked =
        tempfile::tempfile().map_err(WeightsError::writing("unpack to a temporary file", path))?;
    let copied =
        io::copy(&mut member.by_ref().take(size.saturating_add(1)), &mut unpacked).map_err(|e| bad(&e))?;
    if copied != size {
        return Err(bad(&format_args!("{MEMBER} unfolds to {copied} bytes, not to {size}")));
    }
    unpacked.rewind().map_err(WeightsError::io("read", path))?;
    Ok(Region::new(unpacked, 0, size))
}
