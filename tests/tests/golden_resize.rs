//! Resizing against Pillow and TensorFlow (`resize.npz` of `make_golden.py`): one photo, smaller, and a corner of it,
//! larger.

use graft_data::{Interpolation, Resized, Rgb8, resize};
use graft_tensor::npz::Npz;
use graft_tests::golden_npz;

/// Height and width of the corner that is enlarged, as in `make_golden.py`.
const CORNER: (usize, usize) = (40, 60);

fn bytes(file: &mut Npz, name: &str) -> Rgb8 {
    let array = file.get(name).unwrap();
    let [height, width, 3] = array.shape()[..] else { panic!("{name} is no picture: {}", array.shape()) };
    Rgb8::new(height, width, array.bytes().unwrap().to_vec()).unwrap()
}

fn corner(image: &Rgb8, (height, width): (usize, usize)) -> Rgb8 {
    Rgb8::from_fn(height.min(image.height), width.min(image.width), |y, x| image.pixel(y, x))
}

/// Every `pil_<method>_<224 or up>` of the file whose method Graft has.
#[test]
fn golden_resize_gives_pillows_bytes() {
    let Some(mut file) = golden_npz("resize.npz") else { return };
    let source = bytes(&mut file, "source");
    let names: Vec<String> =
        file.names().filter(|name| name.starts_with("pil_")).map(str::to_owned).collect();
    let mut compared = 0;
    for name in names {
        let (method, scale) = name["pil_".len()..].rsplit_once('_').unwrap();
        let Ok(how) = method.parse::<Interpolation>() else { continue };
        let expected = bytes(&mut file, &name);
        let image = if scale == "up" { corner(&source, CORNER) } else { source.clone() };
        let Resized::Bytes(found) = resize(image, expected.height, expected.width, how).unwrap() else {
            panic!("{how} gives floats")
        };
        let most = found.data.iter().zip(&expected.data).map(|(a, b)| a.abs_diff(*b)).max().unwrap();
        let other = found.data.iter().zip(&expected.data).filter(|(a, b)| a != b).count();
        println!("{name}: {other} of {} values differ, by up to {most} grey levels", found.data.len());
        let allowed = if how == Interpolation::Nearest { 0 } else { 1 };
        assert!(most <= allowed, "{name} is {most} grey levels off");
        compared += 1;
    }
    assert!(compared >= 8, "{compared} pictures by methods that Graft has");
}

/// `tf_bilinear_<size>`: every so many rows of a square.
#[test]
fn golden_resize_gives_tensorflows_floats() {
    let Some(mut file) = golden_npz("resize.npz") else { return };
    let source = bytes(&mut file, "source");
    let expected = file.tensor("tf_bilinear_224").unwrap();
    let [rows, side, 3] = expected.shape()[..] else { panic!("no picture: {}", expected.shape()) };
    let Resized::Floats(found) = resize(source, side, side, Interpolation::TfBilinear).unwrap() else {
        panic!("tf-bilinear gives bytes")
    };
    let every = side.div_ceil(rows);
    let kept = found.data.chunks_exact(side * 3).step_by(every).flatten();
    let most = kept.zip(expected.data()).map(|(a, b)| (a - b).abs()).fold(0.0, f32::max);
    println!("tf_bilinear: up to {most} grey levels off");
    assert!(most <= 1e-2, "tf-bilinear is {most} grey levels off");
}
