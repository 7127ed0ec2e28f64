use graft_kernels::random::{Purpose, Stream};
use rayon::prelude::*;

use super::*;
use crate::RgbF32;

/// A bright dot off the centre of a picture that is not square: nothing about it is symmetric.
fn dot() -> RgbF32 {
    RgbF32::from_fn(5, 9, |y, x| if (y, x) == (3, 2) { [255.0, 100.0, 30.0] } else { [0.0; 3] })
}

/// Where the red light of a picture lies on average: (row, column).
fn centroid(image: &RgbF32) -> (f64, f64) {
    let (mut sum, mut row, mut column) = (0.0, 0.0, 0.0);
    for y in 0..image.height {
        for x in 0..image.width {
            let weight = f64::from(image.pixel(y, x)[0]);
            sum += weight;
            row += weight * y as f64;
            column += weight * x as f64;
        }
    }
    (row / sum, column / sum)
}

fn noise(height: usize, width: usize, seed: u64) -> RgbF32 {
    let mut stream = Stream::new(seed, Purpose::Data, 0, 0);
    RgbF32::from_fn(height, width, |_, _| [(); 3].map(|()| stream.below(256) as f32))
}

fn everything() -> Augmentation {
    Augmentation {
        rotation_range: 40.0,
        width_shift_range: 0.2,
        height_shift_range: 3.0,
        shear_range: 15.0,
        zoom_range: Interval { low: 0.7, high: 1.4 },
        horizontal_flip: true,
        vertical_flip: true,
        brightness_range: Some(Interval { low: 0.5, high: 1.5 }),
        channel_shift_range: 20.0,
        fill_mode: FillMode::Reflect,
        cval: 0.0,
    }
}

fn draws(augmentation: &Augmentation) -> Vec<Transform> {
    let draw = |index| augmentation.sample(&mut Stream::new(5, Purpose::Augment, 0, index), 40, 60);
    (0..2000).map(draw).collect()
}

/// The second place of each is from Keras 3.15.1, with scipy 1.17.1:
///
/// ```python
/// a = np.zeros((5, 9, 1)); a[3, 2] = 255
/// b = apply_affine_transform(a, row_axis=0, col_axis=1, channel_axis=2, fill_mode="constant", **{parameter: value})
/// scipy.ndimage.center_of_mass(b[..., 0])
/// ```
///
/// and the first the same without Keras's exchange of axes.
#[test]
fn each_parameter_alone_moves_the_dot_its_own_way() {
    let still = || Transform { fill_mode: FillMode::Constant, ..Transform::default() };
    let cases = [
        ("tx", Transform { tx: 1.0, ..still() }, (2.0, 2.0), (3.0, 1.0)),
        ("ty", Transform { ty: 1.0, ..still() }, (3.0, 1.0), (2.0, 2.0)),
        ("theta", Transform { theta: 90.0, ..still() }, (0.0, 3.0), (4.0, 1.0)),
        ("shear", Transform { shear: 30.0, ..still() }, (1.823, 1.646), (2.764, 1.382)),
        ("zx", Transform { zx: 0.5, ..still() }, (3.667, 2.0), (3.0, 2.0)),
        ("zy", Transform { zy: 0.5, ..still() }, (3.0, 0.333), (2.0, 2.0)),
        ("flip", Transform { flip_horizontal: true, ..still() }, (3.0, 6.0), (3.0, 6.0)),
        ("flip", Transform { flip_vertical: true, ..still() }, (1.0, 2.0), (1.0, 2.0)),
    ];
    for (parameter, transform, native, keras3) in cases {
        for (compat, place) in [(Compat::Native, native), (Compat::Keras3, keras3)] {
            let (row, column) = centroid(&transform.apply(&dot(), compat));
            let off = (row - place.0).abs().max((column - place.1).abs());
            assert!(off < 6e-4, "{parameter}, {compat}: at ({row}, {column}), expected {place:?}");
        }
    }
}

