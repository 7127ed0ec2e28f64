//! Numbers kept in 16 bits and computed with in 32: for weights and for feature caches, at half the memory.
//!
//! ```text
//!        sign exponent fraction   significant digits   largest     for
//! f32      1      8       23             7.2           3.4e38      computing
//! f16      1      5       10             3.3           65504       features, which are small
//! bf16     1      8        7             2.4           3.4e38      whatever has f32's range
//! ```
//!
//! Storing rounds to the nearest, ties to even; nothing is computed in 16 bits. A finite number that the type cannot
//! hold is an error and never turns into an infinity; infinities and NaN themselves come back as they went in.

use std::fmt;
use std::ops::Range;

use graft_kernels::half::{Narrow, bf16_to_f32, f16_to_f32, f32_to_bf16, f32_to_f16};
use graft_kernels::{Isa, OutOfMemory};
use half::{bf16, f16};

use crate::{Result, Shape, Tensor, TensorError};

/// The type that numbers are stored in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum DType {
    /// 32 bits: as they are computed.
    #[default]
    F32,
    /// 16 bits, IEEE 754's binary16.
    F16,
    /// 16 bits, the upper half of an f32.
    Bf16,
}

impl DType {
    /// Bytes of one number.
    pub fn bytes(self) -> usize {
        match self {
            Self::F32 => 4,
            Self::F16 | Self::Bf16 => 2,
        }
    }
}

impl fmt::Display for DType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::F32 => "f32",
            Self::F16 => "f16",
            Self::Bf16 => "bf16",
        })
    }
}

/// A tensor at rest.
///
/// ```
/// use graft_tensor::{DType, Stored, Tensor};
/// let features = Tensor::new([2, 2], &[0.5, 1.5, 2.5, 3.1])?;
/// let stored = Stored::from_tensor(&features, DType::F16)?;
/// assert_eq!(stored.bytes(), 8);
/// assert_eq!(stored.rows(0..1)?.data(), [0.5, 1.5]);
/// assert_eq!(stored.rows(1..2)?.data(), [2.5, 3.0996094]); // 3.1 to 11 binary digits
/// # Ok::<(), graft_tensor::TensorError>(())
/// ```
#[derive(Debug, Clone)]
pub struct Stored {
    shape: Shape,
    values: Values,
}

#[derive(Debug, Clone)]
enum Values {
    F32(Tensor),
    F16(Vec<f16>),
    Bf16(Vec<bf16>),
}

impl Stored {
    /// All zeros: a cache to be filled with [`Stored::set_rows`].
    ///
    /// # Errors
    /// [`TensorError::OutOfMemory`].
    pub fn zeros(shape: impl Into<Shape>, dtype: DType) -> Result<Self> {
        let shape = shape.into();
        let values = match dtype {
            DType::F32 => Values::F32(Tensor::try_zeros(shape)?),
            DType::F16 => Values::F16(try_filled(&shape, f16::ZERO)?),
            DType::Bf16 => Values::Bf16(try_filled(&shape, bf16::ZERO)?),
        };
        Ok(Self { shape, values })
    }

    /// A tensor's numbers, rounded to the type; nothing is copied where they stay f32.
    ///
    /// # Errors
    /// [`TensorError::Range`] for a finite number that the type cannot hold; [`TensorError::OutOfMemory`].
    pub fn from_tensor(tensor: &Tensor, dtype: DType) -> Result<Self> {
        let shape = *tensor.shape();
        if dtype == DType::F32 {
            return Ok(Self { shape, values: Values::F32(tensor.clone()) });
        }
        let mut stored = Self::zeros(shape, dtype)?;
        stored.encode(0, tensor.data())?;
        Ok(stored)
    }

    /// The numbers as f32; nothing is copied where they are f32 already.
    ///
    /// # Errors
    /// [`TensorError::OutOfMemory`].
    pub fn to_tensor(&self) -> Result<Tensor> {
        if let Values::F32(tensor) = &self.values {
            return Ok(tensor.clone());
        }
        let mut tensor = Tensor::for_overwrite(self.shape)?;
        self.decode(0, tensor.data_mut());
        Ok(tensor)
    }

