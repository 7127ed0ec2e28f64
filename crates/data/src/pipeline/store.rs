//! Resized pixels kept in memory, so that what verification has decoded is not decoded again.

use std::sync::Arc;

use super::Target;
use crate::{DecodeOptions, Resized};

/// The pixels of some of a dataset's samples, at one size. Cloning shares them.
#[derive(Debug, Clone, Default)]
pub struct PixelStore {
    made: Option<(Target, DecodeOptions)>,
    pixels: Arc<Vec<Option<Resized>>>,
}

impl PixelStore {
    pub(crate) fn new(target: Option<Target>, decode: DecodeOptions, pixels: Vec<Option<Resized>>) -> Self {
        Self { made: target.map(|target| (target, decode)), pixels: Arc::new(pixels) }
    }

    /// A sample's pixels, if they were kept and made in this very way.
    pub fn get(&self, sample: usize, target: Target, decode: DecodeOptions) -> Option<&Resized> {
        self.made.filter(|made| *made == (target, decode))?;
        self.pixels.get(sample)?.as_ref()
    }

    /// How many samples' pixels are kept.
    pub fn len(&self) -> usize {
        self.pixels.iter().flatten().count()
    }

    /// Whether nothing is kept.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}
