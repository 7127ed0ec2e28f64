//! What is known about a file beside its tensors: what network it is, who wrote it, on what terms it comes.

use super::WeightsFile;
use crate::digest::md5_of;
use crate::official::{Identity, LICENCE, NOT_KERAS_OWN, PREPROCESSING, WEIGHTS};
use crate::{Result, WeightsError};

/// The largest file whose digest is a matter of a moment: the convolutions alone, not the whole network.
const DIGESTED: u64 = 100 << 20;

impl WeightsFile {
    fn identity(&self) -> Identity {
        Identity::of(&self.entries, self.is_theano())
    }

    /// What the file is, as far as its names and shapes tell: "VGG16 without its top", ….
    pub fn architecture(&self) -> String {
        self.identity().to_string()
    }

    /// What the file is and who wrote it, in one line.
    pub fn provenance(&self) -> String {
        let name = self.path.file_name().unwrap_or(self.path.as_os_str()).to_string_lossy();
        let from = match (self.manifest().and_then(|m| m.source.as_ref()), &self.writer) {
            (Some(s), _) => format!(", converted from {} (SHA-256 {})", s.file, s.sha256),
            (None, Some(version)) => format!(", written by Keras {version}"),
            (None, None) => String::new(),
        };
        format!("{name}: {}; {}{from}", self.architecture(), self.layout)
    }

    /// Whose the weights are and on what terms, where that is known: they have VGG's names and shapes.
    pub fn licence(&self) -> Option<&str> {
        match self.manifest() {
            Some(m) => m.licence.as_deref(),
            None => self.is_vgg().then_some(LICENCE),
        }
    }

    /// What pixels go through before they meet these weights, where that is known.
    pub fn preprocessing(&self) -> Option<&str> {
        match self.manifest() {
            Some(m) => m.preprocessing.as_ref().map(|p| p.description.as_str()),
            None => self.is_vgg().then_some(PREPROCESSING),
        }
    }

    /// A remark where this is VGG, though not byte for byte a file that Keras publishes. It is for those who are about to
    /// use the weights: a large file of the right size gets none, as its digest takes longer than its use. [`crate::verify`]
    /// looks at every byte.
    ///
    /// # Errors
    /// If the file cannot be read.
    pub fn official_note(&self) -> Result<Option<&'static str>> {
        if !self.is_vgg() {
            return Ok(None);
        }
        let own = match self.manifest() {
            Some(m) => m.source.as_ref().is_some_and(|s| WEIGHTS.iter().any(|o| o.md5 == s.md5)),
            None => {
                // The size alone clears most files of the need to read them.
                let bytes =
                    std::fs::metadata(&self.path).map_err(WeightsError::io("read", &self.path))?.len();
                match WEIGHTS.iter().find(|o| o.bytes == bytes) {
                    Some(official) if bytes <= DIGESTED => md5_of(&self.path)? == official.md5,
                    same_size => same_size.is_some(),
                }
            }
        };
        Ok((!own).then_some(NOT_KERAS_OWN))
    }

    fn is_vgg(&self) -> bool {
        matches!(self.identity(), Identity::Vgg { .. })
    }
}
