//! Warps against Keras and scipy (`augment.npz` of `make_golden.py`): the parameters are in the file, `keras3_*` is what
//! Keras 3 makes of them, `native_*` the same with the axes the right way round.

use graft_data::{Augmentation, Compat, FillMode, Interval, RgbF32, Transform};
use graft_kernels::random::{Purpose, Stream};
use graft_tensor::npz::Npz;
use graft_tests::golden_npz;
use serde_json::Value;

/// The grey level outside of the picture with `constant`, as in `make_golden.py`.
const CVAL: f32 = 10.0;

fn picture(file: &mut Npz, name: &str) -> RgbF32 {
    let tensor = file.tensor(name).unwrap();
    let [height, width, 3] = tensor.shape()[..] else { panic!("{name} is no picture: {}", tensor.shape()) };
    RgbF32::new(height, width, tensor.data().to_vec()).unwrap()
}

/// A list of parameters, stored as JSON in an array of one string.
fn parameters(file: &mut Npz, name: &str) -> Vec<Value> {
    let array = file.get(name).unwrap();
    serde_json::from_str(&array.strings().unwrap()[0]).unwrap()
}

fn transform(case: &Value, fill_mode: FillMode) -> Transform {
    let mut transform = Transform { fill_mode, cval: CVAL, ..Transform::default() };
    for (name, value) in case.as_object().unwrap() {
        let value = value.as_f64().unwrap();
        match name.as_str() {
            "theta" => transform.theta = value,
            "tx" => transform.tx = value,
            "ty" => transform.ty = value,
            "shear" => transform.shear = value,
            "zx" => transform.zx = value,
            "zy" => transform.zy = value,
            other => panic!("{other} is no parameter of a warp"),
        }
    }
    transform
}

#[test]
fn golden_augment_warps_as_keras_and_the_right_way_round() {
    let Some(mut file) = golden_npz("augment.npz") else { return };
    let source = picture(&mut file, "source");
    let cases = parameters(&mut file, "cases");
    assert!(!cases.is_empty());
    let mut most: f32 = 0.0;
    for (k, case) in cases.iter().enumerate() {
        for fill_mode in FillMode::ALL {
            for compat in Compat::ALL {
                let name = format!("{compat}_{k}_{fill_mode}");
                let expected = picture(&mut file, &name);
                let found = transform(case, fill_mode).apply(&source, compat);
                let pairs = found.data.iter().zip(&expected.data);
                let off = pairs.map(|(a, b)| (a - b).abs()).fold(0.0, f32::max);
                assert!(off <= 1e-3, "{name}, {case}: {off} grey levels off");
                most = most.max(off);
            }
        }
    }
    println!("{} cases: up to {most} grey levels off", cases.len());
}

/// Keras's own draws say what the ranges were; ours from these ranges must be spread alike.
///
/// Alike: the largest distance of the two cumulative distributions is one that a Kolmogorov-Smirnov test of two samples
/// passes but once in 10,000 times.
#[test]
fn golden_augment_draws_are_spread_as_kerass() {
    const OURS: u64 = 5000;
    let Some(mut file) = golden_npz("augment.npz") else { return };
    let source = picture(&mut file, "source");
    let keras = parameters(&mut file, "random_params");
    let n = keras.len() as f64;
    let column = |name: &str| sorted(keras.iter().map(|draw| draw[name].as_f64().unwrap_or(0.0)).collect());
    // The largest of n draws falls short of the range by its n-th part, on average.
    let range = |name: &str| column(name).into_iter().map(f64::abs).fold(0.0, f64::max) * (n + 1.0) / n;
    let zooms = [column("zx"), column("zy")].concat();
    let ranges = Augmentation {
        rotation_range: range("theta"),
        height_shift_range: range("tx") / source.height as f64,
        width_shift_range: range("ty") / source.width as f64,
        shear_range: range("shear"),
        zoom_range: Interval {
            low: zooms.iter().copied().fold(f64::INFINITY, f64::min),
            high: zooms.iter().copied().fold(0.0, f64::max),
        },
        horizontal_flip: column("flip_horizontal").contains(&1.0),
        vertical_flip: column("flip_vertical").contains(&1.0),
        ..Augmentation::default()
    };
    ranges.validate().unwrap();
    let ours: Vec<Transform> = (0..OURS)
        .map(|k| ranges.sample(&mut Stream::new(0, Purpose::Augment, 0, k), source.height, source.width))
        .collect();
    let allowed = (-0.5 * (0.5e-4_f64).ln() * (1.0 / n + 1.0 / OURS as f64)).sqrt();
    type Parameter = fn(&Transform) -> f64;
    let parameters: [(&str, Parameter); 8] = [
        ("theta", |t| t.theta),
        ("tx", |t| t.tx),
        ("ty", |t| t.ty),
        ("shear", |t| t.shear),
        ("zx", |t| t.zx),
        ("zy", |t| t.zy),
        ("flip_horizontal", |t| f64::from(t.flip_horizontal)),
        ("flip_vertical", |t| f64::from(t.flip_vertical)),
    ];
    for (name, of) in parameters {
        let distance = distance(&column(name), &sorted(ours.iter().map(of).collect()));
        println!("{name}: distributions {distance:.3} apart, {allowed:.3} allowed");
        assert!(distance <= allowed, "{name} is not drawn as Keras draws it");
    }
}

fn sorted(mut values: Vec<f64>) -> Vec<f64> {
    values.sort_by(f64::total_cmp);
    values
}

/// The largest difference between the shares of two sorted samples that lie at or below any value.
fn distance(a: &[f64], b: &[f64]) -> f64 {
    let share = |values: &[f64], x: f64| values.partition_point(|v| *v <= x) as f64 / values.len() as f64;
    a.iter().chain(b).map(|&x| (share(a, x) - share(b, x)).abs()).fold(0.0, f64::max)
}
