//! What is done number by number, or row by row. Bytes are those read and written.

#![forbid(unsafe_code)]

use graft_benches::{Criterion, Once, bytes, data, isas, run};
use graft_kernels::Isa;
use graft_kernels::batch_norm::{self, BatchNormShape, EPSILON};
use graft_kernels::dropout::{self, Key};
use graft_kernels::{cross_entropy, elementwise, half as sixteen_bits, relu, softmax};
use half::{bf16, f16};
use std::hint::black_box;

fn main() {
    run(|c| {
        rectified(c);
        losses(c);
        dropped(c);
        normalised(c);
        sums(c);
        converted(c);
    });
}

/// Checks and measures one kernel on every instruction set; its result must be within `tolerance` of `expected`.
fn measure(
    c: &mut Criterion,
    group: &str,
    numbers: usize,
    (expected, tolerance): (&[f32], f32),
    compute: impl Fn(Isa, &mut [f32]),
) {
    let mut group = c.benchmark_group(group);
    group.throughput(bytes(numbers));
    let mut output = vec![0.0; expected.len()];
    for isa in isas() {
        let mut checked = Once::default();
        group.bench_function(isa.name(), |b| {
            checked.run(|| {
                output.fill(f32::NAN);
                compute(isa, &mut output);
                let close = |(a, b): (&f32, &f32)| (a - b).abs() <= tolerance * b.abs().max(1e-3);
                assert!(output.iter().zip(expected).all(close), "{isa}: another result than the reference's");
            });
            b.iter(|| compute(isa, black_box(&mut output)));
        });
    }
    group.finish();
}

/// The output of block1_conv2.
fn rectified(c: &mut Criterion) {
    let len = 224 * 224 * 64;
    let (x, dy, mut y, mut dx) = (data(1, len), data(2, len), vec![0.0; len], vec![0.0; len]);
    relu::reference::forward(&x, &mut y);
    relu::reference::backward(&y, &dy, &mut dx);
    measure(c, "relu forward", 2 * len, (&y, 0.0), |isa, out| relu::forward(isa, &x, out));
    measure(c, "relu backward", 3 * len, (&dx, 0.0), |isa, out| relu::backward(isa, &y, &dy, out));
}

/// ImageNet's thousand classes at batch 32.
fn losses(c: &mut Criterion) {
    let (rows, cols) = (32, 1000);
    let len = rows * cols;
    let x: Vec<f32> = data(1, len).iter().map(|v| 8.0 * v).collect();
    let targets: Vec<f32> = (0..len).map(|i| if i % cols == i / cols { 1.0 } else { 0.0 }).collect();
    let (mut y, mut losses, mut dx) = (vec![0.0; len], vec![0.0; rows], vec![0.0; len]);
    softmax::reference::forward(rows, cols, &x, &mut y);
    measure(c, "softmax forward", 2 * len, (&y, 1e-5), |isa, y| softmax::forward(isa, rows, cols, &x, y));
    softmax::reference::backward(rows, cols, &y, &x, &mut dx);
    measure(c, "softmax backward", 3 * len, (&dx, 1e-5), |isa, dx| {
        softmax::backward(isa, rows, cols, &y, &x, dx);
    });
    cross_entropy::reference::forward(rows, cols, &x, &targets, &mut losses);
    measure(c, "cross_entropy forward", 3 * len, (&losses, 1e-5), |isa, losses| {
        let mut probs = vec![0.0; len];
        cross_entropy::forward(isa, rows, cols, &x, &targets, &mut probs, losses);
    });
    let scale = vec![1.0 / rows as f32; rows];
    cross_entropy::reference::backward(rows, cols, &y, &targets, &scale, &mut dx);
    measure(c, "cross_entropy backward", 3 * len, (&dx, 1e-5), |isa, dx| {
        cross_entropy::backward(isa, rows, cols, &y, &targets, &scale, dx);
    });
    // As behind a sigmoid: positive numbers that do not sum to one.
    let outputs: Vec<f32> = y.iter().map(|p| p + 0.5).collect();
    cross_entropy::reference::forward_probabilities(rows, cols, &outputs, &targets, &mut losses);
    measure(c, "cross_entropy forward_probabilities", 2 * len, (&losses, 1e-5), |isa, losses| {
        cross_entropy::forward_probabilities(isa, rows, cols, &outputs, &targets, losses);
    });
    cross_entropy::reference::backward_probabilities(rows, cols, &outputs, &targets, &scale, &mut dx);
    measure(c, "cross_entropy backward_probabilities", 3 * len, (&dx, 1e-4), |isa, dx| {
        cross_entropy::backward_probabilities(isa, rows, cols, &outputs, &targets, &scale, dx);
    });
}

