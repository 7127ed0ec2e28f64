//! `--preview`: photos beside their variants, to be looked at before hours are spent on them.

use std::path::{Path, PathBuf};

use graft_data::{DataError, DecodeOptions, Folder, Layout, Part, decode, image_files, preview, resize};
use serde_json::json;

use crate::interrupt::is_interrupted;
use crate::output::json_to_stdout;
use crate::progress::note;
use crate::recipe::Augmenting;
use crate::{Error, Inputs, Options, Result};

/// Variants of each photo, to the right of it.
const VARIANTS: usize = 7;

/// Writes a sheet of `photos` training photos, taken evenly from all of them, each with variants as training draws them.
/// (The very ones, epoch by epoch, if the folder has no bad pictures: those count here, and not in training.)
///
/// # Errors
/// If there is no photo that can be read, or the file cannot be written.
pub fn write(
    file: &Path,
    photos: usize,
    augmenting: &Augmenting,
    inputs: &Inputs,
    options: &Options,
) -> Result<()> {
    if photos == 0 {
        return Err(Error::Usage("--preview must be at least 1, got 0".into()));
    }
    let all = training_photos(inputs, options)?;
    let (side, augment) = (inputs.image_size, augmenting.seeded(options.seed));
    let mut tiles = Vec::new();
    let photos = photos.min(all.len());
    for number in (0..photos).map(|i| i * all.len() / photos) {
        if is_interrupted() {
            return Err(Error::interrupted("while the sheet was made"));
        }
        match decode(&all[number], DecodeOptions { exif: options.exif }) {
            Ok(photo) => {
                let photo = resize(photo, side, side, options.resize)?.into_f32();
                tiles.extend(preview::row(&photo, &augment, number, VARIANTS));
            }
            Err(e) => note(format_args!("left out: {e}")),
        }
    }
    let sheet = preview::sheet(&tiles, 1 + VARIANTS)?;
    preview::write_png(file, &sheet).map_err(|e| {
        let reason =
            if let DataError::Write { source, .. } = &e { source.to_string() } else { e.to_string() };
        Error::output(file, format!("cannot be written ({reason})"), "name another --preview-file")
    })?;
    note(format_args!(
        "{} photos, each with {VARIANTS} variants to its right: {}",
        tiles.len() / (1 + VARIANTS),
        file.display()
    ));
    if options.json {
        json_to_stdout(
            &json!({ "preview": file, "photos": tiles.len() / (1 + VARIANTS), "variants": VARIANTS }),
        )?;
    }
    Ok(())
}

/// The photos that training would vary, or all of a folder without classes.
fn training_photos(inputs: &Inputs, options: &Options) -> Result<Vec<PathBuf>> {
    if Folder::layout(&inputs.folder)? == Layout::Flat {
        return Ok(image_files(&inputs.folder)?);
    }
    let files = Folder::scan(&inputs.folder, options.class_names.as_deref())?.files;
    Ok(files.into_iter().filter(|f| f.part == Part::Train).map(|f| f.path).collect())
}
