//! What the tests of the binaries share: photos that are drawn, weights that are drawn, and a way to run.
#![allow(dead_code, reason = "each test binary uses a part of it")]

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::sync::OnceLock;

use graft_data::Rgb8;
use graft_kernels::random::{Purpose, Stream};
use graft_vgg::Vgg16;

/// Side of the pictures: the smallest that VGG16 takes.
pub(crate) const SIZE: &str = "32";

/// A folder with VGG16's convolutions, freshly drawn, as `weights convert` would write them; it lives as long as the test
/// program. Random filters are poor filters, but they see colours, and all the machinery is at work.
pub(crate) fn weights() -> PathBuf {
    static FOLDER: OnceLock<tempfile::TempDir> = OnceLock::new();
    FOLDER.get_or_init(draw_weights).path().join("weights")
}

fn draw_weights() -> tempfile::TempDir {
    let dir = tempfile::tempdir().unwrap();
    let mut network = Vgg16::without_top(32, 32).build().unwrap();
    network.initialize(7);
    // A ReLU drops half of the variance that Glorot's filters keep: twice the variance, and signals live through all layers.
    for layer in network.layers_mut().iter_mut().filter(|l| !l.weights().is_empty()) {
        let mut kernel = layer.weights()[0].value.clone();
        kernel.data_mut().iter_mut().for_each(|w| *w *= std::f32::consts::SQRT_2);
        layer.set_weight("kernel", kernel).unwrap();
    }
    let layers = network.layers().iter().map(|l| {
        let tensors = l.weights().iter().map(|w| (w.spec.name, &w.value));
        (l.name(), tensors.collect())
    });
    graft_weights::write_folder(dir.path().join("weights"), layers).unwrap();
    dir
}

/// `n` noisy pictures of each of the classes `red`, `green` and `blue`.
pub(crate) fn draw_classes(root: &Path, n: u64) {
    for (class, name) in ["red", "green", "blue"].into_iter().enumerate() {
        let folder = root.join(name);
        fs::create_dir_all(&folder).unwrap();
        for i in 0..n {
            let mut noise = Stream::new(1, Purpose::Data, class as u64, i);
            let picture = Rgb8::from_fn(40, 36, |_, _| {
                let mut pixel = [(); 3].map(|()| 60 + noise.below(80) as u8);
                pixel[class] += 90;
                pixel
            });
            write_png(&folder.join(format!("{i:03}.png")), &picture);
        }
    }
}

/// Writes a picture.
pub(crate) fn write_png(path: &Path, picture: &Rgb8) {
    let (w, h) = (picture.width as u32, picture.height as u32);
    image::save_buffer(path, &picture.data, w, h, image::ColorType::Rgb8).unwrap();
}

/// Runs a binary of this package in a folder, with a feature cache that is that folder's own.
pub(crate) fn run(binary: &str, folder: &Path, arguments: &[&str]) -> Output {
    command(binary, folder, arguments).output().unwrap()
}

/// The same, not yet started.
pub(crate) fn command(binary: &str, folder: &Path, arguments: &[&str]) -> Command {
    let path = match binary {
        "feature-extractor" => env!("CARGO_BIN_EXE_feature-extractor"),
        "fine-tune" => env!("CARGO_BIN_EXE_fine-tune"),
        "custom-layers" => env!("CARGO_BIN_EXE_custom-layers"),
        "coats" => env!("CARGO_BIN_EXE_coats"),
        "augment" => env!("CARGO_BIN_EXE_augment"),
        "predict" => env!("CARGO_BIN_EXE_predict"),
        "pretrain" => env!("CARGO_BIN_EXE_pretrain"),
        other => panic!("no binary {other}"),
    };
    let mut command = Command::new(path);
    command.args(arguments).current_dir(folder).env("XDG_CACHE_HOME", folder.join("cache"));
    // No test may reach for the user's own files, or for the network.
    command.env("HOME", folder).env_remove("KERAS_HOME").env_remove("GRAFT_ISA");
    command
}

/// A short training on the drawn photos, with more arguments.
pub(crate) fn train(binary: &str, folder: &Path, more: &[&str]) -> Output {
    let weights = weights();
    let mut arguments =
        vec!["--data", "photos", "--weights", weights.to_str().unwrap(), "--image-size", SIZE];
    // Clap refuses an option that comes twice: each test says what it wants instead.
    for (option, value) in
        [("--epochs", "2"), ("--head", "flatten, dense(16, relu), dropout(0.2), dense(classes, softmax)")]
    {
        if !more.contains(&option) {
            arguments.extend([option, value]);
        }
    }
    arguments.extend(more);
    run(binary, folder, &arguments)
}

/// What the program said to a person.
pub(crate) fn stderr(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

/// A new folder with photos in it.
pub(crate) fn with_photos() -> tempfile::TempDir {
    let dir = tempfile::tempdir().unwrap();
    draw_classes(&dir.path().join("photos"), 10);
    dir
}
