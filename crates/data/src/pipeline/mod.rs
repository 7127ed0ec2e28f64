//! Batches, made ahead of the compute.
//!
//! ```text
//!  order of samples ──▶ worker threads: decode ─ resize ─ augment ──▶ pictures in order, two batches ahead at most
//!                                                                          │
//!  the compute ◀── Batch { x: (n, height, width, 3), labels, samples } ◀── written together ─ preprocess
//! ```
//!
//! A picture stays bytes for as long as it may, and what waits for its batch is a quarter of the size for it. It becomes
//! floats where the batch lies, in memory that an earlier batch has left behind, and is preprocessed there: that takes
//! no longer than copying floats would, and fresh memory, which is slow to touch, is not needed.
//!
//! The workers are threads of their own, not rayon's: the compute fills rayon's pool, and a batch that waited for a
//! place in it while the compute waits for the batch would wait for ever. A picture's pixels depend on the file, the
//! options, the seed, the epoch and the sample's number alone, so the number of threads cannot be told from the bits.

mod loader;
mod parallel;
mod store;

pub use loader::{Augment, Batch, Batches, Loader, LoaderOptions, Preprocess};
pub use parallel::Ahead;
pub(crate) use parallel::ordered_map;
pub use store::PixelStore;

use crate::{CHANNELS, Interpolation};

/// The size that pictures are brought to, and how.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Target {
    /// Rows.
    pub height: usize,
    /// Columns.
    pub width: usize,
    /// By which arithmetic.
    pub interpolation: Interpolation,
}

impl Target {
    /// Pictures of `side` × `side` pixels, antialiased.
    pub fn square(side: usize) -> Self {
        Self { height: side, width: side, interpolation: Interpolation::default() }
    }

    /// Bytes that a picture of this size takes while it is kept.
    pub(crate) fn bytes(&self) -> usize {
        let value = if self.interpolation == Interpolation::TfBilinear { size_of::<f32>() } else { 1 };
        self.height.saturating_mul(self.width).saturating_mul(CHANNELS * value)
    }
}
