//! The three transforms of F(4×4, 3×3), along one axis; a tile is transformed along both.
//!
//! # Where they come from
//!
//! Write a filter of three taps as the polynomial g(a) = g₀ + g₁a + g₂a², and four outputs likewise. A convolution is a
//! product of polynomials, here one of degree 5, and that is fixed by its values at six points. So: take the values of
//! both factors at six points, multiply them point by point (six products, where the definition needs 4·3 = 12), and
//! interpolate. A correlation, which is what networks compute, is the transpose of that scheme (Toom-Cook, transposed;
//! Winograd, *Arithmetic complexity of computations*, 1980, §V; Lavin and Gray, *Fast algorithms for convolutional
//! neural networks*, 2016): with G the values of the filter, B the interpolation, and A the values of the outputs,
//!
//! ```text
//! y = Aᵀ [ (G g) ⊙ (Bᵀ d) ]                 d: 6 inputs, g: 3 taps, y: 4 outputs
//! Y = Aᵀ [ (G g Gᵀ) ⊙ (Bᵀ d B) ] A          the same along both axes: 36 products instead of 144
//! ```
//!
//! # Which points
//!
//! 0, 1, -1, ½, -2 and ∞ (the last coefficient). A power of two costs no rounding; a point and its reciprocal keep the
//! numbers of all three matrices small, which halves the error that 0, ±1, ±2 make. From M(x) = x(x-1)(x+1)(x-½)(x+2) =
//! x⁵ + ³⁄₂x⁴ - 2x³ - ³⁄₂x² + x follow the rows of Bᵀ: M(x)/(x - a) for each finite a, and M(x) itself. The divisors
//! f(a) = M′(a) stand with the filters, where they are paid for once and not for each picture:
//!
//! ```text
//!        ⎡ 1  -³⁄₂  -2   ³⁄₂   1   0 ⎤        ⎡ 1   0   0 ⎤ ⎫                   ⎡ 1  1   1   1    1  0 ⎤
//!        ⎢ 0   -1    ½   ⁵⁄₂   1   0 ⎥        ⎢ 1   1   1 ⎥ ⎪ divided by        ⎢ 0  1  -1   ½   -2  0 ⎥
//!   Bᵀ = ⎢ 0    1  -⁵⁄₂  ½    1   0 ⎥    G = ⎢ 1  -1   1 ⎥ ⎬ 1, 3, -3,    Aᵀ = ⎢ 0  1   1   ¼    4  0 ⎥
//!        ⎢ 0   -2   -1   2    1   0 ⎥        ⎢ 1   ½   ¼ ⎥ ⎪ -¹⁵⁄₁₆, 15        ⎣ 0  1  -1   ⅛   -8  1 ⎦
//!        ⎢ 0    ½   -1  -½    1   0 ⎥        ⎢ 1  -2   4 ⎥ ⎭
//!        ⎣ 0    1  -³⁄₂ -2   ³⁄₂  1 ⎦        ⎣ 0   0   1 ⎦
//! ```
//!
//! # The gradient of the filters
//!
//! It is a correlation too, of six inputs with the *four* gradients of a tile, and gives three taps: F(3×3, 4×4). It has
//! six products as well, at the same points with the same Bᵀ; G gets a column (a³) and Aᵀ loses its last row. There the
//! divisors stand with the taps.

use crate::simd::Simd;

/// Points of an axis, products of a tile along it.
pub(super) const POINTS: usize = 6;

/// Products of a tile.
pub(super) const PLANES: usize = POINTS * POINTS;

/// Outputs of a tile along an axis.
pub(super) const OUT: usize = 4;

/// Taps of a filter along an axis.
pub(super) const TAPS: usize = 3;

/// The points but the last, which is ∞.
const FINITE: [f64; POINTS - 1] = [0.0, 1.0, -1.0, 0.5, -2.0];

/// What the values at each point are to be divided by.
pub(super) const DIVISORS: [f64; POINTS] = [1.0, 3.0, -3.0, -15.0 / 16.0, 15.0, 1.0];