    /// The numbers where they lie, if they have 16 bits.
    pub fn narrow(&self) -> Option<Narrow<'_>> {
        match &self.values {
            Values::F32(_) => None,
            Values::F16(v) => Some(Narrow::F16(v)),
            Values::Bf16(v) => Some(Narrow::Bf16(v)),
        }
    }

    /// The extents.
    pub fn shape(&self) -> &Shape {
        &self.shape
    }

    /// The type that the numbers are stored in.
    pub fn dtype(&self) -> DType {
        match self.values {
            Values::F32(_) => DType::F32,
            Values::F16(_) => DType::F16,
            Values::Bf16(_) => DType::Bf16,
        }
    }

    /// The memory that the numbers take, in bytes.
    pub fn bytes(&self) -> usize {
        self.shape.elements() * self.dtype().bytes()
    }

    /// Some rows of the outermost axis, as f32.
    ///
    /// # Errors
    /// [`TensorError::Shape`] if the range is not within the tensor; [`TensorError::OutOfMemory`].
    pub fn rows(&self, rows: Range<usize>) -> Result<Tensor> {
        let row_len = self.row_len("Stored::rows", &rows)?;
        let mut tensor = Tensor::for_overwrite(self.shape.with_rows(rows.len()))?;
        self.decode(rows.start * row_len, tensor.data_mut());
        Ok(tensor)
    }

    /// These rows, in this order, as f32: a batch drawn from a cache.
    ///
    /// # Errors
    /// [`TensorError::Shape`] if one of them does not exist; [`TensorError::OutOfMemory`].
    pub fn gather_rows(&self, rows: &[usize]) -> Result<Tensor> {
        let mut row_len = self.row_len("Stored::gather_rows", &(0..0))?;
        for &i in rows {
            row_len = self.row_len("Stored::gather_rows", &(i..i.saturating_add(1)))?;
        }
        let mut batch = Tensor::for_overwrite(self.shape.with_rows(rows.len()))?;
        let out = batch.data_mut();
        rows.iter().enumerate().for_each(|(at, &i)| {
            self.decode(i * row_len, &mut out[at * row_len..(at + 1) * row_len]);
        });
        Ok(batch)
    }

    /// Puts the rows of a tensor in the place of the rows from `from` on.
    ///
    /// # Errors
    /// [`TensorError::Shape`] if the rows differ in shape or reach beyond the end, [`TensorError::Range`] as
    /// [`Stored::from_tensor`]; some of the rows may then have been replaced.
    pub fn set_rows(&mut self, from: usize, rows: &Tensor) -> Result<()> {
        let op = "Stored::set_rows";
        if rows.shape().is_empty() || rows.shape().get(1..) != self.shape.get(1..) {
            return Err(TensorError::shape(op, format!("rows like those of {}", self.shape), rows.shape()));
        }
        let row_len = self.row_len(op, &(from..from.saturating_add(rows.rows())))?;
        self.encode(from * row_len, rows.data())
    }

    /// How many numbers a row holds, if these rows exist.
    fn row_len(&self, op: &str, rows: &Range<usize>) -> Result<usize> {
        let inside = self.shape.first().is_some_and(|&n| rows.start <= rows.end && rows.end <= n);
        if !inside {
            return Err(TensorError::shape(op, format!("rows {}..{}", rows.start, rows.end), &self.shape));
        }
        Ok(self.shape[1..].iter().product())
    }

    /// The numbers from number `from` on.
    fn decode(&self, from: usize, out: &mut [f32]) {
        let range = from..from + out.len();
        match &self.values {
            Values::F32(t) => out.copy_from_slice(&t.data()[range]),
            Values::F16(v) => f16_to_f32(&v[range], out),
            Values::Bf16(v) => bf16_to_f32(Isa::current(), &v[range], out),
        }
    }

    /// Replaces the numbers from number `from` on.
    fn encode(&mut self, from: usize, x: &[f32]) -> Result<()> {
        let range = from..from + x.len();
        match &mut self.values {
            Values::F32(t) => {
                t.data_mut()[range].copy_from_slice(x);
                Ok(())
            }
            Values::F16(v) => {
                let y = &mut v[range];
                f32_to_f16(x, y);
                no_new_infinity(
                    x,
                    y,
                    |y| y.is_infinite(),
                    "f16, whose largest number is 65504: bf16 has room",
                )
            }
            Values::Bf16(v) => {
                let y = &mut v[range];
                f32_to_bf16(Isa::current(), x, y);
                no_new_infinity(x, y, |y| y.is_infinite(), "bf16, whose largest number is 3.39e38")
            }
        }
    }
}

/// An error if a finite `x` has become an infinite `y`.
fn no_new_infinity<H>(x: &[f32], y: &[H], infinite: impl Fn(&H) -> bool, target: &str) -> Result<()> {
    match x.iter().zip(y).find(|(x, y)| infinite(y) && x.is_finite()) {
        Some((x, _)) => Err(TensorError::range("Stored", x, target)),
        None => Ok(()),
    }
}

/// A vector of as many numbers as the shape has, or an error.
fn try_filled<T: Clone>(shape: &Shape, value: T) -> Result<Vec<T>> {
    let len = shape.checked_elements().ok_or(OutOfMemory { len: usize::MAX })?;
    let mut v = Vec::new();
    v.try_reserve_exact(len).map_err(|_| OutOfMemory { len })?;
    v.resize(len, value);
    Ok(v)
}

#[cfg(test)]
mod tests {
    use graft_kernels::random::{Purpose, Stream};

    use super::*;

