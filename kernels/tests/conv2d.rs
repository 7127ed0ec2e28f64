//! Convolution: every algorithm on every instruction set, forward and backward, at the shapes where things go wrong.

mod support;

use graft_kernels::Isa;
use graft_kernels::conv2d::{self, Algorithm, Conv2dShape, Finish, Padding};
use support::{
    Verdict, bits, every_isa, exact, floats, integers, pick, poisoned, same_on_any_pool, stream, within,
};

/// Something that claims to be a convolution.
trait Convolution {
    fn forward(&self, s: &Conv2dShape, x: &[f32], w: &[f32], bias: Option<&[f32]>, relu: bool, y: &mut [f32]);
    fn backward_input(&self, s: &Conv2dShape, w: &[f32], dy: &[f32], dx: &mut [f32]);
    fn backward_weights(&self, s: &Conv2dShape, x: &[f32], dy: &[f32], dw: &mut [f32]);
    fn backward_bias(&self, s: &Conv2dShape, dy: &[f32], db: &mut [f32]);
}

/// One of the library's.
#[derive(Copy, Clone, Debug)]
struct Ours(Isa, Algorithm);

impl Convolution for Ours {
    fn forward(
        &self,
        s: &Conv2dShape,
        x: &[f32],
        w: &[f32],
        bias: Option<&[f32]>,
        relu: bool,
        y: &mut [f32],
    ) {
        let finish = Finish { bias, relu, pool: false };
        conv2d::forward(self.0, self.1, s, x, w, None, finish, y);
    }
    fn backward_input(&self, s: &Conv2dShape, w: &[f32], dy: &[f32], dx: &mut [f32]) {
        conv2d::backward_input(self.0, self.1, s, w, dy, dx);
    }
    fn backward_weights(&self, s: &Conv2dShape, x: &[f32], dy: &[f32], dw: &mut [f32]) {
        conv2d::backward_weights(self.0, self.1, s, x, dy, dw);
    }
    fn backward_bias(&self, s: &Conv2dShape, dy: &[f32], db: &mut [f32]) {
        conv2d::backward_bias(self.0, s, dy, db);
    }
}

/// Every algorithm, on every instruction set where that makes a difference.
fn all() -> Vec<Ours> {
    let direct = every_isa().into_iter().map(|isa| Ours(isa, Algorithm::Direct));
    let others = [Algorithm::Reference, Algorithm::Im2colGemm].map(|a| Ours(Isa::best(), a));
    direct.chain(others).collect()
}

/// Calls `each(index in x, index in w, index in y)` for every product of the convolution: the definition once more,
/// written otherwise than in the library (pixel by signed coordinates, padding by TensorFlow's own formula).
fn for_each_product(s: &Conv2dShape, mut each: impl FnMut(usize, usize, usize)) {
    let axis = |len: usize, k: usize, stride: usize| match s.padding {
        Padding::Valid => (if len < k { 0 } else { (len - k) / stride + 1 }, 0),
        Padding::Same => {
            let out = len.div_ceil(stride);
            let total = if len.is_multiple_of(stride) {
                k.saturating_sub(stride)
            } else {
                k.saturating_sub(len % stride)
            };
            (out, total / 2)
        }
    };
    let ((oh, pad_y), (ow, pad_x)) = (axis(s.h, s.kh, s.stride[0]), axis(s.w, s.kw, s.stride[1]));
    assert_eq!([oh, ow, pad_y, pad_x], [s.out_h(), s.out_w(), s.pad()[0], s.pad()[1]], "{s:?}");
    for at in 0..s.n * oh * ow * s.kh * s.kw {
        let (kx, ky, ox) = (at % s.kw, at / s.kw % s.kh, at / s.kw / s.kh % ow);
        let (oy, n) = (at / s.kw / s.kh / ow % oh, at / s.kw / s.kh / ow / oh);
        let iy = (oy * s.stride[0] + ky) as i64 - pad_y as i64;
        let ix = (ox * s.stride[1] + kx) as i64 - pad_x as i64;
        if iy < 0 || ix < 0 || iy >= s.h as i64 || ix >= s.w as i64 {
            continue;
        }
        let input = (n * s.h + iy as usize) * s.w + ix as usize;
        let output = (n * oh + oy) * ow + ox;
        for ci in 0..s.cin {
            for co in 0..s.cout {
                let w = ((ky * s.kw + kx) * s.cin + ci) * s.cout + co;
                each(input * s.cin + ci, w, output * s.cout + co);
            }
        }
    }
}

