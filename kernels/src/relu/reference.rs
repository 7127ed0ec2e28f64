//! The textbook version.

/// `y = max(x, 0)`.
pub fn forward(x: &[f32], y: &mut [f32]) {
    for i in 0..x.len() {
        y[i] = if x[i] > 0.0 || x[i].is_nan() { x[i] } else { 0.0 };
    }
}

/// `dx = dy` where `y` is above 0 (or NaN), unless it is negligible.
pub fn backward(y: &[f32], dy: &[f32], dx: &mut [f32]) {
    for i in 0..y.len() {
        let active = y[i] > 0.0 || y[i].is_nan();
        let negligible = -super::NEGLIGIBLE < dy[i] && dy[i] < super::NEGLIGIBLE;
        dx[i] = if active && !negligible { dy[i] } else { 0.0 };
    }
}
