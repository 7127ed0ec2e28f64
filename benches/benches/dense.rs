//! Dense layers, forward and backward: the heads of the transfer-learning methods at batch 32, and VGG16's own top.

#![forbid(unsafe_code)]

use graft_benches::{Check, Criterion, Flops, Sheet, Variant, data, flops, isas, run_rated};
use graft_kernels::Isa;
use graft_kernels::dense::{self, DenseShape, reference};

/// Name, batch, inputs, outputs. One picture through fc1 is limited by reading 411 MB of weights.
const SHAPES: [(&str, usize, usize, usize); 5] = [
    ("dense(256)", 32, 25088, 256),
    ("dense(1024)", 32, 25088, 1024),
    ("fc2", 32, 4096, 4096),
    ("predictions", 32, 4096, 1000),
    ("fc1 of one picture", 1, 25088, 4096),
];

fn main() {
    run_rated(|c, sheet| {
        for (name, batch, inputs, outputs) in SHAPES {
            layer(c, sheet, name, &DenseShape { batch, inputs, outputs });
        }
    });
}

/// The three products of one layer, on every instruction set.
fn layer(c: &mut Criterion, sheet: &mut Sheet, name: &str, s: &DenseShape) {
    let (x, w, dy) = (data(1, s.x_len()), data(2, s.w_len()), data(3, s.y_len()));
    let (mut y, mut dx) = (vec![0.0; s.y_len()], vec![0.0; s.x_len()]);
    let mut product =
        |what: &str, (check, output): (Check, &mut [f32]), compute: &dyn Fn(Isa, &mut [f32])| {
            let name = format!("dense {name} {what}");
            let mut group = c.benchmark_group(&name);
            let count = Flops::direct(2 * s.batch * s.inputs * s.outputs);
            group.throughput(flops(count.direct));
            for isa in isas() {
                let variant = Variant { name: isa.name().to_owned(), isa: Some(isa) };
                sheet.measure((&name, &mut group), variant, count, (&check, &mut *output), |output| {
                    compute(isa, output);
                });
            }
            group.finish();
        };
    product("forward", (forward_check(s, &x, &w), &mut y), &|isa, y| {
        dense::forward(isa, s, &x, &w, None, false, y);
    });
    product("backward_input", (backward_input_check(s, &w, &dy), &mut dx), &|isa, dx| {
        dense::backward_input(isa, s, &w, &dy, dx);
    });
    let (check, mut dw) = (backward_weights_check(s, &x, &dy), vec![0.0; s.w_len()]);
    product("backward_weights", (check, &mut dw), &|isa, dw| {
        dense::backward_weights(isa, s, &x, &dy, dw);
    });
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
