//! Optimisers: the figures of Keras, every instruction set, and the formulas in f64.

mod support;

use graft_kernels::Isa;
use graft_kernels::elementwise::BLOCK;
use graft_kernels::optimizers::{Adam, AdamW, RmsProp, Sgd, reference};
use support::{bits, every_isa, same_on_any_pool, stream};

/// Weights and gradient of the figures below.
const W: [f32; 4] = [1.0, 2.0, 3.0, -4.0];

const G: [f32; 4] = [0.1, -0.2, 1e-8, 5.0];

// Made by Keras 3.15.1 on TensorFlow 2.21 (columns: the four weights; rows: after steps 1 to 5):
//
//     import numpy as np, keras
//     O = keras.optimizers
//     for o in (O.Adam(), O.AdamW(), O.RMSprop(), O.RMSprop(momentum=.9, centered=True), O.SGD(),
//               O.SGD(.01, momentum=.9), O.SGD(.01, momentum=.9, nesterov=True)):
//         v = keras.Variable(np.array([1, 2, 3, -4], np.float32)); o.build([v])
//         for _ in range(5):
//             o.apply([keras.ops.convert_to_tensor(np.array([.1, -.2, 1e-8, 5], np.float32))]); print(np.array(v))

const ADAM: [[f32; 4]; 5] = [
    [0.999, 2.001, 2.999997, -4.001],
    [0.998, 2.0019999, 2.9999924, -4.002],
    [0.99700004, 2.0029998, 2.999987, -4.003],
    [0.99600005, 2.0039997, 2.9999807, -4.0039997],
    [0.99500006, 2.0049996, 2.9999738, -4.0049996],
];

const ADAMW: [[f32; 4]; 5] = [
    [0.998996, 2.000992, 2.999985, -4.000984],
    [0.99799204, 2.001984, 2.9999685, -4.001968],
    [0.99698806, 2.0029757, 2.9999511, -4.0029516],
    [0.9959841, 2.0039675, 2.999933, -4.0039353],
    [0.9949801, 2.0049593, 2.9999142, -4.004919],
];

const RMSPROP: [[f32; 4]; 5] = [
    [0.99683785, 2.0031621, 3.0, -4.0031624],
    [0.99454373, 2.0054562, 3.0, -4.0054564],
    [0.9926228, 2.0073771, 3.0, -4.0073776],
    [0.99091756, 2.0090823, 3.0, -4.009083],
    [0.9893549, 2.010645, 3.0, -4.0106454],
];

const RMSPROP_CENTERED: [[f32; 4]; 5] = [
    [0.99666685, 2.0033333, 3.0, -4.0033336],
    [0.991118, 2.0088823, 3.0, -4.0088825],
    [0.9838743, 2.0161262, 3.0, -4.0161266],
    [0.97524977, 2.024751, 3.0, -4.0247517],
    [0.96545416, 2.0345469, 2.9999998, -4.034548],
];

const SGD: [[f32; 4]; 5] = [
    [0.999, 2.002, 3.0, -4.05],
    [0.998, 2.0040002, 3.0, -4.1000004],
    [0.99700004, 2.0060003, 3.0, -4.1500006],
    [0.99600005, 2.0080004, 3.0, -4.200001],
    [0.99500006, 2.0100005, 3.0, -4.250001],
];

const SGD_MOMENTUM: [[f32; 4]; 5] = [
    [0.999, 2.002, 3.0, -4.05],
    [0.9971, 2.0058, 3.0, -4.145],
    [0.99439, 2.01122, 3.0, -4.2805],
    [0.990951, 2.0180979, 3.0, -4.45245],
    [0.9868559, 2.026288, 3.0, -4.6572046],
];

const SGD_NESTEROV: [[f32; 4]; 5] = [
    [0.9981, 2.0038, 3.0, -4.095],
    [0.99539, 2.00922, 3.0, -4.2304997],
    [0.991951, 2.0160978, 3.0, -4.4024496],
    [0.9878559, 2.024288, 3.0, -4.6072044],
    [0.98317033, 2.0336592, 3.0, -4.841484],
];

/// Every optimiser, as the step it takes on weights and slots.
type Step<'a> = &'a (dyn Fn(Isa, u64, &mut [f32], &[f32], [&mut [f32]; 3]) + Sync);

fn adam(isa: Isa, t: u64, w: &mut [f32], g: &[f32], [m, v, _]: [&mut [f32]; 3]) {
    Adam::default().step(isa, t, 0.001, w, g, [m, v]);
}

fn adamw(isa: Isa, t: u64, w: &mut [f32], g: &[f32], [m, v, _]: [&mut [f32]; 3]) {
    AdamW::default().step(isa, t, 0.001, w, g, [m, v]);
}

