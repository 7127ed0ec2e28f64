//! Data sets and models that fit into a glance.

use graft_autograd::Padding;
use graft_kernels::random::{Purpose, Stream};
use graft_nn::fit::{Batch, Batches, BoxError, History, Silent, Trainer};
use graft_nn::layers::{Conv2D, Dense, Dropout, Flatten, MaxPooling2D};
use graft_nn::optimizers::{Algorithm, Optimizer, OptimizerConfig};
use graft_nn::{Activation, Sequential};
use graft_tensor::Tensor;

/// A data set in memory, shuffled anew each epoch.
#[derive(Clone)]
pub(crate) struct InMemory {
    pub(crate) x: Tensor,
    pub(crate) from_layer: usize,
    pub(crate) labels: Vec<usize>,
    pub(crate) batch_size: usize,
}

impl Batches for InMemory {
    fn samples(&self) -> usize {
        self.labels.len()
    }

    fn steps(&self) -> usize {
        self.labels.len().div_ceil(self.batch_size)
    }

    fn epoch(&mut self, epoch: u64) -> Box<dyn Iterator<Item = Result<Batch, BoxError>> + '_> {
        let mut order: Vec<usize> = (0..self.labels.len()).collect();
        Stream::new(1, Purpose::Shuffle, epoch, 0).shuffle(&mut order);
        let batches: Vec<_> = order.chunks(self.batch_size).map(|rows| self.batch(rows)).collect();
        Box::new(batches.into_iter().map(Ok))
    }
}

impl InMemory {
    pub(crate) fn batch(&self, rows: &[usize]) -> Batch {
        let parts: Vec<_> = rows.iter().map(|&r| self.x.slice_rows(r, r + 1).unwrap()).collect();
        Batch {
            x: Tensor::concat_rows(&parts).unwrap(),
            from_layer: self.from_layer,
            labels: rows.iter().map(|&r| self.labels[r]).collect(),
            samples: rows.iter().map(|&r| r as u64).collect(),
        }
    }

    pub(crate) fn all(&self) -> Batch {
        self.batch(&(0..self.labels.len()).collect::<Vec<_>>())
    }
}

/// The exclusive or of two signs, with a little noise.
pub(crate) fn xor() -> InMemory {
    let mut stream = Stream::new(5, Purpose::Data, 0, 0);
    let labels: Vec<usize> = (0..64).map(|i| (i & 1) ^ (i >> 1 & 1)).collect();
    let x = Tensor::from_fn([64, 2], |k| {
        let (i, axis) = (k / 2, k % 2);
        (if i >> axis & 1 == 1 { 1.0 } else { -1.0 }) + 0.2 * stream.normal() as f32
    });
    InMemory { x, from_layer: 0, labels, batch_size: 10 }
}

/// Pictures of 8 × 8 with a bright spot in one of three places.
pub(crate) fn spots(n: usize) -> InMemory {
    let mut stream = Stream::new(6, Purpose::Data, 0, 0);
    let labels: Vec<usize> = (0..n).map(|i| i % 3).collect();
    let x = Tensor::from_fn([n, 8, 8, 1], |k| {
        let (label, row, col) = (labels[k / 64], k % 64 / 8, k % 8);
        let spot = [(1, 1), (4, 6), (6, 2)][label];
        let near = row.abs_diff(spot.0) <= 1 && col.abs_diff(spot.1) <= 1;
        f32::from(u8::from(near)) + 0.3 * stream.normal() as f32
    });
    InMemory { x, from_layer: 0, labels, batch_size: 16 }
}

pub(crate) fn perceptron() -> Sequential {
    let mut model = Sequential::new([2]);
    model.push("hidden", Dense::new(16).activation(Activation::Relu)).unwrap();
    model.push("top", Dense::new(2).activation(Activation::Softmax)).unwrap();
    model.initialize(3);
    model
}

/// A convolution, a pooling, a hidden layer that drops half, three classes.
pub(crate) fn convolutional() -> Sequential {
    let mut model = Sequential::new([8, 8, 1]);
    model.push("conv2d", Conv2D::new(4, [3, 3]).padding(Padding::Same).activation(Activation::Relu)).unwrap();
    model.push("max_pooling2d", MaxPooling2D::new([2, 2])).unwrap();
    model.push("flatten", Flatten).unwrap();
    model.push("hidden", Dense::new(32).activation(Activation::Relu)).unwrap();
    model.push("dropout", Dropout::new(0.5).unwrap()).unwrap();
    model.push("top", Dense::new(3).activation(Activation::Softmax)).unwrap();
    model.initialize(4);
    model
}

pub(crate) fn adam(learning_rate: f32) -> Optimizer {
    Optimizer::new(OptimizerConfig { learning_rate, ..OptimizerConfig::new(Algorithm::adam()) }).unwrap()
}

pub(crate) fn bits(model: &Sequential) -> Vec<u32> {
    model
        .weights()
        .flat_map(|(_, _, w)| w.value.data().iter().map(|v| v.to_bits()).collect::<Vec<_>>())
        .collect()
}

pub(crate) fn fit(trainer: &mut Trainer<'_>, mut train: InMemory, epochs: std::ops::Range<u64>) -> History {
    trainer.fit(&mut train, None, epochs, &mut [], &mut Silent).unwrap()
}
