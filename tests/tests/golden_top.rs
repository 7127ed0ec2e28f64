//! VGG16 with its top, from a 553 MB file in Keras's layout that is made on the spot (`make_top_golden.py`), against the
//! scores that Keras gave for two photos.

use std::fs;

use graft_data::{DecodeOptions, decode};
use graft_tensor::{Tensor, relative_l2};
use graft_tests::{golden, load_weights, weights_with_top};
use graft_vgg::{Vgg16, preprocess_input};
use serde_json::Value;

#[test]
fn golden_scores_are_those_of_keras() {
    // The figures are made with the file, by a script of their own: where it is not, neither need they be.
    let Some(file) = weights_with_top() else { return };
    let Some(figures) = golden("top_golden.json") else { return };
    let figures: Vec<Value> = serde_json::from_slice(&fs::read(&figures).unwrap()).unwrap();
    let mut network = Vgg16::with_top().build().unwrap();
    load_weights(&mut network, &file);
    let fc2 = network.index_of("fc2").unwrap() + 1;
    for figure in figures {
        let name = figure["photo"].as_str().unwrap();
        let photo = golden(&format!("photos/{name}"));
        let photo = photo.unwrap_or_else(|| panic!("{name} has figures, but is not in the folder of photos"));
        let mut pixels = decode(&photo, DecodeOptions { exif: false }).unwrap().to_f32().data;
        preprocess_input(&mut pixels);
        let x = Tensor::new([1, 224, 224, 3], &pixels).unwrap();

        let hidden = network.predict_range(0..fc2, &x).unwrap();
        let length = hidden.data().iter().map(|&v| f64::from(v).powi(2)).sum::<f64>().sqrt();
        let expected = figure["fc2_l2"].as_f64().unwrap();
        println!("{name}: fc2 {length:.6} (Keras {expected:.6})");
        assert!((length / expected - 1.0).abs() < 1e-5, "{name}: fc2 is {length} long, in Keras {expected}");
        // As a vector: a unit is a sum of 4096 products, rounded by their size and not by its own, so that the last digits
        // of a small one are rounding's alone.
        let first: Vec<f32> =
            figure["fc2_first"].as_array().unwrap().iter().map(|e| e.as_f64().unwrap() as f32).collect();
        let n = first.len();
        let keras = Tensor::new([n], &first).unwrap();
        let error = relative_l2(&Tensor::new([n], &hidden.data()[..n]).unwrap(), &keras);
        println!(
            "{name}: fc2 length within {:.1e}, first units {error:.1e}",
            (length / expected - 1.0).abs()
        );
        assert!(error < 1e-5, "{name}: fc2's first units are {error:.1e} away from Keras");

        let scores = network.predict_range(fc2..network.layers().len(), &hidden).unwrap();
        let mut order: Vec<usize> = (0..scores.row_len()).collect();
        order.sort_by(|&a, &b| scores.data()[b].total_cmp(&scores.data()[a]));
        for (rank, top) in figure["top5"].as_array().unwrap().iter().enumerate() {
            let (class, score) = (top[0].as_u64().unwrap() as usize, top[1].as_f64().unwrap());
            let found = f64::from(scores.data()[class]);
            println!("  {class:>4}  {found:.6} (Keras {score:.6})");
            assert!((found - score).abs() < 1e-4, "{name}: class {class} has {found}, in Keras {score}");
            if score > 1e-6 {
                assert_eq!(order[rank], class, "{name}: rank {rank}");
            }
        }
    }
}
