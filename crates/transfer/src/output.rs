//! Data on standard output.

use std::io::{ErrorKind, Write};
use std::path::Path;

use crate::{Error, Result};

/// Prints text for another program, or a person, to read.
///
/// # Errors
/// If it cannot be written. A reader who has seen enough and gone, as `head` does, is no error.
pub fn to_stdout(text: &str) -> Result<()> {
    let mut out = std::io::stdout().lock();
    match out.write_all(text.as_bytes()).and_then(|()| out.flush()) {
        Err(e) if e.kind() != ErrorKind::BrokenPipe => Err(Error::write(Path::new("standard output"), &e)),
        _ => Ok(()),
    }
}
