//! What the tests of the whole workspace share: where the figures from Keras are, and what to do without them.
//!
//! The figures and the weights are too large for the repository, or not ours. A test that wants them asks here, and
//! where they are not, it says so in a line and ends.
//!
//! | variable | what | default, from the workspace's root |
//! |---|---|---|
//! | `GRAFT_GOLDEN` | figures that Keras computed (`make_golden.py`) | `../shared/golden` |
//! | `GRAFT_WEIGHTS` | VGG16's convolutions in Keras's .h5 | `../shared/weights/vgg16_notop.h5` |
//! | `GRAFT_TOP_H5` | a VGG16 with its top (`make_top_golden.py`) | none |
#![forbid(unsafe_code)]

use std::path::{Path, PathBuf};

use graft_nn::Sequential;
use graft_tensor::npz::Npz;
use graft_weights::WeightsFile;

/// A file of figures from Keras, or `None` after a line that says it is not there.
pub fn golden(name: &str) -> Option<PathBuf> {
    existing(&path_from("GRAFT_GOLDEN", "golden").join(name))
}

/// The same, opened.
///
/// # Panics
/// If it is there but cannot be read.
pub fn golden_npz(name: &str) -> Option<Npz> {
    golden(name).map(|path| Npz::open(path).expect("a readable golden file"))
}

/// VGG16's convolutions in Keras's own layout.
pub fn weights() -> Option<PathBuf> {
    existing(&path_from("GRAFT_WEIGHTS", "weights/vgg16_notop.h5"))
}

/// A VGG16 with its top.
pub fn weights_with_top() -> Option<PathBuf> {
    match std::env::var_os("GRAFT_TOP_H5") {
        Some(path) => existing(Path::new(&path)),
        None => skipped("GRAFT_TOP_H5 is not set"),
    }
}

/// Anything else beside the project, such as `data/ants_and_bees`.
pub fn shared(name: &str) -> Option<PathBuf> {
    existing(&shared_folder().join(name))
}

fn shared_folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../shared")
}

/// What an environment variable names, seen from the workspace's root; or the default within the shared folder.
fn path_from(variable: &str, default: &str) -> PathBuf {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    std::env::var_os(variable).map_or_else(|| shared_folder().join(default), |path| root.join(path))
}

fn existing(path: &Path) -> Option<PathBuf> {
    if path.exists() { Some(path.to_owned()) } else { skipped(&format!("{} is not there", path.display())) }
}

fn skipped<T>(why: &str) -> Option<T> {
    println!("skipped: {why}");
    None
}

/// Gives a network the weights of a file, by layer name; the file may have more.
///
/// # Panics
/// If it cannot be read, or lacks a layer of the network.
pub fn load_weights(network: &mut Sequential, path: &Path) {
    let file = WeightsFile::open(path).expect("a readable weights file");
    for layer in network.layers_mut().iter_mut().filter(|l| !l.weights().is_empty()) {
        let (kernel, bias) = file.take_layer(layer.name()).expect("a file of the network's layers");
        layer.set_weight("kernel", kernel).expect("a kernel of the layer's shape");
        layer.set_weight("bias", bias).expect("a bias of the layer's shape");
    }
}
