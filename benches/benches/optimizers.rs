//! One step of every optimiser on the 6.4 million weights of `dense(256)` behind VGG16's flattened features. Bytes are
//! those read and written.

#![forbid(unsafe_code)]

use graft_benches::{Criterion, Once, bytes, data, isas, run};
use graft_kernels::Isa;
use graft_kernels::optimizers::{Adam, AdamW, RmsProp, Sgd, reference};
use std::hint::black_box;

const LEN: usize = 25088 * 256;
const ETA: f32 = 0.001;

fn main() {
    run(|c| {
        let momentum = Sgd { momentum: 0.9, nesterov: true };
        let (adam, adamw, rmsprop) = (Adam::default(), AdamW::default(), RmsProp::default());
        let eta = f64::from(ETA);
        step(
            c,
            "sgd",
            3,
            |w, g| reference::sgd(&Sgd::default(), eta, w, g, 0.0).0,
            |isa, w, g, _| {
                Sgd::default().step(isa, ETA, w, g, [&mut []]);
            },
        );
        step(
            c,
            "sgd nesterov",
            5,
            |w, g| reference::sgd(&momentum, eta, w, g, 0.0).0,
            |isa, w, g, [m, _]| {
                momentum.step(isa, ETA, w, g, [m]);
            },
        );
        step(
            c,
            "rmsprop",
            5,
            |w, g| reference::rmsprop(&rmsprop, eta, w, g, [0.0; 3]).0,
            |isa, w, g, [v, _]| {
                rmsprop.step(isa, ETA, w, g, [v, &mut [], &mut []]);
            },
        );
        step(
            c,
            "adam",
            7,
            |w, g| reference::adam(&adam, 1, eta, w, g, [0.0; 2]).0,
            |isa, w, g, slots| {
                adam.step(isa, 1, ETA, w, g, slots);
            },
        );
        step(
            c,
            "adamw",
            7,
            |w, g| reference::adamw(&adamw, 1, eta, w, g, [0.0; 2]).0,
            |isa, w, g, slots| {
                adamw.step(isa, 1, ETA, w, g, slots);
            },
        );
    });
}

/// Checks the first step against the formula, and measures steps; each reads or writes `accesses` numbers a weight.
fn step(
    c: &mut Criterion,
    name: &str,
    accesses: usize,
    formula: impl Fn(f64, f64) -> f64,
    step: impl Fn(Isa, &mut [f32], &[f32], [&mut [f32]; 2]),
) {
    let mut group = c.benchmark_group(format!("optimizers {name}"));
    group.throughput(bytes(accesses * LEN));
    let (start, g) = (data(1, LEN), data(2, LEN));
    for isa in isas() {
        let (mut w, mut m, mut v) = (start.clone(), vec![0.0; LEN], vec![0.0; LEN]);
        let mut checked = Once::default();
        group.bench_function(isa.name(), |b| {
            checked.run(|| {
                step(isa, &mut w, &g, [&mut m, &mut v]);
                for ((&w, &start), &g) in w.iter().zip(&start).zip(&g) {
                    let expected = formula(start.into(), g.into());
                    assert!((f64::from(w) - expected).abs() < 1e-6, "{isa}: {w}, expected {expected}");
                }
            });
            b.iter(|| step(isa, black_box(&mut w), &g, [&mut m, &mut v]));
        });
    }
    group.finish();
}