/// The operands of one convolution.
struct Data {
    x: Vec<f32>,
    w: Vec<f32>,
    bias: Vec<f32>,
    dy: Vec<f32>,
}

fn data(s: &Conv2dShape, case: u64, draw: fn(&mut graft_kernels::random::Stream, usize) -> Vec<f32>) -> Data {
    let mut r = stream(case);
    let mut draw = |len| draw(&mut r, len);
    Data { x: draw(s.x_len()), w: draw(s.w_len()), bias: draw(s.cout), dy: draw(s.y_len()) }
}

/// The four results on integers, as sums in i64.
struct Exact {
    y: Vec<i64>,
    dx: Vec<i64>,
    dw: Vec<i64>,
    db: Vec<i64>,
}

fn expected(s: &Conv2dShape, d: &Data) -> Exact {
    let zeros = |len: usize| vec![0_i64; len];
    let mut e = Exact { y: zeros(s.y_len()), dx: zeros(s.x_len()), dw: zeros(s.w_len()), db: zeros(s.cout) };
    for_each_product(s, |x, w, y| {
        e.y[y] += (d.x[x] * d.w[w]) as i64;
        e.dx[x] += (d.dy[y] * d.w[w]) as i64;
        e.dw[w] += (d.x[x] * d.dy[y]) as i64;
    });
    d.dy.iter().enumerate().for_each(|(i, dy)| e.db[i % s.cout] += *dy as i64);
    e
}

/// Judges a convolution on integers: all of forward and backward, exactly.
fn check(c: &dyn Convolution, s: &Conv2dShape, d: &Data, e: &Exact) -> Verdict {
    let mut y = poisoned(s.y_len());
    c.forward(s, &d.x, &d.w, None, false, &mut y);
    exact("y", &y, &e.y)?;
    y.fill(f32::NAN);
    c.forward(s, &d.x, &d.w, Some(&d.bias), true, &mut y);
    let finished: Vec<i64> =
        e.y.iter().enumerate().map(|(i, y)| (y + d.bias[i % s.cout] as i64).max(0)).collect();
    exact("relu(y + bias)", &y, &finished)?;
    let mut dx = poisoned(s.x_len());
    c.backward_input(s, &d.w, &d.dy, &mut dx);
    exact("dx", &dx, &e.dx)?;
    let mut dw = poisoned(s.w_len());
    c.backward_weights(s, &d.x, &d.dy, &mut dw);
    exact("dw", &dw, &e.dw)?;
    let mut db = poisoned(s.cout);
    c.backward_bias(s, &d.dy, &mut db);
    exact("db", &db, &e.db)
}

fn shape(input: [usize; 4], filters: [usize; 4], stride: [usize; 2], padding: Padding) -> Conv2dShape {
    Conv2dShape::new(input, filters, stride, padding).expect("a shape that fits")
}

