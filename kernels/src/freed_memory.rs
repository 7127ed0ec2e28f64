//! Memory that is no [`Buffer`](crate::Buffer): pictures on their way from a file to a batch, half a megabyte each.
//!
//! By itself the C library's allocator asks the system for every one of them and gives it back at once, so that each is
//! written to fresh pages, with a trap for every 4 KiB. On a virtual machine whose host takes pages back, those traps took longer
//! than the warp of a picture, and a quarter of the time in which a folder of JPEGs is loaded.

/// Bytes up to which memory is taken from what was freed before; above, from the system: there are few so large.
#[cfg(all(target_os = "linux", target_env = "gnu"))]
const SMALL: i32 = 4 << 20;

/// Bytes that may lie freed at the end of a thread's memory before they are given back.
#[cfg(all(target_os = "linux", target_env = "gnu"))]
const FREED: i32 = 64 << 20;

/// Has this process keep what it frees in pieces of at most 4 MB, up to 64 MB of it a thread. For programs to call as they
/// start; it does nothing where the C library is not glibc.
pub fn keep_freed_memory() {
    #[cfg(all(target_os = "linux", target_env = "gnu"))]
    // SAFETY: both are options that glibc documents, of how it manages its memory and of nothing else; it takes a lock.
    unsafe {
        libc::mallopt(libc::M_MMAP_THRESHOLD, SMALL);
        libc::mallopt(libc::M_TRIM_THRESHOLD, FREED);
    }
}
