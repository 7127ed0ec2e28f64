//! How every binary begins and ends: kernels, threads and Ctrl-C; an error's sentence and its exit code.

use std::process::ExitCode;

use graft_kernels::{Isa, keep_freed_memory};

use crate::progress::note;
use crate::{Error, Result, interrupt};

/// The exit code of a result, after its error has been told.
pub fn finish(result: Result<()>) -> ExitCode {
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(e) => {
            note(format_args!("error: {e}"));
            ExitCode::from(e.exit_code())
        }
    }
}

/// More threads than machines have cores; a system asked for a hundred thousand is busy with them for minutes.
const MAX_THREADS: usize = 1024;

/// Threads, kernels and signals for the whole process; tells how many threads there are.
///
/// # Errors
/// [`Error::Usage`] if `GRAFT_ISA` names kernels that this machine cannot run, or there are to be no threads
/// or too many.
pub fn prepare(threads: Option<usize>) -> Result<usize> {
    graft_tensor::outlive_file_size_limit();
    keep_freed_memory();
    Isa::from_env().map_err(|e| Error::Usage(e.to_string()))?;
    if let Some(n) = threads.filter(|n| !(1..=MAX_THREADS).contains(n)) {
        return Err(Error::Usage(format!("--threads must be from 1 to {MAX_THREADS}, got {n}")));
    }
    let threads = threads.unwrap_or_else(|| std::thread::available_parallelism().map_or(1, usize::from));
    // The main thread is one of them: what it shares out it begins itself, and no other has to be woken for it. Whoever
    // reads ahead does so on threads of its own, outside the pool, and never waits for this one.
    let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).use_current_thread().build_global();
    pool.map_err(|e| {
        Error::Usage(format!("{threads} threads cannot be started ({e}); give --threads a smaller number"))
    })?;
    interrupt::listen();
    Ok(threads)
}
