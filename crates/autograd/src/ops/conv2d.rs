//! y = x ∗ w + bias, and then ReLU if asked.

use graft_kernels::conv2d::{self, Conv2dError, Conv2dShape, Finish, KeptFilters, Padding};
use graft_kernels::max_pool2d::{self, Pool2dShape};
use graft_kernels::{Isa, relu};
use graft_tensor::{Result, Shape, Tensor, TensorError};

use super::relu::back_through_relu;
use super::{four, keep, or_absent};
use crate::Var;

/// How a window is moved over a map, and what follows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Conv2dOptions {
    /// Steps of the window, down and to the right.
    pub stride: [usize; 2],
    /// What lies beyond the edges.
    pub padding: Padding,
    /// Whether negative sums become 0, while they are still in a register.
    pub relu: bool,
    /// Whether of each 2×2 outputs only the largest remains, as [`Var::max_pool2d`] by 2×2 would leave it. Where nothing
    /// needs a gradient, the full map is then never written.
    pub pool: bool,
}

impl<'t> Var<'t> {
    /// The convolution `(n, h, w, cin)` ∗ `(kh, kw, cin, cout)` + `(cout,)` → `(n, out_h, out_w, cout)`, without
    /// flipping the window; computed by the tape's [algorithm](crate::Tape::with_algorithm).
    ///
    /// # Errors
    /// [`TensorError::Shape`] if the shapes do not fit one another.
    pub fn conv2d(&self, w: &Var<'t>, bias: Option<&Var<'t>>, options: Conv2dOptions) -> Result<Var<'t>> {
        let (isa, algorithm) = (self.tape.isa(), self.tape.algorithm());
        let s = shape(self, w, bias, options)?;
        let b = or_absent(self.tape, bias);
        let needs_gradient = [self, w, &b].iter().any(|v| v.needs_gradient());
        let pool = options.pool.then(|| pooling(&s)).transpose()?;
        // The gradient of a pooling needs the full map.
        let pool_later = pool.filter(|_| needs_gradient);
        let halved = options.pool && !needs_gradient;
        let [height, width] = [s.out_h(), s.out_w()].map(|len| if halved { len / 2 } else { len });
        let mut y = Tensor::for_overwrite([s.n, height, width, s.cout])?;
        let (x_, w_, b_) = (self.value().data(), w.value().data(), bias.map(|b| b.value().data()));
        // Filters that stay the same are worth preparing once. Without the room for it, they are prepared each time.
        let kept = if w.needs_gradient() {
            None
        } else {
            let kept = w.value().derived(|w| KeptFilters::new(isa, algorithm, &s, w).ok().flatten());
            kept.and_then(Option::as_ref)
        };
        let finish = Finish { bias: b_, relu: options.relu, pool: halved };
        conv2d::forward(isa, algorithm, &s, x_, w_, kept, finish, y.data_mut());
        let (y, map) = match pool_later {
            Some(p) => (maxima(isa, &p, &y)?, Some((p, y))),
            None => (y, None),
        };

        let (x_shape, w_shape) = (*self.shape(), *w.shape());
        let (x_kept, w_kept, y_kept) = (keep(self, w), keep(w, self), options.relu.then(|| y.clone()));
        Ok(self.tape.record(y, [self, w, &b], move |dy, [_, _, bias_wanted]| {
            let mut db = bias_wanted.then(|| Tensor::for_overwrite([s.cout])).transpose()?;
            // ReLU before the maximum is ReLU after it, and the sum over all outputs is that over those that were kept: both
            // are done where there are four times fewer numbers.
            let dy = match (y_kept, &mut db) {
                (Some(y), Some(db)) => relu_with_bias(isa, &y, dy, db),
                (y, _) => back_through_relu(isa, y, dy),
            };
            let dy = back_through_pool(isa, map, dy);
            if let (false, Some(db)) = (options.relu, &mut db) {
                conv2d::backward_bias(isa, &s, dy.data(), db.data_mut());
            }
            let mut gradients = [None, None, db];
            if let Some(x) = x_kept {
                let dw = gradients[1].insert(Tensor::for_overwrite(w_shape)?);
                conv2d::backward_weights(isa, algorithm, &s, x.data(), dy.data(), dw.data_mut());
            }
            if let Some(w) = w_kept {
                let dx = gradients[0].insert(Tensor::for_overwrite(x_shape)?);
                conv2d::backward_input(isa, algorithm, &s, w.data(), dy.data(), dx.data_mut());
            }
            Ok(gradients)
        }))
    }
}

/// The pooling of a convolution's outputs by 2×2.
fn pooling(s: &Conv2dShape) -> Result<Pool2dShape> {
    let map = [s.n, s.out_h(), s.out_w(), s.cout];
    Pool2dShape::new(map, [2, 2], [2, 2], Padding::Valid).map_err(|_| {
        TensorError::shape("max_pool2d", "a map of at least 2 by 2 (padding valid)", &Shape::from(map))
    })
}

/// The largest of each 2×2.
fn maxima(isa: Isa, p: &Pool2dShape, map: &Tensor) -> Result<Tensor> {
    let mut y = Tensor::for_overwrite([p.n, p.out_h(), p.out_w(), p.c])?;
    max_pool2d::forward(isa, p, map.data(), y.data_mut());
    Ok(y)
}

/// The gradient before ReLU, from the one after it, and in the same pass its sum over all pixels.
fn relu_with_bias(isa: Isa, y: &Tensor, mut dy: Tensor, db: &mut Tensor) -> Tensor {
    relu::backward_with_bias(isa, y.data(), dy.data_mut(), db.data_mut());
    dy
}