/// The edges of maps, tiles and blocks: one pixel, fewer pixels than a tile has rows, one more; three channels, one more
/// or less than a vector; more taps than one block of k has.
fn boundary_shapes() -> Vec<Conv2dShape> {
    let mut all = Vec::new();
    for padding in [Padding::Same, Padding::Valid] {
        for [h, w] in [[1, 1], [2, 3], [3, 2], [5, 5], [7, 9], [14, 14]] {
            for (k, stride) in [(1, [1, 1]), (2, [1, 1]), (3, [1, 1]), (3, [2, 2]), (5, [1, 2]), (3, [3, 1])]
            {
                for [n, cin, cout] in [[1, 1, 1], [2, 3, 4], [3, 13, 15], [1, 17, 33], [2, 16, 7]] {
                    if padding == Padding::Same || (k <= h && k <= w) {
                        all.push(shape([n, h, w, cin], [k, k, cin, cout], stride, padding));
                    }
                }
            }
        }
    }
    all.push(shape([0, 4, 4, 2], [3, 3, 2, 2], [1, 1], Padding::Same));
    all.push(shape([2, 4, 4, 0], [3, 3, 0, 2], [1, 1], Padding::Same));
    all.push(shape([2, 4, 4, 2], [3, 3, 2, 0], [1, 1], Padding::Same));
    all.push(shape([1, 15, 1, 64], [3, 3, 64, 31], [1, 1], Padding::Same));
    all.push(shape([1, 8, 8, 128], [3, 3, 128, 65], [1, 1], Padding::Same));
    // The gradient of the weights sums over more than one chunk of pixels.
    all.push(shape([3, 41, 71, 3], [3, 3, 3, 5], [1, 1], Padding::Same));
    all
}

#[test]
fn integers_come_out_exactly_at_every_boundary() {
    let all = all();
    for (case, s) in boundary_shapes().iter().enumerate() {
        let d = data(s, case as u64, integers);
        let e = expected(s, &d);
        for ours in &all {
            check(ours, s, &d, &e).unwrap_or_else(|e| panic!("{ours:?} {s:?}: {e}"));
        }
    }
}

#[test]
fn integers_come_out_exactly_at_random_shapes() {
    let all = all();
    for case in 0..2000 {
        let mut r = stream(1_000_000 + case);
        let kernel = [pick(&mut r, 1..=5), pick(&mut r, 1..=5)];
        let padding = if r.next_u32().is_multiple_of(2) { Padding::Same } else { Padding::Valid };
        let least = |k: usize| if padding == Padding::Valid { k } else { 1 };
        let [h, w] = kernel.map(|k| pick(&mut r, least(k)..=least(k) + 7));
        let stride = [pick(&mut r, 1..=3), pick(&mut r, 1..=3)];
        let [n, cin, cout] = [pick(&mut r, 1..=3), pick(&mut r, 1..=18), pick(&mut r, 1..=36)];
        let s = shape([n, h, w, cin], [kernel[0], kernel[1], cin, cout], stride, padding);
        let d = data(&s, case, integers);
        let e = expected(&s, &d);
        for ours in &all {
            check(ours, &s, &d, &e).unwrap_or_else(|e| panic!("{ours:?} {s:?}: {e}"));
        }
    }
}

/// A convolution with one mistake.
#[derive(Copy, Clone, Debug)]
enum Wrong {
    DroppedTap,
    SwappedStride,
    PaddingAfterFirst,
    FlippedKernel,
    NoBias,
    LastPixelUnwritten,
    LastPixelUncounted,
    BiasOfOnePicture,
    GradientByUnturnedFilter,
    GradientPaddedAsForward,
}

const RIGHT: Ours = Ours(Isa::Portable, Algorithm::Reference);

