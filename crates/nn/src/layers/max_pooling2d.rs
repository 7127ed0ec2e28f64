//! Of each small window the largest number: the map shrinks, what was found stays.

use graft_autograd::{MaxPool2dOptions, Padding, Var};
use graft_kernels::max_pool2d::{Pool2dError, Pool2dShape};
use graft_tensor::Shape;
use serde::{Deserialize, Serialize};

use super::{map_of_features, padding, positive};
use crate::layer::{Mode, Output};
use crate::{Layer, LayerConfig, NnError, Result};

/// `MaxPooling2D(pool_size=(2, 2), strides=pool_size, padding="valid")`: `(n, h, w, c)` to `(n, h′, w′, c)`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct MaxPooling2D {
    /// Height and width of the window.
    pub pool_size: [usize; 2],
    /// Its steps, down and to the right.
    pub strides: [usize; 2],
    /// What happens at the border.
    #[serde(default = "padding::valid", with = "padding")]
    pub padding: Padding,
}

impl MaxPooling2D {
    /// Windows of this size side by side, without padding.
    pub fn new(pool_size: [usize; 2]) -> Self {
        Self { pool_size, strides: pool_size, padding: Padding::Valid }
    }

    pub(crate) fn checked(self) -> Result<Self> {
        self.pool_size.iter().try_for_each(|&k| positive("pool_size", k))?;
        self.strides.iter().try_for_each(|&s| positive("strides", s))?;
        Ok(self)
    }
}

impl Layer for MaxPooling2D {
    fn output_shape(&self, input: &Shape) -> Result<Shape> {
        let [h, w, c] = map_of_features("max_pooling2d", input)?;
        let [kh, kw] = self.pool_size;
        let s = Pool2dShape::new([1, h, w, c], self.pool_size, self.strides, self.padding);
        let s = s.map_err(|e| NnError::Input {
            layer: "max_pooling2d",
            expected: match e {
                Pool2dError::TooSmall { .. } => format!("at least ({kh}, {kw}, channels) with padding=valid"),
                other => format!("sizes that make sense ({other})"),
            },
            got: *input,
            remedy: "use larger pictures, or one pooling less",
        })?;
        Ok([s.out_h(), s.out_w(), s.c].into())
    }

    fn forward<'t>(&self, x: Var<'t>, _: &[Var<'t>], _: &Mode<'_>) -> Result<Output<'t>> {
        let options = MaxPool2dOptions { pool: self.pool_size, stride: self.strides, padding: self.padding };
        Ok(x.max_pool2d(options)?.into())
    }

    fn config(&self) -> LayerConfig {
        LayerConfig::MaxPooling2D(*self)
    }

    fn halves(&self) -> bool {
        *self == Self::new([2, 2])
    }
}

#[cfg(test)]
mod tests {
    use graft_tensor::Tensor;

    use super::super::testing::run;
    use super::*;

    #[test]
    fn the_largest_of_each_window() {
        let x = Tensor::from_fn([1, 3, 3, 1], |i| (i * 5 % 9) as f32); // 0 5 1 / 6 2 7 / 3 8 4
        let y = |l: MaxPooling2D| run(&l, &x, &[], &Mode::INFERENCE).data().to_vec();
        assert_eq!(y(MaxPooling2D::new([2, 2])), [6.0]); // the odd row and column are left out
        assert_eq!(
            y(MaxPooling2D { padding: Padding::Same, ..MaxPooling2D::new([2, 2]) }),
            [6.0, 7.0, 8.0, 4.0]
        );
        assert_eq!(y(MaxPooling2D { strides: [1, 1], ..MaxPooling2D::new([2, 2]) }), [6.0, 7.0, 8.0, 8.0]);
        assert_eq!(MaxPooling2D::new([2, 2]).output_shape(&[7, 9, 4].into()).unwrap(), [3, 4, 4]);
        assert!(MaxPooling2D::new([2, 2]).output_shape(&[1, 9, 4].into()).is_err());
    }
}