/// The same draw for the options' names: what `height_shift_range` moves is the height, unless Keras is asked for.
#[test]
fn shift_ranges_move_along_the_axis_of_their_name() {
    let image = RgbF32::from_fn(40, 60, |y, x| {
        [if (15..25).contains(&y) && (25..35).contains(&x) { 255.0 } else { 0.0 }; 3]
    });
    let still = centroid(&image);
    let height = Augmentation { height_shift_range: 0.2, ..Augmentation::default() };
    let width = Augmentation { width_shift_range: 0.2, ..Augmentation::default() };
    for (augmentation, compat, moves_down, moves_right) in [
        (&height, Compat::Native, true, false),
        (&width, Compat::Native, false, true),
        (&height, Compat::Keras3, false, true),
        (&width, Compat::Keras3, true, false),
    ] {
        let transform = augmentation.sample(&mut Stream::new(1, Purpose::Augment, 0, 0), 40, 60);
        let (row, column) = centroid(&transform.apply(&image, compat));
        assert_eq!((row - still.0).abs() > 0.01, moves_down, "{compat}: {row}");
        assert_eq!((column - still.1).abs() > 0.01, moves_right, "{compat}: {column}");
    }
}

#[test]
fn the_default_changes_nothing() {
    let image = noise(7, 11, 0);
    for compat in Compat::ALL {
        assert_eq!(Transform::default().apply(&image, compat), image);
    }
    let off = Augmentation::default();
    assert!(off.is_off() && !everything().is_off());
    assert!(Augmentation { fill_mode: FillMode::Wrap, cval: 3.0, ..Augmentation::default() }.is_off());
    assert!(draws(&off).iter().all(|t| *t == Transform::default()));
}

#[test]
fn whole_pixels_move_exactly_and_a_full_turn_closes() {
    let image = noise(7, 11, 1);
    for fill_mode in FillMode::ALL {
        let turned = Transform { theta: 360.0, fill_mode, ..Transform::default() };
        let result = turned.apply(&image, Compat::Native);
        let inside = |y: usize, x: usize| (1..6).contains(&y) && (1..10).contains(&x);
        for (y, x) in (0..7).flat_map(|y| (0..11).map(move |x| (y, x))).filter(|&(y, x)| inside(y, x)) {
            let (found, expected) = (result.pixel(y, x)[0], image.pixel(y, x)[0]);
            assert!((found - expected).abs() < 1e-3, "{fill_mode}");
        }
        let whole = Transform { tx: 2.0, ty: -3.0, fill_mode, ..Transform::default() };
        let result = whole.apply(&image, Compat::Native);
        assert_eq!(result.pixel(1, 8), image.pixel(3, 5));
    }
}

#[test]
fn flips_are_exact_and_undo_themselves() {
    let image = noise(6, 9, 2);
    let both = Transform { flip_horizontal: true, flip_vertical: true, ..Transform::default() };
    let flipped = both.apply(&image, Compat::Native);
    assert_eq!(flipped.pixel(1, 2), image.pixel(4, 6));
    assert_eq!(both.apply(&flipped, Compat::Keras3), image);
}

/// One warp that flips is the warp, then the flip: the same bits, as the flip only reorders.
#[test]
fn warping_and_flipping_at_once_is_one_after_the_other() {
    for (i, fill_mode) in (0..40).zip(FillMode::ALL.into_iter().cycle()) {
        let augmentation = Augmentation { fill_mode, ..everything() };
        let image = noise(13, 21, i);
        for compat in Compat::ALL {
            let at_once = augmentation.sample(&mut Stream::new(3, Purpose::Augment, 0, i), 13, 21);
            let no_flip = Transform { flip_horizontal: false, flip_vertical: false, ..at_once.clone() };
            let flip = Transform {
                flip_horizontal: at_once.flip_horizontal,
                flip_vertical: at_once.flip_vertical,
                ..Transform::default()
            };
            let one_after_the_other = flip.apply(&no_flip.apply(&image, compat), compat);
            assert_eq!(at_once.apply(&image, compat), one_after_the_other, "{at_once:?}");
        }
    }
}

