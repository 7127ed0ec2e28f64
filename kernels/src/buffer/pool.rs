//! Dropped memory, kept for whoever next wants just as much of it.
//!
//! Fresh pages are not free to touch: the first write to each of them is a trap into the system, a quarter of a microsecond
//! or more for 4 KiB, which is slower than most kernels compute. A training step makes and drops the same maps and
//! gradients over and over, so what one step drops is kept for the next.

use std::collections::VecDeque;
use std::sync::{Mutex, MutexGuard, PoisonError};

use super::memory::{ALIGN, Memory};

/// Smaller buffers, less than 4 KiB, come from the allocator's own lists, without a trap.
pub(super) const KEPT_FROM: usize = (4096 - ALIGN) / size_of::<f32>();

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
pub(super) struct Pool {
    /// The last that was dropped at the back.
    kept: VecDeque<Memory>,
    kept_len: usize,
    live: usize,
    /// The most that was live at the same time.
    most: usize,
}

impl Pool {
    /// The pool of this process, for as long as nobody else has it.
    pub(super) fn lock() -> MutexGuard<'static, Self> {
        POOL.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Counts a buffer of this length as live.
    pub(super) fn begin(&mut self, len: usize) {
        self.live += len;
        self.most = self.most.max(self.live);
    }

    /// Memory that was dropped, of just this length.
    pub(super) fn take(&mut self, len: usize) -> Option<Memory> {
        let last = self.kept.iter().rposition(|m| m.len() == len)?;
        self.kept_len -= len;
        self.kept.remove(last)
    }

    /// Frees what was dropped first, until there is room for a new buffer of this length.
    pub(super) fn make_room(&mut self, len: usize) {
        let live = self.live.saturating_add(len);
        while live.saturating_add(self.kept_len) > live.max(self.most).saturating_add(SLACK)
            && let Some(first) = self.kept.pop_front()
        {
            self.kept_len -= first.len();
        }
    }

    /// The opposite of [`Pool::begin`]: the memory is kept.
    pub(super) fn end(&mut self, memory: Memory) {
        self.live -= memory.len();
        self.kept_len += memory.len();
        self.kept.push_back(memory);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

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
}
