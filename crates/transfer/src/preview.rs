//! `--preview`: photos beside their variants, to be looked at before hours are spent on them.

use std::path::Path;

use graft_data::{DecodeOptions, decode, image_files, preview, resize};

use crate::progress::note;
use crate::recipe::Augmenting;
use crate::{Error, Options, Result};

/// Variants of each photo, to the right of it.
const VARIANTS: usize = 7;

/// Writes a sheet of `photos` photos, taken evenly from all of them, each with what its first epochs would show.
///
/// # Errors
/// If there are no photos, one of those chosen cannot be read, or the file not be written.
pub fn write(file: &Path, photos: usize, augmenting: &Augmenting, options: &Options) -> Result<()> {
    let all = image_files(&options.data)?;
    let photos = photos.min(all.len());
    if photos == 0 {
        return Err(Error::Usage("--preview must be at least 1, and the folder of photos not empty".into()));
    }
    let (side, augment) = (options.image_size, augmenting.seeded(options.seed));
    let mut tiles = Vec::new();
    for i in 0..photos {
        let number = i * all.len() / photos;
        let photo = decode(&all[number], DecodeOptions { exif: options.exif })?;
        let photo = resize(photo, side, side, options.resize)?.into_f32();
        tiles.extend(preview::row(&photo, &augment, number, VARIANTS));
    }
    preview::write_png(file, &preview::sheet(&tiles, 1 + VARIANTS)?)?;
    note(format!("{photos} photos, each with {VARIANTS} variants to its right: {}", file.display()));
    Ok(())
}
