//! What makes `coats` a task: the colours tell little, and neither do the pixels, each taken for itself.

use graft_data::{Coat, Coats, Interpolation, Part, Rgb8, resize};
use graft_nn::fit::{Batch, Trainer, predict};
use graft_nn::layers::Dense;
use graft_nn::optimizers::{Algorithm, Optimizer, OptimizerConfig};
use graft_nn::{Activation, Sequential};
use graft_tensor::Tensor;

/// Pictures as rows of numbers, and their labels.
fn rows(pictures: &[(Coat, Rgb8)], features: &impl Fn(&Rgb8) -> Vec<f32>) -> (Tensor, Vec<usize>) {
    let rows: Vec<Vec<f32>> = pictures.iter().map(|(_, picture)| features(picture)).collect();
    let labels = pictures.iter().map(|(coat, _)| *coat as usize).collect();
    (Tensor::new([rows.len(), rows[0].len()], &rows.concat()).unwrap(), labels)
}

/// The best accuracy on the validation pictures that logistic regression shows in any of its epochs: more than
/// anybody could hope for who did not choose the epoch by these very pictures.
fn logistic_regression(features: impl Fn(&Rgb8) -> Vec<f32>) -> f64 {
    let coats = Coats::default();
    let [(x, labels), (val_x, val_labels)] =
        [Part::Train, Part::Validation].map(|part| rows(&coats.pictures(part).unwrap(), &features));
    let samples = (0..labels.len() as u64).collect();
    let batch = Batch { x, from_layer: 0, labels, samples };
    let mut best = 0.0;
    for learning_rate in [3e-4, 3e-3, 3e-2] {
        let mut model = Sequential::new([batch.x.shape()[1]]);
        model.push("dense", Dense::new(Coat::ALL.len()).activation(Activation::Softmax)).unwrap();
        model.initialize(0);
        let adam = OptimizerConfig { learning_rate, ..OptimizerConfig::new(Algorithm::adam()) };
        let mut trainer = Trainer::new(&mut model).optimizer(Optimizer::new(adam).unwrap());
        for epoch in 0..100 {
            trainer.train_step(epoch, &batch).unwrap();
            let p = predict(trainer.model(), 0..1, &val_x).unwrap();
            best = f64::max(best, accuracy(&p, &val_labels));
        }
    }
    best
}

fn accuracy(p: &Tensor, labels: &[usize]) -> f64 {
    let rows = p.data().chunks_exact(Coat::ALL.len());
    let highest = |row: &[f32]| (0..row.len()).max_by(|&a, &b| row[a].total_cmp(&row[b])).unwrap();
    let right = rows.zip(labels).filter(|(row, label)| highest(row) == **label).count();
    right as f64 / labels.len() as f64
}

/// Grey levels around 0.
fn centred(level: u8) -> f32 {
    (f32::from(level) - 128.0) / 64.0
}

#[test]
fn raw_pixels_do_not_tell_the_coats_apart() {
    let accuracy = logistic_regression(|picture| {
        let small = resize(picture.clone(), 16, 16, Interpolation::Bilinear).unwrap().into_f32();
        small.to_u8().data.iter().map(|&v| centred(v)).collect()
    });
    println!("logistic regression on 16 x 16 raw pixels: {accuracy:.3}");
    assert!(accuracy < 0.45, "{accuracy}: the pictures are too easy");
    assert!(accuracy > 1.0 / 12.0, "{accuracy}: worse than chance, so nothing has been learnt");
}

#[test]
fn the_mean_colour_does_not_either() {
    let accuracy = logistic_regression(|picture| {
        let n = (picture.data.len() / 3) as f32;
        (0..3).map(|c| picture.data.iter().skip(c).step_by(3).map(|&v| centred(v)).sum::<f32>() / n).collect()
    });
    println!("logistic regression on the mean colour: {accuracy:.3}");
    assert!(accuracy < 0.30, "{accuracy}: the colours give the coats away");
    assert!(accuracy > 1.0 / 12.0, "{accuracy}: worse than chance, so nothing has been learnt");
}
