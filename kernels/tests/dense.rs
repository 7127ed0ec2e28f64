//! Dense layers: every instruction set, forward and backward.

mod support;

use graft_kernels::dense::{self, DenseShape, reference};
use support::{bits, every_isa, exact, floats, integers, poisoned, relative_l2, same_on_any_pool, stream};

/// Batches on both sides of every tile and of the streaming kernel; inputs and outputs around vectors and blocks.
fn shapes() -> Vec<DenseShape> {
    let mut all = Vec::new();
    for batch in [0, 1, 2, 7, 8, 9, 14, 15, 33] {
        for inputs in [0, 1, 3, 31, 256, 300] {
            for outputs in [0, 1, 7, 16, 33, 70] {
                all.push(DenseShape { batch, inputs, outputs });
            }
        }
    }
    all
}

#[test]
fn integers_come_out_exactly() {
    let isas = every_isa();
    for (case, s) in shapes().iter().enumerate() {
        let mut r = stream(case as u64);
        let (x, w) = (integers(&mut r, s.x_len()), integers(&mut r, s.w_len()));
        let (bias, dy) = (integers(&mut r, s.outputs), integers(&mut r, s.y_len()));
        let mut y: Vec<i64> = (0..s.y_len()).map(|i| bias[i % s.outputs] as i64).collect();
        let (mut dx, mut dw, mut db) = (vec![0; s.x_len()], vec![0; s.w_len()], vec![0; s.outputs]);
        for b in 0..s.batch {
            for o in 0..s.outputs {
                let g = dy[b * s.outputs + o] as i64;
                db[o] += g;
                for i in 0..s.inputs {
                    let (x, w) = (x[b * s.inputs + i] as i64, w[i * s.outputs + o] as i64);
                    y[b * s.outputs + o] += x * w;
                    dx[b * s.inputs + i] += g * w;
                    dw[i * s.outputs + o] += g * x;
                }
            }
        }
        let relu: Vec<i64> = y.iter().map(|y| *y.max(&0)).collect();
        let judge = |name: &str, found: &[f32], expected: &[i64], isa: &str| {
            exact(name, found, expected).unwrap_or_else(|e| panic!("{isa} {s:?}: {e}"));
        };
        let (mut fy, mut fdx) = (poisoned(s.y_len()), poisoned(s.x_len()));
        let (mut fdw, mut fdb) = (poisoned(s.w_len()), poisoned(s.outputs));
        for &isa in &isas {
            [&mut fy, &mut fdx, &mut fdw, &mut fdb].into_iter().for_each(|v| v.fill(f32::NAN));
            dense::forward(isa, s, &x, &w, Some(&bias), false, &mut fy);
            judge("y", &fy, &y, isa.name());
            dense::forward(isa, s, &x, &w, Some(&bias), true, &mut fy);
            judge("relu(y)", &fy, &relu, isa.name());
            dense::backward_input(isa, s, &w, &dy, &mut fdx);
            judge("dx", &fdx, &dx, isa.name());
            dense::backward_weights(isa, s, &x, &dy, &mut fdw);
            judge("dw", &fdw, &dw, isa.name());
            dense::backward_bias(isa, s, &dy, &mut fdb);
            judge("db", &fdb, &db, isa.name());
        }
        [&mut fy, &mut fdx, &mut fdw, &mut fdb].into_iter().for_each(|v| v.fill(f32::NAN));
        reference::forward(s, &x, &w, Some(&bias), true, &mut fy);
        judge("relu(y)", &fy, &relu, "reference");
        reference::backward_input(s, &w, &dy, &mut fdx);
        judge("dx", &fdx, &dx, "reference");
        reference::backward_weights(s, &x, &dy, &mut fdw);
        judge("dw", &fdw, &dw, "reference");
        reference::backward_bias(s, &dy, &mut fdb);
        judge("db", &fdb, &db, "reference");
    }
}

/// Forward and backward in one piece.
fn everything(isa: graft_kernels::Isa, s: &DenseShape) -> Vec<f32> {
    let mut r = stream(1);
    let (x, w) = (floats(&mut r, s.x_len()), floats(&mut r, s.w_len()));
    let (bias, dy) = (floats(&mut r, s.outputs), floats(&mut r, s.y_len()));
    let (mut y, mut dx) = (poisoned(s.y_len()), poisoned(s.x_len()));
    let (mut dw, mut db) = (poisoned(s.w_len()), poisoned(s.outputs));
    dense::forward(isa, s, &x, &w, Some(&bias), true, &mut y);
    dense::backward_input(isa, s, &w, &dy, &mut dx);
    dense::backward_weights(isa, s, &x, &dy, &mut dw);
    dense::backward_bias(isa, s, &dy, &mut db);
    [y, dx, dw, db].concat()
}

#[test]
fn floats_agree_with_f64_and_threads_change_no_bit() {
    for s in [
        DenseShape { batch: 32, inputs: 2000, outputs: 300 },
        DenseShape { batch: 2, inputs: 900, outputs: 1100 },
    ] {
        let mut r = stream(1);
        let (x, w) = (floats(&mut r, s.x_len()), floats(&mut r, s.w_len()));
        let (bias, dy) = (floats(&mut r, s.outputs), floats(&mut r, s.y_len()));
        let (mut y, mut dx) = (poisoned(s.y_len()), poisoned(s.x_len()));
        let (mut dw, mut db) = (poisoned(s.w_len()), poisoned(s.outputs));
        reference::forward(&s, &x, &w, Some(&bias), true, &mut y);
        reference::backward_input(&s, &w, &dy, &mut dx);
        reference::backward_weights(&s, &x, &dy, &mut dw);
        reference::backward_bias(&s, &dy, &mut db);
        let expected = [y, dx, dw, db].concat();
        for isa in every_isa() {
            let error = relative_l2(&everything(isa, &s), &expected);
            assert!(error < 1e-6, "{isa} {s:?}: {error:e}");
            same_on_any_pool(&format!("{isa} {s:?}"), || everything(isa, &s));
        }
    }
}

#[test]
fn a_sample_has_the_same_bits_alone_and_in_a_batch() {
    let s = DenseShape { batch: 20, inputs: 700, outputs: 90 };
    let mut r = stream(2);
    let (x, w) = (floats(&mut r, s.x_len()), floats(&mut r, s.w_len()));
    for isa in every_isa() {
        let mut all = poisoned(s.y_len());
        dense::forward(isa, &s, &x, &w, None, false, &mut all);
        for (x, y) in x.chunks_exact(s.inputs).zip(all.chunks_exact(s.outputs)) {
            let mut alone = poisoned(s.outputs);
            dense::forward(isa, &DenseShape { batch: 1, ..s }, x, &w, None, false, &mut alone);
            assert!(bits(&alone) == bits(y), "{isa}");
        }
    }
}
