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
//!
//! And numbers that lie in a file need no memory of their own at all: [`Buffer::map`] has the system show the file's pages
//! where a buffer would be. VGG16's 553 MB are at hand in no time so, where reading them takes longer than computing.

use std::alloc::{Layout, alloc_zeroed, dealloc};
use std::collections::VecDeque;
use std::fs::File;
use std::io;
use std::ops::{Deref, DerefMut};
use std::ptr::NonNull;
use std::sync::{Mutex, MutexGuard, PoisonError};

use memmap2::{MmapMut, MmapOptions};
use rayon::prelude::*;

/// A cache line, and the width of an AVX-512 register.
const ALIGN: usize = 64;

/// Numbers that one thread copies at a time.
const COPIED_AT_ONCE: usize = 1 << 18;

/// Smaller buffers, less than 4 KiB, come from the allocator's own lists, without a trap.
const KEPT_FROM: usize = (4096 - ALIGN) / size_of::<f32>();

/// Numbers beyond the most that was live, 128 MB. The maps of a step's beginning and the gradients of its end are never live
/// at the same time, but both are wanted again.
const SLACK: usize = 32 << 20;

/// The memory of buffers that were dropped, and how much may be kept of it.
static POOL: Mutex<Pool> = Mutex::new(Pool { kept: VecDeque::new(), kept_len: 0, live: 0, most: 0 });

/// Dropped memory, kept for the next of its length; lengths are in numbers.
///
/// What is live and what is kept are together never more than what was once live at the same time, and [`SLACK`]: a step finds
/// what the step before it dropped, and the process needs little more memory than it would without. Where a buffer is of a
/// length that nobody dropped, what was dropped first makes room for it.
struct Pool {
    /// The last that was dropped at the back.
    kept: VecDeque<Memory>,
    kept_len: usize,
    live: usize,
    /// The most that was live at the same time.
    most: usize,
}

impl Pool {
    fn lock() -> MutexGuard<'static, Self> {
        POOL.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Counts a buffer of this length as live.
    fn begin(&mut self, len: usize) {
        self.live += len;
        self.most = self.most.max(self.live);
    }

    /// Memory that was dropped, of just this length.
    fn take(&mut self, len: usize) -> Option<Memory> {
        let last = self.kept.iter().rposition(|m| m.len == len)?;
        self.kept_len -= len;
        self.kept.remove(last)
    }

    /// Frees what was dropped first, until there is room for a new buffer of this length.
    fn make_room(&mut self, len: usize) {
        let live = self.live.saturating_add(len);
        while live.saturating_add(self.kept_len) > live.max(self.most).saturating_add(SLACK)
            && let Some(first) = self.kept.pop_front()
        {
            self.kept_len -= first.len;
        }
    }

    /// The opposite of [`Pool::begin`]: the memory is kept.
    fn end(&mut self, memory: Memory) {
        self.live -= memory.len;
        self.kept_len += memory.len;
        self.kept.push_back(memory);
    }
}

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

impl Buffer {
    /// `len` zeros, or an error where the system has no room for them.
    ///
    /// # Errors
    /// [`OutOfMemory`] if the size overflows or the allocator refuses.
    pub fn try_zeroed(len: usize) -> Result<Self, OutOfMemory> {
        if let Some(mut kept) = Self::kept(len) {
            kept.fill(0.0);
            return Ok(kept);
        }
        Self::fresh(len)
    }

    /// `len` zeros that the system gives, counted.
    fn fresh(len: usize) -> Result<Self, OutOfMemory> {
        if len < KEPT_FROM {
            return Memory::zeroed(len).map(Self).ok_or(OutOfMemory { len });
        }
        Pool::lock().make_room(len);
        let memory = Memory::zeroed(len).ok_or(OutOfMemory { len })?;
        Pool::lock().begin(len);
        Ok(Self(memory))
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
        let mut buffer = match Self::kept(len) {
            Some(kept) => kept,
            None => Self::fresh(len)?,
        };
        if cfg!(debug_assertions) {
            buffer.fill(f32::NAN);
        }
        Ok(buffer)
    }

    fn kept(len: usize) -> Option<Self> {
        let mut pool = Pool::lock();
        let memory = pool.take(len)?;
        pool.begin(len);
        Some(Self(memory))
    }

    /// `len` numbers of a file, little endian, from byte `offset` on, used where they lie. To write to them changes this
    /// buffer alone, not the file.
    ///
    /// Meant for files that are written once, under another name, and then renamed, as all of Graft's are. If somebody
    /// writes into the file while it is mapped, the numbers may change under the reader's eyes; if somebody cuts it off,
    /// the system ends the process that looks at what is gone (SIGBUS).
    ///
    /// # Errors
    /// [`io::ErrorKind::Unsupported`] if they cannot be used where they lie: not on a cache line's start, or on a machine
    /// of the other byte order. Read them then. [`io::ErrorKind::UnexpectedEof`] if the file ends before them, and
    /// whatever the system says.
    pub fn map(file: &File, offset: u64, len: usize) -> io::Result<Self> {
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
        Ok(Self(Memory { ptr, len, origin: Origin::File(map) }))
    }
}

