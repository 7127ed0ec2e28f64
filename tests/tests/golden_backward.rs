//! The way back of each layer alone, against f64: VGG16's convolutions and poolings on photos, a head, and the loss.
//!
//! End to end, a ReLU or a pooling winner that rounding flips hides how exact a layer is. So here each layer gets the
//! activations that the real network has there, a random dy, and goes back by itself, once by the ops that training
//! uses and once by the textbook with its sums in f64; both see the same inputs and the same masks.

use graft_autograd::{Conv2dOptions, MaxPool2dOptions, Tape};
use graft_kernels::conv2d::{self, Conv2dShape, Padding};
use graft_kernels::dense::{self, DenseShape};
use graft_kernels::max_pool2d::{self, Pool2dShape};
use graft_kernels::random::{Purpose, Stream};
use graft_kernels::relu;
use graft_nn::Sequential;
use graft_tensor::{Tensor, relative_l2};
use graft_tests::{golden_npz, load_weights, weights};
use graft_vgg::architecture::{CONFIGURATION_D, Layer};
use graft_vgg::{Vgg16, preprocess_input};

/// The relative L2 distance from f64 that rounding is allowed to make.
const BAR: f64 = 1e-5;

/// The side of what is cut out of the photos: f64 is slow.
const SIDE: usize = 48;

#[test]
fn golden_each_layer_back_alone_is_that_of_f64() {
    let (Some(mut stages), Some(weights)) = (golden_npz("stages.npz"), weights()) else { return };
    let mut x = middle(&stages.tensor("pixels").unwrap());
    preprocess_input(x.data_mut());
    let mut base = Vgg16::without_top(SIDE, SIDE).build().unwrap();
    load_weights(&mut base, &weights);
    for (i, layer) in CONFIGURATION_D.iter().enumerate() {
        x = match layer {
            Layer::Conv(name, _) => convolution(&base, name, i, &x),
            Layer::Pool(name) => pooling(name, i, &x),
        };
    }
    let features = x.reshape([x.rows(), x.row_len()]).unwrap();
    head(&features);
}

/// A convolution and its ReLU, back; its output.
fn convolution(base: &Sequential, name: &str, index: usize, x: &Tensor) -> Tensor {
    let of = |weight| &base.layers()[index].weights().iter().find(|w| w.spec.name == weight).unwrap().value;
    let (w, b) = (of("kernel"), of("bias"));
    let tape = Tape::new();
    let vars @ [vx, vw, vb] = &[x, w, b].map(|t| tape.leaf(t.clone()));
    let options = Conv2dOptions { stride: [1, 1], padding: Padding::Same, relu: true, pool: false };
    let y = vx.conv2d(vw, Some(vb), options).unwrap();
    let dy = random(y.value(), index);
    let loss = y.mul(&tape.constant(dy.clone())).unwrap().sum().unwrap();
    let found = tape.backward(&loss).unwrap();

    let s = Conv2dShape::new(four(x), four(w), [1, 1], Padding::Same).unwrap();
    let mut masked = Tensor::zeros(*dy.shape());
    relu::reference::backward(y.value().data(), dy.data(), masked.data_mut());
    let [mut dx, mut dw, mut db] = [x, w, b].map(|t| Tensor::zeros(*t.shape()));
    std::thread::scope(|both| {
        both.spawn(|| conv2d::reference::backward_input(&s, w.data(), masked.data(), dx.data_mut()));
        conv2d::reference::backward_weights(&s, x.data(), masked.data(), dw.data_mut());
    });
    conv2d::reference::backward_bias(&s, masked.data(), db.data_mut());
    for ((what, var), expected) in ["dx", "dw", "db"].iter().zip(vars).zip([dx, dw, db]) {
        check(name, what, found.get(var).unwrap(), &expected);
    }
    y.into_value()
}

/// A pooling, back; its output.
fn pooling(name: &str, index: usize, x: &Tensor) -> Tensor {
    let tape = Tape::new();
    let vx = tape.leaf(x.clone());
    let (pool, stride, padding) = ([2, 2], [2, 2], Padding::Valid);
    let y = vx.max_pool2d(MaxPool2dOptions { pool, stride, padding }).unwrap();
    let dy = random(y.value(), index);
    let loss = y.mul(&tape.constant(dy.clone())).unwrap().sum().unwrap();
    let found = tape.backward(&loss).unwrap();

    let s = Pool2dShape::new(four(x), pool, stride, padding).unwrap();
    let mut dx = Tensor::zeros(*x.shape());
    max_pool2d::reference::backward(&s, x.data(), dy.data(), dx.data_mut());
    check(name, "dx", found.get(&vx).unwrap(), &dx);
    y.into_value()
}

