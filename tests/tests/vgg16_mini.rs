//! `vgg16-mini` as it ships: what its card says of it is true.

use std::fs;
use std::path::Path;

use graft_data::{CHANNELS, DecodeOptions, decode, image_files};
use graft_tensor::Tensor;
use graft_tests::{cifar10, workspace_root};
use graft_transfer::model_file;

/// What the weights may weigh in a clone.
const MOST_BYTES: usize = 2_500_000;

/// Pictures that go through the network together.
const AT_ONCE: usize = 500;

/// The weights, and what the card says of them.
fn shipped(suffix: &str) -> Vec<u8> {
    fs::read(workspace_root().join("models/vgg16-mini").with_extension(suffix)).unwrap()
}

fn card() -> String {
    String::from_utf8(shipped("md")).unwrap()
}

#[test]
fn the_card_belongs_to_the_file() {
    let file = shipped("safetensors");
    assert!(file.len() <= MOST_BYTES, "{} bytes", file.len());
    let named = format!("{} bytes, BLAKE3 {} |", file.len(), blake3::hash(&file));
    assert!(card().contains(&named), "the card does not say: {named}");
}

/// Another instruction set rounds differently, and names a picture or two of the ten thousand by another name.
#[test]
fn cifar10s_test_pictures_are_named_as_well_as_the_card_says() {
    let Some(cifar10) = cifar10() else { return };
    let model = model_file::load(&workspace_root().join("models/vgg16-mini.safetensors")).unwrap();
    let side = model.card.image_size;
    let (mut right, mut all) = (0, 0);
    for (label, class) in model.card.class_names.iter().enumerate() {
        for some in image_files(&cifar10.join("test").join(class)).unwrap().chunks(AT_ONCE) {
            let mut pixels: Vec<f32> = some.iter().flat_map(|file| picture(file, side)).collect();
            model.card.preprocessing.apply(&mut pixels);
            let x = Tensor::new([some.len(), side, side, CHANNELS], &pixels).unwrap();
            let p = model.network.predict(&x).unwrap();
            let best = |row: &[f32]| (0..row.len()).max_by(|&a, &b| row[a].total_cmp(&row[b]));
            right += (0..some.len()).filter(|&i| best(p.row(i)) == Some(label)).count();
            all += some.len();
        }
    }
    let accuracy = right as f64 / all as f64;
    println!("{right} of {all} pictures: {accuracy:.4}");
    let card = card();
    let said = card.split_once("| accuracy | ").unwrap().1.split_once(' ').unwrap().0;
    assert!((accuracy - said.parse::<f64>().unwrap()).abs() < 5e-4, "{accuracy}, and the card says {said}");
}

fn picture(file: &Path, side: usize) -> Vec<f32> {
    let picture = decode(file, DecodeOptions::default()).unwrap();
    assert_eq!([picture.height, picture.width], [side; 2], "{}", file.display());
    picture.to_f32().data
}
