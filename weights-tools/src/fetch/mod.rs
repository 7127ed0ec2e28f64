//! Keras's published files: from Keras's own cache folder, else from the network.
//!
//! Both Keras and Graft keep them in `~/.keras/models` (or `$KERAS_HOME/models`), so that each finds what the other has
//! brought. A file that lies there is checked before it is used, as an interrupted download of Keras leaves a part under
//! the full name. A download goes to `<name>.part`, is resumed where it broke off, and gets its name when its size and
//! MD5 are those that Keras publishes.

mod answer;
mod download;
#[cfg(test)]
mod tests;

use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use crate::digest::md5_of;
use crate::{CLASS_INDEX, Official, Result, VGG16_TOP, WeightsError, WeightsFile, match_layers, official};

/// Where Keras publishes the weights of VGG16.
const WEIGHTS_URL: &str = "https://storage.googleapis.com/tensorflow/keras-applications/vgg16/";
/// Where Keras publishes the class index.
const CLASS_INDEX_URL: &str = "https://storage.googleapis.com/download.tensorflow.org/data/";

/// How a file was had.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Origin {
    /// It lay in the cache folder.
    Cache,
    /// It was downloaded, all or the rest of it.
    Download,
}

/// A file at hand.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Fetched {
    /// Where it is.
    pub path: PathBuf,
    /// How it was had.
    pub origin: Origin,
    /// What a person should know all the same.
    pub note: Option<String>,
}

/// Finds Keras's files in the cache folder, and brings what is not there.
#[derive(Clone, Debug)]
pub struct Fetcher {
    base_url: Option<String>,
    dir: PathBuf,
    progress: bool,
    patience: Patience,
    interrupted: Option<&'static AtomicBool>,
}

/// How often a broken connection is taken up again.
#[derive(Clone, Copy, Debug)]
struct Patience {
    /// Connections in a row that bring nothing new.
    attempts: u32,
    /// The wait before the second one; it doubles with each.
    pause: Duration,
}

impl Fetcher {
    /// Keras's own servers and cache folder, with a progress bar where stderr is a terminal.
    ///
    /// # Errors
    /// If neither `KERAS_HOME` nor a home folder is set.
    pub fn new() -> Result<Self> {
        Ok(Self::with_dir(cache_dir()?))
    }

    /// The same with another folder than Keras's.
    pub fn with_dir(dir: impl Into<PathBuf>) -> Self {
        let patience = Patience { attempts: 3, pause: Duration::from_secs(1) };
        Self { base_url: None, dir: dir.into(), progress: true, patience, interrupted: None }
    }

    /// Fetches `<base>/<name>` instead: from a mirror, or a server of one's own.
    pub fn base_url(mut self, base: impl Into<String>) -> Self {
        self.base_url = Some(base.into());
        self
    }

    /// Whether to show a progress bar on a terminal.
    pub fn progress(mut self, show: bool) -> Self {
        self.progress = show;
        self
    }

    /// Ends a download soon after this becomes true, with [`WeightsError::Interrupted`]; what has come is kept.
    pub fn interrupted_by(mut self, flag: &'static AtomicBool) -> Self {
        self.interrupted = Some(flag);
        self
    }

    fn is_interrupted(&self) -> bool {
        self.interrupted.is_some_and(|flag| flag.load(Ordering::Relaxed))
    }

    /// The file in the cache folder, if it is there and sound: byte for byte Keras's own, or one of the right names and
    /// shapes, with a note.
    pub fn cached(&self, file: &Official) -> Option<Fetched> {
        let path = self.dir.join(file.name);
        let bytes = std::fs::metadata(&path).ok()?.len();
        let own = bytes == file.bytes && md5_of(&path).is_ok_and(|md5| md5 == file.md5);
        let note = match own {
            true => None,
            false if fault(&path, file).is_none() => {
                Some(format!("{}: {}", path.display(), official::NOT_KERAS_OWN))
            }
            false => return None,
        };
        Some(Fetched { path, origin: Origin::Cache, note })
    }

    /// The file, from the cache folder or else from the network.
    ///
    /// # Errors
    /// If it is neither there nor to be had; the message says how to get it by hand.
    pub fn get(&self, file: &Official) -> Result<Fetched> {
        self.cached(file).map_or_else(|| self.fetch(file), Ok)
    }

    /// The same, to be used at once: what lies in the cache folder is taken if its names and shapes are right, and its
    /// digest is left to `weights fetch` and `weights verify`. To read 553 MB for it takes longer than to name a picture.
    ///
    /// # Errors
    /// As [`Fetcher::get`].
    pub fn at_hand(&self, file: &Official) -> Result<PathBuf> {
        let path = self.dir.join(file.name);
        if path.exists() && fault(&path, file).is_none() { Ok(path) } else { Ok(self.fetch(file)?.path) }
    }

    fn fetch(&self, file: &Official) -> Result<Fetched> {
        let made: Vec<_> = self.dir.ancestors().take_while(|folder| !folder.exists()).collect();
        std::fs::create_dir_all(&self.dir).map_err(WeightsError::writing("make the folder", &self.dir))?;
        let brought = download::download(self, file);
        if brought.is_err() {
            // Folders made for a file that did not come go again; one that holds a part of it cannot be removed, and stays.
            let _ = made.into_iter().try_for_each(std::fs::remove_dir);
        }
        Ok(Fetched { path: brought?, origin: Origin::Download, note: None })
    }

    fn url(&self, file: &Official) -> String {
        let base = match &self.base_url {
            Some(base) => base,
            None if file.name == CLASS_INDEX.name => CLASS_INDEX_URL,
            None => WEIGHTS_URL,
        };
        format!("{}/{}", base.trim_end_matches('/'), file.name)
    }
}

/// `$KERAS_HOME/models`, else `~/.keras/models`.
///
/// # Errors
/// If there is no home folder.
pub fn cache_dir() -> Result<PathBuf> {
    let set = std::env::var_os("KERAS_HOME").filter(|h| !h.is_empty()).map(PathBuf::from);
    let home =
        set.or_else(|| std::env::home_dir().filter(|h| !h.as_os_str().is_empty()).map(|h| h.join(".keras")));
    home.map(|h| h.join("models")).ok_or_else(|| {
        let unset = std::io::Error::other("neither HOME nor KERAS_HOME is set");
        WeightsError::writing("find", &Path::new("~").join(".keras").join("models"))(unset)
    })
}

/// Why a file does not hold what Keras's own does, as far as names and shapes tell; `None` where it does.
fn fault(path: &Path, file: &Official) -> Option<String> {
    if file.name != CLASS_INDEX.name {
        let layers = official::vgg(16, file.name == VGG16_TOP.name);
        let matched = WeightsFile::open(path).and_then(|f| match_layers(&f, &layers));
        // A table of all tensors would be too much here.
        return matched.err().map(|e| e.to_string().lines().next().unwrap_or_default().to_owned());
    }
    let index = std::fs::read(path).ok().filter(|json| json.len() as u64 <= 100 * CLASS_INDEX.bytes);
    let index = index
        .and_then(|json| serde_json::from_slice::<serde_json::Map<String, serde_json::Value>>(&json).ok());
    let whole = index.is_some_and(|classes| classes.len() == 1000);
    (!whole).then(|| format!("{} is not the names of 1000 classes", path.display()))
}
