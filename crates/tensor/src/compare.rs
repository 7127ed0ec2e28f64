//! How far one tensor is from another, as one figure for tests and reports.

use crate::Tensor;

/// The relative L2 distance ‖x − y‖ / ‖y‖ of `x` from the expected `y`, summed in f64.
///
/// 0 for equal tensors, also where both are all zeros; infinite where only `y` is; NaN as soon as a NaN is in either.
///
/// ```
/// # use graft_tensor::{Tensor, relative_l2};
/// let y = Tensor::new([2], &[3.0, 4.0])?;
/// let x = Tensor::new([2], &[3.0, 4.5])?;
/// assert_eq!(relative_l2(&x, &y), 0.1);
/// # Ok::<(), graft_tensor::TensorError>(())
/// ```
///
/// # Panics
/// If the shapes differ.
pub fn relative_l2(x: &Tensor, y: &Tensor) -> f64 {
    assert_eq!(x.shape(), y.shape(), "relative_l2 compares tensors of one shape");
    let sum = |f: &dyn Fn(f64, f64) -> f64| -> f64 {
        x.data().iter().zip(y.data()).map(|(&x, &y)| f(f64::from(x), f64::from(y)).powi(2)).sum()
    };
    let (distance, norm) = (sum(&|x, y| x - y).sqrt(), sum(&|_, y| y).sqrt());
    if distance == 0.0 { 0.0 } else { distance / norm }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(values: &[f32]) -> Tensor {
        Tensor::new([values.len()], values).unwrap()
    }

    #[test]
    fn the_ends_of_the_scale() {
        assert_eq!(relative_l2(&of(&[0.0, 0.0]), &of(&[0.0, 0.0])), 0.0);
        assert_eq!(relative_l2(&of(&[1.0, 0.0]), &of(&[0.0, 0.0])), f64::INFINITY);
        assert_eq!(relative_l2(&of(&[0.0, 0.0]), &of(&[1.0, 0.0])), 1.0);
        assert!(relative_l2(&of(&[f32::NAN, 0.0]), &of(&[1.0, 0.0])).is_nan());
        assert!(relative_l2(&of(&[1.0, 0.0]), &of(&[f32::NAN, 0.0])).is_nan());
    }

    #[test]
    fn large_numbers_do_not_overflow() {
        assert_eq!(relative_l2(&of(&[2e38, 0.0]), &of(&[1e38, 0.0])), 1.0);
    }
}
