//! The tensor itself: a shape over shared numbers, copied only when a second owner wants to change them.

use std::any::Any;
use std::fs::File;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, OnceLock};

use graft_kernels::Buffer;

use crate::{DType, Result, Shape, Stored, TensorError};

/// Fewer numbers than this, 1 MiB, are read sooner than mapped.
const MAPPED_FROM: usize = 1 << 18;

/// A contiguous f32 tensor in C order. Cloning shares the numbers; writing to a shared one copies them first.
///
/// ```
/// # use graft_tensor::Tensor;
/// let x = Tensor::new([2, 2], &[1.0, 2.0, 3.0, 4.0])?;
/// let mut y = x.clone();
/// y.data_mut()[0] = 9.0;
/// assert_eq!((x.data()[0], y.data()[0]), (1.0, 9.0));
/// # Ok::<(), graft_tensor::TensorError>(())
/// ```
#[derive(Clone)]
pub struct Tensor {
    shape: Shape,
    data: Arc<Numbers>,
    /// See [`Tensor::with_stored`].
    stored: Option<Arc<Stored>>,
}

/// Numbers, and what was made of them.
struct Numbers {
    buffer: Buffer,
    /// See [`Tensor::derived`].
    derived: OnceLock<Box<dyn Any + Send + Sync>>,
    /// Whether it has been asked for.
    asked: AtomicBool,
}

impl Clone for Numbers {
    fn clone(&self) -> Self {
        self.buffer.clone().into()
    }
}

impl From<Buffer> for Numbers {
    fn from(buffer: Buffer) -> Self {
        Self { buffer, derived: OnceLock::new(), asked: AtomicBool::new(false) }
    }
}

impl Tensor {
    /// A tensor of these numbers.
    ///
    /// # Errors
    /// [`TensorError::Shape`] if their count is not the shape's.
    pub fn new(shape: impl Into<Shape>, values: &[f32]) -> Result<Self> {
        let shape = shape.into();
        if shape.checked_elements() != Some(values.len()) {
            return Err(TensorError::shape(
                "Tensor::new",
                format!("a shape of {} elements", values.len()),
                &shape,
            ));
        }
        Ok(Self::from_buffer(shape, Buffer::from(values)))
    }

    /// A tensor that takes over a buffer.
    ///
    /// # Panics
    /// If the buffer's length is not the shape's.
    pub fn from_buffer(shape: impl Into<Shape>, data: Buffer) -> Self {
        let shape = shape.into();
        assert_eq!(shape.elements(), data.len(), "a buffer of another length than the shape {shape}");
        Self { shape, data: Arc::new(data.into()), stored: None }
    }

    /// All zeros.
    ///
    /// # Panics
    /// If there is no room: [`Tensor::try_zeros`] is for shapes that a file or a user gave.
    pub fn zeros(shape: impl Into<Shape>) -> Self {
        let shape = shape.into();
        Self::from_buffer(shape, Buffer::zeroed(shape.elements()))
    }

    /// All zeros, or an error where there is no room.
    ///
    /// # Errors
    /// [`TensorError::OutOfMemory`].
    pub fn try_zeros(shape: impl Into<Shape>) -> Result<Self> {
        let shape = shape.into();
        let len = shape.checked_elements().ok_or(graft_kernels::OutOfMemory { len: usize::MAX })?;
        Ok(Self::from_buffer(shape, Buffer::try_zeroed(len)?))
    }

    /// A tensor of any values, for an operation that writes every one of them ([`Buffer::for_overwrite`]).
    ///
    /// # Errors
    /// [`TensorError::OutOfMemory`].
    pub fn for_overwrite(shape: impl Into<Shape>) -> Result<Self> {
        let shape = shape.into();
        let len = shape.checked_elements().ok_or(graft_kernels::OutOfMemory { len: usize::MAX })?;
        Ok(Self::from_buffer(shape, Buffer::for_overwrite(len)?))
    }

    /// The numbers of a file from byte `offset` on, little endian, used where they lie ([`Buffer::map`], which says what
    /// kind of file that is for); `None` where they have to be read: they are few, they do not begin on a cache line, they
    /// are not all there, or the system will not map them.
    pub fn map(file: &File, offset: u64, shape: impl Into<Shape>) -> Option<Self> {
        let shape = shape.into();
        let len = shape.checked_elements().filter(|&len| len >= MAPPED_FROM)?;
        Some(Self::from_buffer(shape, Buffer::map(file, offset, len).ok()?))
    }

