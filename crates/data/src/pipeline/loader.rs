//! From an order of samples to batches.

use std::sync::Arc;

use graft_kernels::random::{Purpose, Stream};
use graft_tensor::Tensor;

use super::parallel::Ahead;
use super::{PixelStore, Target};
use crate::augment::{Augmentation, Compat};
use crate::decode::{DecodeOptions, decode};
use crate::resize::resize;
use crate::{CHANNELS, DataError, Dataset, Resized, Result, RgbF32};

/// What a network's weights want done to one picture's grey levels, in place: `(height, width, 3)` in, the same out.
///
/// It is done where the picture lies in its batch, by the thread that asks for the batch.
///
/// It is handed to the loader so that a tensor of raw grey levels never exists beside one of preprocessed values,
/// to be taken for it or preprocessed twice.
pub type Preprocess = Arc<dyn Fn(&mut [f32]) + Send + Sync>;

/// How training pictures are varied at random.
#[derive(Debug, Clone)]
pub struct Augment {
    /// From which ranges.
    pub ranges: Augmentation,
    /// Whose axes.
    pub compat: Compat,
    /// The run's seed: a picture's variant is drawn from the stream (seed, `Augment`, epoch, sample).
    pub seed: u64,
}

impl Augment {
    /// What training sees of a picture, which is sample number `sample`, in this epoch.
    pub fn vary(&self, picture: &RgbF32, epoch: u64, sample: usize) -> RgbF32 {
        let mut stream = Stream::new(self.seed, Purpose::Augment, epoch, sample as u64);
        self.ranges.sample(&mut stream, picture.height, picture.width).apply(picture, self.compat)
    }
}

/// Batches that wait for the compute, at most.
const BATCHES_AHEAD: usize = 2;

/// How samples become batches.
#[derive(Clone)]
pub struct LoaderOptions {
    /// The size of the pictures.
    pub target: Target,
    /// How files become pixels.
    pub decode: DecodeOptions,
    /// Pictures per batch; the last batch of an epoch may have fewer.
    pub batch_size: usize,
    /// Threads that prepare them.
    pub threads: usize,
    /// What is done to a picture's grey levels at last.
    pub preprocess: Preprocess,
}

/// Some samples as a tensor.
#[derive(Debug, Clone)]
pub struct Batch {
    /// Pictures, `(n, height, width, 3)`, preprocessed.
    pub x: Tensor,
    /// Their places in the dataset.
    pub samples: Vec<usize>,
    /// The indices of their classes.
    pub labels: Vec<usize>,
}

/// Makes batches of a dataset's pictures.
#[derive(Clone)]
pub struct Loader {
    dataset: Arc<Dataset>,
    store: PixelStore,
    options: LoaderOptions,
}

impl Loader {
    /// A loader for this dataset; pixels that the store has are not decoded again.
    ///
    /// # Errors
    /// [`DataError::Setting`] if the batch size or a side of the target is 0.
    pub fn new(dataset: Arc<Dataset>, store: PixelStore, options: LoaderOptions) -> Result<Self> {
        for (name, value) in [
            ("batch size", options.batch_size),
            ("image height", options.target.height),
            ("image width", options.target.width),
        ] {
            if value == 0 {
                return Err(DataError::Setting { name, found: value.to_string(), expected: "at least 1" });
            }
        }
        Ok(Self { dataset, store, options })
    }

    /// The dataset that samples are numbered by.
    pub fn dataset(&self) -> &Arc<Dataset> {
        &self.dataset
    }

    /// The batches of these samples in this order, unchanged: for validation, prediction, features.
    ///
    /// # Panics
    /// If a sample is not in the dataset.
    pub fn batches(&self, order: Vec<usize>) -> Batches {
        self.start(order, None)
    }

    /// The batches of these samples in this order, each picture varied at random: for training in this epoch.
    ///
    /// # Panics
    /// If a sample is not in the dataset.
    pub fn augmented(&self, order: Vec<usize>, augment: Augment, epoch: u64) -> Batches {
        self.start(order, Some((augment, epoch)))
    }

    fn start(&self, order: Vec<usize>, augment: Option<(Augment, u64)>) -> Batches {
        assert!(
            order.iter().all(|&i| i < self.dataset.samples.len()),
            "a sample that the dataset does not have"
        );
        let order: Arc<[usize]> = order.into();
        let (this, jobs) = (self.clone(), Arc::clone(&order));
        let ahead = BATCHES_AHEAD.saturating_mul(self.options.batch_size);
        let pictures = Ahead::spawn(self.options.threads, order.len(), ahead, move |job| {
            this.picture(jobs[job], augment.as_ref())
        });
        Batches {
            dataset: Arc::clone(&self.dataset),
            options: self.options.clone(),
            order,
            at: 0,
            pictures: Some(pictures),
        }
    }

    /// One sample's picture, at the size of the batch: bytes, unless it was varied or the resizing gives fractions.
    fn picture(&self, sample: usize, augment: Option<&(Augment, u64)>) -> Result<Resized> {
        let Target { height, width, interpolation } = self.options.target;
        let picture = match self.store.get(sample, self.options.target, self.options.decode) {
            Some(kept) => kept.clone(),
            None => {
                let image = decode(&self.dataset.samples[sample].path, self.options.decode)?;
                resize(image, height, width, interpolation)?
            }
        };
        Ok(match augment {
            Some((augment, epoch)) => Resized::Floats(augment.vary(&picture.into_f32(), *epoch, sample)),
            None => picture,
        })
    }
}

/// The batches of one pass, in order. Dropping it stops the work on those that were not asked for.
pub struct Batches {
    dataset: Arc<Dataset>,
    options: LoaderOptions,
    order: Arc<[usize]>,
    at: usize,
    /// `None` after an error.
    pictures: Option<Ahead<Result<Resized>>>,
}

impl Batches {
    /// How many batches are still to come.
    pub fn remaining(&self) -> usize {
        self.pictures.as_ref().map_or(0, |_| (self.order.len() - self.at).div_ceil(self.options.batch_size))
    }

    fn next_batch(&mut self) -> Result<Option<Batch>> {
        let end = self.order.len().min(self.at.saturating_add(self.options.batch_size));
        let samples = self.order[self.at..end].to_vec();
        let Some(pictures) = self.pictures.as_mut().filter(|_| !samples.is_empty()) else { return Ok(None) };
        let Target { height, width, .. } = self.options.target;
        let mut x = Tensor::for_overwrite([samples.len(), height, width, CHANNELS])?;
        for (row, picture) in x.data_mut().chunks_exact_mut(height * width * CHANNELS).zip(pictures) {
            picture?.write_to(row);
            (self.options.preprocess)(row);
        }
        self.at = end;
        let labels = samples.iter().map(|&i| self.dataset.samples[i].label).collect();
        Ok(Some(Batch { x, samples, labels }))
    }
}

impl Iterator for Batches {
    type Item = Result<Batch>;

    fn next(&mut self) -> Option<Result<Batch>> {
        let next = self.next_batch();
        if !matches!(next, Ok(Some(_))) {
            self.pictures = None;
        }
        next.transpose()
    }
}
