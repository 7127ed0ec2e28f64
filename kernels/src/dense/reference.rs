//! The dense layer as the textbook has it, with f64 sums.
//!
//! x: (batch, inputs), w: (inputs, outputs), bias: (outputs), y: (batch, outputs).

use super::DenseShape;

/// `y[b][o] = bias[o] + Σᵢ x[b][i]·w[i][o]`, and ReLU if asked.
pub fn forward(s: &DenseShape, x: &[f32], w: &[f32], bias: Option<&[f32]>, relu: bool, y: &mut [f32]) {
    for b in 0..s.batch {
        for o in 0..s.outputs {
            let mut sum = bias.map_or(0.0, |bias| f64::from(bias[o]));
            for i in 0..s.inputs {
                sum += f64::from(x[b * s.inputs + i]) * f64::from(w[i * s.outputs + o]);
            }
            let v = sum as f32;
            y[b * s.outputs + o] = if relu && v <= 0.0 { 0.0 } else { v };
        }
    }
}

/// `dx[b][i] = Σₒ dy[b][o]·w[i][o]`.
pub fn backward_input(s: &DenseShape, w: &[f32], dy: &[f32], dx: &mut [f32]) {
    for b in 0..s.batch {
        for i in 0..s.inputs {
            let products =
                (0..s.outputs).map(|o| f64::from(dy[b * s.outputs + o]) * f64::from(w[i * s.outputs + o]));
            dx[b * s.inputs + i] = products.sum::<f64>() as f32;
        }
    }
}

/// `dw[i][o] = Σ_b x[b][i]·dy[b][o]`.
pub fn backward_weights(s: &DenseShape, x: &[f32], dy: &[f32], dw: &mut [f32]) {
    for i in 0..s.inputs {
        for o in 0..s.outputs {
            let products =
                (0..s.batch).map(|b| f64::from(x[b * s.inputs + i]) * f64::from(dy[b * s.outputs + o]));
            dw[i * s.outputs + o] = products.sum::<f64>() as f32;
        }
    }
}

/// `db[o] = Σ_b dy[b][o]`.
pub fn backward_bias(s: &DenseShape, dy: &[f32], db: &mut [f32]) {
    for o in 0..s.outputs {
        db[o] = (0..s.batch).map(|b| f64::from(dy[b * s.outputs + o])).sum::<f64>() as f32;
    }
}
