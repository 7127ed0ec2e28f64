//! Files that are either whole or not there.

use std::fs::File;
use std::io::{self, BufWriter};
use std::path::Path;

/// Writes a file so that under its name there is, at every moment and after a power cut, either what was there before
/// or all of the new content: written beside it, synced, renamed.
///
/// # Errors
/// What the file system says, or what `write` gives; the old content then stands untouched.
///
/// ```
/// use std::io::Write;
/// # let folder = tempfile::tempdir()?;
/// # let path = folder.path().join("history.csv");
/// graft_tensor::write_atomically(&path, |w| w.write_all(b"epoch,loss\n"))?;
/// assert_eq!(std::fs::read(&path)?, b"epoch,loss\n");
/// # Ok::<(), std::io::Error>(())
/// ```
pub fn write_atomically(
    path: &Path,
    write: impl FnOnce(&mut BufWriter<&File>) -> io::Result<()>,
) -> io::Result<()> {
    let folder = path.parent().filter(|p| !p.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let mut builder = tempfile::Builder::new();
    builder.prefix(".graft-").suffix(".part");
    #[cfg(unix)]
    builder.permissions(std::os::unix::fs::PermissionsExt::from_mode(0o666)); // less the umask, as any new file
    let file = builder.tempfile_in(folder).map_err(plain)?;
    let mut buffered = BufWriter::new(file.as_file());
    write(&mut buffered)?;
    buffered.into_inner()?.sync_all()?;
    file.persist(path).map_err(|e| e.error)?;
    // The rename itself lasts only once the folder is synced, which Unix alone allows.
    if cfg!(unix) { File::open(folder)?.sync_all() } else { Ok(()) }
}

/// Has a write beyond the limit on the size of files (`ulimit -f`) fail, as one to a full disk does. Left to itself, the
/// system ends the process there and then, without a word, and what was half written stays. For a program to begin with.
pub fn outlive_file_size_limit() {
    // Once anybody listens to the signal, it ends nothing. That it cannot be listened to is no reason not to begin.
    #[cfg(unix)]
    let _ = signal_hook::flag::register(signal_hook::consts::SIGXFSZ, std::sync::Arc::default());
}

/// What to do about a file that the system would not write, for the end of a sentence.
pub fn write_remedy(error: &io::Error) -> &'static str {
    match error.kind() {
        io::ErrorKind::FileTooLarge => "raise the limit on the size of files (ulimit -f)",
        _ => "name a place that you may write to and that has room",
    }
}

/// What the system said, without the temporary file that `tempfile` adds: nobody who reads the message has asked for that.
pub fn plain(error: io::Error) -> io::Error {
    match error.to_string().split_once(" at path ") {
        Some((said, _)) if error.raw_os_error().is_none() => io::Error::new(error.kind(), said),
        _ => error,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Write;

    #[test]
    fn a_failure_leaves_what_was_there_and_nothing_else() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("x");
        write_atomically(&path, |w| w.write_all(b"old")).unwrap();
        let failed = write_atomically(&path, |w| w.write_all(b"new").and(Err(io::Error::other("full"))));
        assert_eq!(failed.unwrap_err().to_string(), "full");
        assert_eq!(std::fs::read(&path).unwrap(), b"old");
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 1);
    }

    #[test]
    fn the_reason_of_a_failure_names_no_temporary_file() {
        let folder = tempfile::tempdir().unwrap();
        let failed = write_atomically(&folder.path().join("nowhere/x"), |_| Ok(())).unwrap_err();
        assert_eq!(failed.kind(), io::ErrorKind::NotFound);
        assert!(!failed.to_string().contains(".part"), "{failed}");
    }

    #[cfg(unix)]
    #[test]
    fn others_may_read_it_as_they_may_any_new_file() {
        use std::os::unix::fs::PermissionsExt;
        let folder = tempfile::tempdir().unwrap();
        let [ours, plain] = ["ours", "plain"].map(|name| folder.path().join(name));
        write_atomically(&ours, |w| w.write_all(b"x")).unwrap();
        File::create(&plain).unwrap();
        let mode = |path: &Path| std::fs::metadata(path).unwrap().permissions().mode();
        assert_eq!(mode(&ours), mode(&plain));
    }
}
