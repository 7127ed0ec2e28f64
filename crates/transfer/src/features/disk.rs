//! Features on disk: one small file a picture and cut, found again by what they were made from.
//!
//! ```text
//! <folder>/<model key>/<picture key>.feature
//!            │            └ blake3 of the picture file's bytes
//!            └ blake3 of all else that decides the numbers: weights, cut, size, resizing, preprocessing, kernels
//! ```
//!
//! Two runs may share the folder: a file appears under its name only when it is whole (written beside, renamed), both
//! would write the same bytes, and a file that is missing, of an old format or damaged is simply made again. When the
//! folder outgrows its limit, the files not used for the longest time go first.

use std::fs::{self, File};
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use graft_tensor::{Shape, Tensor};

/// Four letters and the version of the format.
const MAGIC: [u8; 8] = *b"GRAFTF\x00\x01";
/// Magic, blake3 of the payload.
const HEADER: usize = MAGIC.len() + blake3::OUT_LEN;
/// Emptied to this share of the limit when it is exceeded, so that not every run has to sweep.
const KEEP_AFTER_SWEEP: f64 = 0.8;

/// A file half written for this long has no writer any more.
const ABANDONED: Duration = Duration::from_secs(24 * 3600);

/// A folder of features made by one network under one preprocessing.
#[derive(Debug, Clone)]
pub struct DiskCache {
    root: PathBuf,
    folder: PathBuf,
    limit: u64,
}

/// The name of a picture's content, or of all that decides a feature besides the picture.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Key(blake3::Hash);

impl Key {
    /// The key of these parts; no two lists of parts share one.
    pub fn of(parts: &[&[u8]]) -> Self {
        let mut h = blake3::Hasher::new();
        for p in parts {
            h.update(&(p.len() as u64).to_le_bytes());
            h.update(p);
        }
        Self(h.finalize())
    }

    /// The key that a blake3 digest already is.
    pub fn from_digest(digest: [u8; 32]) -> Self {
        Self(digest.into())
    }

    fn hex(&self) -> String {
        self.0.to_hex()[..32].to_owned()
    }
}

impl DiskCache {
    /// The features of one network in a cache folder, which is made if it is not there; `limit` in bytes is that of
    /// the whole folder.
    ///
    /// # Errors
    /// If the folder cannot be made or written to.
    pub fn open(root: &Path, model: Key, limit: u64) -> io::Result<Self> {
        let folder = root.join(model.hex());
        fs::create_dir_all(&folder)?;
        tempfile::tempfile_in(&folder)?;
        Ok(Self { root: root.to_owned(), folder, limit })
    }

    /// The cache folder as a whole.
    pub fn root(&self) -> &Path {
        &self.root
    }

    /// The features of a picture, or `None` where there are none of this shape that can be trusted.
    pub fn get(&self, picture: Key, shape: Shape) -> Option<Tensor> {
        let mut t = Tensor::try_zeros(shape).ok()?;
        self.read_into(picture, t.data_mut())?;
        Some(t)
    }

    /// As [`DiskCache::get`], into a row of a batch.
    pub fn read_into(&self, picture: Key, out: &mut [f32]) -> Option<()> {
        let mut file = File::open(self.path(picture)).ok()?;
        let payload = std::mem::size_of_val(out);
        if file.metadata().ok()?.len() != (HEADER + payload) as u64 {
            return None;
        }
        let mut header = [0; HEADER];
        file.read_exact(&mut header).ok()?;
        let bytes: &mut [u8] = bytemuck::cast_slice_mut(out);
        file.read_exact(bytes).ok()?;
        let whole =
            header[..MAGIC.len()] == MAGIC && header[MAGIC.len()..] == *blake3::hash(bytes).as_bytes();
        // The time of the last use decides what is swept; where it cannot be set, the time of writing will do.
        let _ = file.set_modified(SystemTime::now());
        whole.then_some(())
    }

    /// Keeps the features of a picture.
    ///
    /// # Errors
    /// What the file system says: a full disk, a folder taken away.
    pub fn put(&self, picture: Key, features: &[f32]) -> io::Result<()> {
        let payload: &[u8] = bytemuck::cast_slice(features);
        let mut file = tempfile::Builder::new().suffix(".part").tempfile_in(&self.folder)?;
        file.write_all(&MAGIC)?;
        file.write_all(blake3::hash(payload).as_bytes())?;
        file.write_all(payload)?;
        // Not synced: a file that a power cut tears fails its digest and is made again.
        file.persist(self.path(picture)).map_err(|e| e.error)?;
        Ok(())
    }

