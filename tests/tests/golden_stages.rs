//! Every convolution and pooling of VGG16 on two photos, against what Keras computed (`make_golden.py`, `stages.npz`):
//! by the fast path that programs take, and by each rung of the ladder.

use graft_autograd::{Algorithm, Tape};
use graft_nn::{Mode, Sequential};
use graft_tensor::{Tensor, relative_l2};
use graft_tests::{golden_npz, load_weights, weights};
use graft_vgg::{Vgg16, preprocess_input};

/// Relative L2 distance that rounding is allowed to make. TensorFlow's own two sets of kernels are within 1e-6.
const BAR: f64 = 5e-6;

/// The photos, preprocessed.
fn photos(stages: &mut graft_tensor::npz::Npz) -> Tensor {
    let mut pixels = stages.tensor("pixels").unwrap();
    preprocess_input(pixels.data_mut());
    pixels
}

/// What a stage is known by: values at some places, and for each photo the length and the sum of all.
fn compare(stages: &mut graft_tensor::npz::Npz, name: &str, y: &Tensor) -> f64 {
    let get = |stages: &mut graft_tensor::npz::Npz, key: &str| stages.get(&format!("{name}/{key}")).unwrap();
    let index = get(stages, "probe_index").to_i64().unwrap();
    let probe = get(stages, "probe").to_tensor().unwrap();
    let (l2, sum) = (get(stages, "l2").to_f64().unwrap(), get(stages, "sum").to_f64().unwrap());
    let [_, _, width, channels] = **y.shape() else { panic!("{name} is no map: {}", y.shape()) };
    let mut found = Vec::new();
    let mut worst = 0.0_f64;
    for photo in 0..y.rows() {
        let row = y.row(photo);
        let at = |i: &[i64]| row[(i[0] as usize * width + i[1] as usize) * channels + i[2] as usize];
        found.extend(index.chunks_exact(3).map(at));
        let squares: f64 = row.iter().map(|&v| f64::from(v).powi(2)).sum();
        worst = worst.max((squares.sqrt() / l2[photo] - 1.0).abs());
        // The sum of many values of one sign: relative to the sum of magnitudes, which after a ReLU is itself.
        let total: f64 = row.iter().map(|&v| f64::from(v)).sum();
        worst = worst.max((total - sum[photo]).abs() / sum[photo].abs());
    }
    worst.max(relative_l2(&Tensor::new(*probe.shape(), &found).unwrap(), &probe))
}

fn base(height: usize, width: usize) -> Option<Sequential> {
    let mut network = Vgg16::without_top(height, width).build().unwrap();
    load_weights(&mut network, &weights()?);
    Some(network)
}

#[test]
fn golden_every_stage_is_that_of_keras() {
    let Some(mut stages) = golden_npz("stages.npz") else { return };
    let x = photos(&mut stages);
    let Some(network) = base(x.shape()[1], x.shape()[2]) else { return };
    let mut worst = 0.0_f64;
    let mut y = x;
    for (i, name) in stages.get("layers").unwrap().strings().unwrap().to_vec().iter().enumerate() {
        assert_eq!(network.layers()[i].name(), name);
        y = network.predict_range(i..i + 1, &y).unwrap();
        let error = compare(&mut stages, name, &y);
        println!("{name:<14}{error:.1e}");
        assert!(error <= BAR, "{name} is {error:.1e} away from Keras, at most {BAR:.0e} allowed");
        worst = worst.max(error);
    }
    let last = stages.tensor("block5_pool").unwrap();
    let error = relative_l2(&y, &last);
    println!("worst stage {worst:.1e}; block5_pool as a whole {error:.1e}");
    assert!(error <= BAR, "block5_pool is {error:.1e} away from Keras");
}

#[test]
fn golden_im2col_is_the_same_network() {
    let Some(mut stages) = golden_npz("stages.npz") else { return };
    let x = photos(&mut stages);
    let Some(network) = base(x.shape()[1], x.shape()[2]) else { return };
    let tape = Tape::with_algorithm(Algorithm::Im2colGemm);
    let input = tape.constant(x.slice_rows(0, 1).unwrap());
    let y = network.forward(&tape, 0..network.layers().len(), input, &Mode::INFERENCE).unwrap().y;
    let last = stages.tensor("block5_pool").unwrap().slice_rows(0, 1).unwrap();
    let error = relative_l2(y.value(), &last);
    println!("block5_pool by im2col: {error:.1e}");
    assert!(error <= BAR);
}
