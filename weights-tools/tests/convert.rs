//! A converted folder gives the same bits as the file it came from, and tells when somebody has changed it.

mod common;

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::atomic::AtomicBool;

use common::fixture;
use graft_tensor::{Tensor, npy};
use graft_weights::{
    ExpectedLayer, Layout, WeightsError, WeightsFile, convert, match_layers, verify, write_folder,
};

/// Nobody interrupts.
static GO_ON: AtomicBool = AtomicBool::new(false);

fn converted(source: &Path) -> (WeightsFile, WeightsFile, tempfile::TempDir) {
    let dir = tempfile::tempdir().unwrap();
    let original = WeightsFile::open(source).unwrap();
    convert(&original, dir.path().join("out"), false, &GO_ON).unwrap();
    let folder = WeightsFile::open(dir.path().join("out")).unwrap();
    (original, folder, dir)
}

fn assert_same_bits(a: &WeightsFile, b: &WeightsFile) {
    assert_eq!(a.entries().len(), b.entries().len());
    for (i, (x, y)) in a.entries().iter().zip(b.entries()).enumerate() {
        assert_eq!((&x.layer, &x.kind, x.shape), (&y.layer, &y.kind, y.shape));
        let bits =
            |f: &WeightsFile| f.tensor(i).unwrap().data().iter().map(|v| v.to_bits()).collect::<Vec<_>>();
        assert!(bits(a) == bits(b), "{}", x.label());
    }
    assert_eq!(a.fingerprint().unwrap(), b.fingerprint().unwrap());
}

#[test]
fn every_layout_converts_to_the_same_bits() {
    for name in ["keras1.h5", "keras2_model.h5", "keras3.keras", "float16.h5", "keras3_nested.weights.h5"] {
        let (original, folder, dir) = converted(&fixture(name));
        assert_eq!(folder.layout(), Layout::Folder);
        assert_same_bits(&original, &folder);
        match_layers(&folder, &common::net()).unwrap();
        // The arrays stand for themselves, too.
        let kernel = npy::read(dir.path().join("out/block1_conv2.kernel.npy")).unwrap();
        assert_eq!(kernel.data(), common::numbers(kernel.shape(), 1, 0), "{name}");
        let parts = fs::read_dir(dir.path()).unwrap().count();
        assert_eq!(parts, 1, "nothing else is left beside the folder");
    }
}

#[test]
fn one_set_of_numbers_has_one_fingerprint_in_all_layouts() {
    let of = |name| WeightsFile::open(fixture(name)).unwrap().fingerprint().unwrap();
    let keras1 = of("keras1.h5");
    for name in
        ["keras2_weights.h5", "keras3_model.h5", "keras3.keras", "float16.h5", "gzip_shuffle_fletcher.h5"]
    {
        assert_eq!(of(name), keras1, "{name}");
    }
    assert_ne!(of("keras2_renamed.h5"), keras1);
    assert_ne!(of("keras1_theano.h5"), keras1);
}

#[test]
fn the_real_file_converts_to_the_same_bits() {
    let Some(path) = common::shared("weights/vgg16_notop.h5") else { return };
    let (original, folder, _dir) = converted(&path);
    assert_same_bits(&original, &folder);
    let found = verify(&original).unwrap();
    assert_eq!((found.tensors, found.params), (26, 14_714_688));
    assert_eq!((found.official, found.notes.len()), (None, 1));
    let of_folder = verify(&folder).unwrap();
    assert_eq!((of_folder.fingerprint, of_folder.md5), (found.fingerprint, found.md5));
    for f in [&original, &folder] {
        assert!(f.licence().unwrap().contains("CC BY 4.0") && f.preprocessing().unwrap().contains("123.68"));
        assert!(f.official_note().unwrap().is_some());
    }
}

#[test]
fn tensors_in_memory_make_a_folder_too() {
    let kernel = Tensor::from_fn([1, 1, 2, 3], |i| i as f32);
    let bias = Tensor::new([3], &[-0.0, f32::MIN_POSITIVE, f32::NAN]).unwrap();
    let dir = tempfile::tempdir().unwrap();
    let out = dir.path().join("net");
    write_folder(&out, [("conv", vec![("kernel", &kernel), ("bias", &bias)])]).unwrap();
    let folder = WeightsFile::open(&out).unwrap();
    let (k, b) = folder.take_layer("conv").unwrap();
    assert_eq!(k, kernel);
    assert!(b.data().iter().zip(bias.data()).all(|(x, y)| x.to_bits() == y.to_bits()));
    assert_eq!(folder.licence(), None);
}

/// Wanted with its top, the file without says what it is, what is missing, and what to do.
#[test]
fn the_real_file_is_not_taken_for_one_with_its_top() {
    let Some(path) = common::shared("weights/vgg16_notop.h5") else { return };
    let file = WeightsFile::open(path).unwrap();
    let conv = ExpectedLayer::new("block1_conv1", [3, 3, 3, 64].into());
    let top = ExpectedLayer::new("fc1", [25088, 4096].into());
    let said = match_layers(&file, &[conv, top]).unwrap_err().to_string();
    let said = said.split_whitespace().collect::<Vec<_>>().join(" ");
    for part in [
        "is VGG16 without its top",
        "the model wants VGG16 with its top: take the file with the top",
        "fc1/kernel (25088, 4096) – missing",
    ] {
        assert!(said.contains(part), "{part}\nis not in\n{said}");
    }
}

