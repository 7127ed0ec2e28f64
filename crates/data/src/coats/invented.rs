//! Animals that there are not: as many classes as one asks for, to learn *seeing coats* from.
//!
//! A network that shall tell twelve coats apart by twenty pictures each has to bring along what the twenty cannot teach:
//! that a pattern stays what it is when it is larger, darker, turned, out of focus, half hidden. It can learn that on other
//! animals. (B. Lake, R. Salakhutdinov, J. Tenenbaum, *Human-level concept learning*, Science 350, 2015, do the same with
//! letters: a *background set* of alphabets to learn from, and others to be judged by.) These here stand in the same
//! scenes as those of [`Coats`](super::Coats), before the same camera; their coats are put together at random.

use std::ops::ControlFlow;
use std::sync::atomic::{AtomicUsize, Ordering};

use graft_kernels::random::{Purpose, Stream};
use rayon::prelude::*;

use super::pattern::invented_skin;
use super::{check_size, scene};
use crate::{DataError, Result, Rgb8};

/// Pictures of invented animals.
///
/// ```
/// use std::ops::ControlFlow;
/// use graft_data::InventedCoats;
/// let coats = InventedCoats { size: 32, kinds: 5, per_kind: 4, ..InventedCoats::default() };
/// assert_eq!(coats.pictures(&|_| ControlFlow::Continue(()))?.len(), 20);
/// assert!(coats.picture(0, 0) != coats.picture(0, 1));
/// # Ok::<(), graft_data::DataError>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct InventedCoats {
    /// Names every random choice: another seed, other kinds.
    pub seed: u64,
    /// Rows and columns of a picture.
    pub size: usize,
    /// How many kinds there are, at most [`InventedCoats::MAX_KINDS`].
    pub kinds: usize,
    /// Pictures of each.
    pub per_kind: usize,
}

impl Default for InventedCoats {
    /// As many kinds as there are letters in a few alphabets, and a hundred pictures of 64 × 64 each.
    fn default() -> Self {
        Self { seed: 0, size: 64, kinds: 100, per_kind: 100 }
    }
}

/// The numbers below are those of real animals in the names of random streams.
const FIRST_LAYER: u32 = 256;
/// Within a kind's stream: what all of its animals share, and each of them.
const SHARED: u64 = 0;
const OWN: u64 = 1;

impl InventedCoats {
    /// The most kinds that there may be.
    pub const MAX_KINDS: usize = 10_000;

    /// Picture number `index` of a kind; there is no last one.
    pub fn picture(&self, kind: u32, index: usize) -> Rgb8 {
        let stream =
            |part, index| Stream::of_layer(self.seed, Purpose::Data, FIRST_LAYER + kind, part, index as u64);
        let skin = |s: &mut Stream, pixel| invented_skin(&mut stream(SHARED, 0), s, pixel);
        scene::picture(skin, &mut stream(OWN, index), self.size)
    }

    /// All pictures with the numbers of their kinds, kind after kind, drawn by all threads. `progress` hears after each
    /// picture how many there are by now, and may break off.
    ///
    /// # Errors
    /// [`DataError::Setting`] if the size is not in 1..=[`Coats::MAX_SIZE`](super::Coats::MAX_SIZE), or there are more
    /// kinds than [`InventedCoats::MAX_KINDS`]; [`DataError::Interrupted`] if `progress` breaks off.
    pub fn pictures(
        &self,
        progress: &(dyn Fn(usize) -> ControlFlow<()> + Sync),
    ) -> Result<Vec<(usize, Rgb8)>> {
        check_size(self.size)?;
        if self.kinds > Self::MAX_KINDS {
            let found = self.kinds.to_string();
            return Err(DataError::Setting {
                name: "number of invented coats",
                found,
                expected: "at most 10000",
            });
        }
        let (all, done) = (0..self.kinds * self.per_kind, AtomicUsize::new(0));
        let picture = |i: usize| {
            let (kind, index) = (i / self.per_kind, i % self.per_kind);
            let picture = self.picture(kind as u32, index);
            match progress(done.fetch_add(1, Ordering::Relaxed) + 1) {
                ControlFlow::Continue(()) => Ok((kind, picture)),
                ControlFlow::Break(()) => Err(DataError::Interrupted),
            }
        };
        all.into_par_iter().map(picture).collect()
    }
}
