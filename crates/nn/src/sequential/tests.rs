use graft_kernels::conv2d::Padding;

use super::*;
use crate::Activation;
use crate::layers::{BatchNormalization, Conv2D, Dense, Dropout, Flatten, MaxPooling2D};

/// Two convolutions and a head of two dense layers.
fn small() -> Sequential {
    let mut model = Sequential::new([6, 6, 2]);
    model.push("conv1", Conv2D::new(3, [3, 3]).activation(Activation::Relu)).unwrap();
    model.push("conv2", Conv2D::new(3, [3, 3]).activation(Activation::Relu)).unwrap();
    model.push("pool", MaxPooling2D::new([2, 2])).unwrap();
    model.push("flatten", Flatten).unwrap();
    model.push("hidden", Dense::new(5).activation(Activation::Relu)).unwrap();
    model.push("top", Dense::new(4).activation(Activation::Softmax)).unwrap();
    model.initialize(3);
    model
}

fn pictures() -> Tensor {
    Tensor::from_fn([2, 6, 6, 2], |i| ((i * 37 % 101) as f32 - 50.0) / 25.0)
}

/// A training pass with a loss, recorded on the tape.
fn trained_pass<'t>(model: &Sequential, tape: &'t Tape) -> (Pass<'t>, Var<'t>) {
    let x = tape.constant(pictures());
    let (pass, logits) = model.forward_logits(tape, 0, x, &Mode::training(0, 0, &[])).unwrap();
    assert!(logits);
    let targets = Tensor::new([2, 4], &[1.0, 0.0, 0.0, 0.0, 0.0, 0.0, 1.0, 0.0]).unwrap();
    let loss = pass.y.softmax_cross_entropy(&targets, None).unwrap();
    (pass, loss)
}

#[test]
fn a_frozen_base_leaves_nothing_on_the_tape() {
    let mut model = small();
    let everything = {
        let tape = Tape::new();
        trained_pass(&model, &tape);
        tape.len()
    };
    // Eight leaves (kernels and biases), two convolutions, one of them with the pooling, a flatten, two dense layers, the loss.
    assert_eq!(everything, 8 + 2 + 1 + 2 + 1);

    model.set_trainable(..4, false);
    let tape = Tape::new();
    let (pass, _) = trained_pass(&model, &tape);
    assert_eq!(tape.len(), 4 + 2 + 1);
    assert_eq!(pass.trained.iter().map(|(id, _)| *id).collect::<Vec<_>>(), model.trained_weights());
    assert_eq!(model.frozen_prefix(), 4);

    model.freeze_all();
    let tape = Tape::new();
    trained_pass(&model, &tape);
    assert!(tape.is_empty());
    assert_eq!(model.frozen_prefix(), 6);
}

/// Sharing shows: writing to a tensor that nobody else holds happens in place.
fn is_shared(mut t: Tensor) -> bool {
    let before = t.data().as_ptr();
    t.data_mut().as_ptr() != before
}

#[test]
fn what_a_frozen_layer_has_computed_is_not_kept() {
    let model = small();
    for frozen in [true, false] {
        let mut model = Sequential::from_config(&model.config()).unwrap();
        model.initialize(3);
        model.set_trainable(.., !frozen);
        let tape = Tape::new();
        let x = tape.constant(pictures());
        let pass = model.forward(&tape, 0..1, x, &Mode::training(0, 0, &[])).unwrap();
        let after_conv1 = pass.y;
        let pooled = model.forward(&tape, 1..3, after_conv1.clone(), &Mode::training(0, 0, &[])).unwrap();
        drop(pooled);
        // Trained, conv2 holds conv1's output for its own gradient; frozen, nobody does.
        assert_eq!(is_shared(after_conv1.into_value()), !frozen);
    }
}

#[test]
fn gradients_reach_only_what_is_trained_and_agree() {
    let mut model = small();
    let all: Vec<_> = {
        let tape = Tape::new();
        let (pass, loss) = trained_pass(&model, &tape);
        let mut gradients = tape.backward(&loss).unwrap();
        pass.trained.iter().map(|(id, v)| (*id, gradients.take(v).unwrap())).collect()
    };
    assert_eq!(all.len(), 8);
    model.freeze_all();
    model.unfreeze("conv2").unwrap();
    let tape = Tape::new();
    let (pass, loss) = trained_pass(&model, &tape);
    let mut gradients = tape.backward(&loss).unwrap();
    assert_eq!(pass.trained.len(), 2);
    for (id, v) in &pass.trained {
        let (_, expected) = all.iter().find(|(other, _)| other == id).unwrap();
        let found = gradients.take(v).unwrap();
        assert_eq!(found, *expected);
        assert!(found.data().iter().any(|&g| g != 0.0));
    }
}

