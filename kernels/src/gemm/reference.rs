//! The matrix product of the textbook.

use super::{GemmShape, MatRef};

/// `c[i][j] = Σₖ a[i][k]·b[k][j]`, summed in f64 and rounded once; a: (m, k), b: (k, n), c: (m, n) row-major.
pub fn gemm(shape: GemmShape, a: MatRef<'_>, b: MatRef<'_>, c: &mut [f32]) {
    for i in 0..shape.m {
        for j in 0..shape.n {
            let products = (0..shape.k).map(|k| f64::from(a.at(i, k)) * f64::from(b.at(k, j)));
            c[i * shape.n + j] = products.sum::<f64>() as f32;
        }
    }
}
