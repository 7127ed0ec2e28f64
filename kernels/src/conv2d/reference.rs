//! Convolution as the textbook has it: seven loops, no blocking, sums in f64. This is the specification; every other
//! file of this folder must give the same numbers, only sooner.
//!
//! ```text
//! x: (n, h, w, cin)   w: (kh, kw, cin, cout)   y: (n, out_h, out_w, cout)
//! y[n, oy, ox, co] = bias[co] + Σ x[n, oy·sy + ky - pad_y, ox·sx + kx - pad_x, ci] · w[ky, kx, ci, co]
//! ```
//!
//! summed over ky, kx and ci, where pixels outside of x are zero. (A mathematician's convolution flips the kernel; what
//! networks call by that name, and this file, is its sibling, the correlation.)
//!
//! The sum is linear in x and in w, so each product in it gives one product of each gradient:
//!
//! ```text
//! dx[pixel, ci]    += dy[n, oy, ox, co] · w[ky, kx, ci, co]
//! dw[ky,kx,ci,co]  += dy[n, oy, ox, co] · x[pixel, ci]
//! dbias[co]        += dy[n, oy, ox, co]
//! ```

use super::Conv2dShape;

/// Calls `each(input pixel, tap, output pixel)` for every pair of pixels that a window connects.
fn for_each_tap(s: &Conv2dShape, mut each: impl FnMut(usize, usize, usize)) {
    let (out_h, out_w, [pad_y, pad_x]) = (s.out_h(), s.out_w(), s.pad());
    for n in 0..s.n {
        for oy in 0..out_h {
            for ox in 0..out_w {
                for ky in 0..s.kh {
                    for kx in 0..s.kw {
                        // Counted from the first row and column of padding.
                        let (y, x) = (oy * s.stride[0] + ky, ox * s.stride[1] + kx);
                        if (pad_y..pad_y + s.h).contains(&y) && (pad_x..pad_x + s.w).contains(&x) {
                            let input = (n * s.h + y - pad_y) * s.w + x - pad_x;
                            each(input, ky * s.kw + kx, (n * out_h + oy) * out_w + ox);
                        }
                    }
                }
            }
        }
    }
}

/// y = x ∗ w + bias, and ReLU if asked.
pub fn forward(s: &Conv2dShape, x: &[f32], w: &[f32], bias: Option<&[f32]>, relu: bool, y: &mut [f32]) {
    let mut sums = vec![0.0_f64; s.y_len()];
    for_each_tap(s, |input, tap, output| {
        for ci in 0..s.cin {
            for co in 0..s.cout {
                let product =
                    f64::from(x[input * s.cin + ci]) * f64::from(w[(tap * s.cin + ci) * s.cout + co]);
                sums[output * s.cout + co] += product;
            }
        }
    });
    for (i, (y, sum)) in y.iter_mut().zip(sums).enumerate() {
        let v = (sum + bias.map_or(0.0, |b| f64::from(b[i % s.cout]))) as f32;
        *y = if relu && v <= 0.0 { 0.0 } else { v };
    }
}

/// dx: how the loss changes with each number of x, given how it changes with each number of y.
pub fn backward_input(s: &Conv2dShape, w: &[f32], dy: &[f32], dx: &mut [f32]) {
    let mut sums = vec![0.0_f64; s.x_len()];
    for_each_tap(s, |input, tap, output| {
        for ci in 0..s.cin {
            for co in 0..s.cout {
                let product =
                    f64::from(dy[output * s.cout + co]) * f64::from(w[(tap * s.cin + ci) * s.cout + co]);
                sums[input * s.cin + ci] += product;
            }
        }
    });
    dx.iter_mut().zip(sums).for_each(|(dx, sum)| *dx = sum as f32);
}

/// dw: how the loss changes with each weight.
pub fn backward_weights(s: &Conv2dShape, x: &[f32], dy: &[f32], dw: &mut [f32]) {
    let mut sums = vec![0.0_f64; s.w_len()];
    for_each_tap(s, |input, tap, output| {
        for ci in 0..s.cin {
            for co in 0..s.cout {
                let product = f64::from(dy[output * s.cout + co]) * f64::from(x[input * s.cin + ci]);
                sums[(tap * s.cin + ci) * s.cout + co] += product;
            }
        }
    });
    dw.iter_mut().zip(sums).for_each(|(dw, sum)| *dw = sum as f32);
}

/// db: the sum of dy over all pixels.
pub fn backward_bias(s: &Conv2dShape, dy: &[f32], db: &mut [f32]) {
    for co in 0..s.cout {
        db[co] = dy.iter().skip(co).step_by(s.cout).map(|&v| f64::from(v)).sum::<f64>() as f32;
    }
}
