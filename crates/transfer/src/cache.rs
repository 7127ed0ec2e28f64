//! Where the user's files go that can be made again at any time.

use std::path::PathBuf;

/// A folder of ours within the user's cache: `$XDG_CACHE_HOME/graft/<name>`, or that below `~/.cache`. `None` where
/// neither variable names an absolute path.
pub(crate) fn user_cache(name: &str) -> Option<PathBuf> {
    let absolute = |name| std::env::var_os(name).map(PathBuf::from).filter(|p: &PathBuf| p.is_absolute());
    let cache = absolute("XDG_CACHE_HOME").or_else(|| Some(absolute("HOME")?.join(".cache")))?;
    Some(cache.join("graft").join(name))
}
