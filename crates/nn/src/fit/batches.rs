//! Where batches come from.

use graft_tensor::Tensor;

use super::BoxError;
use crate::{NnError, Sequential};

/// Some pictures, or what a frozen base made of them, with their classes.
#[derive(Debug, Clone)]
pub struct Batch {
    /// What layer `from_layer` gets, `(n, …)`.
    pub x: Tensor,
    /// The layer that the batch enters: 0 for pictures, more for what the layers before it have made of them.
    pub from_layer: usize,
    /// The true class of each row.
    pub labels: Vec<usize>,
    /// The data-set index of each row. It names the row's random numbers, so that these do not depend on the batch
    /// that the row happens to be in.
    pub samples: Vec<u64>,
}

impl Batch {
    /// An error unless the model has the layer that the batch enters.
    pub(super) fn check(&self, model: &Sequential) -> crate::Result<()> {
        let layers = model.layers().len();
        if self.from_layer < layers {
            return Ok(());
        }
        let expected = format!("below {layers}, the number of layers");
        Err(NnError::argument("from_layer", expected, self.from_layer))
    }
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
