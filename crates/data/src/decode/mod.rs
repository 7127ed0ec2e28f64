//! Files to pixels: any format, any depth, any colour model, upright, as 8-bit RGB, or one sentence on why not.
//!
//! What becomes of what is not 8-bit RGB is what Pillow's `convert("RGB")` does, and so what Keras's `load_img` sees,
//! with two exceptions that its users have asked for since 2016:
//!
//! | in the file | here | Keras |
//! |---|---|---|
//! | grey, palette, 1-bit | the same grey or colour thrice | the same |
//! | alpha, `tRNS` | dropped; what lies beneath it shows | the same |
//! | CMYK, YCCK | multiplied with black, no colour profile | the same |
//! | 16 bit | value / 257, rounded | clipped at 255, so white |
//! | EXIF orientation | applied, unless [`DecodeOptions::exif`] is off | ignored |
//!
//! A file may be hostile. Its size, its sides and the memory that it asks for are limited before anything is
//! allocated, large pictures are decoded one at a time, and a decoder that panics has found a bad picture, not ended
//! the program.

mod format;
mod jpeg;
mod limits;
mod memory;
mod quiet;
mod tiff;

use std::fs::File;
use std::io::{Cursor, Read};
use std::path::Path;

use image::metadata::Orientation;
use image::{DynamicImage, ImageDecoder, ImageError, ImageReader, RgbImage};

use limits::MAX_BYTES;

pub use format::Format;
pub(crate) use format::{SNIFFED, claims_to_be_a_picture};
pub(crate) use quiet::catch_panic;

use crate::{BadImage, CHANNELS, DataError, Result, Rgb8};

/// How files become pixels.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct DecodeOptions {
    /// Whether a picture is turned upright as its EXIF orientation says. Keras does not.
    pub exif: bool,
}

impl Default for DecodeOptions {
    fn default() -> Self {
        Self { exif: true }
    }
}

/// A decoded file.
#[derive(Debug, Clone)]
pub struct Decoded {
    /// The pixels.
    pub image: Rgb8,
    /// What the file was.
    pub format: Format,
    /// Whether its EXIF orientation was other than upright and has been applied.
    pub turned: bool,
    /// BLAKE3 of the file's bytes.
    pub digest: [u8; 32],
}

/// Decodes one file.
///
/// # Errors
/// [`DataError::BadImage`] with the reason: unreadable, not a picture, truncated, beyond the limits of 30 000 pixels a
/// side and 512 MiB.
pub fn decode(path: &Path, options: DecodeOptions) -> Result<Rgb8> {
    let upright = read(path).and_then(|bytes| decode_upright(&bytes, options));
    Ok(upright.map_err(|reason| bad(path, reason))?.image)
}

/// Decodes one file and tells what it was.
///
/// # Errors
/// As [`decode`].
pub fn decode_file(path: &Path, options: DecodeOptions) -> Result<Decoded> {
    read(path).and_then(|bytes| decode_bytes(&bytes, options)).map_err(|reason| bad(path, reason))
}

fn bad(path: &Path, reason: String) -> DataError {
    DataError::BadImage(BadImage { path: path.to_owned(), reason })
}

/// Decodes a file's bytes, or says in a few words what is wrong with them.
///
/// # Errors
/// The reason, as a clause without the file's name.
pub fn decode_bytes(bytes: &[u8], options: DecodeOptions) -> Result<Decoded, String> {
    let Upright { image, format, turned } = decode_upright(bytes, options)?;
    Ok(Decoded { image, format, turned, digest: blake3::hash(bytes).into() })
}

/// A decoded file without its digest, which only those pay for who want it.
struct Upright {
    image: Rgb8,
    format: Format,
    turned: bool,
}

fn decode_upright(bytes: &[u8], options: DecodeOptions) -> Result<Upright, String> {
    let head = &bytes[..bytes.len().min(SNIFFED)];
    let format = Format::sniff(head).ok_or_else(|| format::describe_foreign(head).to_owned())?;
    let raw = catch_panic(|| match format {
        Format::Jpeg => jpeg::decode(bytes),
        Format::Tiff if let Some(indexed) = tiff::Indexed::find(bytes) => {
            let mut raw = decode_by_image_crate(&indexed.grey, format)?;
            indexed.look_up(&mut raw.data);
            Ok(raw)
        }
        _ => decode_by_image_crate(bytes, format),
    })
    .unwrap_or_else(|| Err(Fault::Damaged("its decoder gave up on it".to_owned())))
    .map_err(|fault| match fault {
        Fault::Damaged(reason) => format!("damaged {format}: {reason}"),
        Fault::Refused(reason) => reason,
    })?;
    let turned = options.exif && raw.orientation != Orientation::NoTransforms;
    let image = if turned { raw.turn_upright()? } else { raw.into_rgb8()? };
    Ok(Upright { image, format, turned })
}

