//! Folders of small pictures, made for one test and removed after it.

use std::fs;
use std::ops::ControlFlow;
use std::path::Path;

use graft_data::{Folder, Target, Verified, VerifyOptions, verify};
use graft_kernels::random::{Purpose, Stream};
use image::RgbImage;

/// A temporary folder.
pub(crate) struct Photos(tempfile::TempDir);

impl Photos {
    /// A folder with pictures of these names, no two alike; a name that ends with `/` is a folder.
    pub(crate) fn new(names: &[&str]) -> Self {
        let photos = Self(tempfile::tempdir().unwrap());
        names.iter().for_each(|name| photos.add(name));
        photos
    }

    pub(crate) fn path(&self) -> &Path {
        self.0.path()
    }

    /// Adds a picture whose size and colours follow from its name.
    pub(crate) fn add(&self, name: &str) {
        let path = self.path().join(name);
        if name.ends_with('/') {
            return fs::create_dir_all(path).unwrap();
        }
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        let key = name.bytes().fold(7, |key: u64, b| key.wrapping_mul(31).wrapping_add(b.into()));
        let mut random = Stream::new(key, Purpose::Data, 0, 0);
        let (width, height) = (8 + random.below(20), 8 + random.below(20));
        RgbImage::from_fn(width, height, |_, _| {
            image::Rgb(random.next_u32().to_le_bytes()[..3].try_into().unwrap())
        })
        .save_with_format(path, image::ImageFormat::Png)
        .unwrap();
    }

    /// Adds a file of any content.
    #[allow(dead_code, reason = "not every test file that shares this module needs it")]
    pub(crate) fn write(&self, name: &str, content: &[u8]) {
        let path = self.path().join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, content).unwrap();
    }

    /// A path below the folder, with slashes.
    #[allow(dead_code, reason = "not every test file that shares this module needs it")]
    pub(crate) fn name(&self, path: &Path) -> String {
        path.strip_prefix(self.path()).unwrap().to_str().unwrap().replace('\\', "/")
    }
}

/// The folder scanned and verified, its pixels kept at 16 × 16.
pub(crate) fn verified(photos: &Photos) -> Verified {
    let options = VerifyOptions { keep: Some(Target::square(16)), ..VerifyOptions::default() };
    verify(Folder::scan(photos.path(), None).unwrap(), &options, &|_| ControlFlow::Continue(())).unwrap()
}
