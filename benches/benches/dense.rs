//! Dense layers, forward and backward: the heads of the transfer-learning methods at batch 32, and VGG16's own top.

#![forbid(unsafe_code)]

use graft_benches::{Check, Criterion, Once, data, flops, isas, run};
use graft_kernels::Isa;
use graft_kernels::dense::{self, DenseShape, reference};
use std::hint::black_box;

/// Name, batch, inputs, outputs. One picture through fc1 is limited by reading 411 MB of weights.
const SHAPES: [(&str, usize, usize, usize); 5] = [
    ("dense(256)", 32, 25088, 256),
    ("dense(1024)", 32, 25088, 1024),
    ("fc2", 32, 4096, 4096),
    ("predictions", 32, 4096, 1000),
    ("fc1 of one picture", 1, 25088, 4096),
];

fn main() {
    run(|c| {
        for (name, batch, inputs, outputs) in SHAPES {
            layer(c, name, &DenseShape { batch, inputs, outputs });
        }
    });
}

fn layer(c: &mut Criterion, name: &str, s: &DenseShape) {
    let (x, w, dy) = (data(1, s.x_len()), data(2, s.w_len()), data(3, s.y_len()));
    let (mut y, mut dx) = (vec![0.0; s.y_len()], vec![0.0; s.x_len()]);
    let check = forward_check(s, &x, &w);
    product(c, &format!("dense {name} forward"), s, &check, &mut y, |isa, y| {
        dense::forward(isa, s, &x, &w, None, false, y);
    });
    let check = backward_input_check(s, &w, &dy);
    product(c, &format!("dense {name} backward_input"), s, &check, &mut dx, |isa, dx| {
        dense::backward_input(isa, s, &w, &dy, dx);
    });
    let (check, mut dw) = (backward_weights_check(s, &x, &dy), w);
    product(c, &format!("dense {name} backward_weights"), s, &check, &mut dw, |isa, dw| {
        dense::backward_weights(isa, s, &x, &dy, dw);
    });
}

/// Checks and measures one of the three products on every instruction set.
fn product(
    c: &mut Criterion,
    group: &str,
    s: &DenseShape,
    check: &Check,
    output: &mut [f32],
    compute: impl Fn(Isa, &mut [f32]),
) {
    let mut group = c.benchmark_group(group);
    group.throughput(flops(2 * s.batch * s.inputs * s.outputs));
    for isa in isas() {
        let mut checked = Once::default();
        group.bench_function(isa.name(), |b| {
            checked.run(|| {
                output.fill(f32::NAN);
                compute(isa, output);
                check.judge(isa.name(), output);
            });
            b.iter(|| compute(isa, black_box(&mut *output)));
        });
    }
    group.finish();
}

/// These columns of a row-major matrix.
fn columns(matrix: &[f32], cols: usize, which: &[usize]) -> Vec<f32> {
    matrix.chunks_exact(cols).flat_map(|row| which.iter().map(|&j| row[j])).collect()
}

/// The first, a middle and the last of `n`.
fn sample(n: usize) -> [usize; 3] {
    [0, n / 3, n - 1]
}

/// The indices of these columns in a row-major matrix.
fn indices(rows: usize, cols: usize, which: &[usize]) -> Vec<usize> {
    (0..rows).flat_map(|i| which.iter().map(move |j| i * cols + j)).collect()
}

/// Some units of y, from their weights alone.
fn forward_check(s: &DenseShape, x: &[f32], w: &[f32]) -> Check {
    let units = sample(s.outputs);
    let index = indices(s.batch, s.outputs, &units);
    Check::new(index, s.inputs, [x, &columns(w, s.outputs, &units)], |x, w| {
        let mut y = vec![0.0; s.batch * units.len()];
        reference::forward(&DenseShape { outputs: units.len(), ..*s }, x, w, None, false, &mut y);
        y
    })
}

/// Some inputs of dx, from their weights alone.
fn backward_input_check(s: &DenseShape, w: &[f32], dy: &[f32]) -> Check {
    let inputs = sample(s.inputs);
    let rows = inputs.map(|i| &w[i * s.outputs..][..s.outputs]).concat();
    Check::new(indices(s.batch, s.inputs, &inputs), s.outputs, [&rows, dy], |w, dy| {
        let mut dx = vec![0.0; s.batch * inputs.len()];
        reference::backward_input(&DenseShape { inputs: inputs.len(), ..*s }, w, dy, &mut dx);
        dx
    })
}

/// The weights of some inputs, from these inputs alone.
fn backward_weights_check(s: &DenseShape, x: &[f32], dy: &[f32]) -> Check {
    let inputs = sample(s.inputs);
    let index = inputs.iter().flat_map(|i| (0..s.outputs).map(move |o| i * s.outputs + o)).collect();
    Check::new(index, s.batch, [&columns(x, s.inputs, &inputs), dy], |x, dy| {
        let mut dw = vec![0.0; inputs.len() * s.outputs];
        reference::backward_weights(&DenseShape { inputs: inputs.len(), ..*s }, x, dy, &mut dw);
        dw
    })
}