/// The gradient before a pooling, from the one after it; without a map there was none.
///
/// It takes the place of the map, which nothing else needs any more.
fn back_through_pool(isa: Isa, map: Option<(Pool2dShape, Tensor)>, dy: Tensor) -> Tensor {
    match map {
        Some((p, mut map)) => {
            max_pool2d::backward_in_place(isa, &p, map.data_mut(), dy.data());
            map
        }
        None => dy,
    }
}

fn shape(x: &Var<'_>, w: &Var<'_>, bias: Option<&Var<'_>>, options: Conv2dOptions) -> Result<Conv2dShape> {
    let input = four("conv2d", "(n, height, width, channels)", x)?;
    let filters = four("conv2d", "filters (height, width, in, out)", w)?;
    if let Some(b) = bias.filter(|b| *b.shape() != [filters[3]]) {
        return Err(TensorError::shape("conv2d", format!("a bias of shape ({},)", filters[3]), b.shape()));
    }
    Conv2dShape::new(input, filters, options.stride, options.padding).map_err(|e| {
        let expected = match e {
            Conv2dError::Channels { filters, .. } => format!("an input of {filters} channels"),
            Conv2dError::TooSmall { kernel: [h, w], .. } => {
                format!("a map of at least {h} by {w} (padding valid)")
            }
            other => format!("sizes that make sense ({other})"),
        };
        TensorError::shape("conv2d", expected, x.shape())
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ops::testing::numbers;
    use crate::{Tape, gradcheck};

    #[test]
    fn gradients_are_slopes() {
        let [x, w, b] = [numbers([2, 5, 4, 2]), numbers([3, 2, 2, 3]), numbers([3])];
        for (stride, padding) in [([1, 1], Padding::Same), ([1, 1], Padding::Valid), ([2, 1], Padding::Same)]
        {
            let options = Conv2dOptions { stride, padding, relu: false, pool: false };
            gradcheck(&[x.clone(), w.clone(), b.clone()], |v| v[0].conv2d(&v[1], Some(&v[2]), options))
                .unwrap();
            gradcheck(&[x.clone(), w.clone()], |v| v[0].conv2d(&v[1], None, options)).unwrap();
        }
    }

    #[test]
    fn relu_fused_is_relu_after() {
        let [x, w, b] = [numbers([2, 5, 4, 2]), numbers([3, 3, 2, 3]), numbers([3])];
        let run = |relu| {
            let tape = Tape::new();
            let v = [&x, &w, &b].map(|t| tape.leaf(t.clone()));
            let options = Conv2dOptions { stride: [1, 1], padding: Padding::Same, relu, pool: false };
            let y = v[0].conv2d(&v[1], Some(&v[2]), options).unwrap();
            let y = if relu { y } else { y.relu().unwrap() };
            let loss = y.mul(&y).unwrap().sum().unwrap();
            let mut gradients = tape.backward(&loss).unwrap();
            (y.value().clone(), v.each_ref().map(|v| gradients.take(v).unwrap()))
        };
        assert_eq!(run(true), run(false));
        assert!(run(true).0.data().contains(&0.0));
    }

    /// On whole numbers, so that the order of the bias's sums has no part in it.
    #[test]
    fn pooling_fused_is_pooling_after() {
        let whole = |shape: &[usize]| Tensor::from_fn(shape, |i| (i * 7 % 11) as f32 - 5.0);
        let [x, w, b] = [whole(&[2, 7, 5, 2]), whole(&[3, 3, 2, 3]), whole(&[3])];
        let run = |pool, relu| {
            let tape = Tape::new();
            let v = [&x, &w, &b].map(|t| tape.leaf(t.clone()));
            let y = v[0].conv2d(
                &v[1],
                Some(&v[2]),
                Conv2dOptions { stride: [1, 1], padding: Padding::Same, relu, pool },
            );
            let two = crate::MaxPool2dOptions { pool: [2, 2], stride: [2, 2], padding: Padding::Valid };
            let y = if pool { y.unwrap() } else { y.unwrap().max_pool2d(two).unwrap() };
            let loss = y.mul(&y).unwrap().sum().unwrap();
            let mut gradients = tape.backward(&loss).unwrap();
            (y.value().clone(), v.each_ref().map(|v| gradients.take(v).unwrap()))
        };
        for relu in [true, false] {
            assert_eq!(run(true, relu), run(false, relu));
        }
    }

    #[test]
    fn shapes_that_do_not_fit_are_errors() {
        let options = Conv2dOptions { stride: [1, 1], padding: Padding::Valid, relu: false, pool: false };
        let tape = Tape::new();
        let zeros = |shape: &[usize]| tape.constant(Tensor::zeros(shape));
        for (x, w, b, says) in [
            (&[2, 5, 5][..], &[3, 3, 2, 3][..], 3, "expected (n, height, width, channels), got (2, 5, 5)"),
            (&[2, 5, 5, 4], &[3, 3, 2, 3], 3, "expected an input of 2 channels, got (2, 5, 5, 4)"),
            (&[2, 5, 2, 2], &[3, 3, 2, 3], 3, "at least 3 by 3"),
            (&[2, 5, 5, 2], &[3, 3, 2, 3], 2, "a bias of shape (3,), got (2,)"),
        ] {
            let error = zeros(x).conv2d(&zeros(w), Some(&zeros(&[b])), options).unwrap_err().to_string();
            assert!(error.contains(says), "{error}");
        }
        let pooled = Conv2dOptions { pool: true, ..options };
        let error = zeros(&[2, 3, 5, 2]).conv2d(&zeros(&[3, 3, 2, 3]), None, pooled).unwrap_err().to_string();
        assert!(error.starts_with("max_pool2d: ") && error.contains("(2, 1, 3, 3)"), "{error}");
    }
}
