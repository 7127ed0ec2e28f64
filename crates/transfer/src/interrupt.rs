//! Ctrl-C: the first asks the run to save and end, the second ends it at once.

use std::sync::atomic::{AtomicBool, Ordering};

use crate::progress::note;

/// Raised by the first Ctrl-C (or by a polite `kill`), and looked at between batches.
pub static INTERRUPTED: AtomicBool = AtomicBool::new(false);

/// The exit code of a process that was interrupted.
const EXIT_INTERRUPTED: i32 = 130;

/// Begins to listen.
pub fn listen() {
    let handler = || {
        if INTERRUPTED.swap(true, Ordering::Relaxed) {
            std::process::exit(EXIT_INTERRUPTED);
        }
        note("\ninterrupted: ending as soon as what there is is saved (once more to end at once)");
    };
    // Without a handler Ctrl-C ends the process as ever: a run need not fail for that.
    if let Err(e) = ctrlc::set_handler(handler) {
        note(format_args!("note: Ctrl-C will not save the model ({e})"));
    }
}

/// Whether somebody wants the run to end.
pub fn is_interrupted() -> bool {
    INTERRUPTED.load(Ordering::Relaxed)
}
