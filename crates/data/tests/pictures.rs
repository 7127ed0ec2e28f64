//! Every format and colour model that Pillow can write comes out as Pillow reads it; torn files never do.

use std::path::{Path, PathBuf};

use graft_data::{DecodeOptions, Rgb8, decode, decode_bytes, decode_file};

fn pictures() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/pictures")
}

/// The rows of `expected.csv`: what `make.py` and Pillow say.
fn expected() -> Vec<(String, Rgb8)> {
    let mut reader = csv::Reader::from_path(pictures().join("expected.csv")).unwrap();
    let row = |row: csv::StringRecord| {
        let (height, width) = (row[1].parse().unwrap(), row[2].parse().unwrap());
        let byte = |i: usize| u8::from_str_radix(&row[3][i..i + 2], 16).unwrap();
        let data = (0..row[3].len()).step_by(2).map(byte).collect();
        (row[0].to_owned(), Rgb8::new(height, width, data).unwrap())
    };
    reader.records().map(|r| row(r.unwrap())).collect()
}

#[test]
fn every_format_and_colour_model_is_decoded_as_by_pillow() {
    for (name, expected) in expected() {
        let decoded = decode_file(&pictures().join(&name), DecodeOptions::default()).unwrap();
        assert_eq!((decoded.image.height, decoded.image.width), (expected.height, expected.width), "{name}");
        let off = |(a, b): (&u8, &u8)| a.abs_diff(*b);
        let worst = decoded.image.data.iter().zip(&expected.data).map(off).max().unwrap();
        // Decoders may round the colour conversion and the smoothing of subsampled colours differently.
        let allowed = match name.as_str() {
            "jpeg-subsampled.jpg" => 2,
            "tiff-cmyk.tif" => 1,
            _ => 0,
        };
        assert!(worst <= allowed, "{name} is off by {worst}");
        let claimed = name.split('-').next().unwrap().replace("ppm", "pnm");
        assert_eq!(decoded.format.to_string().to_lowercase(), claimed);
    }
}

/// A file that is well, but too large or of an unknown kind, is not called damaged.
#[test]
fn what_is_not_decoded_is_told_from_what_is_damaged() {
    let refusal = |bytes: &[u8]| decode_bytes(bytes, DecodeOptions::default()).unwrap_err();
    // The signature and header of a PNG of 20 000 x 20 000 pixels of RGB, and the end.
    let mut giant =
        b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR\0\0\x4e\x20\0\0\x4e\x20\x08\x02\0\0\0\x6c\x12\xd1\x6e".to_vec();
    giant.extend(b"\0\0\0\0IDAT\x35\xaf\x06\x1e\0\0\0\0IEND\xae\x42\x60\x82");
    assert!(refusal(&giant).starts_with("it has 20000 × 20000 pixels"), "{}", refusal(&giant));
    // A TIFF directory of one pixel in 32-bit grey levels.
    let entries: [(u16, u16, u32); 9] = [
        (256, 4, 1),
        (257, 4, 1),
        (258, 3, 32),
        (259, 3, 1),
        (262, 3, 1),
        (273, 4, 122),
        (277, 3, 1),
        (278, 4, 1),
        (279, 4, 4),
    ];
    let mut deep = b"II*\0\x08\0\0\0\x09\0".to_vec();
    for (tag, kind, value) in entries {
        deep.extend(tag.to_le_bytes());
        deep.extend(kind.to_le_bytes());
        deep.extend(1u32.to_le_bytes());
        deep.extend(value.to_le_bytes());
    }
    deep.extend([0; 8]);
    assert!(refusal(&deep).starts_with("this kind of TIFF is not supported"), "{}", refusal(&deep));
    assert!(refusal(&deep[..60]).starts_with("damaged TIFF"), "{}", refusal(&deep[..60]));
}

/// Cut anywhere, a file is either refused or was whole as far as its pixels go.
#[test]
fn a_torn_file_is_refused() {
    for (name, whole) in expected() {
        let bytes = std::fs::read(pictures().join(&name)).unwrap();
        let intact = decode_bytes(&bytes, DecodeOptions::default()).unwrap().image;
        assert_eq!(intact.height, whole.height);
        for cut in 0..bytes.len() {
            if let Ok(decoded) = decode_bytes(&bytes[..cut], DecodeOptions::default()) {
                assert!(
                    decoded.image == intact,
                    "{name} cut to {cut} of {} bytes gives other pixels",
                    bytes.len()
                );
            }
        }
        let half = decode_bytes(&bytes[..bytes.len() / 2], DecodeOptions::default());
        assert!(half.is_err() || name.contains("animated"), "half of {name} is taken for the whole");
    }
}