#[test]
fn predicting_is_the_forward_pass_without_a_tape() {
    let model = small();
    let p = model.predict(&pictures()).unwrap();
    let tape = Tape::new();
    let pass = model.forward(&tape, 0..6, tape.constant(pictures()), &Mode::INFERENCE).unwrap();
    assert_eq!(*pass.y.value(), p);
    assert!(tape.is_empty() && pass.trained.is_empty());
    let half = model.predict_range(0..3, &pictures()).unwrap();
    assert_eq!(model.predict_range(3..6, &half).unwrap(), p);
}

/// Two convolutions of sizes for which the kernels have each a way of their own (few channels; Winograd's), each followed
/// by a pooling: the second of an odd map.
fn pooled_twice() -> Sequential {
    let mut model = Sequential::new([14, 22, 3]);
    let conv = |filters| Conv2D::new(filters, [3, 3]).padding(Padding::Same).activation(Activation::Relu);
    model.push("conv1", conv(20)).unwrap();
    model.push("pool1", MaxPooling2D::new([2, 2])).unwrap();
    model.push("conv2", conv(33)).unwrap();
    model.push("pool2", MaxPooling2D::new([2, 2])).unwrap();
    model.initialize(5);
    model
}

fn bits(t: &Tensor) -> Vec<u32> {
    t.data().iter().map(|v| v.to_bits()).collect()
}

#[test]
fn pooling_in_the_convolution_is_pooling_after_it() {
    for algorithm in Algorithm::LADDER.into_iter().chain([Algorithm::Auto]) {
        let mut model = pooled_twice();
        model.set_algorithm(algorithm);
        let x = Tensor::from_fn([3, 14, 22, 3], |i| ((i * 37 % 101) as f32 - 50.0) / 23.0);
        // Layer by layer, no layer sees that a pooling follows.
        let apart = (0..4).fold(x.clone(), |x, layer| model.predict_range(layer..layer + 1, &x).unwrap());
        assert_eq!(apart.shape()[..], [3, 3, 5, 33]);
        assert_eq!(bits(&model.predict(&x).unwrap()), bits(&apart), "{algorithm}");
        // A range may end between the two.
        let middle = model.predict_range(0..3, &x).unwrap();
        assert_eq!(bits(&model.predict_range(3..4, &middle).unwrap()), bits(&apart), "{algorithm}");
        // In training the full maps are there, for the gradients.
        let tape = Tape::with_algorithm(algorithm);
        let pass = model.forward(&tape, 0..4, tape.constant(x), &Mode::training(0, 0, &[])).unwrap();
        assert_eq!(bits(pass.y.value()), bits(&apart), "{algorithm}");
    }
}

#[test]
fn filters_packed_once_are_the_filters_and_forgotten_when_they_change() {
    let x = Tensor::from_fn([2, 14, 22, 3], |i| ((i * 31 % 97) as f32 - 48.0) / 23.0);
    let mut model = pooled_twice();
    let passes = |model: &Sequential| [(); 3].map(|()| bits(&model.predict(&x).unwrap()));
    let [first, second, third] = passes(&model);
    assert!(
        first == second && first == third,
        "the second pass packs the filters to keep them, the third has them"
    );

    // Nobody else holds the kernel: it is written to where it lies.
    let kernel = WeightId { layer: 2, weight: 0 };
    let (shape, old) = (*model.weight(kernel).value.shape(), model.weight(kernel).value.data().to_vec());
    let doubled: Vec<f32> = old.iter().map(|w| w * 2.0).collect();
    model.weight_mut(kernel).data_mut().copy_from_slice(&doubled);
    let in_place = passes(&model);
    assert!(in_place.iter().all(|bits| *bits == in_place[0] && *bits != first));
    // A model that never saw other filters.
    let mut fresh = pooled_twice();
    fresh.set_weight("conv2", "kernel", Tensor::new(shape, &doubled).unwrap()).unwrap();
    assert_eq!(passes(&fresh), in_place);
    // Somebody holds it: what is written to is a copy.
    let held = model.weight(kernel).value.clone();
    model.weight_mut(kernel).data_mut().copy_from_slice(&old);
    assert_eq!(passes(&model), [&first; 3].map(Clone::clone));
    model.set_weight("conv2", "kernel", held).unwrap();
    assert_eq!(passes(&model), in_place);
    model.set_weight("conv2", "kernel", Tensor::new(shape, &old).unwrap()).unwrap();
    assert_eq!(passes(&model), [&first; 3].map(Clone::clone));
    // The other ways of computing leave what is kept alone.
    model.set_algorithm(Algorithm::Direct);
    let direct = passes(&model);
    assert!(direct[0] != first && direct.iter().all(|bits| *bits == direct[0]));
    model.set_algorithm(Algorithm::Auto);
    assert_eq!(passes(&model), [&first; 3].map(Clone::clone));
}

