//! Memory for numbers: zeroed, and aligned to a cache line, so that a vector load never straddles two.
//!
//! Zeros from the system are free: fresh pages are zero already, and none exists before it is first touched. But an
//! allocator only hands them on for the alignments it knows (16 bytes); asked for 64 it takes any memory and writes the
//! zeros itself. So a cache line more is asked for, and the numbers start at the first line within.

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
    /// The first number; dangling if there are none.
    ptr: NonNull<f32>,
    /// What the allocator gave, with [`Buffer::layout`]; dangling likewise.
    allocation: NonNull<u8>,
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
            return Ok(Self { ptr: NonNull::dangling(), allocation: NonNull::dangling(), len });
        }
        let layout = Self::layout(len).ok_or(OutOfMemory { len })?;
        // SAFETY: `layout` has a size above zero, since `len` is.
        let allocation = NonNull::new(unsafe { alloc_zeroed(layout) }).ok_or(OutOfMemory { len })?;
        let to_line = allocation.addr().get().wrapping_neg() % ALIGN;
        // SAFETY: `to_line` is below `ALIGN`, by which the allocation is longer than the numbers.
        let ptr = unsafe { allocation.add(to_line) }.cast();
        Ok(Self { ptr, allocation, len })
    }

    /// `len` zeros.
    ///
    /// # Panics
    /// If the system has no room: use [`Buffer::try_zeroed`] where the size comes from a file.
    pub fn zeroed(len: usize) -> Self {
        Self::try_zeroed(len).unwrap_or_else(|e| panic!("{e}"))
    }

    /// Room for `len` numbers wherever the first line begins.
    fn layout(len: usize) -> Option<Layout> {
        Layout::from_size_align(len.checked_mul(size_of::<f32>())?.checked_add(ALIGN)?, align_of::<f32>())
            .ok()
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
        if let Some(layout) = Self::layout(self.len).filter(|_| self.len > 0) {
            // SAFETY: `allocation` came from `alloc_zeroed` with this very layout, as `len` never changes.
            unsafe { dealloc(self.allocation.as_ptr(), layout) }
        }
    }
}

impl Deref for Buffer {
    type Target = [f32];
    fn deref(&self) -> &[f32] {
        // SAFETY: `ptr` is aligned, and `len` initialised floats follow it (or `len` is 0 and it dangles).
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn zeros_on_a_line_of_their_own() {
        for len in [0, 1, 3, 16, 1000, 1 << 20] {
            let mut b = Buffer::zeroed(len);
            assert!(b.iter().all(|&v| v == 0.0) && b.len() == len);
            assert!(len == 0 || b.as_ptr().addr().is_multiple_of(ALIGN));
            b.fill(1.5);
            assert_eq!(b.clone()[..], b[..]);
        }
    }

    #[test]
    fn too_much_is_an_error() {
        assert_eq!(Buffer::try_zeroed(usize::MAX).unwrap_err(), OutOfMemory { len: usize::MAX });
        assert_eq!(Buffer::try_zeroed(1 << 60).unwrap_err(), OutOfMemory { len: 1 << 60 });
    }

    /// Resident pages of this process, from `/proc/self/statm`.
    #[cfg(target_os = "linux")]
    fn resident_pages() -> usize {
        let statm = std::fs::read_to_string("/proc/self/statm").unwrap();
        statm.split(' ').nth(1).unwrap().parse().unwrap()
    }

    #[test]
    #[cfg(target_os = "linux")]
    fn zeros_take_no_memory_until_they_are_touched() {
        const LEN: usize = 256 << 20;
        let before = resident_pages();
        let b = Buffer::zeroed(LEN);
        assert_eq!(b[LEN / 2], 0.0);
        // A page is 4 KiB or more; other tests of this process may take some meanwhile.
        assert!(resident_pages().saturating_sub(before) < LEN * size_of::<f32>() / (16 << 10));
    }
}