/// Bᵀ d: 15 operations.
#[inline(always)]
pub(super) fn input<S: Simd>(s: S, d: [S::V; POINTS]) -> [S::V; POINTS] {
    let three_halves = s.splat(1.5);
    let [p, q] = [s.sub(d[4], d[2]), s.sub(d[3], d[1])];
    let u = s.mul_add(three_halves, d[3], p);
    let v = s.mul_add(three_halves, d[2], q);
    [
        s.add(s.mul_add(three_halves, q, p), s.sub(d[0], d[2])),
        s.add(u, v),
        s.sub(u, v),
        s.mul_add(s.splat(2.0), q, p),
        s.mul_add(s.splat(-0.5), q, p),
        s.add(s.sub(s.mul(three_halves, p), q), s.sub(d[5], d[3])),
    ]
}

/// Aᵀ m: 12 operations.
#[inline(always)]
pub(super) fn output<S: Simd>(s: S, m: [S::V; POINTS]) -> [S::V; OUT] {
    let [p, r] = [s.add(m[1], m[2]), s.sub(m[1], m[2])];
    let (half, quarter, eighth) = (s.splat(0.5), s.splat(0.25), s.splat(0.125));
    let (minus_two, four, minus_eight) = (s.splat(-2.0), s.splat(4.0), s.splat(-8.0));
    [
        s.add(s.add(m[0], p), s.add(m[3], m[4])),
        s.mul_add(minus_two, m[4], s.mul_add(half, m[3], r)),
        s.mul_add(four, m[4], s.mul_add(quarter, m[3], p)),
        s.add(s.mul_add(minus_eight, m[4], s.mul_add(eighth, m[3], r)), m[5]),
    ]
}

/// A transform along both axes: of each column, then of each row of what came of these, which `row` gets with its number.
#[inline(always)]
pub(super) fn both_axes<S: Simd, const FROM: usize, const TO: usize>(
    s: S,
    load: impl Fn(usize, usize) -> S::V,
    along: impl Fn([S::V; FROM]) -> [S::V; TO],
    mut row: impl FnMut(usize, [S::V; TO]),
) {
    let mut columns = [[s.splat(0.0); FROM]; TO];
    for x in 0..FROM {
        let mut column = [s.splat(0.0); FROM];
        for y in 0..FROM {
            column[y] = load(y, x);
        }
        let column = along(column);
        for i in 0..TO {
            columns[i][x] = column[i];
        }
    }
    for i in 0..TO {
        row(i, along(columns[i]));
    }
}

/// The values of four gradients at the points, not divided: 10 operations.
#[inline(always)]
pub(super) fn gradient<S: Simd>(s: S, d: [S::V; OUT]) -> [S::V; POINTS] {
    let [even, odd] = [s.add(d[0], d[2]), s.add(d[1], d[3])];
    [d[0], s.add(even, odd), s.sub(even, odd), cubic(s, d, s.splat(0.5)), cubic(s, d, s.splat(-2.0)), d[3]]
}

/// d₀ + d₁a + d₂a² + d₃a³, by Horner's rule.
#[inline(always)]
fn cubic<S: Simd>(s: S, d: [S::V; OUT], a: S::V) -> S::V {
    s.mul_add(a, s.mul_add(a, s.mul_add(a, d[3], d[2]), d[1]), d[0])
}

/// The values of three taps at the points, not divided.
#[inline(always)]
pub(super) fn filter(g: [f64; TAPS]) -> [f64; POINTS] {
    let mut values = [g[2]; POINTS];
    for (value, a) in values.iter_mut().zip(FINITE) {
        *value = g[0] + a * (g[1] + a * g[2]);
    }
    values
}

