//! A sheet of pictures to look at before training on them: is that still an ant?
//!
//! Each row of a sheet for augmentation is one photo as it is, then what training would see of it in its first epochs,
//! pixel for pixel: the variants hang on (seed, epoch, sample) alone.

use std::io::{self, Write};
use std::path::Path;

use graft_tensor::write_atomically;
use image::{ExtendedColorType, ImageEncoder, codecs::png::PngEncoder};

use crate::{Augment, CHANNELS, DataError, Result, Rgb8, RgbF32};

/// Pixels between two tiles, and around them.
const GUTTER: usize = 4;
/// The grey level of gutters and of the rest of a tile's place.
const PAPER: u8 = 255;

/// One row of a sheet: `picture` as it is, then its variants in epochs 0, 1, … `variants` − 1.
pub fn row(picture: &RgbF32, augment: &Augment, sample: usize, variants: usize) -> Vec<Rgb8> {
    let varied = (0..variants as u64).map(|epoch| augment.vary(picture, epoch, sample).to_u8());
    std::iter::once(picture.to_u8()).chain(varied).collect()
}

/// The tiles side by side from the top left, `columns` to a row, thin gutters between them. Every tile has a place of
/// the size of the largest.
///
/// # Errors
/// [`DataError::Setting`] if `columns` is 0; [`DataError::Sheet`] if there is no tile, or too many for the memory.
///
/// ```
/// use graft_data::{Rgb8, preview::sheet};
/// let tiles = [10, 20, 30].map(|level| Rgb8::from_fn(8, 6, |_, _| [level; 3]));
/// let two_rows = sheet(&tiles, 2)?;
/// assert_eq!((two_rows.height, two_rows.width), (4 + 8 + 4 + 8 + 4, 4 + 6 + 4 + 6 + 4));
/// assert_eq!(two_rows.pixel(4, 14), [20; 3]);
/// # Ok::<(), graft_data::DataError>(())
/// ```
pub fn sheet(tiles: &[Rgb8], columns: usize) -> Result<Rgb8> {
    if columns == 0 {
        let found = "0".to_owned();
        return Err(DataError::Setting { name: "columns of a sheet", found, expected: "at least 1" });
    }
    let columns = columns.min(tiles.len());
    let place = |side: fn(&Rgb8) -> usize| tiles.iter().map(side).max().map(|largest| largest + GUTTER);
    let (Some(down), Some(across)) = (place(|tile| tile.height), place(|tile| tile.width)) else {
        return Err(DataError::Sheet { why: "there is no picture to put on it" });
    };
    let mut sheet = blank(tiles.len().div_ceil(columns), down, columns, across)
        .ok_or(DataError::Sheet { why: "so many pictures do not fit into memory" })?;
    for (i, tile) in tiles.iter().enumerate() {
        let (top, left) = (GUTTER + i / columns * down, GUTTER + i % columns * across);
        for (y, line) in tile.data.chunks_exact((tile.width * CHANNELS).max(1)).enumerate() {
            let at = ((top + y) * sheet.width + left) * CHANNELS;
            sheet.data[at..at + line.len()].copy_from_slice(line);
        }
    }
    Ok(sheet)
}

/// Paper for `rows` × `columns` places; `None` if there is no memory for it.
fn blank(rows: usize, down: usize, columns: usize, across: usize) -> Option<Rgb8> {
    let height = rows.checked_mul(down)?.checked_add(GUTTER)?;
    let width = columns.checked_mul(across)?.checked_add(GUTTER)?;
    let values = height.checked_mul(width)?.checked_mul(CHANNELS)?;
    let mut data = Vec::new();
    data.try_reserve_exact(values).ok()?;
    data.resize(values, PAPER);
    Some(Rgb8 { height, width, data })
}

/// Writes a picture as a PNG file, whole or not at all.
///
/// # Errors
/// [`DataError::Write`] if the file cannot be written.
pub fn write_png(path: &Path, picture: &Rgb8) -> Result<()> {
    let refused = |source| DataError::Write { path: path.to_owned(), source };
    png_bytes(picture).and_then(|png| write_atomically(path, |file| file.write_all(&png))).map_err(refused)
}

/// A picture as the bytes of a PNG file.
pub(crate) fn png_bytes(picture: &Rgb8) -> io::Result<Vec<u8>> {
    let side = |n: usize| u32::try_from(n).map_err(io::Error::other);
    let (height, width) = (side(picture.height)?, side(picture.width)?);
    let mut png = Vec::new();
    PngEncoder::new(&mut png)
        .write_image(&picture.data, width, height, ExtendedColorType::Rgb8)
        .map_err(io::Error::other)?;
    Ok(png)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Augmentation, Compat};

    fn augment() -> Augment {
        let ranges = Augmentation { horizontal_flip: true, rotation_range: 20.0, ..Augmentation::default() };
        Augment { ranges, compat: Compat::Native, seed: 3 }
    }

    #[test]
    fn a_row_is_the_picture_and_what_training_sees_of_it() {
        let picture = RgbF32::from_fn(12, 10, |y, x| [(20 * y) as f32, (25 * x) as f32, 0.0]);
        let tiles = row(&picture, &augment(), 7, 3);
        assert_eq!(tiles.len(), 4);
        assert_eq!(tiles[0], picture.to_u8());
        assert_eq!(tiles[2], augment().vary(&picture, 1, 7).to_u8());
        assert!(tiles[1] != tiles[0] && tiles[2] != tiles[1]);
    }

    #[test]
    fn tiles_of_all_sizes_have_their_place() {
        let tile = |h, w, level| Rgb8::from_fn(h, w, |_, _| [level; 3]);
        let made = sheet(&[tile(5, 3, 1), tile(2, 7, 2), tile(0, 0, 0), tile(4, 4, 4)], 3).unwrap();
        assert_eq!((made.height, made.width), (2 * 9 + 4, 3 * 11 + 4));
        assert_eq!(made.pixel(4, 4), [1; 3]);
        assert_eq!(made.pixel(8, 6), [1; 3]);
        assert_eq!(made.pixel(9, 4), [PAPER; 3]);
        assert_eq!(made.pixel(5, 15 + 6), [2; 3]);
        assert_eq!(made.pixel(13, 4), [4; 3]);
        let counted = |level| made.data.iter().filter(|&&v| v == level).count() / CHANNELS;
        assert_eq!([1, 2, 4].map(counted), [15, 14, 16]);
    }

    #[test]
    fn sheets_that_cannot_be_are_refused() {
        assert!(matches!(sheet(&[], 2), Err(DataError::Sheet { .. })));
        assert!(matches!(sheet(&[Rgb8::from_fn(1, 1, |_, _| [0; 3])], 0), Err(DataError::Setting { .. })));
    }

    #[test]
    fn files_hold_the_picture_or_are_not_there() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("sheet.png");
        let picture = Rgb8::from_fn(9, 14, |y, x| [(y * 25) as u8, (x * 18) as u8, 77]);
        write_png(&path, &picture).unwrap();
        let read = image::open(&path).unwrap().into_rgb8();
        assert_eq!((read.height(), read.width(), read.as_raw()), (9, 14, &picture.data));
        let nowhere = folder.path().join("missing").join("sheet.png");
        assert!(write_png(&nowhere, &picture).unwrap_err().to_string().contains("missing"));
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 1);
    }
}
