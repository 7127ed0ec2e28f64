//! The textbook versions: the formulas, one weight at a time, in f64.

use super::{Adam, AdamW, RmsProp, Sgd};

/// One step of [`Sgd`]: the new weight and momentum.
pub fn sgd(o: &Sgd, eta: f64, w: f64, g: f64, m: f64) -> (f64, f64) {
    let velocity = o.momentum * m - eta * g;
    let step = if o.nesterov { o.momentum * velocity - eta * g } else { velocity };
    (w + step, velocity)
}

/// Step `t` of [`Adam`]: the new weight, m and v.
pub fn adam(o: &Adam, t: u64, eta: f64, w: f64, g: f64, [m, v]: [f64; 2]) -> (f64, [f64; 2]) {
    let m = o.beta_1 * m + (1.0 - o.beta_1) * g;
    let v = o.beta_2 * v + (1.0 - o.beta_2) * g * g;
    let correction = (1.0 - o.beta_2.powf(t as f64)).sqrt() / (1.0 - o.beta_1.powf(t as f64));
    (w - eta * correction * m / (v.sqrt() + o.epsilon), [m, v])
}

/// Step `t` of [`AdamW`]: the new weight, m and v.
pub fn adamw(o: &AdamW, t: u64, eta: f64, w: f64, g: f64, slots: [f64; 2]) -> (f64, [f64; 2]) {
    adam(&o.adam, t, eta, w - w * o.weight_decay * eta, g, slots)
}

/// One step of [`RmsProp`]: the new weight, v, m and a.
pub fn rmsprop(o: &RmsProp, eta: f64, w: f64, g: f64, [v, m, a]: [f64; 3]) -> (f64, [f64; 3]) {
    let v = o.rho * v + (1.0 - o.rho) * g * g;
    let a = o.rho * a + (1.0 - o.rho) * g;
    let variance = if o.centered { v - a * a } else { v };
    let m = o.momentum * m + eta * g / (variance + o.epsilon).sqrt();
    (w - m, [v, m, a])
}