    /// The same number everywhere.
    pub fn full(shape: impl Into<Shape>, value: f32) -> Self {
        Self::from_fn(shape, |_| value)
    }

    /// A tensor without axes.
    pub fn scalar(value: f32) -> Self {
        Self::full([], value)
    }

    /// Number `i`, in C order, is `f(i)`.
    pub fn from_fn(shape: impl Into<Shape>, mut f: impl FnMut(usize) -> f32) -> Self {
        let mut t = Self::zeros(shape);
        t.data_mut().iter_mut().enumerate().for_each(|(i, v)| *v = f(i));
        t
    }

    /// The extents.
    pub fn shape(&self) -> &Shape {
        &self.shape
    }

    /// The numbers, in C order.
    pub fn data(&self) -> &[f32] {
        &self.data.buffer
    }

    /// The numbers, to be changed: copied first if another tensor shares them.
    pub fn data_mut(&mut self) -> &mut [f32] {
        self.stored = None;
        let own = Arc::make_mut(&mut self.data);
        (own.derived, own.asked) = (OnceLock::new(), AtomicBool::new(false));
        &mut own.buffer
    }

    /// The same numbers, and beside them what they are in another type, for whoever multiplies by them and has more use for
    /// half the bytes than for all the digits ([`Tensor::stored`]). It lasts until the numbers are changed or reshaped;
    /// [`Tensor::data`] has all digits as before. With [`DType::F32`] there is nothing beside them.
    ///
    /// # Errors
    /// [`TensorError::Range`] for a finite number that the type cannot hold; [`TensorError::OutOfMemory`].
    pub fn with_stored(&self, dtype: DType) -> Result<Self> {
        let stored = match dtype {
            DType::F32 => None,
            _ => Some(Arc::new(Stored::from_tensor(self, dtype)?)),
        };
        Ok(Self { shape: self.shape, data: Arc::clone(&self.data), stored })
    }

    /// What [`Tensor::with_stored`] has put beside the numbers.
    pub fn stored(&self) -> Option<&Stored> {
        self.stored.as_deref()
    }

    /// What `make` makes of the numbers: filters packed for a kernel, say. It is made once and shared by all clones, for
    /// as long as the numbers stay the same.
    ///
    /// Whoever asks first gets `None` and has to do without: what is used once is not worth keeping. There is room for one
    /// thing; who asks for one of another type gets `None` as well.
    pub fn derived<T: Any + Send + Sync>(&self, make: impl FnOnce(&[f32]) -> T) -> Option<&T> {
        if !self.data.asked.swap(true, Ordering::Relaxed) {
            return None;
        }
        self.data.derived.get_or_init(|| Box::new(make(self.data()))).downcast_ref()
    }

    /// Frees what was [derived](Self::derived) from the numbers, unless another tensor shares them. It is made again for
    /// whoever asks often enough.
    pub fn forget_derived(&mut self) {
        if let Some(own) = Arc::get_mut(&mut self.data) {
            (own.derived, own.asked) = (OnceLock::new(), AtomicBool::new(false));
        }
    }

    /// The one number of a tensor that has one.
    ///
    /// # Errors
    /// [`TensorError::Shape`] if it has another count of them.
    pub fn item(&self) -> Result<f32> {
        match *self.data() {
            [v] => Ok(v),
            _ => Err(TensorError::shape("item", "one element", &self.shape)),
        }
    }

    /// The same numbers under another shape; nothing is copied.
    ///
    /// # Errors
    /// [`TensorError::Shape`] if the counts differ.
    pub fn reshape(&self, shape: impl Into<Shape>) -> Result<Self> {
        let shape = shape.into();
        if shape.checked_elements() != Some(self.data.buffer.len()) {
            return Err(TensorError::shape(
                "reshape",
                format!("a shape of {} elements", self.data.buffer.len()),
                &shape,
            ));
        }
        Ok(Self { shape, data: Arc::clone(&self.data), stored: None })
    }
}

impl PartialEq for Tensor {
    /// The same shape and the same numbers (a NaN equals nothing, as ever).
    fn eq(&self, other: &Self) -> bool {
        self.shape == other.shape && self.data() == other.data()
    }
}