#[test]
fn weights_given_stay_and_the_others_are_drawn() {
    let mut model = small();
    let again = small();
    let kernel = |m: &Sequential, name| m.layers()[m.find(name).unwrap()].weights()[0].value.clone();
    assert_eq!(kernel(&model, "hidden"), kernel(&again, "hidden"));

    let mut fresh = Sequential::from_config(&model.config()).unwrap();
    fresh.set_weight("conv1", "kernel", Tensor::full([3, 3, 2, 3], 0.5)).unwrap();
    fresh.initialize(3);
    assert_eq!(kernel(&fresh, "conv1"), Tensor::full([3, 3, 2, 3], 0.5));
    assert_eq!(kernel(&fresh, "hidden"), kernel(&model, "hidden"));
    fresh = Sequential::from_config(&model.config()).unwrap();
    fresh.initialize(4);
    assert_ne!(kernel(&fresh, "hidden"), kernel(&model, "hidden"));

    let error = model.set_weight("hidden", "kernal", Tensor::zeros([1])).unwrap_err().to_string();
    assert!(error.contains("did you mean kernel?"), "{error}");
    let error = model.set_weight("hiden", "kernel", Tensor::zeros([1])).unwrap_err().to_string();
    assert!(error.contains("did you mean hidden?"), "{error}");
    let error = model.set_weight("top", "bias", Tensor::zeros([3])).unwrap_err().to_string();
    assert_eq!(error, "weight 'bias' of layer 'top' has the shape (4,), got (3,)");
    assert!(
        model.set_weight("flatten", "kernel", Tensor::zeros([3])).unwrap_err().to_string().contains("none")
    );
}

#[test]
fn freezing_is_counted_as_in_keras() {
    let mut model = small();
    model.freeze_all();
    model.unfreeze_last(3).unwrap();
    let flags = |m: &Sequential| m.layers().iter().map(|l| l.trainable).collect::<Vec<_>>();
    assert_eq!(flags(&model), [false, false, false, true, true, true]);
    model.freeze("hidden").unwrap();
    assert_eq!(model.trained_weights().iter().map(|id| id.layer).collect::<Vec<_>>(), [5, 5]);
    model.unfreeze_last(0).unwrap();
    model.unfreeze_last(7).unwrap(); // six layers and the input
    assert_eq!(flags(&model), [true; 6]);
    assert!(model.unfreeze_last(8).unwrap_err().to_string().contains("at most 7"));
    assert!(model.unfreeze("pol").unwrap_err().to_string().contains("did you mean pool?"));
}

#[test]
fn a_random_layer_ends_what_may_be_cached() {
    let mut model = Sequential::new([4]);
    model.push("dropout", Dropout::new(0.5).unwrap()).unwrap();
    model.push("dense", Dense::new(2)).unwrap();
    model.freeze_all();
    assert_eq!(model.frozen_prefix(), 0);
}

#[test]
fn a_frozen_batch_normalization_uses_its_moving_statistics() {
    let mut model = Sequential::new([3]);
    model.push("bn", BatchNormalization::default()).unwrap();
    model.initialize(0);
    let x = Tensor::from_fn([5, 3], |i| (i * i % 7) as f32);
    let run = |model: &Sequential| {
        let tape = Tape::new();
        let pass = model.forward(&tape, 0..1, tape.constant(x.clone()), &Mode::training(0, 0, &[])).unwrap();
        (pass.y.into_value(), pass.updates.len())
    };
    let (training, updates) = run(&model);
    assert_eq!(updates, 2);
    assert_ne!(training, model.predict(&x).unwrap());
    model.freeze_all();
    assert_eq!(run(&model), (model.predict(&x).unwrap(), 0));
}

#[test]
fn layers_that_do_not_fit_are_named() {
    let mut model = small();
    let error = model.push("top", Dense::new(1)).unwrap_err().to_string();
    assert!(error.contains("there is a layer 'top' already"), "{error}");
    let error = model.push("conv3", Conv2D::new(1, [3, 3])).unwrap_err().to_string();
    assert!(
        error.starts_with("layer 'conv3': conv2d takes (height, width, channels), but gets (4,)"),
        "{error}"
    );
    let error = model.predict(&Tensor::zeros([1, 6, 6, 3])).unwrap_err().to_string();
    assert!(error.starts_with("layer 'conv1': conv2d: expected an input of 2 channels"), "{error}");
}
