//! Every picture is decoded to its last row before the first is trained on.
//!
//! One torn file would otherwise end a run in the middle of an epoch, often without its name. So all files are
//! decoded once, on all cores; the bad ones are listed with their reasons and left where they are (tools that moved or
//! deleted what they took for bad have emptied people's folders). The same pass computes what later stages need of a
//! file, its size and digest, and may keep the resized pixels, so that a small folder is decoded once in all.

use std::ops::ControlFlow;
use std::sync::atomic::{AtomicUsize, Ordering};

use super::{BadImage, Dataset, Folder, Part, Sample};
use crate::decode::{DecodeOptions, Decoded, decode_file};
use crate::pipeline::{PixelStore, Target, ordered_map};
use crate::resize::{Resized, resize};
use crate::{DataError, Result};

/// What becomes of a run whose folder has bad pictures.
///
/// Written and read (also by serde) by its name: `skip`, `fail`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum OnBadImage {
    /// They are listed and left out.
    #[default]
    Skip,
    /// They are listed and nothing is trained.
    Fail,
}

impl std::fmt::Display for OnBadImage {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.pad(match self {
            Self::Skip => "skip",
            Self::Fail => "fail",
        })
    }
}

impl std::str::FromStr for OnBadImage {
    type Err = DataError;

    fn from_str(name: &str) -> Result<Self> {
        match name {
            "skip" => Ok(Self::Skip),
            "fail" => Ok(Self::Fail),
            _ => Err(DataError::Setting {
                name: "on bad image",
                found: name.to_owned(),
                expected: "skip or fail",
            }),
        }
    }
}

/// How a folder is verified.
#[derive(Debug, Clone)]
pub struct VerifyOptions {
    /// How files become pixels.
    pub decode: DecodeOptions,
    /// What to do about bad ones.
    pub on_bad: OnBadImage,
    /// The size to keep pixels at, if they are to be kept.
    pub keep: Option<Target>,
    /// How many bytes of pixels are kept at most; the rest is decoded again when needed.
    pub budget: usize,
    /// Threads to decode on.
    pub threads: usize,
}

/// 512 MiB of kept pixels: 3,500 pictures of 224 × 224.
const BUDGET: usize = 512 << 20;

impl Default for VerifyOptions {
    fn default() -> Self {
        let threads = std::thread::available_parallelism().map_or(1, usize::from);
        Self {
            decode: DecodeOptions::default(),
            on_bad: OnBadImage::Skip,
            keep: None,
            budget: BUDGET,
            threads,
        }
    }
}

/// A verified folder.
#[derive(Debug)]
pub struct Verified {
    /// The good pictures.
    pub dataset: Dataset,
    /// The bad ones, in the order of the folder.
    pub bad: Vec<BadImage>,
    /// How many pictures were turned upright.
    pub turned: usize,
    /// The pixels kept.
    pub store: PixelStore,
    /// What the user should know: the folder's own warnings, and classes that lost all their pictures.
    pub warnings: Vec<String>,
}

