//! Memory for numbers: zeroed, and aligned to a cache line, so that a vector load never straddles two.
//!
//! Zeros from the system are free: fresh pages are zero already, and none exists before it is first touched. But an
//! allocator only hands them on for the alignments it knows (16 bytes); asked for 64 it takes any memory and writes the
//! zeros itself. So a cache line more is asked for, and the numbers start at the first line within.
//!
//! Fresh pages are not free to touch, though: the first write to each of them is a trap into the system, a quarter of a
//! microsecond or more for 4 KiB, which is slower than most kernels compute. A training step makes and drops the same
//! maps and gradients over and over, so what is dropped is kept for whoever next wants just as much and will write it
//! all ([`Buffer::for_overwrite`]).

use std::alloc::{Layout, alloc_zeroed, dealloc};
use std::collections::VecDeque;
use std::ops::{Deref, DerefMut};
use std::ptr::NonNull;
use std::sync::{Mutex, PoisonError};

use rayon::prelude::*;

/// A cache line, and the width of an AVX-512 register.
const ALIGN: usize = 64;

/// Numbers that one thread copies at a time.
const COPIED_AT_ONCE: usize = 1 << 18;

/// Smaller buffers come from the allocator's own lists, without a trap.
const KEPT_FROM: usize = 1 << 16;

/// How many numbers are kept at most, 256 MB: two of VGG16's widest maps at eight pictures, or two gradients of a head of
/// 25,088 × 1024. What was dropped first goes first.
const KEPT_AT_MOST: usize = 64 << 20;

/// The memory of buffers that were dropped, the last at the back.
static KEPT: Mutex<VecDeque<Memory>> = Mutex::new(VecDeque::new());

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
pub struct Buffer(Memory);

/// Numbers on a line of their own; given back to the system when dropped.
struct Memory {
    /// The first number; dangling if there are none.
    ptr: NonNull<f32>,
    /// What the allocator gave, by [`Memory::layout`]; dangling likewise.
    allocation: NonNull<u8>,
    len: usize,
}

// SAFETY: a `Memory` owns its numbers alone, as a `Box<[f32]>` does, and `f32` is `Send`.
unsafe impl Send for Memory {}
// SAFETY: `&Memory` only gives out `&[f32]`, and `f32` is `Sync`.
unsafe impl Sync for Memory {}

impl Buffer {
    /// `len` zeros, or an error where the system has no room for them.
    ///
    /// # Errors
    /// [`OutOfMemory`] if the size overflows or the allocator refuses.
    pub fn try_zeroed(len: usize) -> Result<Self, OutOfMemory> {
        Memory::zeroed(len).map(Self).ok_or(OutOfMemory { len })
    }

    /// `len` zeros.
    ///
    /// # Panics
    /// If the system has no room: use [`Buffer::try_zeroed`] where the size comes from a file.
    pub fn zeroed(len: usize) -> Self {
        Self::try_zeroed(len).unwrap_or_else(|e| panic!("{e}"))
    }

    /// `len` numbers of any value, for a kernel that writes every one of them: what a dropped buffer of that length held,
    /// if there is one. In builds with debug assertions they are all NaN, so that one that is not written shows.
    ///
    /// # Errors
    /// As [`Buffer::try_zeroed`].
    pub fn for_overwrite(len: usize) -> Result<Self, OutOfMemory> {
        let mut buffer = take_kept(len).map_or_else(|| Self::try_zeroed(len), |memory| Ok(Self(memory)))?;
        if cfg!(debug_assertions) {
            buffer.fill(f32::NAN);
        }
        Ok(buffer)
    }
}

/// Memory that was dropped, of just this length.
fn take_kept(len: usize) -> Option<Memory> {
    let mut kept = KEPT.lock().unwrap_or_else(PoisonError::into_inner);
    let last = kept.iter().rposition(|m| m.len == len)?;
    kept.remove(last)
}

/// Keeps memory for the next of its length, and frees what was dropped first if it has become too much.
fn keep(memory: Memory) {
    let mut kept = KEPT.lock().unwrap_or_else(PoisonError::into_inner);
    kept.push_back(memory);
    while kept.iter().map(|m| m.len).sum::<usize>() > KEPT_AT_MOST {
        kept.pop_front();
    }
}

