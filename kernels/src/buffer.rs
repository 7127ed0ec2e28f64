//! Memory for numbers: zeroed, and aligned to a cache line, so that a vector load never straddles two.

use std::alloc::{Layout, alloc_zeroed, dealloc};
use std::ops::{Deref, DerefMut};
use std::ptr::NonNull;

/// A cache line, and the width of an AVX-512 register.
const ALIGN: usize = 64;

/// `len` numbers could not be had from the system.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("out of memory: {len} numbers of 4 bytes could not be allocated")]
pub struct OutOfMemory {
    /// How many `f32` were asked for.
    pub len: usize,
}

/// A fixed-size, zero-initialised, 64-byte aligned slice of `f32`.
///
/// ```
/// let mut b = graft_kernels::Buffer::zeroed(3);
/// b[1] = 2.0;
/// assert_eq!(&b[..], [0.0, 2.0, 0.0]);
/// ```
pub struct Buffer {
    ptr: NonNull<f32>,
    len: usize,
}

// SAFETY: a `Buffer` owns its memory alone, as a `Box<[f32]>` does, and `f32` is `Send`.
unsafe impl Send for Buffer {}
// SAFETY: `&Buffer` only gives out `&[f32]`, and `f32` is `Sync`.
unsafe impl Sync for Buffer {}

impl Buffer {
    /// `len` zeros, or an error where the system has no room for them.
    ///
    /// # Errors
    /// [`OutOfMemory`] if the size overflows or the allocator refuses.
    pub fn try_zeroed(len: usize) -> Result<Self, OutOfMemory> {
        if len == 0 {
            return Ok(Self { ptr: NonNull::dangling(), len });
        }
        let layout = Self::layout(len).ok_or(OutOfMemory { len })?;
        // SAFETY: `layout` has a size above zero, since `len` is.
        let ptr = unsafe { alloc_zeroed(layout) }.cast::<f32>();
        NonNull::new(ptr).map(|ptr| Self { ptr, len }).ok_or(OutOfMemory { len })
    }

    /// `len` zeros.
    ///
    /// # Panics
    /// If the system has no room: use [`Buffer::try_zeroed`] where the size comes from a file.
    pub fn zeroed(len: usize) -> Self {
        Self::try_zeroed(len).unwrap_or_else(|e| panic!("{e}"))
    }

    fn layout(len: usize) -> Option<Layout> {
        Layout::from_size_align(len.checked_mul(size_of::<f32>())?, ALIGN).ok()
    }
}

impl From<&[f32]> for Buffer {
    fn from(values: &[f32]) -> Self {
        let mut b = Self::zeroed(values.len());
        b.copy_from_slice(values);
        b
    }
}

impl Clone for Buffer {
    fn clone(&self) -> Self {
        Self::from(&**self)
    }
}

impl Drop for Buffer {
    fn drop(&mut self) {
        if let Some(layout) = Self::layout(self.len).filter(|l| l.size() > 0) {
            // SAFETY: `ptr` came from `alloc_zeroed` with this very layout, as `len` never changes.
            unsafe { dealloc(self.ptr.as_ptr().cast(), layout) }
        }
    }
}

impl Deref for Buffer {
    type Target = [f32];
    fn deref(&self) -> &[f32] {
        // SAFETY: `ptr` is aligned, and covers `len` initialised floats (or `len` is 0 and it dangles).
        unsafe { std::slice::from_raw_parts(self.ptr.as_ptr(), self.len) }
    }
}

impl DerefMut for Buffer {
    fn deref_mut(&mut self) -> &mut [f32] {
        // SAFETY: as in `deref`, and `&mut self` makes this the only view.
        unsafe { std::slice::from_raw_parts_mut(self.ptr.as_ptr(), self.len) }
    }
}

impl std::fmt::Debug for Buffer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Buffer({} × f32)", self.len)
    }
}