impl Convolution for Wrong {
    fn forward(
        &self,
        s: &Conv2dShape,
        x: &[f32],
        w: &[f32],
        bias: Option<&[f32]>,
        relu: bool,
        y: &mut [f32],
    ) {
        match self {
            Self::DroppedTap => {
                let mut w = w.to_vec();
                w[s.w_len() - s.cin * s.cout..].fill(0.0);
                RIGHT.forward(s, x, &w, bias, relu, y);
            }
            Self::SwappedStride => {
                let swapped = Conv2dShape { stride: [s.stride[1], s.stride[0]], ..*s };
                let mut all = vec![0.0; swapped.y_len()];
                RIGHT.forward(&swapped, x, w, bias, relu, &mut all);
                y.iter_mut().zip(all.iter().cycle()).for_each(|(y, v)| *y = *v);
            }
            Self::PaddingAfterFirst => {
                // The odd zero before the map, not after it: the map moved down by one row of zeros.
                let mut moved = vec![0.0; s.x_len()];
                let (row, picture) = (s.w * s.cin, s.h * s.w * s.cin);
                for n in 0..s.n {
                    let from = &x[n * picture..(n + 1) * picture - row];
                    moved[n * picture + row..(n + 1) * picture].copy_from_slice(from);
                }
                RIGHT.forward(s, &moved, w, bias, relu, y);
            }
            Self::FlippedKernel => {
                let taps: Vec<f32> = w.rchunks(s.cin * s.cout).flatten().copied().collect();
                RIGHT.forward(s, x, &taps, bias, relu, y);
            }
            Self::NoBias => RIGHT.forward(s, x, w, None, relu, y),
            Self::LastPixelUnwritten => {
                RIGHT.forward(s, x, w, bias, relu, y);
                y[s.y_len() - s.cout..].fill(f32::NAN);
            }
            _ => RIGHT.forward(s, x, w, bias, relu, y),
        }
    }
    fn backward_input(&self, s: &Conv2dShape, w: &[f32], dy: &[f32], dx: &mut [f32]) {
        match self {
            Self::GradientByUnturnedFilter => {
                // The gradient turns the filter itself, so turn it here to undo that.
                let turned: Vec<f32> = w.rchunks(s.cin * s.cout).flatten().copied().collect();
                RIGHT.backward_input(s, &turned, dy, dx);
            }
            Self::GradientPaddedAsForward => {
                // dx[i] = Σ dy[i + k' - p]·w[k - 1 - k'] asks for p = k - 1 - pad; with p = pad, the gradient of pixel i
                // goes to pixel i + k - 1 - 2·pad. What falls off the map is lost.
                let mut right = vec![0.0; s.x_len()];
                RIGHT.backward_input(s, w, dy, &mut right);
                let down = s.kh - 1 - 2 * s.pad()[0];
                let row = s.w * s.cin;
                dx.fill(0.0);
                for (dx, right) in dx.chunks_mut(s.h * row).zip(right.chunks(s.h * row)) {
                    dx[down * row..].copy_from_slice(&right[..(s.h - down) * row]);
                }
            }
            _ => RIGHT.backward_input(s, w, dy, dx),
        }
    }
    fn backward_weights(&self, s: &Conv2dShape, x: &[f32], dy: &[f32], dw: &mut [f32]) {
        let mut dy = dy.to_vec();
        if let Self::LastPixelUncounted = self {
            dy[s.y_len() - s.cout..].fill(0.0);
        }
        RIGHT.backward_weights(s, x, &dy, dw);
    }
    fn backward_bias(&self, s: &Conv2dShape, dy: &[f32], db: &mut [f32]) {
        let dy = if let Self::BiasOfOnePicture = self { &dy[..s.y_len() / s.n] } else { dy };
        let rows = Conv2dShape { n: dy.len() * s.n / s.y_len(), ..*s };
        RIGHT.backward_bias(&rows, dy, db);
    }
}

#[test]
fn a_wrong_convolution_is_caught() {
    use Wrong::*;
    let s = shape([2, 8, 6, 3], [3, 3, 3, 5], [2, 1], Padding::Same);
    let d = data(&s, 0, integers);
    let e = expected(&s, &d);
    check(&RIGHT, &s, &d, &e).expect("the right one passes");
    let forward = [DroppedTap, SwappedStride, PaddingAfterFirst, FlippedKernel, NoBias, LastPixelUnwritten];
    let backward = [LastPixelUncounted, BiasOfOnePicture, GradientByUnturnedFilter, GradientPaddedAsForward];
    for wrong in forward.into_iter().chain(backward) {
        let verdict = check(&wrong, &s, &d, &e);
        assert!(verdict.is_err(), "{wrong:?} passes");
        if let GradientByUnturnedFilter | GradientPaddedAsForward = wrong {
            assert!(verdict.unwrap_err().starts_with("dx["), "{wrong:?}: another result is wrong");
        }
    }
}

