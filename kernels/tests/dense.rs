//! Dense layers: every instruction set, forward and backward.

mod support;

use graft_kernels::Isa;
use graft_kernels::dense::{self, DenseShape, reference};
use graft_kernels::half::{Narrow, f32_to_bf16, f32_to_f16};
use graft_kernels::random::Stream;
use half::{bf16, f16};
use support::{
    Verdict, bits, every_isa, exact, floats, integers, pick, poisoned, same_on_any_pool, stream, within,
};

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

/// Something that claims to be a dense layer; the four functions of the library by name.
trait Dense: std::fmt::Debug {
    fn forward(&self, s: &DenseShape, x: &[f32], w: &[f32], bias: &[f32], relu: bool, y: &mut [f32]);
    fn backward_input(&self, s: &DenseShape, w: &[f32], dy: &[f32], dx: &mut [f32]);
    fn backward_weights(&self, s: &DenseShape, x: &[f32], dy: &[f32], dw: &mut [f32]);
    fn backward_bias(&self, s: &DenseShape, dy: &[f32], db: &mut [f32]);
}

impl Dense for Isa {
    fn forward(&self, s: &DenseShape, x: &[f32], w: &[f32], bias: &[f32], relu: bool, y: &mut [f32]) {
        dense::forward(*self, s, x, w, Some(bias), relu, y);
    }
    fn backward_input(&self, s: &DenseShape, w: &[f32], dy: &[f32], dx: &mut [f32]) {
        dense::backward_input(*self, s, w, dy, dx);
    }
    fn backward_weights(&self, s: &DenseShape, x: &[f32], dy: &[f32], dw: &mut [f32]) {
        dense::backward_weights(*self, s, x, dy, dw);
    }
    fn backward_bias(&self, s: &DenseShape, dy: &[f32], db: &mut [f32]) {
        dense::backward_bias(*self, s, dy, db);
    }
}

#[derive(Debug)]
struct Reference;

impl Dense for Reference {
    fn forward(&self, s: &DenseShape, x: &[f32], w: &[f32], bias: &[f32], relu: bool, y: &mut [f32]) {
        reference::forward(s, x, w, Some(bias), relu, y);
    }
    fn backward_input(&self, s: &DenseShape, w: &[f32], dy: &[f32], dx: &mut [f32]) {
        reference::backward_input(s, w, dy, dx);
    }
    fn backward_weights(&self, s: &DenseShape, x: &[f32], dy: &[f32], dw: &mut [f32]) {
        reference::backward_weights(s, x, dy, dw);
    }
    fn backward_bias(&self, s: &DenseShape, dy: &[f32], db: &mut [f32]) {
        reference::backward_bias(s, dy, db);
    }
}

/// The operands of one layer.
struct Data {
    x: Vec<f32>,
    w: Vec<f32>,
    bias: Vec<f32>,
    dy: Vec<f32>,
}

fn data(s: &DenseShape, case: u64, draw: fn(&mut Stream, usize) -> Vec<f32>) -> Data {
    let mut r = stream(case);
    let mut draw = |len| draw(&mut r, len);
    Data { x: draw(s.x_len()), w: draw(s.w_len()), bias: draw(s.outputs), dy: draw(s.y_len()) }
}

/// The products of a layer, the definition once more: calls `each(index in x, index in w, index in y)`.
fn for_each_product(s: &DenseShape, mut each: impl FnMut(usize, usize, usize)) {
    for b in 0..s.batch {
        for i in 0..s.inputs {
            for o in 0..s.outputs {
                each(b * s.inputs + i, i * s.outputs + o, b * s.outputs + o);
            }
        }
    }
}

/// The four results on integers, as sums in i64.
struct Exact {
    y: Vec<i64>,
    dx: Vec<i64>,
    dw: Vec<i64>,
    db: Vec<i64>,
}

fn expected(s: &DenseShape, d: &Data) -> Exact {
    let y = (0..s.y_len()).map(|i| d.bias[i % s.outputs] as i64).collect();
    let mut e = Exact { y, dx: vec![0; s.x_len()], dw: vec![0; s.w_len()], db: vec![0; s.outputs] };
    for_each_product(s, |x, w, y| {
        e.y[y] += (d.x[x] * d.w[w]) as i64;
        e.dx[x] += (d.dy[y] * d.w[w]) as i64;
        e.dw[w] += (d.x[x] * d.dy[y]) as i64;
    });
    d.dy.iter().enumerate().for_each(|(i, dy)| e.db[i % s.outputs] += *dy as i64);
    e
}