/// The whole file, if it is a file and of a size that a picture has.
fn read(path: &Path) -> Result<Vec<u8>, String> {
    let metadata = path.metadata().map_err(|e| format!("cannot be read: {e}"))?;
    if !metadata.is_file() {
        return Err(if metadata.is_dir() { "it is a folder" } else { "it is no regular file" }.to_owned());
    }
    let mut bytes = Vec::new();
    let len = usize::try_from(metadata.len()).ok().filter(|&len| len <= MAX_BYTES);
    len.and_then(|len| bytes.try_reserve_exact(len).ok())
        .ok_or_else(|| format!("it has {} bytes, at most {MAX_BYTES} are read", metadata.len()))?;
    File::open(path)
        .and_then(|file| file.take(MAX_BYTES as u64).read_to_end(&mut bytes))
        .map_err(|e| format!("cannot be read: {e}"))?;
    Ok(bytes)
}

/// Why a file of a known format gives no pixels.
enum Fault {
    /// Something is wrong with the file.
    Damaged(String),
    /// The file may be well, and asks for more than is done here.
    Refused(String),
}

impl Fault {
    /// A kind of picture that there is no decoder for.
    fn unsupported(format: Format, kind: &dyn std::fmt::Debug) -> Self {
        Self::Refused(format!("this kind of {format} is not supported ({kind:?}): save it as JPEG or PNG"))
    }
}

/// Pixels as they lie in the file, RGB by now, and which way is up.
struct Raw {
    height: usize,
    width: usize,
    data: Vec<u8>,
    orientation: Orientation,
}

impl Raw {
    fn into_rgb8(self) -> Result<Rgb8, String> {
        Rgb8::new(self.height, self.width, self.data).map_err(|e| e.to_string())
    }

    fn turn_upright(self) -> Result<Rgb8, String> {
        let side = |n: usize| u32::try_from(n).map_err(|e| e.to_string());
        let image = RgbImage::from_raw(side(self.width)?, side(self.height)?, self.data);
        let mut image = DynamicImage::ImageRgb8(image.ok_or("its pixels do not make its sides")?);
        image.apply_orientation(self.orientation);
        Raw { orientation: Orientation::NoTransforms, ..Raw::from(image) }.into_rgb8()
    }
}

impl From<DynamicImage> for Raw {
    fn from(image: DynamicImage) -> Self {
        let image = image.into_rgb8();
        let (height, width) = (image.height() as usize, image.width() as usize);
        Self { height, width, data: image.into_raw(), orientation: Orientation::NoTransforms }
    }
}

fn decode_by_image_crate(bytes: &[u8], format: Format) -> Result<Raw, Fault> {
    let describe = |e: image::ImageError| match e {
        ImageError::Unsupported(e) => Fault::unsupported(format, &e.kind()),
        ImageError::Limits(_) => Fault::Refused(format!("it takes more memory than {} MiB", MAX_BYTES >> 20)),
        other => Fault::Damaged(other.to_string()),
    };
    let mut reader = ImageReader::with_format(Cursor::new(bytes), format.for_image_crate());
    let mut bounds = image::Limits::default();
    bounds.max_alloc = Some(MAX_BYTES as u64);
    reader.limits(bounds);
    let mut decoder = reader.into_decoder().map_err(describe)?;
    let (width, height) = decoder.dimensions();
    let per_pixel = usize::from(decoder.color_type().bytes_per_pixel());
    let _turn =
        limits::admit(height as usize, width as usize, per_pixel.max(CHANNELS)).map_err(Fault::Refused)?;
    let orientation = decoder.orientation().map_err(describe)?;
    let image = DynamicImage::from_decoder(decoder).map_err(describe)?;
    Ok(Raw { orientation, ..Raw::from(image) })
}
