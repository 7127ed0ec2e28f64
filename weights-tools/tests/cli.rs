//! The binary as a person meets it: what it prints where, and its exit codes.

mod common;

use std::path::Path;
use std::process::{Command, Output};

use common::fixture;
use graft_tensor::{DType, Tensor};
use graft_weights::{WeightsFile, write_safetensors};

fn weights(args: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_weights")).args(args).env_remove("KERAS_HOME").output().unwrap()
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8(bytes.to_vec()).unwrap()
}

fn path(p: &Path) -> &str {
    p.to_str().unwrap()
}

#[test]
fn help_teaches_and_wrong_usage_is_2() {
    let help = weights(&["--help"]);
    assert!(help.status.success());
    for part in ["fetch", "convert", "inspect", "verify", "CC BY 4.0", "Exit codes"] {
        assert!(text(&help.stdout).contains(part), "{part}");
    }
    assert_eq!(weights(&["fecth"]).status.code(), Some(2));
    assert_eq!(weights(&["convert", "one.h5"]).status.code(), Some(2));
}

#[test]
fn inspect_prints_a_row_for_every_tensor() {
    let shown = weights(&["inspect", path(&fixture("keras2_nested.h5"))]);
    let table = text(&shown.stdout);
    assert!(shown.status.success());
    assert!(table.contains("block2_conv1  kernel  3×3×2×4  float32      72"), "{table}");
    assert!(table.ends_with("8 tensors, 221 parameters\n"), "{table}");
    let json = weights(&["inspect", "--json", path(&fixture("keras2_nested.h5"))]);
    let json: serde_json::Value = serde_json::from_slice(&json.stdout).unwrap();
    assert_eq!(json[0]["layer"], "block1_conv1");
    assert_eq!((&json[1]["min"], &json[1]["max"]), (&(-1.5).into(), &(-0.625).into()));
}

#[test]
fn a_file_in_16_bits_is_inspected_and_converted_as_any_other() {
    let dir = tempfile::tempdir().unwrap();
    let (file, folder) = (dir.path().join("small.safetensors"), dir.path().join("small"));
    let kernel = Tensor::new([2, 3], &[0.5, -1.5, 2.0, 0.0, 1.0, 3.1]).unwrap();
    let tensors = [("dense.kernel".to_owned(), &kernel)];
    write_safetensors(&file, Default::default(), &tensors, DType::F16).unwrap();
    let table = text(&weights(&["inspect", path(&file)]).stdout);
    assert!(table.contains("dense  kernel") && table.contains("float16"), "{table}");
    let made = weights(&["convert", path(&file), path(&folder)]);
    assert!(made.status.success(), "{}", text(&made.stderr));
    let [one, other] = [&file, &folder].map(|f| WeightsFile::open(f).unwrap());
    assert_eq!(one.tensor(0).unwrap(), other.tensor(0).unwrap());
    assert_eq!(one.fingerprint().unwrap(), other.fingerprint().unwrap());
}

#[test]
fn a_net_that_is_no_vgg16_gets_its_table_and_4() {
    let out = weights(&["verify", path(&fixture("keras3.keras"))]);
    let said = text(&out.stderr);
    assert_eq!(out.status.code(), Some(4));
    assert!(
        said.contains("not VGG16") && said.contains("block5_conv3/bias") && said.contains("missing"),
        "{said}"
    );
    assert!(out.stdout.is_empty());
}

#[test]
fn what_cannot_be_read_is_one_sentence_and_4() {
    let dir = tempfile::tempdir().unwrap();
    let text_file = dir.path().join("weights.h5");
    std::fs::write(&text_file, "not weights").unwrap();
    for (file, says) in [
        (dir.path().join("none.h5"), "check that it is there"),
        (text_file, "is a text file; expected a Keras weights file"),
        (dir.path().to_owned(), "is a folder without a manifest.json"),
    ] {
        for command in ["inspect", "verify"] {
            let out = weights(&[command, path(&file)]);
            let said = text(&out.stderr);
            assert_eq!(out.status.code(), Some(4), "{said}");
            assert!(said.contains(says) && said.contains(path(&file)) && said.lines().count() == 1, "{said}");
        }
    }
}