/// Behind a dense layer of 4096 units at batch 32.
fn dropped(c: &mut Criterion) {
    let (samples, row_len): (Vec<u64>, _) = ((0..32).collect(), 4096);
    let key = Key { seed: 1, layer: 0, epoch: 0 };
    let (x, mut y) = (data(1, samples.len() * row_len), vec![0.0; samples.len() * row_len]);
    dropout::reference::forward(0.5, key, &samples, row_len, &x, &mut y);
    measure(c, "dropout", 2 * y.len(), (&y, 0.0), |isa, y| {
        dropout::forward(isa, 0.5, key, &samples, row_len, &x, y);
    });
}

/// The output of block3_conv1, channel by channel.
fn normalised(c: &mut Criterion) {
    let s = &BatchNormShape { rows: 56 * 56, c: 256, epsilon: EPSILON };
    let len = s.rows * s.c;
    let (x, dy, gamma, beta) = (data(1, len), data(2, len), data(3, s.c), data(4, s.c));
    let (mut mean, mut variance) = (vec![0.0; s.c], vec![0.0; s.c]);
    batch_norm::reference::moments(s, &x, &mut mean, &mut variance);
    let single = |v: &[f64]| v.iter().map(|&v| v as f32).collect::<Vec<_>>();
    let (mut y, mut dx, moments) = (vec![0.0; len], vec![0.0; len], [&mean[..], &variance]);
    batch_norm::reference::forward(s, &x, &gamma, &beta, moments, &mut y);
    let parameters = [&mut vec![0.0; s.c][..], &mut vec![0.0; s.c]];
    batch_norm::reference::backward(s, true, &x, &gamma, moments, &dy, &mut dx, parameters);
    measure(c, "batch_norm forward_training", 4 * len, (&single(&y), 1e-3), |isa, y| {
        let moments = [&mut vec![0.0; s.c][..], &mut vec![0.0; s.c]];
        batch_norm::forward_training(isa, s, &x, &gamma, &beta, y, moments);
    });
    let (mean, variance) = (single(&mean), single(&variance));
    measure(c, "batch_norm backward_training", 7 * len, (&single(&dx), 1e-3), |isa, dx| {
        let parameters = [&mut vec![0.0; s.c][..], &mut vec![0.0; s.c]];
        batch_norm::backward_training(isa, s, &x, &gamma, [&mean, &variance], &dy, dx, parameters);
    });
    measure(c, "batch_norm forward_inference", 2 * len, (&single(&y), 1e-3), |isa, y| {
        batch_norm::forward_inference(isa, s, &x, &gamma, &beta, [&mean, &variance], y);
    });
    let parameters = [&mut vec![0.0; s.c][..], &mut vec![0.0; s.c]];
    batch_norm::reference::backward(s, false, &x, &gamma, moments, &dy, &mut dx, parameters);
    measure(c, "batch_norm backward_inference", 2 * len, (&single(&dx), 1e-3), |isa, dx| {
        batch_norm::backward_inference(isa, s, &gamma, &variance, &dy, dx);
    });
}

/// The gradient of a head's first kernel.
fn sums(c: &mut Criterion) {
    let x = data(1, 25088 * 256);
    let squares = x.iter().map(|&v| f64::from(v) * f64::from(v)).sum::<f64>() as f32;
    measure(c, "sum_of_squares", x.len(), (&[squares], 1e-6), |isa, out| {
        out[0] = elementwise::sum_of_squares(isa, &x) as f32;
    });
}

/// Features of 153 pictures, 7×7×512 each, to 16 bits and back.
fn converted(c: &mut Criterion) {
    let x = data(1, 153 * 25088);
    let numbers = x.len() * 3; // of 4 bytes: one read and half a one written, both ways
    measure(c, "f16 there and back", numbers, (&x, 1e-3), |_, out| {
        let mut narrow = vec![f16::ZERO; x.len()];
        sixteen_bits::f32_to_f16(&x, &mut narrow);
        sixteen_bits::f16_to_f32(&narrow, out);
    });
    measure(c, "bf16 there and back", numbers, (&x, 1e-2), |isa, out| {
        let mut narrow = vec![bf16::ZERO; x.len()];
        sixteen_bits::f32_to_bf16(isa, &x, &mut narrow);
        sixteen_bits::bf16_to_f32(isa, &narrow, out);
    });
}
