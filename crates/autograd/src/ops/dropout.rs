//! y = mask·x / (1 − rate), where the mask is a function of the seed, the layer, the epoch and the picture: going back,
//! it is computed again rather than kept.

use graft_kernels::dropout::{self, Key};
use graft_tensor::{Result, Tensor, TensorError};

use crate::Var;

impl<'t> Var<'t> {
    /// Drops each number with probability `rate`, and divides the others by `1 − rate`. `samples` are the numbers of
    /// the rows in the data set; where empty, 0, 1, 2, ….
    ///
    /// # Errors
    /// [`TensorError::Shape`] without axes, or if there is not one sample a row.
    ///
    /// # Panics
    /// If the rate is not from 0 to 1.
    pub fn dropout(&self, rate: f32, key: Key, samples: &[u64]) -> Result<Var<'t>> {
        let isa = self.tape.isa();
        let shape = *self.shape();
        let [n, ref row @ ..] = *shape else { return Err(TensorError::shape("dropout", "(n, …)", &shape)) };
        let row_len = row.iter().product();
        let samples = if samples.is_empty() { (0..n as u64).collect() } else { samples.to_vec() };
        if samples.len() != n {
            return Err(TensorError::shape(
                "dropout",
                format!("{} rows, one a sample", samples.len()),
                &shape,
            ));
        }
        let mut y = Tensor::for_overwrite(shape)?;
        dropout::forward(isa, rate, key, &samples, row_len, self.value().data(), y.data_mut());
        Ok(self.tape.record(y, [self], move |dy, _| {
            let mut dx = Tensor::for_overwrite(shape)?;
            dropout::backward(isa, rate, key, &samples, row_len, dy.data(), dx.data_mut());
            Ok([Some(dx)])
        }))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ops::testing::numbers;
    use crate::{Tape, gradcheck};

    const KEY: Key = Key { seed: 3, layer: 1, epoch: 2 };

    #[test]
    fn gradients_are_slopes() {
        gradcheck(&[numbers([3, 2, 5])], |v| v[0].dropout(0.4, KEY, &[9, 4, 7])).unwrap();
    }

    #[test]
    fn samples_must_be_as_many_as_rows() {
        let tape = Tape::new();
        let x = tape.constant(Tensor::zeros([3, 2]));
        assert!(x.dropout(0.4, KEY, &[1]).unwrap_err().to_string().contains("1 rows"));
        let [counted, named] = [&[][..], &[0, 1, 2]].map(|s| x.dropout(0.4, KEY, s).unwrap().into_value());
        assert_eq!(counted, named);
    }
}
