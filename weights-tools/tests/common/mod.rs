//! What several tests need.
#![allow(dead_code, reason = "each test takes what it needs")]

use std::path::PathBuf;

use graft_tensor::Shape;
use graft_weights::ExpectedLayer;

/// A file or folder of `../shared`, or a printed line and `None` where that folder is not.
pub(crate) fn shared(name: &str) -> Option<PathBuf> {
    let path = PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/../../shared")).join(name);
    if path.exists() {
        return Some(path);
    }
    println!("skipped: ../shared/{name} is not there");
    None
}

/// A file of this crate's own `tests/fixtures`.
pub(crate) fn fixture(name: &str) -> PathBuf {
    PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/fixtures")).join(name)
}

/// The net of `make_fixtures.py`.
pub(crate) fn net() -> Vec<ExpectedLayer> {
    vec![
        ExpectedLayer::new("block1_conv1", Shape::from([3, 3, 3, 2])),
        ExpectedLayer::new("block1_conv2", Shape::from([3, 3, 2, 2])),
        ExpectedLayer::new("block2_conv1", Shape::from([3, 3, 2, 4])),
        ExpectedLayer::new("fc1", Shape::from([16, 3])),
    ]
}

/// The numbers that `make_fixtures.py` gives to tensor `which` (kernel, bias) of layer `layer`.
pub(crate) fn numbers(shape: &Shape, layer: usize, which: usize) -> Vec<f32> {
    (0..shape.elements()).map(|i| ((5 * layer + 3 * which + 7 * i) % 31) as f32 / 8.0 - 15.0 / 8.0).collect()
}