/// Judges a layer on integers: all of forward and backward, exactly.
fn check(layer: &dyn Dense, s: &DenseShape, d: &Data, e: &Exact) -> Verdict {
    let (mut y, mut dx) = (poisoned(s.y_len()), poisoned(s.x_len()));
    let (mut dw, mut db) = (poisoned(s.w_len()), poisoned(s.outputs));
    layer.forward(s, &d.x, &d.w, &d.bias, false, &mut y);
    exact("y", &y, &e.y)?;
    y.fill(f32::NAN);
    layer.forward(s, &d.x, &d.w, &d.bias, true, &mut y);
    exact("relu(y)", &y, &e.y.iter().map(|&y| y.max(0)).collect::<Vec<_>>())?;
    layer.backward_input(s, &d.w, &d.dy, &mut dx);
    exact("dx", &dx, &e.dx)?;
    layer.backward_weights(s, &d.x, &d.dy, &mut dw);
    exact("dw", &dw, &e.dw)?;
    layer.backward_bias(s, &d.dy, &mut db);
    exact("db", &db, &e.db)
}

fn judge_all(s: &DenseShape, case: u64) {
    let d = data(s, case, integers);
    let e = expected(s, &d);
    for isa in every_isa() {
        check(&isa, s, &d, &e).unwrap_or_else(|e| panic!("{isa} {s:?}: {e}"));
    }
    check(&Reference, s, &d, &e).unwrap_or_else(|e| panic!("reference {s:?}: {e}"));
}

#[test]
fn integers_come_out_exactly_at_every_boundary() {
    shapes().iter().enumerate().for_each(|(case, s)| judge_all(s, case as u64));
}

#[test]
fn integers_come_out_exactly_at_random_shapes() {
    for case in 1_000_000..1_000_400 {
        let mut r = stream(case);
        let [batch, inputs, outputs] = [40, 320, 90].map(|most| pick(&mut r, 1..=most));
        judge_all(&DenseShape { batch, inputs, outputs }, case);
    }
}

/// A layer with one mistake.
#[derive(Copy, Clone, Debug)]
enum Wrong {
    LastInputDropped,
    NoBias,
    NoRelu,
    LastRowUnwritten,
    InputNotTransposed,
    LastSampleUncounted,
    BiasOfOneSample,
}

impl Dense for Wrong {
    fn forward(&self, s: &DenseShape, x: &[f32], w: &[f32], bias: &[f32], relu: bool, y: &mut [f32]) {
        let (mut w, mut bias) = (w.to_vec(), bias.to_vec());
        match self {
            Self::LastInputDropped => w[s.w_len() - s.outputs..].fill(0.0),
            Self::NoBias => bias.fill(0.0),
            _ => {}
        }
        Reference.forward(s, x, &w, &bias, relu && !matches!(self, Self::NoRelu), y);
        if matches!(self, Self::LastRowUnwritten) {
            y[s.y_len() - s.outputs..].fill(f32::NAN);
        }
    }
    fn backward_input(&self, s: &DenseShape, w: &[f32], dy: &[f32], dx: &mut [f32]) {
        let mut w = w.to_vec();
        if let Self::InputNotTransposed = self {
            // The numbers of w, read as if it were (outputs, inputs).
            w = (0..s.w_len()).map(|at| w[at % s.outputs * s.inputs + at / s.outputs]).collect();
        }
        Reference.backward_input(s, &w, dy, dx);
    }
    fn backward_weights(&self, s: &DenseShape, x: &[f32], dy: &[f32], dw: &mut [f32]) {
        let mut dy = dy.to_vec();
        if let Self::LastSampleUncounted = self {
            dy[s.y_len() - s.outputs..].fill(0.0);
        }
        Reference.backward_weights(s, x, &dy, dw);
    }
    fn backward_bias(&self, s: &DenseShape, dy: &[f32], db: &mut [f32]) {
        let batch = if let Self::BiasOfOneSample = self { 1 } else { s.batch };
        Reference.backward_bias(&DenseShape { batch, ..*s }, &dy[..batch * s.outputs], db);
    }
}

#[test]
fn a_wrong_kernel_is_caught() {
    use Wrong::*;
    let s = DenseShape { batch: 5, inputs: 12, outputs: 7 };
    let d = data(&s, 3, integers);
    let e = expected(&s, &d);
    check(&Reference, &s, &d, &e).expect("the right one passes");
    let forward = [LastInputDropped, NoBias, NoRelu, LastRowUnwritten];
    for wrong in forward.into_iter().chain([InputNotTransposed, LastSampleUncounted, BiasOfOneSample]) {
        assert!(check(&wrong, &s, &d, &e).is_err(), "{wrong:?} passes");
    }
}

