use super::*;

fn noise(height: usize, width: usize) -> Rgb8 {
    let mut stream = graft_kernels::random::Stream::new(
        1,
        graft_kernels::random::Purpose::Data,
        0,
        (height * width) as u64,
    );
    Rgb8::from_fn(height, width, |_, _| [0; CHANNELS].map(|_: u8| stream.below(256) as u8))
}

fn bytes(resized: Resized) -> Rgb8 {
    match resized {
        Resized::Bytes(image) => image,
        Resized::Floats(image) => panic!("{image:?} is not rounded"),
    }
}

#[test]
fn names_are_read_as_they_are_written() {
    for how in Interpolation::ALL {
        assert_eq!(how.to_string().parse::<Interpolation>().unwrap(), how);
        assert_eq!(serde_json::to_string(&how).unwrap(), format!("\"{how}\""));
    }
    let said = "cubic".parse::<Interpolation>().unwrap_err().to_string();
    assert!(said.contains("cubic") && said.contains("tf-bilinear"), "{said}");
}

#[test]
fn the_same_size_is_the_same_picture() {
    for how in Interpolation::ALL {
        assert_eq!(bytes(resize(noise(5, 7), 5, 7, how).unwrap()), noise(5, 7));
    }
}

#[test]
fn one_colour_stays_one_colour_at_any_ratio() {
    let sizes = [(1, 1), (1, 900), (900, 1), (2, 3), (37, 41)];
    for how in Interpolation::ALL {
        for from in sizes {
            for to in sizes {
                let image = Rgb8::from_fn(from.0, from.1, |_, _| [0, 200, 255]);
                let resized = resize(image, to.0, to.1, how).unwrap().into_f32();
                assert_eq!((resized.height, resized.width), to);
                assert_eq!(resized.data.len(), to.0 * to.1 * CHANNELS);
                assert!(resized.data.chunks(3).all(|p| p == [0.0, 200.0, 255.0]), "{how} {from:?} {to:?}");
            }
        }
    }
}

/// Rows and columns are treated alike, save that Pillow rounds between the passes, and cuts off overshoot there: hence
/// the low contrast.
#[test]
fn transposing_before_or_after_is_the_same() {
    let transpose = |image: &RgbF32| RgbF32::from_fn(image.width, image.height, |y, x| image.pixel(x, y));
    let mut image = noise(31, 47);
    image.data.iter_mut().for_each(|v| *v = 64 + *v / 2);
    let turned = transpose(&image.to_f32()).to_u8();
    for how in Interpolation::ALL {
        for (height, width) in [(13, 20), (60, 101), (13, 101), (31, 9)] {
            let a = transpose(&resize(image.clone(), height, width, how).unwrap().into_f32());
            let b = resize(turned.clone(), width, height, how).unwrap().into_f32();
            let most = a.data.iter().zip(&b.data).map(|(a, b)| (a - b).abs()).fold(0.0, f32::max);
            let allowed = match how {
                Interpolation::Nearest => 0.0,
                Interpolation::TfBilinear => 1e-3,
                Interpolation::Bilinear => 1.0,
                Interpolation::Bicubic | Interpolation::Lanczos => 2.0,
            };
            assert!(most <= allowed, "{how} to {height}×{width}: {most} grey levels apart");
        }
    }
}

#[test]
fn sizes_that_cannot_be_are_refused() {
    for how in Interpolation::ALL {
        for (image, to) in [(noise(4, 4), (0, 4)), (noise(4, 4), (4, 0)), (noise(0, 4), (2, 2))] {
            assert!(matches!(resize(image, to.0, to.1, how), Err(DataError::Resize { .. })), "{how} {to:?}");
        }
        let huge = resize(noise(4, 4), usize::MAX / 2, 3, how);
        assert!(huge.unwrap_err().to_string().contains("memory"));
    }
}