    /// Makes room for `more` bytes: the longest unused files go first, until what is left and they are within the limit.
    /// Tells how many went.
    ///
    /// # Errors
    /// If the folder cannot be listed. A file that another run removes meanwhile is no error.
    pub fn make_room(&self, more: u64) -> io::Result<usize> {
        let mut files = Vec::new();
        for model in fs::read_dir(&self.root)?.filter_map(Result::ok).filter(|e| e.path().is_dir()) {
            for file in fs::read_dir(model.path())?.filter_map(Result::ok) {
                let Ok(meta) = file.metadata() else { continue };
                let used = meta.modified().unwrap_or(SystemTime::UNIX_EPOCH);
                match file.path().extension().and_then(|e| e.to_str()) {
                    Some("feature") => files.push((used, meta.len(), file.path())),
                    // Left by a run that was killed while it wrote.
                    Some("part") if used.elapsed().is_ok_and(|age| age > ABANDONED) => {
                        let _ = fs::remove_file(file.path());
                    }
                    _ => {}
                }
            }
        }
        let mut total = files.iter().fold(more, |sum, f| sum.saturating_add(f.1));
        if total <= self.limit {
            return Ok(0);
        }
        files.sort();
        let goal = (self.limit as f64 * KEEP_AFTER_SWEEP) as u64;
        let mut removed = 0;
        for (_, len, path) in files {
            if total <= goal {
                break;
            }
            if fs::remove_file(path).is_ok() {
                removed += 1;
                total -= len;
            }
        }
        Ok(removed)
    }

    fn path(&self, picture: Key) -> PathBuf {
        self.folder.join(picture.hex()).with_extension("feature")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cache(limit: u64) -> (tempfile::TempDir, DiskCache) {
        let dir = tempfile::tempdir().unwrap();
        let cache = DiskCache::open(dir.path(), Key::of(&[b"weights"]), limit).unwrap();
        (dir, cache)
    }

    #[test]
    fn what_is_put_is_got_to_the_bit() {
        let (_dir, c) = cache(1 << 20);
        let t = Tensor::from_fn([2, 3], |i| if i == 4 { f32::NAN } else { i as f32 / 7.0 });
        c.put(Key::of(&[b"a"]), t.data()).unwrap();
        let back = c.get(Key::of(&[b"a"]), *t.shape()).unwrap();
        let bits = |t: &Tensor| t.data().iter().map(|v| v.to_bits()).collect::<Vec<_>>();
        assert_eq!(bits(&back), bits(&t));
        assert!(c.get(Key::of(&[b"b"]), *t.shape()).is_none());
        assert!(c.get(Key::of(&[b"a"]), Shape::from([7])).is_none(), "another shape is another feature");
    }

    #[test]
    fn damage_is_a_miss() {
        let (_dir, c) = cache(1 << 20);
        let key = Key::of(&[b"a"]);
        c.put(key, &[1.0; 8]).unwrap();
        let path = c.path(key);
        let whole = fs::read(&path).unwrap();
        for at in [0, 10, whole.len() - 1] {
            let mut bad = whole.clone();
            bad[at] ^= 1;
            fs::write(&path, bad).unwrap();
            assert!(c.get(key, Shape::from([8])).is_none(), "byte {at}");
        }
        fs::write(&path, &whole[..whole.len() - 3]).unwrap();
        assert!(c.get(key, Shape::from([8])).is_none());
        c.put(key, &[1.0; 8]).unwrap();
        assert!(c.get(key, Shape::from([8])).is_some(), "made again");
    }

    #[test]
    fn the_longest_unused_goes_first() {
        let one = (HEADER + 4000) as u64;
        let (_dir, c) = cache(3 * one);
        let keys: Vec<_> = (0..4u8).map(|i| Key::of(&[&[i]])).collect();
        for (i, k) in keys.iter().enumerate() {
            c.put(*k, &[i as f32; 1000]).unwrap();
            let age = std::time::Duration::from_secs(1000 - i as u64);
            File::options()
                .write(true)
                .open(c.path(*k))
                .unwrap()
                .set_modified(SystemTime::now() - age)
                .unwrap();
        }
        assert!(c.get(keys[0], Shape::from([1000])).is_some(), "used just now");
        assert_eq!(c.make_room(0).unwrap(), 2);
        let left: Vec<_> = keys.iter().map(|k| c.get(*k, Shape::from([1000])).is_some()).collect();
        assert_eq!(left, [true, false, false, true]);
        assert_eq!(c.make_room(0).unwrap(), 0);
        assert_eq!(c.make_room(2 * one).unwrap(), 2, "room for two more");
    }

    #[test]
    fn keys_do_not_run_into_each_other() {
        assert_ne!(Key::of(&[b"ab", b"c"]), Key::of(&[b"a", b"bc"]));
    }
}
