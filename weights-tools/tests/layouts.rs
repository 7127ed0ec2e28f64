//! One net in every layout that Keras has had; its numbers are known, so reading must give exactly these.

mod common;

use common::{fixture, net, numbers};
use graft_tensor::Shape;
use graft_weights::{DType, ExpectedLayer, Layout, WeightsError, WeightsFile, match_layers};

/// Reads the expected layers of a file and holds every number against the formula of `make_fixtures.py`.
fn check(name: &str, expected: &[ExpectedLayer]) -> WeightsFile {
    let file = WeightsFile::open(fixture(name)).unwrap_or_else(|e| panic!("{name}: {e}"));
    let matching = match_layers(&file, expected).unwrap_or_else(|e| panic!("{name}: {e}"));
    assert_eq!(matching.layers.len(), expected.len());
    for (l, (found, layer)) in matching.layers.iter().zip(expected).enumerate() {
        for (which, (&i, (kind, shape))) in found.iter().zip(&layer.tensors).enumerate() {
            let tensor = file.tensor(i).unwrap();
            assert_eq!(tensor.shape(), shape, "{name}: {}/{kind}", layer.name);
            assert_eq!(tensor.data(), numbers(shape, l, which), "{name}: {}/{kind}", layer.name);
        }
    }
    file
}

#[test]
fn every_layout_gives_the_same_numbers() {
    for (name, layout) in [
        ("keras1.h5", Layout::LegacyWeights),
        ("keras2_weights.h5", Layout::LegacyWeights),
        ("keras2_latest.h5", Layout::LegacyWeights),
        ("keras2_nested.h5", Layout::LegacyWeights),
        ("keras2_model.h5", Layout::LegacyModel),
        ("keras3_weights.h5", Layout::LegacyWeights),
        ("keras3_model.h5", Layout::LegacyModel),
        ("keras3_nested_model.h5", Layout::LegacyModel),
        ("keras3.weights.h5", Layout::Keras3Weights),
        ("keras3_nested.weights.h5", Layout::Keras3Weights),
        ("keras3_unnamed.weights.h5", Layout::Keras3Weights),
        ("keras3.keras", Layout::KerasArchive),
        ("keras3_deflated.keras", Layout::KerasArchive),
    ] {
        assert_eq!(check(name, &net()).layout(), layout, "{name}");
    }
}

#[test]
fn every_stored_type_and_filter_reads_exactly() {
    assert_eq!(check("float16.h5", &net()).entries()[0].dtype, DType::F16);
    assert_eq!(check("float64_big_endian.h5", &net()).entries()[0].dtype, DType::F64);
    assert_eq!(check("gzip_shuffle_fletcher.h5", &net()).entries()[0].dtype, DType::F32);
    assert_eq!(check("keras3_bfloat16.weights.h5", &net()[..1]).entries()[0].dtype, DType::Bf16);
}

#[test]
fn conv2d_10_comes_after_conv2d_2() {
    let layers =
        (0..12).map(|i| ExpectedLayer::new(format!("c{i}"), Shape::from([1, 1, 1 + i % 3, 1 + (i + 1) % 3])));
    check("keras3_deep_unnamed.weights.h5", &layers.collect::<Vec<_>>());
}

#[test]
fn nameless_layers_are_taken_only_where_all_of_them_fit() {
    let file = WeightsFile::open(fixture("keras3_unnamed.weights.h5")).unwrap();
    let notes = match_layers(&file, &net()[..3]).unwrap().notes;
    assert!(notes[0].contains("order and shape"), "{notes:?}");
    match_layers(&file, &net()[..2]).expect_err("a convolution would be left over");
    let mut other = net();
    other.swap(0, 2);
    match_layers(&file, &other).expect_err("another order");
}

#[test]
fn a_head_that_the_model_lacks_is_passed_over_with_a_note() {
    let file = WeightsFile::open(fixture("keras2_model.h5")).unwrap();
    let notes = match_layers(&file, &net()[..3]).unwrap().notes;
    assert_eq!(notes, ["not used, as the model has no such layers: fc1"]);
}

/// The message of a file that must not match.
fn refusal(name: &str, expected: &[ExpectedLayer]) -> String {
    let file = WeightsFile::open(fixture(name)).unwrap();
    match match_layers(&file, expected) {
        Err(e @ WeightsError::Mismatch(_)) => e.to_string(),
        other => panic!("{name}: {other:?}"),
    }
}

#[test]
fn theanos_kernels_are_refused_by_shape_by_backend_and_by_name() {
    for name in ["keras1_theano.h5", "keras2_theano_backend.h5"] {
        let said = refusal(name, &net());
        assert!(said.contains("Theano"), "{said}");
    }
    let dir = tempfile::tempdir().unwrap();
    let named = dir.path().join("vgg16_weights_tf_dim_ordering_th_kernels.h5");
    std::fs::copy(fixture("keras1.h5"), &named).unwrap();
    let said = match_layers(&WeightsFile::open(&named).unwrap(), &net()).unwrap_err().to_string();
    assert!(said.contains("flipped"), "{said}");
}

#[test]
fn a_mismatch_has_a_row_for_every_tensor() {
    let mut expected = net();
    expected[3] = ExpectedLayer::new("fc1", Shape::from([25, 3]));
    expected.push(ExpectedLayer::new("predictions", Shape::from([3, 2])));
    let said = refusal("keras2_weights.h5", &expected);
    for row in [
        "block1_conv1/kernel  (3, 3, 3, 2)  (3, 3, 3, 2)  ok",
        "fc1/kernel           (25, 3)       (16, 3)       other shape",
        "fc1/bias             (3,)          (3,)          ok",
        "predictions/bias     (2,)          –             missing",
    ] {
        assert!(said.contains(row), "{row}\nis not in\n{said}");
    }
}

#[test]
fn renamed_layers_are_shown_as_missing_and_extra() {
    let said = refusal("keras2_renamed.h5", &net());
    assert!(
        said.contains("missing") && said.contains("conv0/kernel") && said.contains("not in the model"),
        "{said}"
    );
}

#[test]
fn a_deeper_network_is_not_taken_for_its_shallower_sibling() {
    // To a model whose first block has one convolution, this file is what VGG19 is to VGG16.
    let said = refusal("keras2_weights.h5", &[net().remove(0), net().remove(2)]);
    assert!(said.contains("block1_conv2/kernel"), "{said}");
}

#[test]
fn a_layer_is_had_by_name() {
    let file = WeightsFile::open(fixture("keras2_weights.h5")).unwrap();
    let (kernel, bias) = file.take_layer("block2_conv1").unwrap();
    assert_eq!(
        (kernel.shape().to_string(), bias.shape().to_string()),
        ("(3, 3, 2, 4)".into(), "(4,)".into())
    );
    let said = file.take_layer("block9_conv1").unwrap_err().to_string();
    assert!(said.contains("block9_conv1/kernel") && said.contains("block1_conv1"), "{said}");
}
