//! The textbook version.

use super::GlobalPool2dShape;

/// The numbers of channel `c` of picture `n`.
fn channel<'a>(
    s: &GlobalPool2dShape,
    x: &'a [f32],
    n: usize,
    c: usize,
) -> impl Iterator<Item = f32> + use<'a> {
    let (hw, channels) = (s.hw, s.c);
    (0..hw).map(move |p| x[(n * hw + p) * channels + c])
}

/// `y` = the mean over positions. `x: (n, hw, c)`, `y: (n, c)`.
pub fn average_forward(s: &GlobalPool2dShape, x: &[f32], y: &mut [f32]) {
    for n in 0..s.n {
        for c in 0..s.c {
            y[n * s.c + c] = (channel(s, x, n, c).map(f64::from).sum::<f64>() / s.hw as f64) as f32;
        }
    }
}

/// `dx = dy / hw`. `dy: (n, c)`, `dx: (n, hw, c)`.
pub fn average_backward(s: &GlobalPool2dShape, dy: &[f32], dx: &mut [f32]) {
    for i in 0..dx.len() {
        let (n, c) = (i / (s.hw * s.c), i % s.c);
        dx[i] = dy[n * s.c + c] / s.hw as f32;
    }
}

/// `y` = the largest number over positions, NaN if there is one. `x: (n, hw, c)`, `y: (n, c)`.
pub fn max_forward(s: &GlobalPool2dShape, x: &[f32], y: &mut [f32]) {
    for n in 0..s.n {
        for c in 0..s.c {
            let nan = channel(s, x, n, c).any(f32::is_nan);
            y[n * s.c + c] =
                if nan { f32::NAN } else { channel(s, x, n, c).fold(f32::NEG_INFINITY, f32::max) };
        }
    }
}

/// `dx = dy / ties` where `x` is the largest of its channel, 0 elsewhere. `x, dx: (n, hw, c)`, `dy: (n, c)`.
pub fn max_backward(s: &GlobalPool2dShape, x: &[f32], dy: &[f32], dx: &mut [f32]) {
    let mut y = vec![0.0; dy.len()];
    max_forward(s, x, &mut y);
    for i in 0..dx.len() {
        let (n, c) = (i / (s.hw * s.c), i % s.c);
        let largest = |x: f32| x == y[n * s.c + c] || x.is_nan() && y[n * s.c + c].is_nan();
        let ties = channel(s, x, n, c).filter(|&x| largest(x)).count();
        dx[i] = if largest(x[i]) { dy[n * s.c + c] / ties as f32 } else { 0.0 };
    }
}