#[test]
fn the_adjoint_identity_holds_exactly_at_shapes_of_vgg16() {
    // ⟨conv(x, w), dy⟩ = ⟨x, dx⟩ = ⟨w, dw⟩, as all three are Σ x·w·dy over the same products.
    let dot = |a: &[f32], b: &[f32]| a.iter().zip(b).map(|(&a, &b)| a as i64 * b as i64).sum::<i64>();
    for (case, (input, filters)) in [
        ([1, 28, 28, 64], [3, 3, 64, 128]),
        ([2, 14, 14, 128], [3, 3, 128, 128]),
        ([1, 56, 56, 3], [3, 3, 3, 64]),
    ]
    .into_iter()
    .enumerate()
    {
        let s = shape(input, filters, [1, 1], Padding::Same);
        let d = data(&s, case as u64, integers);
        for ours in all().into_iter().filter(|ours| ours.1 != Algorithm::Reference) {
            let (mut y, mut dx, mut dw) = (poisoned(s.y_len()), poisoned(s.x_len()), poisoned(s.w_len()));
            ours.forward(&s, &d.x, &d.w, None, false, &mut y);
            ours.backward_input(&s, &d.w, &d.dy, &mut dx);
            ours.backward_weights(&s, &d.x, &d.dy, &mut dw);
            assert_eq!(dot(&y, &d.dy), dot(&d.x, &dx), "{ours:?} {s:?}: dx");
            assert_eq!(dot(&y, &d.dy), dot(&d.w, &dw), "{ours:?} {s:?}: dw");
        }
    }
}

#[test]
fn floats_stay_within_the_bound_of_the_theory() {
    for (case, s) in [
        shape([2, 9, 7, 60], [3, 3, 60, 40], [1, 1], Padding::Same),
        shape([1, 12, 13, 33], [5, 3, 33, 17], [2, 3], Padding::Valid),
        shape([2, 70, 70, 3], [3, 3, 3, 20], [1, 1], Padding::Same),
    ]
    .iter()
    .enumerate()
    {
        let d = data(s, case as u64, floats);
        let zeros = |len: usize| (vec![0.0_f64; len], vec![0.0_f64; len]);
        let (mut y, mut dx, mut dw) = (zeros(s.y_len()), zeros(s.x_len()), zeros(s.w_len()));
        for_each_product(s, |ix, iw, iy| {
            let [x, w, g] = [d.x[ix], d.w[iw], d.dy[iy]].map(f64::from);
            for (sums, i, product) in [(&mut y, iy, x * w), (&mut dx, ix, g * w), (&mut dw, iw, g * x)] {
                sums.0[i] += product;
                sums.1[i] += product.abs();
            }
        });
        for ours in all() {
            // Ours: chains of 256, then the chains, then chunks. The library's: not known, so one chain at worst.
            let roundings = |terms: usize| match ours.1 {
                Algorithm::Reference => 1,
                Algorithm::Im2colGemm => terms + 1,
                _ => 257 + terms.div_ceil(256),
            };
            let (mut fy, mut fdx, mut fdw) = (poisoned(s.y_len()), poisoned(s.x_len()), poisoned(s.w_len()));
            ours.forward(s, &d.x, &d.w, None, false, &mut fy);
            ours.backward_input(s, &d.w, &d.dy, &mut fdx);
            ours.backward_weights(s, &d.x, &d.dy, &mut fdw);
            within("y", &fy, &y.0, &y.1, roundings(s.taps()))
                .and_then(|()| within("dx", &fdx, &dx.0, &dx.1, roundings(s.kh * s.kw * s.cout)))
                .and_then(|()| within("dw", &fdw, &dw.0, &dw.1, roundings(s.pixels())))
                .unwrap_or_else(|e| panic!("{ours:?} {s:?}: {e}"));
        }
    }
}

/// Forward and backward in one piece.
fn everything(ours: Ours, s: &Conv2dShape, d: &Data) -> Vec<f32> {
    let (mut y, mut dx) = (poisoned(s.y_len()), poisoned(s.x_len()));
    let (mut dw, mut db) = (poisoned(s.w_len()), poisoned(s.cout));
    ours.forward(s, &d.x, &d.w, Some(&d.bias), true, &mut y);
    ours.backward_input(s, &d.w, &d.dy, &mut dx);
    ours.backward_weights(s, &d.x, &d.dy, &mut dw);
    ours.backward_bias(s, &d.dy, &mut db);
    [y, dx, dw, db].concat()
}

