//! Winograd's F(4×4, 3×3) as its matrices say, tile by tile and in f64: to know how large an error may be, and to make
//! mistakes on purpose.

use graft_kernels::conv2d::Conv2dShape;

/// The matrices of one axis: `y = at · ((g · taps) ⊙ (bt · inputs))`, the divisors in `g`.
#[derive(Clone)]
pub struct Matrices {
    bt: [[f64; 6]; 6],
    g: [[f64; 3]; 6],
    at: [[f64; 6]; 4],
    /// For the gradient of the filters: four gradients at the points, and from there to three taps, divided.
    of_gradients: [[f64; 4]; 6],
    to_taps: [[f64; 6]; 3],
}

/// A mistake in the loops around the matrices.
#[derive(Copy, Clone, PartialEq, Eq, Debug)]
pub enum Mistake {
    None,
    /// A tile is stored by columns.
    TransposedTile,
    /// The channels that come after the last whole 128 are not counted.
    DroppedChain,
    /// The channels that come after the last whole 16 are not counted.
    DroppedLine,
    /// Tiles are taken to see the rows from their own first one on.
    Unpadded,
}

const FINITE: [f64; 5] = [0.0, 1.0, -1.0, 0.5, -2.0];
const DIVISORS: [f64; 6] = [1.0, 3.0, -3.0, -15.0 / 16.0, 15.0, 1.0];

impl Matrices {
    pub fn right() -> Self {
        Self::divided_by(DIVISORS)
    }

    /// The divisor of the point ½ is forgotten.
    pub fn without_a_divisor() -> Self {
        let mut divisors = DIVISORS;
        divisors[3] = 1.0;
        Self::divided_by(divisors)
    }

    fn divided_by(divisors: [f64; 6]) -> Self {
        // Powers of each point; of ∞, only the highest counts.
        fn powers<const N: usize>() -> [[f64; N]; 6] {
            std::array::from_fn(|i| {
                std::array::from_fn(|j| {
                    FINITE.get(i).map_or(f64::from(u8::from(j == N - 1)), |a| a.powi(j as i32))
                })
            })
        }
        let (of_taps, of_outputs) = (powers::<3>(), powers::<4>());
        Self {
            bt: [
                [1.0, -1.5, -2.0, 1.5, 1.0, 0.0],
                [0.0, -1.0, 0.5, 2.5, 1.0, 0.0],
                [0.0, 1.0, -2.5, 0.5, 1.0, 0.0],
                [0.0, -2.0, -1.0, 2.0, 1.0, 0.0],
                [0.0, 0.5, -1.0, -0.5, 1.0, 0.0],
                [0.0, 1.0, -1.5, -2.0, 1.5, 1.0],
            ],
            g: std::array::from_fn(|i| of_taps[i].map(|v| v / divisors[i])),
            at: std::array::from_fn(|i| std::array::from_fn(|j| of_outputs[j][i])),
            of_gradients: of_outputs,
            to_taps: std::array::from_fn(|i| std::array::from_fn(|j| of_taps[j][i] / divisors[j])),
        }
    }

    /// The absolute values of all: with those of the data they give what rounding errors are relative to.
    pub fn magnitudes(&self) -> Self {
        fn abs<const R: usize, const C: usize>(m: &[[f64; C]; R]) -> [[f64; C]; R] {
            m.map(|row| row.map(f64::abs))
        }
        Self {
            bt: abs(&self.bt),
            g: abs(&self.g),
            at: abs(&self.at),
            of_gradients: abs(&self.of_gradients),
            to_taps: abs(&self.to_taps),
        }
    }
}

/// m · d · mᵀ.
fn both_axes<const R: usize, const C: usize>(m: &[[f64; C]; R], d: &[[f64; C]; C]) -> [[f64; R]; R] {
    let dot = |a: &[f64; C], b: [f64; C]| a.iter().zip(b).map(|(a, b)| a * b).sum::<f64>();
    let left: [[f64; C]; R] =
        m.map(|row| std::array::from_fn(|x| dot(&row, std::array::from_fn(|y| d[y][x]))));
    std::array::from_fn(|i| std::array::from_fn(|j| dot(&m[j], left[i])))
}

/// Maps (n, h, w, c), zeros around them.
struct Maps<'a> {
    size: [usize; 3],
    data: &'a [f32],
}

impl Maps<'_> {
    /// N×N numbers of one channel, the first at (y, x).
    fn window<const N: usize>(&self, picture: usize, [y, x]: [i64; 2], channel: usize) -> [[f64; N]; N] {
        let [h, w, c] = self.size;
        std::array::from_fn(|i| {
            std::array::from_fn(|j| {
                let (y, x) = (y + i as i64, x + j as i64);
                let inside = (0..h as i64).contains(&y) && (0..w as i64).contains(&x);
                let at = || ((picture * h + y as usize) * w + x as usize) * c + channel;
                if inside { f64::from(self.data[at()]) } else { 0.0 }
            })
        })
    }
}

