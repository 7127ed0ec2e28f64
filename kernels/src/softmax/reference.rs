//! The textbook version, in f64.

/// `y = softmax(x)`. `x, y: (rows, cols)`.
pub fn forward(rows: usize, cols: usize, x: &[f32], y: &mut [f32]) {
    for r in 0..rows {
        let x = &x[r * cols..][..cols];
        let y = &mut y[r * cols..][..cols];
        let max = x.iter().fold(f64::NEG_INFINITY, |m, &v| m.max(v.into()));
        let sum: f64 = x.iter().map(|&v| (f64::from(v) - max).exp()).sum();
        for j in 0..cols {
            y[j] = ((f64::from(x[j]) - max).exp() / sum) as f32;
        }
    }
}

/// `dx_j = y_j·(dy_j − Σ_k dy_k·y_k)`. `y, dy, dx: (rows, cols)`.
pub fn backward(rows: usize, cols: usize, y: &[f32], dy: &[f32], dx: &mut [f32]) {
    for r in 0..rows {
        let (y, dy) = (&y[r * cols..][..cols], &dy[r * cols..][..cols]);
        let sum: f64 = (0..cols).map(|k| f64::from(dy[k]) * f64::from(y[k])).sum();
        for j in 0..cols {
            dx[r * cols + j] = (f64::from(y[j]) * (f64::from(dy[j]) - sum)) as f32;
        }
    }
}