impl std::fmt::Debug for Tensor {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        const SHOWN: usize = 8;
        let dots = if self.data.buffer.len() > SHOWN { ", …" } else { "" };
        let shown = self.data().iter().take(SHOWN).map(f32::to_string).collect::<Vec<_>>().join(", ");
        write!(f, "Tensor{} [{shown}{dots}]", self.shape)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_clone_is_its_own_once_written_to() {
        let x = Tensor::full([3], 1.0);
        let (mut y, z) = (x.clone(), x.reshape([3, 1]).unwrap());
        y.data_mut()[1] = 5.0;
        assert_eq!(y.data(), [1.0, 5.0, 1.0]);
        assert_eq!((x.data(), z.data()), (&[1.0; 3][..], &[1.0; 3][..]));
    }

    #[test]
    fn what_is_derived_lasts_until_the_numbers_change() {
        let mut x = Tensor::full([3], 2.0);
        let sum = |x: &Tensor| x.derived(|x| x.iter().sum::<f32>()).copied();
        assert_eq!((sum(&x), sum(&x), sum(&x.clone())), (None, Some(6.0), Some(6.0)));
        assert_eq!(x.derived(|_| panic!("it is there")), Some(&6.0_f32));
        assert_eq!(x.derived(|_| "of another type"), None);
        x.forget_derived();
        assert_eq!((sum(&x), sum(&x)), (None, Some(6.0)));
        x.data_mut()[0] = 5.0;
        assert_eq!((sum(&x), sum(&x)), (None, Some(9.0)));
        let mut y = x.clone();
        y.data_mut()[1] = 0.0;
        assert_eq!((sum(&y), sum(&y), sum(&x)), (None, Some(7.0), Some(9.0)));
    }

    #[test]
    fn what_is_stored_beside_the_numbers_lasts_until_they_change() {
        let x = Tensor::new([2], &[1.0, 3.1]).unwrap();
        let mut y = x.with_stored(DType::Bf16).unwrap();
        assert!(x.stored().is_none() && y.data() == x.data());
        assert_eq!(y.clone().stored().unwrap().to_tensor().unwrap().data(), [1.0, 3.09375]);
        assert!(y.with_stored(DType::F32).unwrap().stored().is_none());
        y.data_mut()[0] = 2.0;
        assert!(y.stored().is_none());
    }

    #[test]
    fn a_reshape_shares_its_numbers() {
        let x = Tensor::from_fn([2, 6], |i| i as f32);
        let y = x.reshape([3, 4]).unwrap();
        assert_eq!((y.shape(), y.data().as_ptr()), (&Shape::from([3, 4]), x.data().as_ptr()));
    }

    #[test]
    fn counts_that_differ_are_errors() {
        let message = |r: Result<Tensor>| r.unwrap_err().to_string();
        assert_eq!(
            message(Tensor::new([2, 2], &[0.0; 3])),
            "Tensor::new: expected a shape of 3 elements, got (2, 2)"
        );
        let x = Tensor::zeros([2, 2]);
        assert_eq!(message(x.reshape([5])), "reshape: expected a shape of 4 elements, got (5,)");
        assert_eq!(x.item().unwrap_err().to_string(), "item: expected one element, got (2, 2)");
        assert_eq!(Tensor::scalar(3.0).item().unwrap(), 3.0);
        assert_eq!(Tensor::full([1, 1], 3.0).item().unwrap(), 3.0);
    }

    #[test]
    fn too_large_a_shape_is_an_error_where_it_may_be_asked_for() {
        for huge in
            [Shape::from([usize::MAX]), Shape::from([1 << 40, 1 << 40]), Shape::from([0, 1 << 40, 1 << 40])]
        {
            assert!(matches!(Tensor::try_zeros(huge), Err(TensorError::OutOfMemory(_))), "{huge}");
        }
    }

    #[test]
    fn tensors_are_equal_in_shape_and_numbers() {
        let x = Tensor::zeros([2, 3]);
        assert_eq!(x, Tensor::zeros([2, 3]));
        assert_ne!(x, Tensor::zeros([3, 2]));
        assert_ne!(x, Tensor::full([2, 3], 1.0));
        assert_ne!(Tensor::scalar(f32::NAN), Tensor::scalar(f32::NAN));
    }

    #[test]
    fn a_tensor_shows_its_shape_and_first_numbers() {
        assert_eq!(format!("{:?}", Tensor::scalar(1.5)), "Tensor() [1.5]");
        let x = Tensor::from_fn([2, 5], |i| i as f32);
        assert_eq!(format!("{x:?}"), "Tensor(2, 5) [0, 1, 2, 3, 4, 5, 6, 7, …]");
    }
}