impl Memory {
    const NONE: Self =
        Self { ptr: NonNull::dangling(), len: 0, origin: Origin::Allocator(NonNull::dangling()) };

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
        Some(Self { ptr, len, origin: Origin::Allocator(allocation) })
    }

    /// Room for `len` numbers wherever the first line begins.
    fn layout(len: usize) -> Option<Layout> {
        Layout::from_size_align(len.checked_mul(size_of::<f32>())?.checked_add(ALIGN)?, align_of::<f32>())
            .ok()
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

impl Drop for Buffer {
    fn drop(&mut self) {
        let memory = std::mem::replace(&mut self.0, Memory::NONE);
        if memory.len >= KEPT_FROM && matches!(memory.origin, Origin::Allocator(_)) {
            Pool::lock().end(memory);
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
    fn what_is_kept_never_adds_to_the_most_that_was_live() {
        let mut pool = Pool { kept: VecDeque::new(), kept_len: 0, live: 0, most: 0 };
        let make = |pool: &mut Pool, len: usize| {
            let kept = pool.take(len);
            if kept.is_none() {
                pool.make_room(len);
            }
            pool.begin(len);
            assert!(pool.live + pool.kept_len <= pool.most + SLACK);
            (kept.is_some(), kept.unwrap_or_else(|| Memory::zeroed(len).unwrap()))
        };
        let (a, b) = (make(&mut pool, 2 * SLACK).1, make(&mut pool, SLACK).1);
        pool.end(a);
        pool.end(b);
        assert_eq!((pool.live, pool.kept_len, pool.most), (0, 3 * SLACK, 3 * SLACK));
        let (kept, b) = make(&mut pool, SLACK);
        assert!(kept);
        // There is room for one more of another length, and what was dropped first makes room for a second.
        let (kept, c) = make(&mut pool, SLACK - 1);
        assert!(!kept && pool.kept_len == 2 * SLACK);
        let (kept, d) = make(&mut pool, SLACK - 2);
        assert!(!kept && pool.kept_len == 0);
        [b, c, d].into_iter().for_each(|m| pool.end(m));
        assert_eq!((pool.live, pool.kept_len), (0, 3 * SLACK - 3));
    }

    /// A file of the numbers 0, 1, 2, … after `offset` other bytes.
    fn numbered(offset: usize, len: usize) -> File {
        use std::io::Write;
        let mut file = tempfile::tempfile().unwrap();
        file.write_all(&vec![7; offset]).unwrap();
        for i in 0..len {
            file.write_all(&(i as f32).to_le_bytes()).unwrap();
        }
        file
    }

    #[test]
    #[cfg(target_endian = "little")]
    fn a_file_is_used_where_it_lies_and_never_written_to() {
        let len = KEPT_FROM + 1234;
        let file = numbered(2 * ALIGN, len);
        let mut b = Buffer::map(&file, 2 * ALIGN as u64, len).unwrap();
        assert!(b.iter().enumerate().all(|(i, &v)| v == i as f32) && b.len() == len);
        assert!(b.as_ptr().addr().is_multiple_of(ALIGN));
        b[5] = -1.0;
        assert_eq!((b[5], b.clone()[5]), (-1.0, -1.0));
        assert_eq!(Buffer::map(&file, 2 * ALIGN as u64, len).unwrap()[5], 5.0, "the file is as it was");
        let place = b.as_ptr();
        drop(b);
        let next = Buffer::for_overwrite(len).unwrap();
        assert_ne!(next.as_ptr(), place, "pages of a file are not kept for the next buffer");
    }

    #[test]
    fn what_cannot_be_used_where_it_lies_is_an_error() {
        let file = numbered(ALIGN, 100);
        let kind = |offset: u64, len| Buffer::map(&file, offset, len).unwrap_err().kind();
        let beyond = if cfg!(target_endian = "big") {
            io::ErrorKind::Unsupported
        } else {
            io::ErrorKind::UnexpectedEof
        };
        assert_eq!(kind(4, 10), io::ErrorKind::Unsupported);
        assert_eq!(kind(64, 0), io::ErrorKind::Unsupported);
        assert_eq!(kind(64, 101), beyond);
        assert_eq!(kind(1 << 40, 1), beyond);
        assert_eq!(kind(64, usize::MAX), io::ErrorKind::InvalidInput);
        assert_eq!(kind(u64::MAX - 63, 100), io::ErrorKind::InvalidInput);
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