#[test]
fn convert_writes_a_folder_that_every_command_takes() {
    let dir = tempfile::tempdir().unwrap();
    let out = dir.path().join("vgg");
    let (source, target) = (fixture("keras1.h5"), path(&out).to_owned());
    assert!(weights(&["convert", path(&source), &target]).status.success());
    let again = weights(&["convert", path(&source), &target]);
    assert_eq!(again.status.code(), Some(2));
    assert!(text(&again.stderr).contains("--force"));
    assert!(weights(&["convert", "--force", path(&source), &target]).status.success());
    let shown = weights(&["inspect", &target]);
    assert!(text(&shown.stdout).contains("8 tensors, 221 parameters"));
    assert!(text(&shown.stderr).contains("converted from keras1.h5"));
}

#[test]
fn a_place_that_cannot_be_written_to_is_one_sentence_and_2() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("file");
    std::fs::write(&file, "in the way").unwrap();
    let below = file.join("below");
    let source = fixture("keras1.h5");
    for arguments in
        [&["convert", path(&source), path(&below)][..], &["fetch", "class-index", "--dir", path(&below)]]
    {
        let out = weights(arguments);
        let said = text(&out.stderr);
        assert_eq!(out.status.code(), Some(2), "{said}");
        assert!(said.contains(path(&file)) && said.contains("may write to"), "{said}");
        assert!(said.lines().count() == 1 && !said.contains(".part"), "{said}");
    }
    assert_eq!(std::fs::read_dir(dir.path()).unwrap().count(), 1);
}

#[test]
fn fetch_without_a_network_says_how_to_do_without_and_4() {
    let dir = tempfile::tempdir().unwrap();
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    drop(listener);
    let out = weights(&["fetch", "class-index", "--base-url", &url, "--dir", path(dir.path())]);
    let said = text(&out.stderr);
    assert_eq!(out.status.code(), Some(4));
    assert!(said.contains("imagenet_class_index.json") && said.contains("by hand"), "{said}");
    assert!(said.contains("--class-index") && !said.contains("--weights"), "{said}");
}

/// Ctrl-C while a server keeps silent: what came is kept, and the message says where.
#[test]
#[cfg(unix)]
fn an_interrupted_fetch_keeps_what_came_and_is_130() {
    use std::io::{Read, Write};
    let dir = tempfile::tempdir().unwrap();
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let mut child = Command::new(env!("CARGO_BIN_EXE_weights"))
        .args(["fetch", "class-index", "--base-url", &url, "--dir", path(dir.path())])
        .stderr(std::process::Stdio::piped())
        .spawn()
        .unwrap();
    let (mut server, _) = listener.accept().unwrap();
    let _request = server.read(&mut [0; 1024]).unwrap();
    server.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 35363\r\n\r\n{\"0\": [").unwrap();
    let part = dir.path().join("imagenet_class_index.json.part");
    while std::fs::metadata(&part).map_or(0, |m| m.len()) < 7 {
        std::thread::yield_now();
    }
    let pid = child.id().to_string();
    assert!(Command::new("kill").args(["-INT", &pid]).status().unwrap().success());
    let mut said = String::new();
    child.stderr.take().unwrap().read_to_string(&mut said).unwrap();
    assert_eq!(child.wait().unwrap().code(), Some(130), "{said}");
    assert!(said.contains("7 of 35363 bytes are kept") && said.contains(path(&part)), "{said}");
    assert_eq!(std::fs::read(part).unwrap(), b"{\"0\": [");
}

#[test]
fn fetch_finds_what_lies_in_keras_own_cache() {
    let Some(index) = common::shared("weights/imagenet_class_index.json") else { return };
    let home = tempfile::tempdir().unwrap();
    let models = home.path().join("models");
    std::fs::create_dir(&models).unwrap();
    std::fs::copy(index, models.join("imagenet_class_index.json")).unwrap();
    let out = Command::new(env!("CARGO_BIN_EXE_weights"))
        .args(["fetch", "class-index", "--base-url", "http://127.0.0.1:9"])
        .env("KERAS_HOME", home.path())
        .output()
        .unwrap();
    assert!(out.status.success(), "{}", text(&out.stderr));
    assert_eq!(text(&out.stdout).trim(), path(&models.join("imagenet_class_index.json")));
    assert!(text(&out.stderr).contains("already there") && text(&out.stderr).contains("CC BY 4.0"));
}

#[test]
fn the_real_file_is_sound() {
    let Some(file) = common::shared("weights/vgg16_notop.h5") else { return };
    let out = weights(&["verify", path(&file)]);
    assert!(out.status.success(), "{}", text(&out.stderr));
    assert!(text(&out.stdout).contains("verdict      sound"));
    assert!(text(&out.stderr).contains("not byte for byte"));
}
