//! 3×3 matrices of the plane in homogeneous coordinates, row by row.

/// A map (r, c, 1)ᵀ → (r', c', 1)ᵀ.
pub(super) type Matrix = [[f64; 3]; 3];

pub(super) fn rotation(degrees: f64) -> Matrix {
    let (sin, cos) = degrees.to_radians().sin_cos();
    [[cos, -sin, 0.0], [sin, cos, 0.0], [0.0, 0.0, 1.0]]
}

pub(super) fn translation(rows: f64, columns: f64) -> Matrix {
    [[1.0, 0.0, rows], [0.0, 1.0, columns], [0.0, 0.0, 1.0]]
}

pub(super) fn shear(degrees: f64) -> Matrix {
    let (sin, cos) = degrees.to_radians().sin_cos();
    [[1.0, -sin, 0.0], [0.0, cos, 0.0], [0.0, 0.0, 1.0]]
}

pub(super) fn scale(rows: f64, columns: f64) -> Matrix {
    [[rows, 0.0, 0.0], [0.0, columns, 0.0], [0.0, 0.0, 1.0]]
}

/// a·b: first b, then a.
pub(super) fn product(a: &Matrix, b: &Matrix) -> Matrix {
    std::array::from_fn(|i| {
        std::array::from_fn(|j| a[i][0] * b[0][j] + a[i][1] * b[1][j] + a[i][2] * b[2][j])
    })
}

/// C·m·C⁻¹: `m` about the point (row, column) in place of the origin.
pub(super) fn about(m: &Matrix, row: f64, column: f64) -> Matrix {
    product(&product(&translation(row, column), m), &translation(-row, -column))
}

/// P·m·P: the map that does to (column, row) what `m` does to (row, column).
pub(super) fn exchange_axes(m: &Matrix) -> Matrix {
    let p = [1, 0, 2];
    std::array::from_fn(|i| std::array::from_fn(|j| m[p[i]][p[j]]))
}
