//! What the tests of the whole workspace share: where the figures from Keras are, and what to do without them.
//!
//! The figures and the weights are too large for the repository, or not ours. A test that wants them asks here. Where
//! they are not at their default place, it says so in a line and ends; but what a variable names must be there, down to
//! every file that a test looks for, so that a slip of the pen does not pass for a success.
//!
//! | variable | what | default | if it is not there |
//! |---|---|---|---|
//! | `GRAFT_GOLDEN` | figures that Keras computed (`make_golden.py`) | `../shared/golden` | default: skipped; named: failed |
//! | `GRAFT_WEIGHTS` | VGG16's convolutions in Keras's .h5 | `../shared/weights/vgg16_notop.h5` | default: skipped; named: failed |
//! | `GRAFT_TOP_H5` | a VGG16 with its top (`make_top_golden.py`) | none | not named: skipped; named: failed |
//! | `GRAFT_CIFAR10` | CIFAR-10 as pictures: `test/` with a sub-folder per class | none | not named: skipped; named: failed |
//!
//! Relative paths are seen from the workspace's root.
#![forbid(unsafe_code)]

use std::io::Write;
use std::path::{Path, PathBuf};

use graft_nn::Sequential;
use graft_tensor::npz::Npz;
use graft_weights::WeightsFile;

/// A file of figures from Keras, or `None` after a line that says it is not there.
///
/// # Panics
/// If `GRAFT_GOLDEN` names a folder without it.
pub fn golden(name: &str) -> Option<PathBuf> {
    find("GRAFT_GOLDEN", Some("golden"), name)
}

/// The same, opened.
///
/// # Panics
/// As [`golden`], and if the file cannot be read.
pub fn golden_npz(name: &str) -> Option<Npz> {
    golden(name).map(|path| Npz::open(path).expect("a readable golden file"))
}

/// VGG16's convolutions in Keras's own layout.
///
/// # Panics
/// If `GRAFT_WEIGHTS` names what is not there.
pub fn weights() -> Option<PathBuf> {
    find("GRAFT_WEIGHTS", Some("weights/vgg16_notop.h5"), "")
}

/// A VGG16 with its top.
///
/// # Panics
/// If `GRAFT_TOP_H5` names what is not there.
pub fn weights_with_top() -> Option<PathBuf> {
    find("GRAFT_TOP_H5", None, "")
}

/// CIFAR-10, a folder with `test/`.
///
/// # Panics
/// If `GRAFT_CIFAR10` names what is not there.
pub fn cifar10() -> Option<PathBuf> {
    find("GRAFT_CIFAR10", None, "")
}

/// Anything else beside the project, such as `data/ants_and_bees`.
pub fn shared(name: &str) -> Option<PathBuf> {
    existing(shared_folder().join(name))
}

/// The workspace's root, where `Cargo.toml` and `README.md` lie.
pub fn workspace_root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

fn shared_folder() -> PathBuf {
    workspace_root().join("../shared")
}

/// `file` within what an environment variable names, which must be there; else within the default, which may not.
fn find(variable: &str, default: Option<&str>, file: &str) -> Option<PathBuf> {
    // Joining nothing would add a slash, and with it ask for a folder.
    let within = |path: PathBuf| if file.is_empty() { path } else { path.join(file) };
    if let Some(named) = std::env::var_os(variable) {
        let path = within(workspace_root().join(named));
        assert!(
            path.exists(),
            "{variable} is set, but {} is not there; correct the variable, or unset it",
            path.display()
        );
        return Some(path);
    }
    match default {
        Some(default) => existing(within(shared_folder().join(default))),
        None => skipped(&format!("{variable} is not set")),
    }
}

fn existing(path: PathBuf) -> Option<PathBuf> {
    if path.exists() { Some(path) } else { skipped(&format!("{} is not there", path.display())) }
}

/// Says why a test does nothing. Not by `eprintln!`, which Cargo's tests keep to themselves as long as they pass.
fn skipped<T>(why: &str) -> Option<T> {
    // Where nobody listens, there is nobody to tell.
    let _ = writeln!(std::io::stderr(), "skipped: {why}");
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