#[test]
fn a_folder_that_is_taken_is_left_alone() {
    let dir = tempfile::tempdir().unwrap();
    let file = WeightsFile::open(fixture("keras1.h5")).unwrap();
    let refused = |out: &Path, force| match convert(&file, out, force, &GO_ON) {
        Err(e @ WeightsError::TargetExists { .. }) => e.to_string(),
        other => panic!("{other:?}"),
    };

    let own = dir.path().join("photos");
    fs::create_dir(&own).unwrap();
    convert(&file, &own, false, &GO_ON).expect("an empty folder is free");
    assert!(refused(&own, false).contains("--force"));
    fs::write(own.join("fc1.bias.npy"), "not an array any more").unwrap();
    convert(&file, &own, true, &GO_ON).expect("an earlier conversion may be replaced");
    assert_same_bits(&file, &WeightsFile::open(&own).unwrap());

    fs::write(own.join("mine.txt"), "precious").unwrap();
    assert!(refused(&own, true).contains("other files"));
    assert_eq!(fs::read(own.join("mine.txt")).unwrap(), b"precious");
    assert!(refused(&own.join("mine.txt"), true).contains("no folder"));
    assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 1, "nothing half-written is left");
}

#[test]
fn an_interrupted_conversion_leaves_nothing() {
    let dir = tempfile::tempdir().unwrap();
    let file = WeightsFile::open(fixture("keras1.h5")).unwrap();
    let error = convert(&file, dir.path().join("out"), false, &AtomicBool::new(true)).unwrap_err();
    assert!(matches!(error, WeightsError::Interrupted { .. }), "{error}");
    assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 0);
}

/// A conversion with its manifest changed by `edit`.
fn edited(edit: impl Fn(String) -> String) -> (tempfile::TempDir, PathBuf) {
    let (_, _, dir) = converted(&fixture("keras1.h5"));
    let out = dir.path().join("out");
    let manifest = out.join("manifest.json");
    fs::write(&manifest, edit(fs::read_to_string(&manifest).unwrap())).unwrap();
    (dir, out)
}

/// Not as it is loaded, when a digest would take longer than all the rest, but where it would be passed on as the original.
#[test]
fn an_edited_array_is_used_but_never_passed_on() {
    let (dir, out) = edited(|m| m);
    let path = out.join("block1_conv1.bias.npy");
    npy::write(&path, &Tensor::new([2], &[1.0, 2.0]).unwrap()).unwrap();
    let folder = WeightsFile::open(&out).unwrap();
    assert_eq!(folder.take_layer("block1_conv1").unwrap().1.data(), [1.0, 2.0]);
    let said = convert(&folder, dir.path().join("copy"), false, &GO_ON).unwrap_err().to_string();
    assert!(
        said.contains("block1_conv1.bias.npy") && said.contains("altered") && said.contains("--force"),
        "{said}"
    );
    assert!(!dir.path().join("copy").exists());
}

#[test]
fn an_array_of_another_shape_or_none_is_an_error_at_once() {
    let (_dir, out) = edited(|m| m);
    let path = out.join("block1_conv1.bias.npy");
    let folder = WeightsFile::open(&out).unwrap();
    let said = || folder.take_layer("block1_conv1").unwrap_err().to_string();
    npy::write(&path, &Tensor::zeros([3])).unwrap();
    assert!(said().contains("block1_conv1.bias.npy") && said().contains("(3,)"), "{}", said());
    fs::write(&path, &fs::read(&path).unwrap()[..100]).unwrap();
    assert!(said().contains("block1_conv1.bias.npy") && said().contains("convert --force"), "{}", said());
    fs::remove_file(&path).unwrap();
    assert!(said().contains("block1_conv1.bias.npy") && said().contains("convert --force"), "{}", said());
}

#[test]
fn a_hostile_manifest_is_refused() {
    let huge = format!("[{},", u64::MAX);
    for (from, to, says) in [
        ("\"file\": \"block1_conv1.kernel.npy\"", "\"file\": \"../../../etc/passwd\"", "no plain file name"),
        ("\"version\": 1", "\"version\": 2", "expected graft-weights 1"),
        ("\"shape\": [", huge.as_str(), "impossible shape"),
        ("\"tensors\": [", "\"tensors\": [[", "manifest.json cannot be read"),
    ] {
        let (_dir, out) = edited(|m| m.replacen(from, &to.replace("[18", "\"shape\": [18"), 1));
        let said = WeightsFile::open(&out).err().expect(says).to_string();
        assert!(said.contains(says), "{says} is not in: {said}");
    }
    let empty = tempfile::tempdir().unwrap();
    let said = WeightsFile::open(empty.path()).err().unwrap().to_string();
    assert!(said.contains("is a folder without a manifest.json"), "{said}");
}