/// A dense layer with random weights and its ReLU, back; then the loss of logits.
fn head(x: &Tensor) {
    let s = DenseShape { batch: x.rows(), inputs: x.row_len(), outputs: 256 };
    let mut draw = Stream::new(3, Purpose::Data, 1, 0);
    let deviation = (2.0 / s.inputs as f64).sqrt();
    let w = Tensor::from_fn([s.inputs, s.outputs], |_| (draw.normal() * deviation) as f32);
    let b = Tensor::from_fn([s.outputs], |_| draw.normal() as f32);
    let tape = Tape::new();
    let vars @ [vx, vw, vb] = &[x, &w, &b].map(|t| tape.leaf(t.clone()));
    let y = vx.dense(vw, Some(vb), true).unwrap();
    let dy = random(y.value(), 100);
    let loss = y.mul(&tape.constant(dy.clone())).unwrap().sum().unwrap();
    let found = tape.backward(&loss).unwrap();

    let mut masked = Tensor::zeros(*dy.shape());
    relu::reference::backward(y.value().data(), dy.data(), masked.data_mut());
    let [mut dx, mut dw, mut db] = [x, &w, &b].map(|t| Tensor::zeros(*t.shape()));
    dense::reference::backward_input(&s, w.data(), masked.data(), dx.data_mut());
    dense::reference::backward_weights(&s, x.data(), masked.data(), dw.data_mut());
    dense::reference::backward_bias(&s, masked.data(), db.data_mut());
    for ((what, var), expected) in ["dx", "dw", "db"].iter().zip(vars).zip([dx, dw, db]) {
        check("dense", what, found.get(var).unwrap(), &expected);
    }
    cross_entropy(y.value());
}

/// Softmax and cross-entropy, back: dx = (p − t)/N, with p in f64 from the logits themselves. The logits are brought
/// to the size that they have in training; of larger ones, one probability is 1 and the others nothing.
fn cross_entropy(y: &Tensor) {
    let (n, classes) = (y.rows(), y.row_len());
    let largest = y.data().iter().fold(0.0_f32, |m, v| m.max(v.abs()));
    let logits = Tensor::from_fn(*y.shape(), |i| y.data()[i] / largest * 8.0);
    let targets = Tensor::from_fn(*y.shape(), |i| f32::from(u8::from(i % classes == i / classes)));
    let tape = Tape::new();
    let x = tape.leaf(logits.clone());
    let found = tape.backward(&x.softmax_cross_entropy(&targets, None).unwrap()).unwrap();

    let total = |row| logits.row(row).iter().map(|&v| f64::from(v).exp()).sum::<f64>();
    let totals: Vec<_> = (0..n).map(total).collect();
    let dx = Tensor::from_fn(*y.shape(), |i| {
        let p = f64::from(logits.data()[i]).exp() / totals[i / classes];
        ((p - f64::from(targets.data()[i])) / n as f64) as f32
    });
    check("cross-entropy", "dx", found.get(&x).unwrap(), &dx);
}

fn check(layer: &str, what: &str, found: &Tensor, expected: &Tensor) {
    let distance = relative_l2(found, expected);
    println!("{layer:<14}{what}  {distance:.1e}");
    assert!(expected.data().iter().any(|&v| v != 0.0), "{layer}: {what} is nothing, which proves nothing");
    assert!(distance <= BAR, "{layer}: {what} is {distance:.1e} away from f64, at most {BAR:.0e} allowed");
}

/// Random numbers in the shape of `y`.
fn random(y: &Tensor, layer: usize) -> Tensor {
    let mut stream = Stream::new(3, Purpose::Data, 0, layer as u64);
    Tensor::from_fn(*y.shape(), |_| stream.normal() as f32)
}

/// The middle of photos (n, h, w, 3), `SIDE` on a side.
fn middle(photos: &Tensor) -> Tensor {
    let [n, h, w, c] = four(photos);
    assert!(h.min(w) >= SIDE, "photos of at least {SIDE} by {SIDE}, not {h} by {w}");
    let (top, left) = ((h - SIDE) / 2, (w - SIDE) / 2);
    Tensor::from_fn([n, SIDE, SIDE, c], |i| {
        let (channel, column, row, photo) = (i % c, i / c % SIDE, i / c / SIDE % SIDE, i / c / SIDE / SIDE);
        photos.data()[((photo * h + top + row) * w + left + column) * c + channel]
    })
}

fn four(t: &Tensor) -> [usize; 4] {
    t.shape().to_vec().try_into().expect("four axes")
}
