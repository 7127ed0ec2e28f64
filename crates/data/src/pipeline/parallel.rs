//! Two ways to spread numbered jobs over threads and have the results in the order of the numbers.

use std::any::Any;
use std::collections::BTreeMap;
use std::ops::ControlFlow;
use std::panic::{self, AssertUnwindSafe};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::{self, JoinHandle};

/// All results of jobs `0..jobs`, or `None` if one of them broke off.
pub(crate) fn ordered_map<T: Send>(
    threads: usize,
    jobs: usize,
    work: impl Fn(usize) -> ControlFlow<(), T> + Sync,
) -> Option<Vec<T>> {
    let (next, stopped) = (AtomicUsize::new(0), AtomicBool::new(false));
    let worker = || {
        let mut results = Vec::new();
        while !stopped.load(Ordering::Relaxed) {
            let job = next.fetch_add(1, Ordering::Relaxed);
            if job >= jobs {
                break;
            }
            match work(job) {
                ControlFlow::Continue(result) => results.push((job, result)),
                ControlFlow::Break(()) => stopped.store(true, Ordering::Relaxed),
            }
        }
        results
    };
    let mut results: Vec<(usize, T)> = thread::scope(|scope| {
        let handles: Vec<_> = (0..threads.clamp(1, jobs.max(1))).map(|_| scope.spawn(worker)).collect();
        let join = |handle: thread::ScopedJoinHandle<'_, _>| {
            handle.join().unwrap_or_else(|p| panic::resume_unwind(p))
        };
        handles.into_iter().flat_map(join).collect()
    });
    results.sort_by_key(|&(job, _)| job);
    (results.len() == jobs).then(|| results.into_iter().map(|(_, result)| result).collect())
}

/// The results of jobs `0..jobs`, one after the other, worked on by threads that are at most `ahead` jobs in advance.
///
/// Dropping it stops the threads after the jobs that they are at. A job that panics makes `next` panic.
///
/// ```
/// let squares: Vec<_> = graft_data::Ahead::spawn(2, 5, 3, |i| i * i).collect();
/// assert_eq!(squares, [0, 1, 4, 9, 16]);
/// ```
pub struct Ahead<T> {
    shared: Arc<Shared<T>>,
    jobs: usize,
    threads: Vec<JoinHandle<()>>,
}

struct Shared<T> {
    state: Mutex<State<T>>,
    changed: Condvar,
}

struct State<T> {
    /// The next job to be worked on.
    next: usize,
    /// The next result to be handed out; the threads keep below `taken + ahead`.
    taken: usize,
    /// Results that wait for their turn.
    done: BTreeMap<usize, Result<T, Box<dyn Any + Send>>>,
    stopped: bool,
}

impl<T> Shared<T> {
    /// Nothing panics while the lock is held, so that a poisoned one cannot be.
    fn lock(&self) -> MutexGuard<'_, State<T>> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn wait<'a>(&self, guard: MutexGuard<'a, State<T>>) -> MutexGuard<'a, State<T>> {
        self.changed.wait(guard).unwrap_or_else(PoisonError::into_inner)
    }
}

impl<T: Send + 'static> Ahead<T> {
    /// Starts the threads, at least one; at most `ahead` results wait to be taken.
    pub fn spawn(
        threads: usize,
        jobs: usize,
        ahead: usize,
        work: impl Fn(usize) -> T + Send + Sync + 'static,
    ) -> Self {
        let state = State { next: 0, taken: 0, done: BTreeMap::new(), stopped: false };
        let shared = Arc::new(Shared { state: Mutex::new(state), changed: Condvar::new() });
        let work = Arc::new(work);
        let spawn = |_| {
            let (shared, work) = (Arc::clone(&shared), Arc::clone(&work));
            thread::spawn(move || run(&shared, jobs, ahead.max(1), &*work))
        };
        let threads = (0..threads.clamp(1, jobs.max(1))).map(spawn).collect();
        Self { shared, jobs, threads }
    }
}

/// What a thread does: claim the next job as soon as it is within reach, work, leave the result.
fn run<T>(shared: &Shared<T>, jobs: usize, ahead: usize, work: &dyn Fn(usize) -> T) {
    loop {
        let mut state = shared.lock();
        while !state.stopped && state.next < jobs && state.next >= state.taken.saturating_add(ahead) {
            state = shared.wait(state);
        }
        if state.stopped || state.next >= jobs {
            return;
        }
        let job = state.next;
        state.next += 1;
        drop(state);
        // The panic goes on in the thread that asks for the result.
        let result = panic::catch_unwind(AssertUnwindSafe(|| work(job)));
        shared.lock().done.insert(job, result);
        shared.changed.notify_all();
    }
}

impl<T> Iterator for Ahead<T> {
    type Item = T;

    fn next(&mut self) -> Option<T> {
        let mut state = self.shared.lock();
        if state.taken == self.jobs {
            return None;
        }
        let job = state.taken;
        let result = loop {
            match state.done.remove(&job) {
                Some(result) => break result,
                None => state = self.shared.wait(state),
            }
        };
        state.taken += 1;
        drop(state);
        self.shared.changed.notify_all();
        Some(result.unwrap_or_else(|payload| panic::resume_unwind(payload)))
    }
}

impl<T> Drop for Ahead<T> {
    fn drop(&mut self) {
        self.shared.lock().stopped = true;
        self.shared.changed.notify_all();
        for thread in self.threads.drain(..) {
            // A thread catches the panics of its jobs, and has none of its own.
            let _ = thread.join();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn results_are_in_order_for_any_number_of_threads() {
        for threads in [0, 1, 2, 7] {
            let squares = ordered_map(threads, 100, |i| ControlFlow::Continue(i * i)).unwrap();
            assert!(squares.iter().enumerate().all(|(i, &s)| s == i * i));
            let ahead: Vec<usize> = Ahead::spawn(threads, 100, 3, |i| i * i).collect();
            assert_eq!(ahead, squares);
        }
        assert_eq!(ordered_map(2, 0, |_| ControlFlow::Continue(())), Some(vec![]));
        assert_eq!(Ahead::spawn(2, 0, 2, |i| i).next(), None);
    }

    #[test]
    fn breaking_off_ends_the_rest() {
        let seen = AtomicUsize::new(0);
        let result = ordered_map(1, 1000, |i| {
            seen.fetch_add(1, Ordering::Relaxed);
            if i == 9 { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
        });
        assert_eq!((result, seen.into_inner()), (None, 10));
    }

    #[test]
    fn threads_keep_within_reach() {
        let started = Arc::new(AtomicUsize::new(0));
        let count = Arc::clone(&started);
        let mut ahead = Ahead::spawn(4, 1000, 5, move |i| {
            count.fetch_add(1, Ordering::SeqCst);
            i
        });
        for taken in 0..20 {
            // Before the call at most `taken + 5` may have been started, and the call makes room for one more.
            assert!(started.load(Ordering::SeqCst) <= taken + 5);
            assert_eq!(ahead.next(), Some(taken));
        }
        drop(ahead);
        assert!(started.load(Ordering::SeqCst) <= 25);
    }

    #[test]
    fn a_panic_comes_out_where_the_result_is_asked_for() {
        let mut ahead = Ahead::spawn(2, 3, 3, |i| {
            assert!(crate::decode::catch_panic(|| assert_ne!(i, 1)).is_some(), "job 1");
            i
        });
        assert_eq!(ahead.next(), Some(0));
        assert!(crate::decode::catch_panic(|| ahead.next()).is_none());
        assert_eq!(ahead.next(), Some(2));
    }
}