fn rmsprop(isa: Isa, _: u64, w: &mut [f32], g: &[f32], [v, ..]: [&mut [f32]; 3]) {
    RmsProp::default().step(isa, 0.001, w, g, [v, &mut [], &mut []]);
}

fn rmsprop_centered(isa: Isa, _: u64, w: &mut [f32], g: &[f32], slots: [&mut [f32]; 3]) {
    RmsProp { momentum: 0.9, centered: true, ..RmsProp::default() }.step(isa, 0.001, w, g, slots);
}

fn sgd(isa: Isa, _: u64, w: &mut [f32], g: &[f32], _: [&mut [f32]; 3]) {
    Sgd::default().step(isa, 0.01, w, g, [&mut []]);
}

fn sgd_momentum(isa: Isa, _: u64, w: &mut [f32], g: &[f32], [m, ..]: [&mut [f32]; 3]) {
    Sgd { momentum: 0.9, nesterov: false }.step(isa, 0.01, w, g, [m]);
}

fn sgd_nesterov(isa: Isa, _: u64, w: &mut [f32], g: &[f32], [m, ..]: [&mut [f32]; 3]) {
    Sgd { momentum: 0.9, nesterov: true }.step(isa, 0.01, w, g, [m]);
}

const STEPS: [(&str, Step<'static>, [[f32; 4]; 5]); 7] = [
    ("adam", &adam, ADAM),
    ("adamw", &adamw, ADAMW),
    ("rmsprop", &rmsprop, RMSPROP),
    ("rmsprop, centered, with momentum", &rmsprop_centered, RMSPROP_CENTERED),
    ("sgd", &sgd, SGD),
    ("sgd with momentum", &sgd_momentum, SGD_MOMENTUM),
    ("sgd with Nesterov momentum", &sgd_nesterov, SGD_NESTEROV),
];

/// Distance in units of the last place; 0 for equal zeros.
fn ulps(a: f32, b: f32) -> u32 {
    a.to_bits().abs_diff(b.to_bits())
}

#[test]
fn five_steps_are_those_of_keras_to_one_ulp() {
    for isa in every_isa() {
        for (name, step, expected) in STEPS {
            let (mut w, mut slots) = (W, [[0.0; 4]; 3]);
            for t in 1..=5 {
                step(isa, t as u64, &mut w, &G, slots.each_mut().map(|slot| &mut slot[..]));
                for (found, expected) in w.iter().zip(expected[t - 1]) {
                    assert!(ulps(*found, expected) <= 1, "{isa}, {name}, step {t}: {found}, not {expected}");
                }
            }
        }
    }
}

/// Weights after three steps on fresh gradients, and the gradients.
fn three_steps(isa: Isa, step: Step<'_>, len: usize) -> (Vec<f32>, Vec<f32>) {
    let mut r = stream(len as u64);
    let mut normal = || (0..len).map(|_| r.normal() as f32).collect::<Vec<_>>();
    let mut w = normal();
    let mut gradients = Vec::new();
    let mut slots = [vec![0.0; len], vec![0.0; len], vec![0.0; len]];
    for t in 1..=3 {
        let g = normal();
        step(isa, t, &mut w, &g, slots.each_mut().map(|slot| &mut slot[..]));
        gradients.extend(g);
    }
    (w, gradients)
}

#[test]
fn bits_depend_neither_on_instruction_set_nor_on_threads_nor_on_neighbours() {
    let isas = every_isa();
    for (name, step, _) in STEPS {
        for len in [0, 1, 7, 16, 33, 2 * BLOCK + 9] {
            let portable = bits(&three_steps(Isa::Portable, step, len).0);
            for &isa in &isas {
                assert!(bits(&three_steps(isa, step, len).0) == portable, "{isa}, {name}, {len} weights");
            }
        }
        same_on_any_pool(name, || three_steps(Isa::best(), step, 2 * BLOCK + 9).0);
    }
}

#[test]
fn formulas_in_f64_agree() {
    let len = 50;
    let by_formula = |step: &dyn Fn(u64, f64, f64, [f64; 3]) -> (f64, [f64; 3]), gradients: &[f32]| {
        let mut r = stream(len as u64);
        let start: Vec<f64> = (0..len).map(|_| f64::from(r.normal() as f32)).collect();
        let run = |i: usize| {
            let (mut w, mut slots) = (start[i], [0.0; 3]);
            for t in 1..=3 {
                (w, slots) = step(t as u64, w, gradients[(t - 1) * len + i].into(), slots);
            }
            w
        };
        (0..len).map(run).collect::<Vec<_>>()
    };
    let two = |(w, [m, v]): (f64, [f64; 2])| (w, [m, v, 0.0]);
    let momentum = Sgd { momentum: 0.9, nesterov: false };
    let nesterov = Sgd { nesterov: true, ..momentum };
    let centered = RmsProp { momentum: 0.9, centered: true, ..RmsProp::default() };
    for (name, step, _) in STEPS {
        let (found, gradients) = three_steps(Isa::best(), step, len);
        let sgd = |o: &Sgd, w, g, m| {
            let (w, m) = reference::sgd(o, 0.01, w, g, m);
            (w, [m, 0.0, 0.0])
        };
        let expected = by_formula(
            &|t, w, g, s: [f64; 3]| match name {
                "adam" => two(reference::adam(&Adam::default(), t, 0.001, w, g, [s[0], s[1]])),
                "adamw" => two(reference::adamw(&AdamW::default(), t, 0.001, w, g, [s[0], s[1]])),
                "rmsprop" => reference::rmsprop(&RmsProp::default(), 0.001, w, g, s),
                "sgd" => sgd(&Sgd::default(), w, g, s[0]),
                "sgd with momentum" => sgd(&momentum, w, g, s[0]),
                "sgd with Nesterov momentum" => sgd(&nesterov, w, g, s[0]),
                _ => reference::rmsprop(&centered, 0.001, w, g, s),
            },
            &gradients,
        );
        for (found, expected) in found.iter().zip(expected) {
            // The weights are rounded in every step, to half an ulp; the steps are a thousandth of them.
            let bound = 1e-6 * expected.abs().max(0.05);
            assert!((f64::from(*found) - expected).abs() < bound, "{name}: {found}, not {expected}");
        }
    }
}

#[test]
fn a_wrong_step_is_caught() {
    // Adam with ε added to the corrected root, as PyTorch does it: the third weight, of a gradient near ε, tells.
    let g = f64::from(G[2]);
    let w = (3.0 - 0.001 * g / (g.abs() + 1e-7)) as f32; // in the first step m and √v, corrected, are g and |g|
    assert!(ulps(w, ADAM[0][2]) > 1);
}

#[test]
fn nan_in_the_gradient_reaches_the_weight() {
    for (name, step, _) in STEPS {
        let (mut w, mut slots) = ([1.0, 1.0], [[0.0; 2]; 3]);
        step(Isa::best(), 1, &mut w, &[f32::NAN, 1.0], slots.each_mut().map(|slot| &mut slot[..]));
        assert!(w[0].is_nan() && w[1] < 1.0, "{name}");
    }
}

#[test]
fn what_adam_remembers_of_a_gradient_that_ended_never_becomes_subnormal() {
    for isa in every_isa() {
        let (mut w, mut m, mut v) = ([1.0; 3], [0.0; 3], [0.0; 3]);
        let mut step = |t: u64, g: &[f32; 3]| {
            Adam::default().step(isa, t, 0.001, &mut w, g, [&mut m, &mut v]);
            assert!(!m.iter().chain(&v).any(|v| v.is_subnormal()), "{isa}, step {t}: {m:?}, {v:?}");
        };
        step(1, &[0.1, 1e-14, 1e-21]);
        (2..1000).for_each(|t| step(t, &[0.0; 3]));
        assert_eq!(m, [0.0; 3], "{isa}");
        assert!(v[0] > 0.0, "{isa}: the mean of the squares shrinks by a thousandth in each step, {v:?}");
    }
}

#[test]
fn nor_does_what_rmsprop_and_momentum_remember() {
    const FIRST: [f32; 3] = [0.1, 1e-14, 1e-21];
    for isa in every_isa() {
        let rmsprop = RmsProp { momentum: 0.9, centered: true, ..RmsProp::default() };
        let (mut w, mut slots) = ([1.0; 3], [[0.0; 3]; 3]);
        let sgd = Sgd { momentum: 0.9, nesterov: true };
        let (mut w_sgd, mut velocity) = ([1.0; 3], [0.0; 3]);
        for t in 1..1000 {
            let g = if t == 1 { FIRST } else { [0.0; 3] };
            rmsprop.step(isa, 0.001, &mut w, &g, slots.each_mut().map(|slot| &mut slot[..]));
            sgd.step(isa, 0.001, &mut w_sgd, &g, [&mut velocity]);
            let all = || slots.iter().flatten().chain(&velocity);
            assert!(!all().any(|v| v.is_subnormal()), "{isa}, step {t}: {slots:?}, {velocity:?}");
            assert!(t > 1 || slots[0][0] > 0.0 && velocity[0] < 0.0);
        }
        assert_eq!((slots, velocity), ([[0.0; 3]; 3], [0.0; 3]), "{isa}");
    }
}
