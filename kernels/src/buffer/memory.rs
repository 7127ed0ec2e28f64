//! Memory as the system gives it: whence it comes, and where it goes when it is dropped.
//!
//! Zeros from the system are free: fresh pages are zero already, and none exists before it is first touched. But an
//! allocator only hands them on for the alignments it knows (16 bytes); asked for 64 it takes any memory and writes the
//! zeros itself. So a cache line more is asked for, and the numbers start at the first line within.
//!
//! It comes in pages of 4 KiB, and a CPU remembers where a thousand or two of them lie: 8 MB. Whoever walks through more, or
//! through many places at once, waits for the page tables besides the memory. So large memory begins on a huge page, and
//! the system is asked for such pages, where it has them.
//!
//! And numbers that lie in a file need no memory of their own at all: the system shows the file's pages where a buffer
//! would be. VGG16's 553 MB are at hand in no time so, where reading them takes longer than computing.

use std::alloc::{Layout, alloc_zeroed, dealloc};
use std::fs::File;
use std::io;
use std::ops::{Deref, DerefMut};
use std::ptr::NonNull;

use memmap2::{MmapMut, MmapOptions};
#[cfg(target_os = "linux")]
use nix::sys::mman::{MmapAdvise, madvise};

/// A cache line, and the width of an AVX-512 register.
pub(super) const ALIGN: usize = 64;

/// Bytes of a huge page, where the system has them.
pub(super) const HUGE: usize = 2 << 20;

/// Numbers on a line of their own; given back to the system when dropped.
pub(super) struct Memory {
    /// The first number; dangling if there are none.
    ptr: NonNull<f32>,
    len: usize,
    origin: Origin,
}

/// Where memory came from, and goes when it is dropped.
enum Origin {
    /// The allocator, by [`Memory::layout`]; dangling if there are no numbers.
    Allocator(NonNull<u8>),
    /// A file's pages.
    File(#[expect(dead_code, reason = "held to be unmapped when it is dropped")] MmapMut),
}

// SAFETY: a `Memory` owns its numbers alone, as a `Box<[f32]>` does, and `f32` is `Send`.
unsafe impl Send for Memory {}
// SAFETY: `&Memory` only gives out `&[f32]`, and `f32` is `Sync`.
unsafe impl Sync for Memory {}

impl Memory {
    /// No numbers.
    pub(super) const NONE: Self =
        Self { ptr: NonNull::dangling(), len: 0, origin: Origin::Allocator(NonNull::dangling()) };

    /// `len` zeros, if the system has room for them.
    pub(super) fn zeroed(len: usize) -> Option<Self> {
        if len == 0 {
            return Some(Self::NONE);
        }
        let layout = Self::layout(len)?;
        // SAFETY: `layout` has a size above zero, since `len` is.
        let allocation = NonNull::new(unsafe { alloc_zeroed(layout) })?;
        let bytes = len * size_of::<f32>();
        let to_start = allocation.addr().get().wrapping_neg() % Self::align(bytes);
        // SAFETY: `to_start` is below the alignment, by which the allocation is longer than the numbers.
        let ptr = unsafe { allocation.add(to_start) }.cast();
        #[cfg(target_os = "linux")]
        if bytes >= HUGE {
            // SAFETY: these bytes are whole pages of memory that was just allocated, and the advice changes nothing in them.
            // It is only a hint: a system without huge pages refuses it.
            let _ = unsafe { madvise(ptr.cast(), bytes / HUGE * HUGE, MmapAdvise::MADV_HUGEPAGE) };
        }
        Some(Self { ptr, len, origin: Origin::Allocator(allocation) })
    }

    /// `len` numbers of a file, as [`super::Buffer::map`] says.
    pub(super) fn map(file: &File, offset: u64, len: usize) -> io::Result<Self> {
        let bytes = len.checked_mul(size_of::<f32>()).ok_or(io::ErrorKind::InvalidInput)?;
        let end = offset.checked_add(bytes as u64).ok_or(io::ErrorKind::InvalidInput)?;
        if cfg!(target_endian = "big") || !offset.is_multiple_of(ALIGN as u64) || len == 0 {
            return Err(io::ErrorKind::Unsupported.into());
        }
        if end > file.metadata()?.len() {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        // SAFETY: the mapping is private, so that nothing is ever written to the file through it, and it lies within the
        // file; that nobody changes the file meanwhile is asked of the caller above, and any bytes are valid floats.
        let mut map = unsafe { MmapOptions::new().offset(offset).len(bytes).map_copy(file)? };
        let ptr = NonNull::from(&mut *map).cast::<f32>();
        // Pages begin on a line, and so does an offset that is a multiple of it.
        assert!(ptr.addr().get().is_multiple_of(ALIGN), "a page that does not begin on a cache line");
        Ok(Self { ptr, len, origin: Origin::File(map) })
    }

    /// Whether it is of no file, and so of use to anybody.
    pub(super) fn is_allocated(&self) -> bool {
        matches!(self.origin, Origin::Allocator(_))
    }

    /// What so many bytes begin at a multiple of.
    fn align(bytes: usize) -> usize {
        if bytes < HUGE { ALIGN } else { HUGE }
    }

    /// Room for `len` numbers wherever the first line, or page, begins.
    fn layout(len: usize) -> Option<Layout> {
        let bytes = len.checked_mul(size_of::<f32>())?;
        Layout::from_size_align(bytes.checked_add(Self::align(bytes))?, align_of::<f32>()).ok()
    }
}

impl Drop for Memory {
    fn drop(&mut self) {
        let Origin::Allocator(allocation) = self.origin else { return };
        if let Some(layout) = Self::layout(self.len).filter(|_| self.len > 0) {
            // SAFETY: `allocation` came from `alloc_zeroed` with this very layout, as `len` never changes.
            unsafe { dealloc(allocation.as_ptr(), layout) }
        }
    }
}

impl Deref for Memory {
    type Target = [f32];
    fn deref(&self) -> &[f32] {
        // SAFETY: `ptr` is aligned, and `len` initialised floats follow it (or `len` is 0 and it dangles).
        unsafe { std::slice::from_raw_parts(self.ptr.as_ptr(), self.len) }
    }
}

impl DerefMut for Memory {
    fn deref_mut(&mut self) -> &mut [f32] {
        // SAFETY: as in `deref`, and `&mut self` makes this the only view.
        unsafe { std::slice::from_raw_parts_mut(self.ptr.as_ptr(), self.len) }
    }
}
