//! One picture's way into a batch, on one thread: decoded, resized, varied, and the whole of it.
//!
//! The photo is synthetic, 375 × 500 with detail of every size, and is brought to VGG16's 224 × 224. Bytes are those of
//! the photo's pixels as they lie decoded, so that the steps can be compared with each other. What is computed here is
//! checked byte for byte by the tests (`golden_resize`, `golden_augment`), which a bench need not repeat; its instruction
//! set is the machine's best unless `GRAFT_ISA` says otherwise.

#![forbid(unsafe_code)]

use criterion::Throughput;
use graft_benches::{Criterion, run};
use graft_data::{
    Compat, DecodeOptions, FillMode, Interpolation, Rgb8, RgbF32, Transform, decode_bytes, resize,
};
use graft_kernels::random::{Purpose, Stream};
use image::codecs::jpeg::JpegEncoder;
use image::{ExtendedColorType, ImageEncoder};
use std::hint::black_box;

/// Height and width of a photo as data sets have them.
const PHOTO: (usize, usize) = (375, 500);

/// The side that VGG16 takes.
const SIDE: usize = 224;

fn main() {
    let photo = photo();
    let file = jpeg(&photo);
    run(|c| {
        decoding(c, &photo, &file);
        resizing(c, &photo);
        warping(c, &photo);
        whole_way(c, &photo, &file);
    });
}

/// Waves of every length, and noise.
fn photo() -> Rgb8 {
    let mut stream = Stream::new(0, Purpose::Data, 0, 0);
    Rgb8::from_fn(PHOTO.0, PHOTO.1, |y, x| {
        let (y, x) = (y as f32, x as f32);
        let waves = (0..6).map(|i| {
            let pixels = 200.0 / (1 << i) as f32;
            ((x + 0.7 * y * i as f32) / pixels).sin() * (y / pixels + 1.0).cos() * 14.0
        });
        let grey = 128.0 + waves.sum::<f32>() + 16.0 * (stream.uniform() - 0.5);
        [grey * 1.1, grey, grey * 0.8 + x / 10.0].map(|v| v as u8)
    })
}

fn jpeg(photo: &Rgb8) -> Vec<u8> {
    let mut file = Vec::new();
    let (height, width) = (photo.height as u32, photo.width as u32);
    JpegEncoder::new_with_quality(&mut file, 90)
        .write_image(&photo.data, width, height, ExtendedColorType::Rgb8)
        .expect("a photo can be written to memory");
    file
}

fn bytes(photo: &Rgb8) -> Throughput {
    Throughput::BytesDecimal(photo.data.len() as u64)
}

fn decoding(c: &mut Criterion, photo: &Rgb8, file: &[u8]) {
    let mut group = c.benchmark_group("decode");
    group.throughput(bytes(photo));
    group.bench_function("jpeg", |b| b.iter(|| decode_bytes(black_box(file), DecodeOptions::default())));
    group.finish();
}

fn resizing(c: &mut Criterion, photo: &Rgb8) {
    let mut group = c.benchmark_group("resize");
    group.throughput(bytes(photo));
    for how in Interpolation::ALL {
        group.bench_function(how.name(), |b| {
            b.iter_with_setup(|| photo.clone(), |photo| resize(black_box(photo), SIDE, SIDE, how));
        });
    }
    group.finish();
}

/// A rotation, both shifts and a flip, as `ImageDataGenerator(rotation_range=40, width_shift_range=0.2, …)` draws them.
fn warping(c: &mut Criterion, photo: &Rgb8) {
    let picture = small(photo);
    let mut group = c.benchmark_group("warp");
    group.throughput(Throughput::BytesDecimal((picture.data.len() * size_of::<f32>()) as u64));
    for fill_mode in FillMode::ALL {
        let drawn = Transform {
            theta: 17.0,
            tx: 20.0,
            ty: -31.0,
            flip_horizontal: true,
            fill_mode,
            ..Transform::default()
        };
        group.bench_function(fill_mode.name(), |b| {
            b.iter(|| drawn.apply(black_box(&picture), Compat::Native));
        });
    }
    group.finish();
}

fn small(photo: &Rgb8) -> RgbF32 {
    resize(photo.clone(), SIDE, SIDE, Interpolation::Bilinear).expect("a photo can be resized").into_f32()
}

fn whole_way(c: &mut Criterion, photo: &Rgb8, file: &[u8]) {
    let mut group = c.benchmark_group("photo to tensor");
    group.throughput(bytes(photo));
    for how in [Interpolation::Bilinear, Interpolation::TfBilinear] {
        group.bench_function(how.name(), |b| {
            b.iter(|| {
                let photo = decode_bytes(black_box(file), DecodeOptions::default())?.image;
                resize(photo, SIDE, SIDE, how).map(|r| r.into_f32()).map_err(|e| e.to_string())
            });
        });
    }
    group.finish();
}
