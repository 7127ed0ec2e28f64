//! Archives of arrays: written and read back, and hostile ones refused.

use std::io::{Cursor, Write};
use std::path::PathBuf;

use graft_tensor::npz::{self, Npz};
use graft_tensor::{Tensor, TensorError, npy};
use tempfile::TempDir;
use zip::write::SimpleFileOptions;
use zip::{CompressionMethod, ZipWriter};

/// The bytes of an archive of these members.
fn archive(members: &[(&str, &[u8], CompressionMethod)]) -> Vec<u8> {
    let mut zip = ZipWriter::new(Cursor::new(Vec::new()));
    for (name, content, method) in members {
        zip.start_file(*name, SimpleFileOptions::default().compression_method(*method)).unwrap();
        zip.write_all(content).unwrap();
    }
    zip.finish().unwrap().into_inner()
}

fn open(archive: Vec<u8>) -> Result<Npz<Cursor<Vec<u8>>>, TensorError> {
    Npz::from_reader("x.npz", Cursor::new(archive))
}

/// A file of its own, with these bytes in it.
fn file(bytes: &[u8]) -> (TempDir, PathBuf) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("x.npz");
    std::fs::write(&path, bytes).unwrap();
    (folder, path)
}

fn npy_of(tensor: &Tensor) -> Vec<u8> {
    let mut bytes = Vec::new();
    npy::write_to(&mut bytes, tensor).unwrap();
    bytes
}

/// Sets the size that the table of contents declares for the one member of an archive.
fn declare(archive: &mut [u8], size: u32) {
    let entry = archive.windows(4).position(|w| w == b"PK\x01\x02").unwrap();
    archive[entry + 24..entry + 28].copy_from_slice(&size.to_le_bytes());
}

/// What reading the array `x` of an archive says.
fn refusal(bytes: &[u8]) -> String {
    let message = open(bytes.to_vec()).and_then(|mut a| a.get("x")).unwrap_err().to_string();
    assert!(message.starts_with("x.npz"), "{message}");
    message
}

#[test]
fn tensors_come_back_under_their_names() {
    let (_folder, path) = file(&[]);
    let kernel = Tensor::from_fn([3, 3, 3, 64], |i| (i as f32).sin());
    let (bias, step, none) = (Tensor::zeros([64]), Tensor::scalar(7.0), Tensor::zeros([0, 4]));
    npz::write(&path, &[("conv/kernel", &kernel), ("conv/bias", &bias), ("step", &step), ("é", &none)])
        .unwrap();
    let mut archive = Npz::open(&path).unwrap();
    assert_eq!(archive.names().collect::<Vec<_>>(), ["conv/kernel", "conv/bias", "step", "é"]);
    for (name, tensor) in [("é", none), ("step", step), ("conv/kernel", kernel), ("conv/bias", bias)] {
        assert_eq!(archive.tensor(name).unwrap(), tensor, "{name}");
    }
}

#[test]
fn the_same_tensors_give_the_same_bytes() {
    let ((_a, first), (_b, second)) = (file(&[]), file(b"what was there before"));
    let x = Tensor::from_fn([1000], |i| i as f32);
    npz::write(&first, &[("x", &x)]).unwrap();
    npz::write(&second, &[("x", &x)]).unwrap();
    let bytes = std::fs::read(&first).unwrap();
    assert_eq!(bytes, std::fs::read(&second).unwrap());
    assert!(bytes.len() < 4000, "{} bytes: not deflated", bytes.len());
}

#[test]
fn a_name_given_twice_writes_nothing() {
    let (_folder, path) = file(b"before");
    let x = Tensor::scalar(1.0);
    let message = npz::write(&path, &[("x", &x), ("x", &x)]).unwrap_err().to_string();
    assert!(message.contains("cannot write"), "{message}");
    assert_eq!(std::fs::read(&path).unwrap(), b"before");
}

#[test]
fn other_members_are_passed_over() {
    let array = npy_of(&Tensor::scalar(1.0));
    let (stored, deflated) = (CompressionMethod::Stored, CompressionMethod::Deflated);
    let members =
        [("notes.txt", &b"hello"[..], stored), ("a/b.npy", &array, deflated), ("c.npy", &array, stored)];
    let mut archive = open(archive(&members)).unwrap();
    assert_eq!(archive.names().collect::<Vec<_>>(), ["a/b", "c"]);
    assert_eq!(archive.tensor("a/b").unwrap(), archive.tensor("c").unwrap());
    let message = archive.get("notes.txt").unwrap_err().to_string();
    assert!(message.ends_with("expected an array named 'notes.txt', found a/b, c"), "{message}");
}

#[test]
fn what_is_no_archive_is_refused() {
    for bytes in [&b""[..], b"PK", b"\x93NUMPY\x01\x00", &[0; 1000]] {
        assert!(refusal(bytes).contains("a whole ZIP archive"));
    }
    let folder = tempfile::tempdir().unwrap();
    assert!(Npz::open(folder.path()).unwrap_err().to_string().ends_with("found a folder"));
    assert!(Npz::open(folder.path().join("x.npz")).unwrap_err().to_string().contains("cannot open"));
}

/// An archive of a few bytes may not ask for a large memory, whichever of its three sizes lies.
#[test]
fn a_zip_bomb_is_refused() {
    let honest = npy_of(&Tensor::zeros([1000]));
    // 1: the header asks for a gigabyte; the archive declares what there is.
    let giant = String::from_utf8_lossy(&honest[10..128]).replace("(1000,)", "(268435456,)");
    let giant = [&honest[..10], &giant.as_bytes()[..117], b"\n", &honest[128..]].concat();
    let mut bomb = archive(&[("x.npy", &giant, CompressionMethod::Deflated)]);
    assert!(refusal(&bomb).contains("1073741824 bytes of data for the shape (268435456,), found 4000 bytes"));
    // 2: the archive declares that gigabyte as well.
    declare(&mut bomb, 128 + (1 << 30));
    assert!(refusal(&bomb).contains("deflated bytes can hold, found a declared 1073741952 bytes"));
    // 3: header and archive agree on 4000 bytes, and the deflated stream holds a megabyte.
    let long = [&honest[..], &[0; 1 << 20]].concat();
    let mut bomb = archive(&[("x.npy", &long, CompressionMethod::Deflated)]);
    declare(&mut bomb, honest.len() as u32);
    refusal(&bomb);
    // And the other way: it holds less than both say.
    let mut short = archive(&[("x.npy", &honest[..200], CompressionMethod::Deflated)]);
    declare(&mut short, honest.len() as u32);
    refusal(&short);
}

#[test]
fn a_changed_byte_is_noticed() {
    let x = Tensor::from_fn([100], |i| i as f32);
    let whole = archive(&[("x.npy", &npy_of(&x), CompressionMethod::Stored)]);
    let at = whole.windows(4).position(|w| w == 99f32.to_le_bytes()).unwrap();
    let mut damaged = whole.clone();
    damaged[at] ^= 1;
    assert!(refusal(&damaged).to_lowercase().contains("checksum"));
    // No byte of an archive, changed to any of a few values, makes it panic.
    for at in 0..whole.len() {
        for value in [0, 1, 0x7f, 0xff, whole[at] ^ 0x10] {
            let mut damaged = whole.clone();
            damaged[at] = value;
            if let Ok(y) = open(damaged).and_then(|mut a| a.tensor("x")) {
                assert_eq!(x, y, "byte {at} as {value}");
            }
        }
    }
}