/// The correlation of `x` with 3×3 filters, `filter(k, o)` from channel k to channel o, to maps of `out` = [height, width,
/// channels].
fn correlate(
    m: &Matrices,
    x: &Maps<'_>,
    n: usize,
    pad: [usize; 2],
    out: [usize; 3],
    filter: impl Fn(usize, usize) -> [[f64; 3]; 3],
    mistake: Mistake,
) -> Vec<f64> {
    let ([height, width, cout], cin) = (out, x.size[2]);
    let counted = match mistake {
        Mistake::DroppedChain => cin / 128 * 128,
        Mistake::DroppedLine => cin / 16 * 16,
        _ => cin,
    };
    let pad = if mistake == Mistake::Unpadded { [0; 2] } else { pad };
    let u: Vec<_> = (0..cin * cout).map(|i| both_axes(&m.g, &filter(i / cout, i % cout))).collect();
    let mut y = vec![0.0; n * height * width * cout];
    for_each_tile(n, height, width, |picture, [top, left]| {
        let corner = [top as i64 - pad[0] as i64, left as i64 - pad[1] as i64];
        let v: Vec<_> = (0..cin).map(|k| both_axes(&m.bt, &x.window(picture, corner, k))).collect();
        for o in 0..cout {
            let mut sums = [[0.0; 6]; 6];
            (0..counted).for_each(|k| add_products(&mut sums, &v[k], &u[k * cout + o]));
            let tile = both_axes(&m.at, &sums);
            for (i, j) in
                (0..16).map(|i| (i / 4, i % 4)).filter(|(i, j)| top + i < height && left + j < width)
            {
                let at = ((picture * height + top + i) * width + left + j) * cout + o;
                y[at] = if mistake == Mistake::TransposedTile { tile[j][i] } else { tile[i][j] };
            }
        }
    });
    y
}

fn for_each_tile(n: usize, height: usize, width: usize, mut each: impl FnMut(usize, [usize; 2])) {
    for picture in 0..n {
        for top in (0..height).step_by(4) {
            (0..width).step_by(4).for_each(|left| each(picture, [top, left]));
        }
    }
}

fn add_products(sums: &mut [[f64; 6]; 6], a: &[[f64; 6]; 6], b: &[[f64; 6]; 6]) {
    let pairs = a.as_flattened().iter().zip(b.as_flattened());
    sums.as_flattened_mut().iter_mut().zip(pairs).for_each(|(sum, (a, b))| *sum += a * b);
}

/// y by these matrices.
pub fn forward(m: &Matrices, s: &Conv2dShape, x: &[f32], w: &[f32], mistake: Mistake) -> Vec<f64> {
    let maps = Maps { size: [s.h, s.w, s.cin], data: x };
    let tap =
        |ky: usize, kx: usize, k: usize, o: usize| f64::from(w[((ky * 3 + kx) * s.cin + k) * s.cout + o]);
    let filter = |k, o| std::array::from_fn(|ky| std::array::from_fn(|kx| tap(ky, kx, k, o)));
    correlate(m, &maps, s.n, s.pad(), [s.out_h(), s.out_w(), s.cout], filter, mistake)
}

/// dx by these matrices: the filters turned by 180°, the channels swapped.
pub fn backward_input(m: &Matrices, s: &Conv2dShape, w: &[f32], dy: &[f32], mistake: Mistake) -> Vec<f64> {
    let maps = Maps { size: [s.out_h(), s.out_w(), s.cout], data: dy };
    let tap =
        |ky: usize, kx: usize, o: usize, k: usize| f64::from(w[((ky * 3 + kx) * s.cin + k) * s.cout + o]);
    let filter = |o, k| std::array::from_fn(|ky| std::array::from_fn(|kx| tap(2 - ky, 2 - kx, o, k)));
    correlate(m, &maps, s.n, s.pad().map(|pad| 2 - pad), [s.h, s.w, s.cin], filter, mistake)
}

/// dw by these matrices.
pub fn backward_weights(m: &Matrices, s: &Conv2dShape, x: &[f32], dy: &[f32]) -> Vec<f64> {
    let maps = Maps { size: [s.h, s.w, s.cin], data: x };
    let gradients = Maps { size: [s.out_h(), s.out_w(), s.cout], data: dy };
    let mut sums = vec![[[0.0; 6]; 6]; s.cin * s.cout];
    for_each_tile(s.n, s.out_h(), s.out_w(), |picture, [top, left]| {
        let corner = [top as i64 - s.pad()[0] as i64, left as i64 - s.pad()[1] as i64];
        let v: Vec<_> = (0..s.cin).map(|k| both_axes(&m.bt, &maps.window(picture, corner, k))).collect();
        let of = |o| both_axes(&m.of_gradients, &gradients.window(picture, [top as i64, left as i64], o));
        let g: Vec<_> = (0..s.cout).map(of).collect();
        for (i, sums) in sums.iter_mut().enumerate() {
            add_products(sums, &v[i / s.cout], &g[i % s.cout]);
        }
    });
    let mut dw = vec![0.0; s.w_len()];
    for (pair, sums) in sums.iter().enumerate() {
        for (tap, value) in both_axes(&m.to_taps, sums).as_flattened().iter().enumerate() {
            dw[tap * s.cin * s.cout + pair] = *value;
        }
    }
    dw
}
