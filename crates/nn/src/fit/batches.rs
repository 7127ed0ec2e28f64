//! Where batches come from.

use graft_tensor::Tensor;

use super::BoxError;

/// Some pictures, or what a frozen base made of them, with their classes.
#[derive(Debug, Clone)]
pub struct Batch {
    /// The input, `(n, …)`.
    pub x: Tensor,
    /// The true class of each row.
    pub labels: Vec<usize>,
    /// The data-set index of each row. It names the row's random numbers, so that these do not depend on the batch
    /// that the row happens to be in.
    pub samples: Vec<u64>,
}

/// A source of batches: a data set in its order for the epoch.
pub trait Batches {
    /// How many pictures an epoch has.
    fn samples(&self) -> usize;

    /// How many batches an epoch has.
    fn steps(&self) -> usize;

    /// The batches of an epoch, counted from 0. A source for training shuffles by the epoch's number; one for
    /// validation gives the same batches each time.
    fn epoch(&mut self, epoch: u64) -> Box<dyn Iterator<Item = Result<Batch, BoxError>> + '_>;
}
