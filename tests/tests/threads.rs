//! One step of training of the whole VGG16, every layer trained: the same bits on any number of threads.

use graft_kernels::random::{Purpose, Stream};
use graft_nn::Activation;
use graft_nn::fit::{Batch, Trainer};
use graft_nn::layers::{Dense, Flatten};
use graft_nn::optimizers::{Algorithm, Optimizer, OptimizerConfig};
use graft_tensor::Tensor;
use graft_vgg::Vgg16;

/// The bits of the loss and of all weights after a step.
fn step(threads: usize) -> Vec<u32> {
    let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
    pool.install(|| {
        let mut model = Vgg16::without_top(32, 32).build().unwrap();
        model.push("flatten", Flatten).unwrap();
        model.push("predictions", Dense::new(3).activation(Activation::Softmax)).unwrap();
        model.initialize(5);
        let mut pixels = Stream::new(5, Purpose::Data, 0, 0);
        let x = Tensor::from_fn([3, 32, 32, 3], |_| pixels.range(-128.0, 128.0) as f32);
        let batch = Batch { x, from_layer: 0, labels: vec![0, 1, 2], samples: vec![0, 1, 2] };

        let optimizer = Optimizer::new(OptimizerConfig::new(Algorithm::adam())).unwrap();
        let loss = Trainer::new(&mut model).optimizer(optimizer).train_step(0, &batch).unwrap().loss;
        assert!(loss.is_finite());
        let weights = model.weights().flat_map(|(_, _, w)| w.value.data());
        [loss as f32].iter().chain(weights).map(|v| v.to_bits()).collect()
    })
}

#[test]
fn a_step_of_the_whole_network_has_the_same_bits_on_any_number_of_threads_and_twice_in_a_row() {
    let once = step(1);
    for threads in [1, 2, 7] {
        assert!(step(threads) == once, "{threads} threads give other bits than one");
    }
}