#[test]
fn floats_stay_within_the_bound_of_the_theory() {
    let fixed = [(1, 1200, 70), (8, 700, 90), (9, 513, 65), (300, 40, 33)];
    let mut r = stream(7);
    let random = std::array::from_fn::<_, 20, _>(|_| [40, 600, 90].map(|most| pick(&mut r, 1..=most)).into());
    for (case, (batch, inputs, outputs)) in fixed.into_iter().chain(random).enumerate() {
        let s = &DenseShape { batch, inputs, outputs };
        let d = data(s, case as u64, floats);
        // Sums, and sums of the magnitudes.
        let zeros = |len: usize| [vec![0.0_f64; len], vec![0.0_f64; len]];
        let (mut y, mut dx, mut dw, mut db) =
            (zeros(s.y_len()), zeros(s.x_len()), zeros(s.w_len()), zeros(outputs));
        let add = |[sums, magnitudes]: &mut [Vec<f64>; 2], i: usize, v: f64| {
            sums[i] += v;
            magnitudes[i] += v.abs();
        };
        for_each_product(s, |ix, iw, iy| {
            let [x, w, g] = [d.x[ix], d.w[iw], d.dy[iy]].map(f64::from);
            add(&mut y, iy, x * w);
            add(&mut dx, ix, g * w);
            add(&mut dw, iw, g * x);
        });
        (0..s.y_len()).for_each(|i| add(&mut y, i, d.bias[i % outputs].into()));
        (0..s.y_len()).for_each(|i| add(&mut db, i % outputs, d.dy[i].into()));
        // A rounding for each term of a chain of at most 256, one for each chain, and one each for a product that is
        // not fused and for the bias.
        let roundings = |terms: usize| terms.min(256) + terms.div_ceil(256) + 2;
        for isa in every_isa() {
            let (mut fy, mut fdx) = (poisoned(s.y_len()), poisoned(s.x_len()));
            let (mut fdw, mut fdb) = (poisoned(s.w_len()), poisoned(outputs));
            Dense::forward(&isa, s, &d.x, &d.w, &d.bias, false, &mut fy);
            isa.backward_input(s, &d.w, &d.dy, &mut fdx);
            isa.backward_weights(s, &d.x, &d.dy, &mut fdw);
            isa.backward_bias(s, &d.dy, &mut fdb);
            within("y", &fy, &y[0], &y[1], roundings(inputs))
                .and_then(|()| within("dx", &fdx, &dx[0], &dx[1], roundings(outputs)))
                .and_then(|()| within("dw", &fdw, &dw[0], &dw[1], roundings(batch)))
                .and_then(|()| within("db", &fdb, &db[0], &db[1], roundings(batch)))
                .unwrap_or_else(|e| panic!("{isa} {s:?}: {e}"));
        }
    }
}

/// Forward and backward in one piece.
fn everything(isa: Isa, s: &DenseShape) -> Vec<f32> {
    let Data { x, w, bias, dy } = data(s, 1, floats);
    let (mut y, mut dx) = (poisoned(s.y_len()), poisoned(s.x_len()));
    let (mut dw, mut db) = (poisoned(s.w_len()), poisoned(s.outputs));
    dense::forward(isa, s, &x, &w, Some(&bias), true, &mut y);
    dense::backward_input(isa, s, &w, &dy, &mut dx);
    dense::backward_weights(isa, s, &x, &dy, &mut dw);
    dense::backward_bias(isa, s, &dy, &mut db);
    [y, dx, dw, db].concat()
}

#[test]
fn threads_change_no_bit() {
    for s in [
        DenseShape { batch: 32, inputs: 2000, outputs: 300 },
        DenseShape { batch: 2, inputs: 900, outputs: 1100 },
    ] {
        for isa in every_isa() {
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

#[test]
fn weights_of_16_bits_give_the_bits_that_they_give_as_f32() {
    for (case, batch) in [1, 3, 8, 9, 33].into_iter().enumerate() {
        for (inputs, outputs) in [(0, 5), (7, 1), (258, 33), (300, 70)] {
            let s = DenseShape { batch, inputs, outputs };
            let d = data(&s, case as u64, floats);
            let (mut f, mut b) = (vec![f16::ZERO; s.w_len()], vec![bf16::ZERO; s.w_len()]);
            f32_to_f16(&d.w, &mut f);
            f32_to_bf16(Isa::best(), &d.w, &mut b);
            let wide =
                [f.iter().map(|v| v.to_f32()).collect::<Vec<_>>(), b.iter().map(|v| v.to_f32()).collect()];
            for isa in every_isa() {
                for (narrow, wide) in [Narrow::F16(&f), Narrow::Bf16(&b)].into_iter().zip(&wide) {
                    let (mut y, mut expected) = (poisoned(s.y_len()), poisoned(s.y_len()));
                    dense::forward_narrow(isa, &s, &d.x, narrow, Some(&d.bias), true, &mut y);
                    dense::forward(isa, &s, &d.x, wide, Some(&d.bias), true, &mut expected);
                    assert!(bits(&y) == bits(&expected), "{isa} {s:?}");
                }
            }
        }
    }
}
