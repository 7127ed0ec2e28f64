//! Of all that a network was taught to name, the classes that it goes on naming.

use graft_nn::{Result, Sequential};
use graft_tensor::Tensor;

/// Gives `kept` the weights of `all`, which may name more classes: of its last layer, the first units.
///
/// # Errors
/// If the two differ in more than that.
pub(super) fn copy(all: &Sequential, kept: &mut Sequential) -> Result<()> {
    let units = kept.output_shape()[0];
    let last = kept.layers().len() - 1;
    for (i, layer) in kept.layers_mut().iter_mut().enumerate() {
        for weight in all.layers()[i].weights() {
            let value = if i == last { first_columns(&weight.value, units)? } else { weight.value.clone() };
            layer.set_weight(weight.spec.name, value)?;
        }
    }
    Ok(())
}

/// The first `n` numbers of each row, along the last axis.
fn first_columns(x: &Tensor, n: usize) -> Result<Tensor> {
    let mut shape = x.shape().to_vec();
    let columns = shape.last_mut().map_or(1, |columns| std::mem::replace(columns, n));
    let rows: Vec<f32> = x.data().chunks_exact(columns).flat_map(|row| &row[..n]).copied().collect();
    Ok(Tensor::new(&shape[..], &rows)?)
}

#[cfg(test)]
mod tests {
    use super::super::Recipe;
    use super::*;

    #[test]
    fn the_first_classes_keep_their_scores_among_themselves() {
        let recipe = Recipe { width_divisor: 64, ..Recipe::default() };
        let [mut all, mut kept] = [5, 3].map(|classes| recipe.network(classes, false).unwrap());
        all.initialize(4);
        copy(&all, &mut kept).unwrap();
        let x = Tensor::from_fn([2, 32, 32, 3], |i| (i % 251) as f32 - 125.0);
        let (p, q) = (all.predict(&x).unwrap(), kept.predict(&x).unwrap());
        for (p, q) in p.data().chunks(5).zip(q.data().chunks(3)) {
            for c in 0..3 {
                assert!((q[c] / q[0] - p[c] / p[0]).abs() < 1e-4 * (p[c] / p[0]), "{p:?} {q:?}");
            }
            assert!((q.iter().sum::<f32>() - 1.0).abs() < 1e-6);
        }
    }
}
