//! From `--data` to samples: scanned, decoded once, listed, and divided.

use std::ops::ControlFlow;
use std::path::Path;
use std::sync::Arc;

use graft_data::{
    BadImage, DataError, Dataset, DecodeOptions, Folder, Loader, LoaderOptions, Part, PixelStore, Preprocess,
    Resized, Target, Verified, VerifyOptions, verify,
};

use graft_vgg::Preprocessing;

use crate::interrupt::is_interrupted;
use crate::progress::{self, note};
use crate::{Error, Inputs, Options, Result};

/// The memory that small pictures may take: a hundred times CIFAR-10.
const SMALL_BUDGET: usize = 16 << 30;

/// A folder of photos, ready to be read.
pub struct Pictures {
    /// The good ones.
    pub dataset: Arc<Dataset>,
    /// The files that are none, and why.
    pub bad: Vec<BadImage>,
    store: PixelStore,
    target: Target,
    decode: DecodeOptions,
    threads: usize,
    preprocess: Preprocess,
}

impl Pictures {
    /// Scans a folder with a sub-folder per class and divides it as the options say.
    ///
    /// # Errors
    /// [`Error::Data`] if it is no such folder, or has nothing to train on.
    pub fn labelled(
        inputs: &Inputs,
        options: &Options,
        threads: usize,
        preprocess: Preprocess,
    ) -> Result<Self> {
        let folder = Folder::scan(&inputs.folder, options.class_names.as_deref())?;
        let divided = folder.files.iter().any(|f| f.part == Part::Validation);
        let mut verified = verified(folder, &settings(inputs, options, threads))?;
        if divided {
            note("the folder has validation photos of its own: --validation-split is not used");
        } else {
            verified.dataset.hold_out(options.validation_split, options.seed)?;
        }
        note(format_args!("\n{}", verified.dataset.class_table()));
        verified.dataset.warnings().iter().for_each(|w| note(format_args!("warning: {w}")));
        tell_duplicates(&verified.dataset);
        Ok(Self::new(verified, inputs, options, threads, preprocess))
    }

    /// Scans a folder of pictures that belong to no class.
    ///
    /// # Errors
    /// [`Error::Data`] if there are none.
    pub fn unlabelled(
        inputs: &Inputs,
        options: &Options,
        threads: usize,
        preprocess: Preprocess,
    ) -> Result<Self> {
        let verified = verified(Folder::scan_flat(&inputs.folder)?, &settings(inputs, options, threads))?;
        Ok(Self::new(verified, inputs, options, threads, preprocess))
    }

    /// Scans a folder whose pictures are small: all of them stay in memory, as squares of this side.
    ///
    /// # Errors
    /// [`Error::Data`] if it is no folder with classes, or has nothing to train on.
    pub fn small(root: &Path, side: usize, threads: usize, preprocess: Preprocess) -> Result<Self> {
        let (target, decode) = (Target::square(side), DecodeOptions::default());
        let settings = VerifyOptions {
            decode,
            keep: Some(target),
            threads,
            budget: SMALL_BUDGET,
            ..VerifyOptions::default()
        };
        let Verified { dataset, bad, store, .. } = verified(Folder::scan(root, None)?, &settings)?;
        Ok(Self { dataset: Arc::new(dataset), bad, store, target, decode, threads, preprocess })
    }

    fn new(
        verified: Verified,
        inputs: &Inputs,
        options: &Options,
        threads: usize,
        preprocess: Preprocess,
    ) -> Self {
        let Verified { dataset, bad, store, .. } = verified;
        let (target, decode) = (target(inputs, options), decode(options));
        Self { dataset: Arc::new(dataset), bad, store, target, decode, threads, preprocess }
    }

    /// The pixels of a sample, if they were kept in memory.
    pub fn kept(&self, sample: usize) -> Option<&Resized> {
        self.store.get(sample, self.target, self.decode)
    }

    /// The class of each sample of a part.
    pub fn labels(&self, part: Part) -> Vec<usize> {
        self.dataset.indices(part).into_iter().map(|i| self.dataset.samples[i].label).collect()
    }

    /// A reader of these pictures, `batch_size` at a time.
    ///
    /// # Errors
    /// If that is 0.
    pub fn loader(&self, batch_size: usize) -> Result<Loader> {
        let options = LoaderOptions {
            target: self.target,
            decode: self.decode,
            batch_size,
            threads: self.threads,
            preprocess: Arc::clone(&self.preprocess),
        };
        Ok(Loader::new(Arc::clone(&self.dataset), self.store.clone(), options)?)
    }
}

/// The pictures that lie in more than one class or part: the first few by name, the others by number.
fn tell_duplicates(dataset: &Dataset) {
    const BY_NAME: usize = 10;
    let pairs = dataset.duplicates();
    for &(a, b) in pairs.iter().take(BY_NAME) {
        let (a, b) = (dataset.relative_path(a), dataset.relative_path(b));
        note(format_args!("warning: {} and {} are the same picture", a.display(), b.display()));
    }
    if let more @ 1.. = pairs.len().saturating_sub(BY_NAME) {
        note(format_args!("warning: and {more} more pairs of photos are the same picture"));
    }
}

fn target(inputs: &Inputs, options: &Options) -> Target {
    Target { interpolation: options.resize, ..Target::square(inputs.image_size) }
}

fn decode(options: &Options) -> DecodeOptions {
    DecodeOptions { exif: options.exif }
}

fn settings(inputs: &Inputs, options: &Options, threads: usize) -> VerifyOptions {
    VerifyOptions {
        decode: decode(options),
        on_bad: options.on_bad_image,
        keep: Some(target(inputs, options)),
        threads,
        ..VerifyOptions::default()
    }
}

/// Decodes every picture once and tells what there is to tell.
fn verified(folder: Folder, settings: &VerifyOptions) -> Result<Verified> {
    let bar = progress::pictures("decoding", folder.files.len());
    let ignored = folder.ignored;
    let verified = verify(folder, settings, &|done| {
        bar.set_position(done as u64);
        if is_interrupted() { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
    });
    bar.finish_and_clear();
    let verified = verified.map_err(|e| match e {
        DataError::Interrupted => Error::interrupted("while the photos were decoded"),
        e => e.into(),
    })?;
    verified.warnings.iter().for_each(|w| note(format!("warning: {w}")));
    verified.bad.iter().for_each(|bad| note(format!("left out: {bad}")));
    if verified.turned > 0 {
        note(format!(
            "{} photos were turned upright by their EXIF orientation (--no-exif: not)",
            verified.turned
        ));
    }
    if ignored > 0 {
        note(format!("{ignored} files that are no pictures were ignored"));
    }
    Ok(verified)
}

/// What the weights want done to pixels, for a loader to do.
pub fn preprocess(by: Preprocessing) -> Preprocess {
    Arc::new(move |pixels| by.apply(pixels))
}

/// The path as a user would write it in a table: below the data folder, with forward slashes everywhere.
pub fn shown(path: &Path) -> String {
    path.components().map(|c| c.as_os_str().to_string_lossy()).collect::<Vec<_>>().join("/")
}
