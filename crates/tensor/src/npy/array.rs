//! An array in the type it was saved in: for pixels, labels, figures in f64 and strings, which f32 would spoil.

use graft_kernels::half::f16_to_f32;
use half::f16;

use crate::{Result, Shape, Tensor, TensorError};

/// An array as it was read, in C order.
///
/// ```
/// # use graft_tensor::npy;
/// // What np.save makes of np.array([3, 4], np.uint8), without its padding.
/// let file = b"\x93NUMPY\x01\x00\x3a\x00{'descr': '|u1', 'fortran_order': False, 'shape': (2,), }\n\x03\x04";
/// let array = npy::from_bytes("labels.npy", file)?;
/// assert_eq!(array.shape(), &[2]);
/// assert_eq!(array.to_i64()?, [3, 4]);
/// assert_eq!(array.to_tensor()?.data(), [3.0, 4.0]);
/// # Ok::<(), graft_tensor::TensorError>(())
/// ```
#[derive(Debug, Clone)]
pub struct NpyArray {
    pub(super) name: String,
    pub(super) shape: Shape,
    pub(super) data: NpyData,
}

/// The elements of an array, in C order. Integers of fewer than 8 bytes are kept as `I64`, except bytes.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub enum NpyData {
    /// `bool`.
    Bool(Vec<bool>),
    /// `uint8`: pixels.
    U8(Vec<u8>),
    /// `uint64`.
    U64(Vec<u64>),
    /// `int8` to `int64`, `uint16` and `uint32`.
    I64(Vec<i64>),
    /// `float16`.
    F16(Vec<f16>),
    /// `float32`: a tensor already.
    F32(Tensor),
    /// `float64`.
    F64(Vec<f64>),
    /// `str` and `bytes`, without the zeros that fill them up.
    Str(Vec<String>),
}

impl NpyData {
    /// The type, by numpy's name.
    fn dtype(&self) -> &'static str {
        match self {
            Self::Bool(_) => "bool",
            Self::U8(_) => "uint8",
            Self::U64(_) => "uint64",
            Self::I64(_) => "integer",
            Self::F16(_) => "float16",
            Self::F32(_) => "float32",
            Self::F64(_) => "float64",
            Self::Str(_) => "string",
        }
    }
}

impl NpyArray {
    /// The extents; none for a single value.
    pub fn shape(&self) -> &Shape {
        &self.shape
    }

    /// The elements, in their own type.
    pub fn data(&self) -> &NpyData {
        &self.data
    }

    /// The numbers as f32, each rounded to the nearest; nothing is copied if they are f32 already.
    ///
    /// # Errors
    /// [`TensorError::Format`] for strings, [`TensorError::Range`] for a finite f64 beyond f32's largest,
    /// [`TensorError::OutOfMemory`].
    pub fn to_tensor(&self) -> Result<Tensor> {
        let mut t = match &self.data {
            NpyData::F32(tensor) => return Ok(tensor.clone()),
            NpyData::Str(_) => return Err(self.is_not("an array of numbers")),
            _ => Tensor::try_zeros(self.shape)?,
        };
        let out = t.data_mut();
        match &self.data {
            NpyData::Bool(v) => out.iter_mut().zip(v).for_each(|(y, &x)| *y = f32::from(u8::from(x))),
            NpyData::U8(v) => out.iter_mut().zip(v).for_each(|(y, &x)| *y = f32::from(x)),
            NpyData::U64(v) => out.iter_mut().zip(v).for_each(|(y, &x)| *y = x as f32),
            NpyData::I64(v) => out.iter_mut().zip(v).for_each(|(y, &x)| *y = x as f32),
            NpyData::F16(v) => f16_to_f32(v, out),
            NpyData::F64(v) => out.iter_mut().zip(v).for_each(|(y, &x)| *y = x as f32),
            NpyData::F32(_) | NpyData::Str(_) => {}
        }
        if let NpyData::F64(v) = &self.data
            && let Some((x, _)) = v.iter().zip(t.data()).find(|(x, y)| x.is_finite() && y.is_infinite())
        {
            return Err(TensorError::range(&self.name, x, "f32, whose largest number is 3.4e38"));
        }
        Ok(t)
    }

    /// The numbers as f64; those of 8-byte integers rounded to the nearest, all others exact.
    ///
    /// # Errors
    /// [`TensorError::Format`] for strings.
    pub fn to_f64(&self) -> Result<Vec<f64>> {
        Ok(match &self.data {
            NpyData::Bool(v) => v.iter().map(|&x| f64::from(u8::from(x))).collect(),
            NpyData::U8(v) => v.iter().map(|&x| f64::from(x)).collect(),
            NpyData::U64(v) => v.iter().map(|&x| x as f64).collect(),
            NpyData::I64(v) => v.iter().map(|&x| x as f64).collect(),
            NpyData::F16(v) => v.iter().map(|x| x.to_f64()).collect(),
            NpyData::F32(t) => t.data().iter().map(|&x| f64::from(x)).collect(),
            NpyData::F64(v) => v.clone(),
            NpyData::Str(_) => return Err(self.is_not("an array of numbers")),
        })
    }

    /// The whole numbers of an array of integers or booleans.
    ///
    /// # Errors
    /// [`TensorError::Format`] for floats and strings, [`TensorError::Range`] for a uint64 from 2⁶³ on.
    pub fn to_i64(&self) -> Result<Vec<i64>> {
        let fits = |&x: &u64| i64::try_from(x).map_err(|_| TensorError::range(&self.name, x, "int64"));
        match &self.data {
            NpyData::Bool(v) => Ok(v.iter().map(|&x| i64::from(x)).collect()),
            NpyData::U8(v) => Ok(v.iter().map(|&x| i64::from(x)).collect()),
            NpyData::U64(v) => v.iter().map(fits).collect(),
            NpyData::I64(v) => Ok(v.clone()),
            _ => Err(self.is_not("an array of integers")),
        }
    }

    /// The bytes of an array of uint8: pixels.
    ///
    /// # Errors
    /// [`TensorError::Format`] for any other type.
    pub fn bytes(&self) -> Result<&[u8]> {
        match &self.data {
            NpyData::U8(v) => Ok(v),
            _ => Err(self.is_not("an array of uint8")),
        }
    }

    /// The strings of an array of strings.
    ///
    /// # Errors
    /// [`TensorError::Format`] for any other type.
    pub fn strings(&self) -> Result<&[String]> {
        match &self.data {
            NpyData::Str(v) => Ok(v),
            _ => Err(self.is_not("an array of strings")),
        }
    }

    fn is_not(&self, expected: &str) -> TensorError {
        TensorError::format(&self.name, expected, format!("one of {} {}", self.data.dtype(), self.shape))
    }
}