/// Inside of the picture the fill mode has no say, and the quick path agrees with the careful one.
#[test]
fn fill_modes_differ_outside_only() {
    let image = noise(30, 30, 4);
    let of = |fill_mode| {
        let t = Transform { theta: 17.0, tx: 1.7, fill_mode, cval: 300.0, ..Transform::default() };
        t.apply(&image, Compat::Native)
    };
    let constant = of(FillMode::Constant);
    let outside = |v: &f32| *v == 300.0;
    assert!(constant.data.iter().any(outside) && !constant.data.iter().all(outside));
    for other in [FillMode::Nearest, FillMode::Reflect, FillMode::Wrap].map(of) {
        let same = constant.data.iter().zip(&other.data).filter(|(c, _)| !outside(c)).all(|(c, o)| c == o);
        assert!(same && constant != other);
    }
}

#[test]
fn tiny_pictures_are_no_exception() {
    for (height, width) in [(0, 0), (0, 4), (1, 1), (1, 5), (5, 1), (2, 2)] {
        let image = noise(height, width, 6);
        for fill_mode in FillMode::ALL {
            for index in 0..20 {
                let augmentation = Augmentation { fill_mode, ..everything() };
                let mut stream = Stream::new(0, Purpose::Augment, 0, index);
                let variant = augmentation.sample(&mut stream, height, width).apply(&image, Compat::Keras3);
                assert_eq!(variant.data.len(), image.data.len());
                assert!(variant.data.iter().all(|v| v.is_finite()));
            }
        }
    }
}

#[test]
fn absurd_parameters_give_a_picture_or_nan_but_no_panic() {
    let image = noise(4, 6, 7);
    for value in [1e300, -1e300, f64::INFINITY, f64::NAN] {
        for fill_mode in FillMode::ALL {
            let still = Transform { fill_mode, ..Transform::default() };
            for t in [
                Transform { tx: value, ..still.clone() },
                Transform { zx: value, ..still.clone() },
                Transform { theta: value, ..still },
            ] {
                assert_eq!(t.apply(&image, Compat::Native).data.len(), image.data.len());
            }
        }
    }
}

#[test]
fn draws_fill_their_ranges_evenly() {
    let all = draws(&everything());
    let flat = |name: &str, low: f64, high: f64, of: &dyn Fn(&Transform) -> f64| {
        let values: Vec<f64> = all.iter().map(|t| (of(t) - low) / (high - low)).collect();
        assert!(values.iter().all(|v| (0.0..1.0).contains(v)), "{name} leaves its range");
        for decile in 0..10 {
            let count = values.iter().filter(|v| (**v * 10.0) as usize == decile).count();
            assert!((140..=260).contains(&count), "{name}: {count} of 2000 in tenth {decile}");
        }
    };
    flat("theta", -40.0, 40.0, &|t| t.theta);
    flat("tx", -3.0, 3.0, &|t| t.tx); // three pixels
    flat("ty", -12.0, 12.0, &|t| t.ty); // a fifth of sixty columns
    flat("shear", -15.0, 15.0, &|t| t.shear);
    flat("zx", 0.7, 1.4, &|t| t.zx);
    flat("zy", 0.7, 1.4, &|t| t.zy);
    flat("brightness", 0.5, 1.5, &|t| t.brightness.unwrap());
    flat("channel shift", -20.0, 20.0, &|t| t.channel_shift.unwrap());
    for flips in
        [all.iter().filter(|t| t.flip_horizontal).count(), all.iter().filter(|t| t.flip_vertical).count()]
    {
        assert!((900..=1100).contains(&flips), "{flips} of 2000 flipped");
    }
    let both = all.iter().filter(|t| t.flip_vertical && t.flip_horizontal).count();
    assert!((420..=580).contains(&both), "{both} of 2000 flipped both ways");
    assert!(all.iter().all(|t| t.zx != t.zy));
}