#[test]
fn the_number_of_threads_changes_no_bit() {
    for s in [
        shape([2, 33, 35, 24], [3, 3, 24, 40], [1, 1], Padding::Same),
        shape([3, 60, 60, 3], [3, 3, 3, 16], [1, 1], Padding::Same),
        shape([1, 15, 15, 70], [3, 3, 70, 66], [2, 2], Padding::Same),
    ] {
        let d = data(&s, 0, floats);
        for ours in all() {
            same_on_any_pool(&format!("{ours:?} {s:?}"), || everything(ours, &s, &d));
        }
    }
}

#[test]
fn a_picture_has_the_same_bits_alone_and_in_a_batch() {
    let s = shape([5, 13, 11, 40], [3, 3, 40, 48], [1, 1], Padding::Same);
    let d = data(&s, 0, floats);
    let one = Conv2dShape { n: 1, ..s };
    for ours in all() {
        let (mut y, mut dx) = (poisoned(s.y_len()), poisoned(s.x_len()));
        ours.forward(&s, &d.x, &d.w, Some(&d.bias), false, &mut y);
        ours.backward_input(&s, &d.w, &d.dy, &mut dx);
        for n in 0..s.n {
            let (x, dy) = (&d.x[n * one.x_len()..][..one.x_len()], &d.dy[n * one.y_len()..][..one.y_len()]);
            let (mut y1, mut dx1) = (poisoned(one.y_len()), poisoned(one.x_len()));
            ours.forward(&one, x, &d.w, Some(&d.bias), false, &mut y1);
            ours.backward_input(&one, &d.w, dy, &mut dx1);
            assert!(bits(&y1) == bits(&y[n * one.y_len()..][..one.y_len()]), "{ours:?}: y of picture {n}");
            assert!(bits(&dx1) == bits(&dx[n * one.x_len()..][..one.x_len()]), "{ours:?}: dx of picture {n}");
        }
    }
}

#[test]
fn nan_in_nan_out_through_relu_too() {
    let s = shape([1, 6, 6, 20], [3, 3, 20, 20], [1, 1], Padding::Same);
    for ours in all() {
        let (mut x, w, mut y) = (vec![1.0; s.x_len()], vec![-1.0; s.w_len()], poisoned(s.y_len()));
        x[(2 * s.w + 3) * s.cin] = f32::NAN;
        ours.forward(&s, &x, &w, Some(&vec![0.0; s.cout]), true, &mut y);
        for (i, y) in y.iter().enumerate() {
            let (oy, ox) = (i / s.cout / s.w, i / s.cout % s.w);
            let near = oy.abs_diff(2) <= 1 && ox.abs_diff(3) <= 1;
            assert!(if near { y.is_nan() } else { *y == 0.0 }, "{ours:?}: ({oy}, {ox}) is {y}");
        }
        let (mut dy, mut dx, mut dw) = (vec![1.0; s.y_len()], poisoned(s.x_len()), poisoned(s.w_len()));
        dy[7] = f32::NAN; // pixel (0, 0), channel 7
        ours.backward_input(&s, &w, &dy, &mut dx);
        ours.backward_weights(&s, &vec![1.0; s.x_len()], &dy, &mut dw);
        for (i, dx) in dx.iter().enumerate() {
            let (y, x) = (i / s.cin / s.w, i / s.cin % s.w);
            assert_eq!(dx.is_nan(), y <= 1 && x <= 1, "{ours:?}: dx of ({y}, {x})");
        }
        for (i, dw) in dw.iter().enumerate() {
            let (ky, kx) = (i / s.cout / s.cin / 3, i / s.cout / s.cin % 3);
            // The implicit product multiplies the zeros of the padding as well, and NaN · 0 is NaN.
            let sees = ky > 0 && kx > 0;
            assert!(
                !sees || i % s.cout != 7 || dw.is_nan(),
                "{ours:?}: dw of ({ky}, {kx}) swallowed the NaN"
            );
            assert!(i % s.cout == 7 || !dw.is_nan(), "{ours:?}: dw of another channel");
        }
    }
}
