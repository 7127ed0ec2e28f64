//! What 16-bit weights change in VGG16's dense layers: on the real convolutions and two photos, with a top of random weights
//! in the place of ImageNet's.

use graft_nn::layers::Dense;
use graft_nn::{Activation, Sequential};
use graft_tensor::{DType, relative_l2};
use graft_tests::{golden_npz, load_weights, weights};
use graft_vgg::{Vgg16, preprocess_input};

#[test]
fn sixteen_bits_change_the_third_digit_or_the_fourth() {
    let (Some(mut stages), Some(file)) = (golden_npz("stages.npz"), weights()) else { return };
    let mut pixels = stages.tensor("pixels").unwrap();
    preprocess_input(pixels.data_mut());
    let mut base = Vgg16::without_top(224, 224).build().unwrap();
    load_weights(&mut base, &file);
    let map = base.predict(&pixels).unwrap();
    let features = map.reshape([map.rows(), map.row_len()]).unwrap();

    let mut top = Sequential::new([map.row_len()]);
    for (name, units, activation) in [
        ("fc1", 4096, Activation::Relu),
        ("fc2", 4096, Activation::Relu),
        ("predictions", 1000, Activation::Softmax),
    ] {
        top.push(name, Dense::new(units).activation(activation)).unwrap();
    }
    top.initialize(7);
    let outputs = |top: &Sequential| [2, 3].map(|layers| top.predict_range(0..layers, &features).unwrap());
    let exact = outputs(&top);
    for (dtype, most) in [(DType::Bf16, [4e-3, 1.2e-2]), (DType::F16, [5e-4, 1.5e-3])] {
        top.store_dense(dtype).unwrap();
        let rounded = outputs(&top);
        for (what, i) in [("fc2", 0), ("scores", 1)] {
            let error = relative_l2(&rounded[i], &exact[i]);
            println!("{what} in {dtype}: {error:.1e}");
            assert!(
                error > 0.0 && error < most[i],
                "{what} in {dtype}: {error:.1e}, at most {:.0e}",
                most[i]
            );
        }
    }
    top.store_dense(DType::F32).unwrap();
    assert_eq!(outputs(&top)[1].data(), exact[1].data());
}
