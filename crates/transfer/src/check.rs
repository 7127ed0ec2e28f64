//! What can be said of a run's options without looking at a single photo.

use std::path::{Path, PathBuf};

use graft_data::{Folder, Layout};
use graft_nn::head::Head;

use crate::features::CacheChoice;
use crate::output::require_writable;
use crate::run_folder::RUNS;
use crate::{Error, Options, Recipe, Result};

/// A photo of that side takes 8 GB from one convolution to the next.
const MAX_SIZE: usize = 4096;
/// More photos than anybody puts into a step, and few enough to count with.
const MAX_BATCH: usize = 1 << 16;

/// Refuses options that make no sense, and gives the head.
///
/// # Errors
/// [`Error::Usage`], naming the option, what it may be and what it is.
pub(crate) fn check(recipe: &Recipe, options: &Options) -> Result<Head> {
    let refuse = |what: &str, expected: &str, got: &dyn std::fmt::Display| {
        Err(Error::Usage(format!("--{what} must be {expected}, got {got}")))
    };
    let positive = |x: f64| x.is_finite() && x > 0.0;
    if recipe.epochs == 0 {
        return refuse("epochs", "at least 1", &recipe.epochs);
    }
    if !(1..=MAX_BATCH).contains(&options.batch_size) {
        return refuse("batch-size", &format!("from 1 to {MAX_BATCH}"), &options.batch_size);
    }
    if !positive(options.feature_cache_limit) {
        return refuse("feature-cache-limit", "a number above 0", &options.feature_cache_limit);
    }
    let possible = graft_vgg::MIN_SIZE..=MAX_SIZE;
    if let Some(size) = options.image_size.filter(|size| !possible.contains(size)) {
        let range = format!("at least 32, as five poolings halve it, and at most {MAX_SIZE}");
        return refuse("image-size", &range, &size);
    }
    for (name, rate) in
        [("learning-rate", recipe.learning_rate), ("warmup-learning-rate", recipe.warmup_learning_rate)]
    {
        if !positive(rate) {
            return refuse(name, "a number above 0", &rate);
        }
    }
    if !(0.0..1.0).contains(&options.validation_split) {
        return refuse("validation-split", "from 0 up to, but not including, 1", &options.validation_split);
    }
    if !(0.0..=1.0).contains(&options.label_smoothing) {
        return refuse("label-smoothing", "from 0 to 1", &options.label_smoothing);
    }
    if let Some(a) = &recipe.augmenting {
        a.ranges.validate().map_err(|e| Error::Usage(format!("--{}", e.to_string().replace('_', "-"))))?;
    }
    options.clipping()?;
    if options.top_k == Some(0) {
        return refuse("top-k", "at least 1", &0);
    }
    if !(0.0..1.0).contains(&options.reduce_lr_factor) {
        return refuse("reduce-lr-factor", "from 0 up to, but not including, 1", &options.reduce_lr_factor);
    }
    if !(options.min_lr.is_finite() && options.min_lr >= 0.0) {
        return refuse("min-lr", "a number from 0", &options.min_lr);
    }
    recipe.head.parse().map_err(|e| Error::Usage(format!("--head: {e}")))
}

/// Refuses a run whose results would lie among the photos.
///
/// # Errors
/// As [`outside_of_photos`].
pub(crate) fn check_out(photos: &Path, options: &Options) -> Result<()> {
    outside_of_photos(photos, options.out.as_deref().unwrap_or(Path::new(RUNS)), "--out")
}

/// Refuses features that cannot be kept where they are asked to be.
///
/// # Errors
/// As [`usable_folder`].
pub(crate) fn check_feature_cache(photos: &Path, options: &Options) -> Result<()> {
    match CacheChoice::parse(&options.feature_cache) {
        CacheChoice::Folder(folder) => usable_folder(photos, &folder, "--feature-cache"),
        CacheChoice::Auto | CacheChoice::Off => Ok(()),
    }
}

/// Refuses a place for a folder where files could not be written: it is asked before the work that fills it.
///
/// # Errors
/// As [`outside_of_photos`], and for a file that stands there, or a folder that nobody may write to.
pub(crate) fn usable_folder(photos: &Path, place: &Path, option: &str) -> Result<()> {
    outside_of_photos(photos, place, option)?;
    if place.exists() && !place.is_dir() {
        return Err(Error::output(place, "a file stands there", format!("name a folder with {option}")));
    }
    require_writable(place)
}

/// Refuses a place for results among the class folders, where it would be taken for one more of them. Beside `train/` it
/// does no harm.
///
/// # Errors
/// [`Error::Output`], naming the place and the option that names another.
pub(crate) fn outside_of_photos(photos: &Path, place: &Path, option: &str) -> Result<()> {
    let Ok(root) = photos.canonicalize() else { return Ok(()) }; // What is wrong with it is told by who reads it.
    let among = resolved(place).is_some_and(|place| place.starts_with(root));
    if !among || Folder::layout(photos).is_ok_and(|layout| layout == Layout::Parts) {
        return Ok(());
    }
    let problem = format!("lies within the photos' folder {}, as a class would", photos.display());
    Err(Error::output(place, problem, format!("name a folder elsewhere with {option}")))
}

/// Where a path leads that need not be there yet: links are followed as far as there are any.
fn resolved(path: &Path) -> Option<PathBuf> {
    let path = std::path::absolute(path).ok()?;
    let there = path.ancestors().find(|p| p.exists())?;
    let missing = path.strip_prefix(there).ok()?;
    Some(there.canonicalize().ok()?.join(missing))
}