/// From sums at the points to three taps, each times 15, the common multiple of the divisors: what is left to be done is
/// one division in the end, and whole numbers come out of it exactly. 12 operations.
#[inline(always)]
pub(super) fn taps<S: Simd>(s: S, m: [S::V; POINTS]) -> [S::V; TAPS] {
    let (five, fifteen) = (s.splat(5.0), s.splat(TAPS_TIMES));
    let [p, q] = [s.mul(five, s.add(m[1], m[2])), s.mul(five, s.sub(m[1], m[2]))];
    [
        s.mul_add(fifteen, m[0], s.mul_add(s.splat(-16.0), m[3], s.add(q, m[4]))),
        s.mul_add(s.splat(-8.0), m[3], s.mul_add(s.splat(-2.0), m[4], p)),
        s.mul_add(fifteen, m[5], s.mul_add(s.splat(-4.0), m[3], s.mul_add(s.splat(4.0), m[4], q))),
    ]
}

/// The factor of [`taps`].
pub(super) const TAPS_TIMES: f32 = 15.0;

/// The same of magnitudes, where nothing cancels: what the errors of [`taps`] are relative to.
#[inline(always)]
pub(super) fn sizes_of_taps<S: Simd>(s: S, m: [S::V; POINTS]) -> [S::V; TAPS] {
    let fifteen = s.splat(TAPS_TIMES);
    let p = s.mul(s.splat(5.0), s.add(m[1], m[2]));
    [
        s.mul_add(fifteen, m[0], s.mul_add(s.splat(16.0), m[3], s.add(p, m[4]))),
        s.mul_add(s.splat(8.0), m[3], s.mul_add(s.splat(2.0), m[4], p)),
        s.mul_add(fifteen, m[5], s.mul_add(s.splat(4.0), m[3], s.mul_add(s.splat(4.0), m[4], p))),
    ]
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::simd::Portable;

    fn lanes(s: Portable, v: f32) -> <Portable as Simd>::V {
        s.splat(v)
    }

    fn scalar(s: Portable, v: <Portable as Simd>::V) -> f32 {
        let mut all = [0.0; 4];
        s.store(v, &mut all);
        all[0]
    }

    /// Six inputs and the taps of one axis, by the transforms and by the definition; whole numbers, so exactly.
    #[test]
    fn six_products_are_a_correlation_of_three_taps() {
        let s = Portable;
        for case in 0..200 {
            let d: [f32; 6] = std::array::from_fn(|i| ((case * 7 + i * 5) % 11) as f32 - 5.0);
            let g: [f64; 3] = std::array::from_fn(|i| 45.0 * (((case * 3 + i * 4) % 7) as f64 - 3.0));
            let at_points = input(s, d.map(|d| lanes(s, d))).map(|v| scalar(s, v));
            let filter = filter(g);
            let products: [f32; 6] = std::array::from_fn(|i| at_points[i] * (filter[i] / DIVISORS[i]) as f32);
            let y = output(s, products.map(|m| lanes(s, m))).map(|v| scalar(s, v));
            for o in 0..4 {
                let expected: f32 = (0..3).map(|t| d[o + t] * g[t] as f32).sum();
                assert_eq!(y[o], expected, "output {o} of {d:?} and {g:?}");
            }
        }
    }

    #[test]
    fn and_of_four_gradients() {
        let s = Portable;
        for case in 0..200 {
            let x: [f32; 6] = std::array::from_fn(|i| ((case * 7 + i * 5) % 11) as f32 - 5.0);
            let dy: [f32; 4] = std::array::from_fn(|i| ((case * 3 + i * 4) % 7) as f32 - 3.0);
            let at_points = input(s, x.map(|d| lanes(s, d))).map(|v| scalar(s, v));
            let gradients = gradient(s, dy.map(|d| lanes(s, d))).map(|v| scalar(s, v));
            let products: [f32; 6] = std::array::from_fn(|i| at_points[i] * gradients[i]);
            let dw = taps(s, products.map(|m| lanes(s, m))).map(|v| scalar(s, v) / TAPS_TIMES);
            for t in 0..3 {
                let expected: f32 = (0..4).map(|o| x[o + t] * dy[o]).sum();
                assert_eq!(dw[t], expected, "tap {t} of {x:?} and {dy:?}");
            }
        }
    }
}