    const ALL: [DType; 3] = [DType::F32, DType::F16, DType::Bf16];

    /// Figures of numpy: `np.array(x, np.float16).astype(np.float32)`; of bf16: the upper half, rounded to even.
    #[test]
    fn rounding_is_to_the_nearest_ties_to_even() {
        let x = Tensor::new([6], &[0.1, 2049.0, 2051.0, 6e-8, 1e-9, -65504.0]).unwrap();
        let back = |dtype| Stored::from_tensor(&x, dtype).unwrap().to_tensor().unwrap();
        assert_eq!(back(DType::F32), x);
        assert_eq!(back(DType::F16).data(), [0.099_975_586, 2048.0, 2052.0, 5.960_464_5e-8, 0.0, -65504.0]);
        let x = Tensor::new([3], &[0.1, 257.0, 259.0]).unwrap();
        let back = Stored::from_tensor(&x, DType::Bf16).unwrap().to_tensor().unwrap();
        assert_eq!(back.data(), [0.100_097_656, 256.0, 260.0]);
    }

    #[test]
    fn bulk_conversion_is_the_conversion_of_each() {
        // Of many lengths, since bulk code has a body for the many and a tail for the few.
        for len in (0..40).chain([1000, 4097]) {
            let mut s = Stream::new(1, Purpose::Data, 0, len as u64);
            let x = Tensor::from_fn([len], |_| (s.normal() * 10f64.powf(s.range(-9.0, 3.0))) as f32);
            let back = |dtype| Stored::from_tensor(&x, dtype).unwrap().to_tensor().unwrap();
            let (half, brain) = (back(DType::F16), back(DType::Bf16));
            for (i, &v) in x.data().iter().enumerate() {
                assert_eq!(half.data()[i].to_bits(), f16::from_f32(v).to_f32().to_bits(), "{v} of {len}");
                assert_eq!(brain.data()[i].to_bits(), bf16::from_f32(v).to_f32().to_bits(), "{v} of {len}");
            }
        }
    }

    #[test]
    fn what_does_not_fit_is_an_error_but_infinity_and_nan_stay() {
        let of = |v: f32, dtype| Stored::from_tensor(&Tensor::full([3], v), dtype);
        let message = of(65520.0, DType::F16).unwrap_err().to_string();
        assert_eq!(message, "Stored: 65520 does not fit f16, whose largest number is 65504: bf16 has room");
        assert!(of(65519.0, DType::F16).is_ok());
        assert!(of(65520.0, DType::Bf16).is_ok());
        assert!(of(f32::MAX, DType::Bf16).is_err());
        for dtype in ALL {
            assert!(of(f32::NAN, dtype).unwrap().to_tensor().unwrap().data()[0].is_nan());
            assert_eq!(
                of(f32::NEG_INFINITY, dtype).unwrap().to_tensor().unwrap().data()[0],
                f32::NEG_INFINITY
            );
        }
    }

    #[test]
    fn rows_are_the_rows_of_the_tensor() {
        let x = Tensor::from_fn([5, 2, 3], |i| i as f32);
        for dtype in ALL {
            let mut cache = Stored::zeros([5, 2, 3], dtype).unwrap();
            assert_eq!((cache.dtype(), cache.bytes()), (dtype, 30 * dtype.bytes()));
            cache.set_rows(3, &x.slice_rows(3, 5).unwrap()).unwrap();
            cache.set_rows(0, &x.slice_rows(0, 3).unwrap()).unwrap();
            assert_eq!(cache.to_tensor().unwrap(), x);
            assert_eq!(cache.rows(1..4).unwrap(), x.slice_rows(1, 4).unwrap());
            assert_eq!(cache.gather_rows(&[4, 0, 4]).unwrap(), x.gather_rows(&[4, 0, 4]).unwrap());
        }
    }

    #[test]
    fn rows_beyond_the_end_or_of_another_shape_are_errors() {
        let mut cache = Stored::zeros([4, 2], DType::F16).unwrap();
        let message = |r: Result<Tensor>| r.unwrap_err().to_string();
        assert_eq!(message(cache.rows(3..5)), "Stored::rows: expected rows 3..5, got (4, 2)");
        assert!(message(cache.gather_rows(&[0, usize::MAX])).contains("got (4, 2)"));
        let odd = cache.set_rows(0, &Tensor::zeros([1, 3])).unwrap_err().to_string();
        assert_eq!(odd, "Stored::set_rows: expected rows like those of (4, 2), got (1, 3)");
        assert!(cache.set_rows(4, &Tensor::zeros([1, 2])).is_err());
        assert!(cache.set_rows(0, &Tensor::scalar(1.0)).is_err());
        let huge = Stored::zeros([1 << 40, 1 << 40], DType::Bf16).unwrap_err();
        assert!(matches!(huge, TensorError::OutOfMemory(_)));
    }
}