#[test]
fn switching_an_option_off_leaves_the_other_draws_alone() {
    let with = draws(&everything());
    let without = draws(&Augmentation {
        rotation_range: 0.0,
        vertical_flip: false,
        brightness_range: None,
        ..everything()
    });
    for (a, b) in with.into_iter().zip(without) {
        assert_eq!(b, Transform { theta: 0.0, flip_vertical: false, brightness: None, ..a });
    }
}

/// A variant hangs on its name (seed, epoch, picture), not on who makes it when.
#[test]
fn variants_have_the_same_bits_on_any_number_of_threads() {
    let (augmentation, image) = (everything(), noise(19, 23, 8));
    let variant = |index: u32| {
        let mut stream = Stream::new(9, Purpose::Augment, 2, index.into());
        augmentation.sample(&mut stream, image.height, image.width).apply(&image, Compat::Native)
    };
    let one: Vec<RgbF32> = (0..24).map(variant).collect();
    for threads in [2, 7] {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
        let many: Vec<RgbF32> = pool.install(|| (0..24).into_par_iter().rev().map(variant).rev().collect());
        assert!(one == many, "{threads} threads");
    }
    assert!(one.iter().zip(&one[1..]).all(|(a, b)| a != b));
}

#[test]
fn options_that_cannot_be_are_named() {
    assert!(everything().validate().is_ok() && Augmentation::default().validate().is_ok());
    let off = Augmentation::default;
    let low_high = |low, high| Interval { low, high };
    for (name, wrong) in [
        ("rotation_range", Augmentation { rotation_range: -1.0, ..off() }),
        ("width_shift_range", Augmentation { width_shift_range: f64::NAN, ..off() }),
        ("height_shift_range", Augmentation { height_shift_range: f64::INFINITY, ..off() }),
        ("shear_range", Augmentation { shear_range: 90.0, ..off() }),
        ("channel_shift_range", Augmentation { channel_shift_range: -0.5, ..off() }),
        ("zoom_range", Augmentation { zoom_range: Interval::around_one(1.0), ..off() }),
        ("zoom_range", Augmentation { zoom_range: low_high(1.2, 0.8), ..off() }),
        ("brightness_range", Augmentation { brightness_range: Some(low_high(-0.1, 1.0)), ..off() }),
        ("brightness_range", Augmentation { brightness_range: Some(low_high(f64::NAN, 1.0)), ..off() }),
        ("cval", Augmentation { cval: f32::NAN, ..off() }),
    ] {
        let said = wrong.validate().unwrap_err().to_string();
        assert!(said.starts_with(name), "{name}: {said}");
    }
}

#[test]
fn options_are_stored_by_kerass_names() {
    let json = serde_json::to_string(&everything()).unwrap();
    assert_eq!(serde_json::from_str::<Augmentation>(&json).unwrap(), everything());
    let given =
        r#"{"rotation_range": 30, "horizontal_flip": true, "zoom_range": [0.9, 1.1], "fill_mode": "wrap"}"#;
    let read: Augmentation = serde_json::from_str(given).unwrap();
    let zoom_range = Interval { low: 0.9, high: 1.1 };
    let expected = Augmentation {
        rotation_range: 30.0,
        horizontal_flip: true,
        zoom_range,
        fill_mode: FillMode::Wrap,
        ..Augmentation::default()
    };
    assert_eq!(read, expected);
    assert!(serde_json::from_str::<Augmentation>(r#"{"rotation": 30}"#).is_err());
    assert!("wide".parse::<Interval>().is_err() && "1,2,3".parse::<Interval>().is_err());
    assert!("keras2".parse::<Compat>().unwrap_err().to_string().contains("native or keras3"));
}