impl Memory {
    const NONE: Self = Self { ptr: NonNull::dangling(), allocation: NonNull::dangling(), len: 0 };

    fn zeroed(len: usize) -> Option<Self> {
        if len == 0 {
            return Some(Self::NONE);
        }
        let layout = Self::layout(len)?;
        // SAFETY: `layout` has a size above zero, since `len` is.
        let allocation = NonNull::new(unsafe { alloc_zeroed(layout) })?;
        let to_line = allocation.addr().get().wrapping_neg() % ALIGN;
        // SAFETY: `to_line` is below `ALIGN`, by which the allocation is longer than the numbers.
        let ptr = unsafe { allocation.add(to_line) }.cast();
        Some(Self { ptr, allocation, len })
    }

    /// Room for `len` numbers wherever the first line begins.
    fn layout(len: usize) -> Option<Layout> {
        Layout::from_size_align(len.checked_mul(size_of::<f32>())?.checked_add(ALIGN)?, align_of::<f32>())
            .ok()
    }
}

impl Drop for Memory {
    fn drop(&mut self) {
        if let Some(layout) = Self::layout(self.len).filter(|_| self.len > 0) {
            // SAFETY: `allocation` came from `alloc_zeroed` with this very layout, as `len` never changes.
            unsafe { dealloc(self.allocation.as_ptr(), layout) }
        }
    }
}

impl Drop for Buffer {
    fn drop(&mut self) {
        let memory = std::mem::replace(&mut self.0, Memory::NONE);
        if memory.len >= KEPT_FROM {
            keep(memory);
        }
    }
}

impl From<&[f32]> for Buffer {
    /// # Panics
    /// If the system has no room.
    fn from(values: &[f32]) -> Self {
        let mut b = Self::for_overwrite(values.len()).unwrap_or_else(|e| panic!("{e}"));
        // In parallel: a head's weights are 100 MB, and fresh pages are slow to touch.
        b.par_chunks_mut(COPIED_AT_ONCE)
            .zip(values.par_chunks(COPIED_AT_ONCE))
            .for_each(|(b, v)| b.copy_from_slice(v));
        b
    }
}

impl Clone for Buffer {
    fn clone(&self) -> Self {
        Self::from(&**self)
    }
}

impl Deref for Buffer {
    type Target = [f32];
    fn deref(&self) -> &[f32] {
        // SAFETY: `ptr` is aligned, and `len` initialised floats follow it (or `len` is 0 and it dangles).
        unsafe { std::slice::from_raw_parts(self.0.ptr.as_ptr(), self.0.len) }
    }
}

impl DerefMut for Buffer {
    fn deref_mut(&mut self) -> &mut [f32] {
        // SAFETY: as in `deref`, and `&mut self` makes this the only view.
        unsafe { std::slice::from_raw_parts_mut(self.0.ptr.as_ptr(), self.0.len) }
    }
}

impl std::fmt::Debug for Buffer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Buffer({} × f32)", self.len())
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

    /// A length of its own, so that no other test of this process takes what this one drops.
    #[test]
    fn what_is_dropped_serves_the_next_of_its_length() {
        let len = KEPT_FROM + 4321;
        let first = Buffer::for_overwrite(len).unwrap();
        let place = first.as_ptr();
        drop(first);
        let second = Buffer::for_overwrite(len).unwrap();
        assert_eq!(second.as_ptr(), place);
        assert_eq!(second.iter().all(|v| v.is_nan()), cfg!(debug_assertions));
        assert!(Buffer::zeroed(len).iter().all(|&v| v == 0.0), "zeros are zeros");
    }

    #[test]
    fn what_is_kept_has_a_limit() {
        drop((0..5).map(|_| Buffer::zeroed(KEPT_AT_MOST / 4)).collect::<Vec<_>>());
        let kept = KEPT.lock().unwrap();
        assert!(kept.iter().map(|m| m.len).sum::<usize>() <= KEPT_AT_MOST);
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
