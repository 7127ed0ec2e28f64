//! Odd, hostile and broken pictures that others have collected, where the collections are there.

use std::fs;
use std::path::{Path, PathBuf};

use graft_data::{DataError, DecodeOptions, decode, resize};

/// The collections, beside the project, or `None` with a line that says so.
fn collections() -> Option<PathBuf> {
    let path = Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/../../../shared/hostile/images"));
    if !path.is_dir() {
        println!("skipped: the collections of hostile images are not there ({})", path.display());
        return None;
    }
    Some(path.to_owned())
}

const AS_STORED: DecodeOptions = DecodeOptions { exif: false };

#[test]
fn none_of_them_panics_or_hangs() {
    let Some(root) = collections() else { return };
    let (mut folders, mut good, mut bad) = (vec![root], 0, 0);
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
                continue;
            }
            match decode(&path, DecodeOptions::default()) {
                Ok(image) => {
                    assert_eq!(image.data.len(), image.height * image.width * 3);
                    good += 1;
                }
                Err(DataError::BadImage(file)) => {
                    assert_eq!(file.path, path);
                    bad += 1;
                }
                Err(other) => panic!("{}: {other}", path.display()),
            }
        }
    }
    println!("{good} good, {bad} bad");
    assert!(good > 200 && bad > 100);
}

/// Sizes and mean colours against Pillow's, see `pictures/hostile.py`.
#[test]
fn odd_pictures_come_out_as_from_pillow() {
    let Some(root) = collections() else { return };
    let table = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/pictures/hostile.csv");
    let mut differing = Vec::new();
    let mut reader = csv::ReaderBuilder::new().flexible(true).from_path(table).unwrap();
    for row in reader.records().map(Result::unwrap) {
        let image = decode(&root.join(&row[0]), AS_STORED);
        let agrees = match (&image, &row[1]) {
            (Err(_), "refused") => true,
            (Ok(image), height) if height != "refused" => {
                let within: f64 = row[6].parse().unwrap();
                let pixels = (image.height * image.width) as f64;
                let mean = |c: usize| {
                    image.data.iter().skip(c).step_by(3).map(|&v| f64::from(v)).sum::<f64>() / pixels
                };
                let near = |c: usize| (mean(c) - row[3 + c].parse::<f64>().unwrap()).abs() <= within;
                (image.height.to_string(), image.width.to_string()) == (row[1].to_owned(), row[2].to_owned())
                    && (0..3).all(near)
            }
            _ => false,
        };
        if !agrees {
            differing.push(row[0].to_owned());
        }
    }
    // Known: one PNG with a wrong checksum, which Pillow lets pass; arithmetic coding, which is not supported; colours
    // of JPEGs of two and three pixels a side, which are smoothed otherwise.
    let known = [
        "pngsuite/png/xcsn0g01.png",
        "jpeg-decoder/tests/reftest/images/mozilla/jpg-size-2x2.jpg",
        "jpeg-decoder/tests/reftest/images/mozilla/jpg-size-3x3.jpg",
        "libjpeg-turbo/testimgari.jpg",
    ];
    assert_eq!(differing, known);
}

/// The same scene stored in all eight orientations comes out upright.
#[test]
fn exif_orientations_give_one_picture() {
    let Some(root) = collections() else { return };
    for scene in ["Landscape", "Portrait"] {
        let small = |n: u32, options| {
            let path = root.join(format!("exif-orientation-examples/{scene}_{n}.jpg"));
            let image = decode(&path, options).unwrap();
            let size = (image.height, image.width);
            (size, resize(image, 30, 30, graft_data::Interpolation::Bilinear).unwrap().into_f32())
        };
        let (size, upright) = small(1, DecodeOptions::default());
        for n in 2..=8 {
            let difference = |options| {
                let (stored_size, picture) = small(n, options);
                let off: f32 = picture.data.iter().zip(&upright.data).map(|(a, b)| (a - b).abs()).sum();
                (stored_size == size, off / upright.data.len() as f32)
            };
            let (same_size, off) = difference(DecodeOptions::default());
            // The number of the orientation is painted on the picture, and each was compressed anew.
            assert!(same_size && off < 8.0, "{scene}_{n} is off by {off} grey levels");
            let (_, off) = difference(AS_STORED);
            assert!(off > 20.0, "{scene}_{n} would be upright without its orientation");
        }
    }
}