/// Decodes every file of a folder. `progress` is told how many are done, from any thread, and may stop the rest.
///
/// # Errors
/// [`DataError::BadImages`] if there are any and they are not to be skipped; [`DataError::Folder`] if no good picture
/// is left to train on, or in one class only, or none in a part that the folder has; [`DataError::Interrupted`] if `progress` broke off.
pub fn verify(
    folder: Folder,
    options: &VerifyOptions,
    progress: &(dyn Fn(usize) -> ControlFlow<()> + Sync),
) -> Result<Verified> {
    let kept = options.keep.map_or(0, |target| options.budget / target.bytes().max(1));
    let done = AtomicUsize::new(0);
    let results = ordered_map(options.threads, folder.files.len(), |i| {
        let result = examine(&folder.files[i].path, options, i < kept);
        match progress(done.fetch_add(1, Ordering::Relaxed) + 1) {
            ControlFlow::Continue(()) => ControlFlow::Continue(result),
            ControlFlow::Break(()) => ControlFlow::Break(()),
        }
    });
    let results = results.ok_or(DataError::Interrupted)?;

    let had = Part::ALL.map(|part| folder.has(part));
    let Folder { root, class_names, files, warnings, .. } = folder;
    let of_class = |label| files.iter().filter(|f| f.part == Part::Train && f.label == label).count();
    let expected: Vec<usize> = (0..class_names.len()).map(of_class).collect();
    let (mut samples, mut pixels, mut bad, mut turned) = (Vec::new(), Vec::new(), Vec::new(), 0);
    for (file, result) in files.into_iter().zip(results) {
        match result {
            Ok(good) => {
                turned += usize::from(good.turned);
                pixels.push(good.pixels);
                samples.push(Sample {
                    path: file.path,
                    label: file.label,
                    part: file.part,
                    format: good.format,
                    height: good.height,
                    width: good.width,
                    digest: good.digest,
                });
            }
            Err(DataError::BadImage(file)) => bad.push(file),
            Err(other) => return Err(other),
        }
    }
    if options.on_bad == OnBadImage::Fail && !bad.is_empty() {
        return Err(DataError::BadImages { root, bad });
    }
    let store = PixelStore::new(options.keep, options.decode, pixels);
    let mut verified =
        Verified { dataset: Dataset { root, class_names, samples }, bad, turned, store, warnings };
    verified.require_something_good(&expected, had)?;
    Ok(verified)
}

/// What is known of a good picture.
struct Good {
    format: crate::Format,
    height: usize,
    width: usize,
    turned: bool,
    digest: [u8; 32],
    pixels: Option<Resized>,
}

fn examine(path: &std::path::Path, options: &VerifyOptions, keep: bool) -> Result<Good> {
    let Decoded { image, format, turned, digest } = decode_file(path, options.decode)?;
    let (height, width) = (image.height, image.width);
    let target = options.keep.filter(|_| keep);
    let pixels = target.map(|t| resize(image, t.height, t.width, t.interpolation)).transpose()?;
    Ok(Good { format, height, width, turned, digest, pixels })
}

impl Verified {
    /// `expected`: files of each class that were meant for training. `had`: the parts that had files at all.
    fn require_something_good(&mut self, expected: &[usize], had: [bool; 3]) -> Result<()> {
        let data = &self.dataset;
        if data.count(Part::Train) == 0 {
            let example = self.bad.first().map_or_else(String::new, |bad| format!(" ({bad})"));
            return Err(DataError::Folder {
                path: data.root.clone(),
                found: format!("no picture to train on that can be decoded{example}"),
                expected: "JPEG, PNG, BMP, GIF, WebP, TIFF or PNM files".to_owned(),
                remedy: "replace or convert them".to_owned(),
            });
        }
        for (part, had) in Part::ALL.into_iter().zip(had) {
            if had && data.count(part) == 0 {
                return Err(DataError::Folder {
                    path: data.root.clone(),
                    found: format!("no picture of the {part} part that can be decoded"),
                    expected: format!("good pictures in the {part} part, as it is there"),
                    remedy: "replace its pictures, or remove its folder".to_owned(),
                });
            }
        }
        let counts = data.class_counts(Part::Train);
        let left: Vec<&str> =
            data.class_names.iter().zip(&counts).filter(|(_, n)| **n > 0).map(|(c, _)| c.as_str()).collect();
        if !counts.is_empty() && left.len() < 2 {
            return Err(DataError::Folder {
                path: data.root.clone(),
                found: format!("good pictures to train on in one class only, {}", left.join(", ")),
                expected: "good pictures in at least two classes".to_owned(),
                remedy: "replace the bad pictures of the other classes".to_owned(),
            });
        }
        for (label, good) in data.class_counts(Part::Train).into_iter().enumerate() {
            if good == 0 && expected[label] > 0 {
                let name = &data.class_names[label];
                self.warnings.push(format!("the class {name} has no good pictures to train on"));
            }
        }
        Ok(())
    }
}
