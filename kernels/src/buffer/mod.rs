//! Memory for numbers: zeroed, and aligned to a cache line, so that a vector load never straddles two.
//!
//! * `memory.rs` has it from the system, or from a file that numbers lie in ([`Buffer::map`]);
//! * `pool.rs` keeps what is dropped for whoever next wants just as much and will write it all
//!   ([`Buffer::for_overwrite`]).

mod memory;
mod pool;

use std::fs::File;
use std::io;
use std::ops::{Deref, DerefMut};

use rayon::prelude::*;

use memory::{HUGE, Memory};
use pool::{KEPT_FROM, Pool};

/// Numbers that one thread copies at a time.
const COPIED_AT_ONCE: usize = 1 << 18;

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

impl Buffer {
    /// Numbers of a huge page.
    pub(crate) const HUGE: usize = HUGE / size_of::<f32>();

    /// `len` zeros, or an error where the system has no room for them.
    ///
    /// They are the system's, never of what was dropped: what begins with zeros, an optimiser's memory or a model's weights,
    /// stays, and would withhold from the next step what this one has dropped.
    ///
    /// # Errors
    /// [`OutOfMemory`] if the size overflows or the allocator refuses.
    pub fn try_zeroed(len: usize) -> Result<Self, OutOfMemory> {
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
            None => Self::try_zeroed(len)?,
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
        Memory::map(file, offset, len).map(Self)
    }
}

impl Drop for Buffer {
    fn drop(&mut self) {
        let memory = std::mem::replace(&mut self.0, Memory::NONE);
        if memory.len() >= KEPT_FROM && memory.is_allocated() {
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
        &self.0
    }
}

impl DerefMut for Buffer {
    fn deref_mut(&mut self) -> &mut [f32] {
        &mut self.0
    }
}

impl std::fmt::Debug for Buffer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Buffer({} × f32)", self.len())
    }
}

#[cfg(test)]
mod tests {
    use super::memory::ALIGN;
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