/// Any one byte changed: never a panic, never a hang, whatever the verdict.
#[test]
fn damaged_files_do_no_harm() {
    let mut refused = 0;
    for (name, _) in expected() {
        let mut bytes = std::fs::read(pictures().join(&name)).unwrap();
        for at in 0..bytes.len() {
            let original = bytes[at];
            for flipped in [original ^ 0xFF, original ^ 0x01, original ^ 0x80] {
                bytes[at] = flipped;
                refused += usize::from(decode_bytes(&bytes, DecodeOptions::default()).is_err());
            }
            bytes[at] = original;
        }
    }
    assert!(refused > 1000, "only {refused} damaged files were noticed");
}

#[test]
fn what_is_no_picture_is_named() {
    let folder = tempfile::tempdir().unwrap();
    let verdict = |name: &str, content: &[u8]| {
        let path = folder.path().join(name);
        std::fs::write(&path, content).unwrap();
        let error = decode(&path, DecodeOptions::default()).unwrap_err().to_string();
        assert!(error.starts_with(&format!("{}: ", path.display())), "{error}");
        error
    };
    assert!(verdict("a.jpg", b"just some words\n").ends_with("it holds text"));
    assert!(verdict("b.jpg", b"<!DOCTYPE html><html>").contains("web page"));
    assert!(verdict("c.png", b"").ends_with("the file is empty"));
    assert!(verdict("d.gif", &[0; 100]).contains("zeros"));
    assert!(verdict("e.jpg", b"\0\0\0\x18ftypheic\0\0\0\0mif1").contains("HEIC"));
    assert!(verdict("f.jpg", &[7; 100]).contains("none of JPEG, PNG"));
    assert!(verdict("g.jpg", &[0xFF, 0xD8, 0xFF, 0xE0, 0, 4, 0, 0]).contains("truncated"));
    let message = |path: &Path| decode(path, DecodeOptions::default()).unwrap_err().to_string();
    assert!(message(&folder.path().join("missing.jpg")).contains("cannot be read"));
    assert!(message(folder.path()).ends_with("it is a folder"));
}

/// A header is believed only as far as the limits go.
#[test]
fn giants_are_refused_before_anything_is_allocated() {
    let bitmap = |width: i32, height: i32| {
        let mut file = b"BM\x36\0\0\0\0\0\0\0\x36\0\0\0\x28\0\0\0".to_vec();
        file.extend([width.to_le_bytes(), height.to_le_bytes()].concat());
        file.extend([1, 0, 24, 0].iter().chain(&[0; 24]));
        file
    };
    for (width, height) in [(30_001, 1), (1, 30_001), (30_000, 30_000), (i32::MAX, i32::MAX)] {
        assert!(decode_bytes(&bitmap(width, height), DecodeOptions::default()).is_err());
    }
    let error = decode_bytes(&bitmap(30_001, 1), DecodeOptions::default()).unwrap_err();
    assert!(error.contains("at most 30000 a side"), "{error}");
}

/// The eight orientations of EXIF, written into one JPEG in turn.
#[test]
fn exif_orientation_is_applied_unless_it_is_switched_off() {
    let jpeg = std::fs::read(pictures().join("jpeg-ycc.jpg")).unwrap();
    let stored = decode(&pictures().join("jpeg-ycc.jpg"), DecodeOptions::default()).unwrap();
    let (h, w) = (stored.height, stored.width);
    for orientation in 1..=8_u8 {
        // One little-endian directory with one entry: tag 0x0112, a 16-bit number.
        let tiff = [
            b"II*\0\x08\0\0\0\x01\0\x12\x01\x03\0\x01\0\0\0".as_slice(),
            &[orientation, 0, 0, 0, 0, 0, 0, 0],
        ]
        .concat();
        let segment = [&[0xFF, 0xE1, 0, 8 + tiff.len() as u8], b"Exif\0\0".as_slice(), &tiff].concat();
        let file = [&jpeg[..2], &segment, &jpeg[2..]].concat();
        let upright = decode_bytes(&file, DecodeOptions::default()).unwrap();
        let expected = match orientation {
            1 => stored.clone(),
            2 => Rgb8::from_fn(h, w, |y, x| stored.pixel(y, w - 1 - x)),
            3 => Rgb8::from_fn(h, w, |y, x| stored.pixel(h - 1 - y, w - 1 - x)),
            4 => Rgb8::from_fn(h, w, |y, x| stored.pixel(h - 1 - y, x)),
            5 => Rgb8::from_fn(w, h, |y, x| stored.pixel(x, y)),
            6 => Rgb8::from_fn(w, h, |y, x| stored.pixel(h - 1 - x, y)),
            7 => Rgb8::from_fn(w, h, |y, x| stored.pixel(h - 1 - x, w - 1 - y)),
            _ => Rgb8::from_fn(w, h, |y, x| stored.pixel(x, w - 1 - y)),
        };
        assert!(upright.image == expected, "orientation {orientation}");
        assert_eq!(upright.turned, orientation != 1);
        let as_stored = decode_bytes(&file, DecodeOptions { exif: false }).unwrap();
        assert!(as_stored.image == stored && !as_stored.turned);
    }
}
