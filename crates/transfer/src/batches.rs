//! The two sources that training draws batches from: features that were kept, and pictures that are decoded anew.

use graft_data::{Augment, Dataset, Loader, shuffled};
use graft_nn::fit::{Batch, Batches, BoxError};

use crate::features::FeatureStore;

/// The order of the samples in an epoch.
#[derive(Debug, Clone, Copy)]
pub enum Order {
    /// A new one in each epoch, named by this seed: for training.
    Shuffled(u64),
    /// That of the data set: for measuring.
    AsIs,
}

impl Order {
    fn of(self, samples: &[usize], epoch: u64) -> Vec<usize> {
        match self {
            Self::Shuffled(seed) => shuffled(samples, seed, epoch),
            Self::AsIs => samples.to_vec(),
        }
    }
}

/// Batches of features that the frozen layers made once; they enter the network behind those.
pub struct FeatureBatches<'a> {
    /// The features.
    pub features: &'a FeatureStore,
    /// The layer that they enter.
    pub from_layer: usize,
    /// What the samples are.
    pub dataset: &'a Dataset,
    /// Which of them.
    pub samples: Vec<usize>,
    /// In which order.
    pub order: Order,
    /// How many at a time.
    pub batch_size: usize,
}

impl Batches for FeatureBatches<'_> {
    fn samples(&self) -> usize {
        self.samples.len()
    }

    fn steps(&self) -> usize {
        self.samples.len().div_ceil(self.batch_size)
    }

    fn epoch(&mut self, epoch: u64) -> Box<dyn Iterator<Item = Result<Batch, BoxError>> + '_> {
        let order = self.order.of(&self.samples, epoch);
        Box::new((0..self.steps()).map(move |step| {
            let end = order.len().min((step + 1) * self.batch_size);
            let samples = &order[step * self.batch_size..end];
            let labels = samples.iter().map(|&i| self.dataset.samples[i].label).collect();
            let x = self.features.batch(samples)?;
            Ok(Batch {
                x,
                from_layer: self.from_layer,
                labels,
                samples: samples.iter().map(|&i| i as u64).collect(),
            })
        }))
    }
}

/// Batches of pictures, decoded ahead of the compute; they enter the network at its first layer.
pub struct PictureBatches<'a> {
    /// Makes them.
    pub loader: &'a Loader,
    /// Which samples.
    pub samples: Vec<usize>,
    /// In which order.
    pub order: Order,
    /// How many at a time, which is the loader's own number.
    pub batch_size: usize,
    /// What is done to each picture, if anything.
    pub augment: Option<Augment>,
}

impl Batches for PictureBatches<'_> {
    fn samples(&self) -> usize {
        self.samples.len()
    }

    fn steps(&self) -> usize {
        self.samples.len().div_ceil(self.batch_size)
    }

    fn epoch(&mut self, epoch: u64) -> Box<dyn Iterator<Item = Result<Batch, BoxError>> + '_> {
        let order = self.order.of(&self.samples, epoch);
        let pictures = match &self.augment {
            Some(augment) => self.loader.augmented(order, augment.clone(), epoch),
            None => self.loader.batches(order),
        };
        Box::new(pictures.map(|batch| {
            let graft_data::Batch { x, samples, labels } = batch?;
            Ok(Batch { x, from_layer: 0, labels, samples: samples.into_iter().map(|i| i as u64).collect() })
        }))
    }
}
