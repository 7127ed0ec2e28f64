//! What the tests of convolutions share: data, what must come of them, and the judge.

use graft_kernels::Isa;
use graft_kernels::conv2d::{self, Algorithm, Conv2dShape, Finish, Padding};
use graft_kernels::random::Stream;

use super::{Verdict, every_isa, exact, integers, poisoned, stream};

/// Something that claims to be a convolution.
pub trait Convolution {
    fn forward(&self, s: &Conv2dShape, x: &[f32], w: &[f32], finish: Finish<'_>, y: &mut [f32]);
    fn backward_input(&self, s: &Conv2dShape, w: &[f32], dy: &[f32], dx: &mut [f32]);
    fn backward_weights(&self, s: &Conv2dShape, x: &[f32], dy: &[f32], dw: &mut [f32]);
    fn backward_bias(&self, s: &Conv2dShape, dy: &[f32], db: &mut [f32]);
}

/// One of the library's.
#[derive(Copy, Clone, Debug)]
pub struct Ours(pub Isa, pub Algorithm);

impl Convolution for Ours {
    fn forward(&self, s: &Conv2dShape, x: &[f32], w: &[f32], finish: Finish<'_>, y: &mut [f32]) {
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

/// Every algorithm, on every instruction set where that makes a difference. Winograd's is the direct one where it is not
/// for 3×3 filters that move by one.
pub fn all() -> Vec<Ours> {
    let by_isa = every_isa()
        .into_iter()
        .flat_map(|isa| [Algorithm::Direct, Algorithm::Winograd].map(|algorithm| Ours(isa, algorithm)));
    let others = [Algorithm::Reference, Algorithm::Im2colGemm].map(|a| Ours(Isa::best(), a));
    by_isa.chain(others).collect()
}

/// Calls `each(index in x, index in w, index in y)` for every product of the convolution: the definition once more,
/// written otherwise than in the library (pixel by signed coordinates, padding by TensorFlow's own formula).
pub fn for_each_product(s: &Conv2dShape, mut each: impl FnMut(usize, usize, usize)) {
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
pub struct Data {
    pub x: Vec<f32>,
    pub w: Vec<f32>,
    pub bias: Vec<f32>,
    pub dy: Vec<f32>,
}

/// Data from `draw`, such as [`super::floats`].
pub fn data(s: &Conv2dShape, case: u64, draw: fn(&mut Stream, usize) -> Vec<f32>) -> Data {
    let mut r = stream(case);
    let mut draw = |len| draw(&mut r, len);
    Data { x: draw(s.x_len()), w: draw(s.w_len()), bias: draw(s.cout), dy: draw(s.y_len()) }
}

/// Data that every algorithm takes to exact results: small integers, and filters of which Winograd's divisors (1, 3, 15/16
/// and 15 along each axis) leave integers. In between, its numbers are multiples of 1/64 at the finest, and stay small
/// enough for that.
pub fn whole_numbers(s: &Conv2dShape, case: u64) -> Data {
    let mut d = data(s, case, integers);
    d.w.iter_mut().for_each(|w| *w *= 225.0);
    d
}

/// The four results on integers, as sums in i64.
pub struct Exact {
    pub y: Vec<i64>,
    pub dx: Vec<i64>,
    pub dw: Vec<i64>,
    pub db: Vec<i64>,
}

/// What must come out.
pub fn expected(s: &Conv2dShape, d: &Data) -> Exact {
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
pub fn check(c: &dyn Convolution, s: &Conv2dShape, d: &Data, e: &Exact) -> Verdict {
    let mut y = poisoned(s.y_len());
    c.forward(s, &d.x, &d.w, Finish::default(), &mut y);
    exact("y", &y, &e.y)?;
    let biased: Vec<i64> = e.y.iter().enumerate().map(|(i, y)| y + d.bias[i % s.cout] as i64).collect();
    y.fill(f32::NAN);
    let finish = Finish { bias: Some(&d.bias), relu: true, pool: false };
    c.forward(s, &d.x, &d.w, finish, &mut y);
    exact("relu(y + bias)", &y, &biased.iter().map(|&y| y.max(0)).collect::<Vec<_>>())?;
    for relu in [false, true] {
        let least = if relu { 0 } else { i64::MIN };
        let pooled: Vec<i64> = pooled(s, &biased).into_iter().map(|y| y.max(least)).collect();
        let mut y = poisoned(pooled.len());
        c.forward(s, &d.x, &d.w, Finish { pool: true, relu, ..finish }, &mut y);
        exact("pool(y + bias)", &y, &pooled)?;
    }
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

/// The largest of each 2×2 of y.
fn pooled(s: &Conv2dShape, y: &[i64]) -> Vec<i64> {
    let [height, width] = [s.out_h() / 2, s.out_w() / 2];
    let at = |n, oy, ox, c| y[((n * s.out_h() + oy) * s.out_w() + ox) * s.cout + c];
    let of = |i: usize| {
        let (c, x) = (i % s.cout, i / s.cout % width);
        let (y, n) = (i / s.cout / width % height, i / s.cout / width / height);
        let cells = [(0, 0), (0, 1), (1, 0), (1, 1)].map(|(ky, kx)| at(n, 2 * y + ky, 2 * x + kx, c));
        cells.into_iter().max().expect("four cells")
    };
    (0..pooled_len(s)).map(of).collect()
}

/// Numbers of y once it is pooled.
pub fn pooled_len(s: &Conv2dShape) -> usize {
    s.n * (s.out_h() / 2) * (s.out_w() / 2) * s.cout
}

/// The shape of a convolution.
pub fn shape(input: [usize; 4], filters: [usize; 4], stride: [usize; 2], padding: Padding) -> Conv2dShape {
    Conv2dShape::new(input, filters, stride, padding).expect("a shape that fits")
}
