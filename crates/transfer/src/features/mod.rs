//! What the frozen layers make of each picture, computed once.
//!
//! A frozen base is most of the work of transfer learning and gives the same answer in every epoch. Keras's recipes
//! compute it again each time; those who keep it by hand have to keep rows, labels and shuffling in step, and get it
//! wrong. Here it is a matter of course: whatever lies before the first layer that is trained (the *cut*) is run once for
//! each distinct picture, and training starts behind it, shuffling rows of features as it would pictures.
//!
//! It is exact only where a picture looks the same in every epoch; pictures that are augmented are not cached.

mod disk;
mod store;

use std::collections::HashMap;
use std::path::{Path, PathBuf};

use graft_data::Loader;
use graft_nn::Sequential;
use graft_tensor::{DType, Tensor};

pub use disk::{DiskCache, Key};
pub use store::FeatureStore;

use crate::cache::user_cache;
use crate::interrupt::is_interrupted;
use crate::progress::{self, note};
use crate::{Error, Result};

/// Where features are kept.
#[derive(Debug, Clone)]
pub enum CacheChoice {
    /// For this run, and in the user's cache folder for the next, if that can be written to.
    Auto,
    /// Not at all: the frozen layers run in every epoch.
    Off,
    /// For this run, and in this folder for the next.
    Folder(PathBuf),
}

impl CacheChoice {
    /// From the value of `--feature-cache`.
    pub fn parse(value: &str) -> Self {
        match value {
            "auto" => Self::Auto,
            "off" => Self::Off,
            folder => Self::Folder(PathBuf::from(folder)),
        }
    }
}

/// Where features come from, and where they may be kept.
pub struct Extractor<'a> {
    /// The pictures, few at a time.
    pub loader: &'a Loader,
    /// What decides the features beside the picture and the layers with their weights: resizing, preprocessing, kernels.
    pub conditions: String,
    /// Where to keep them.
    pub choice: &'a CacheChoice,
    /// How large the cache folder may grow, in bytes.
    pub limit: u64,
    /// The precision of what is held in memory.
    pub precision: DType,
}

impl Extractor<'_> {
    /// The output of the layers before `cut` for each of `samples`. What `below` holds, the output of the layers before an
    /// earlier cut, saves the way from the pixels to there.
    ///
    /// # Errors
    /// If a picture can no longer be read, there is no room, or somebody interrupts.
    pub fn extract(
        &self,
        model: &Sequential,
        cut: usize,
        samples: &[usize],
        below: Option<(usize, &FeatureStore)>,
    ) -> Result<FeatureStore> {
        let shape =
            cut.checked_sub(1).map_or(*model.input_shape(), |last| *model.layers()[last].output_shape());
        let dataset = self.loader.dataset();
        let disk = self.disk_cache(model, cut)?;
        let spill = disk.as_ref().map_or_else(std::env::temp_dir, |d| d.root().to_owned());
        let mut store = FeatureStore::new(shape, dataset.samples.len(), samples, self.precision, &spill)?;
        let key = |sample: usize| Key::from_digest(dataset.samples[sample].digest);
        let mut copies: HashMap<Key, Vec<usize>> = HashMap::new();
        let mut missing = Vec::new();
        for &sample in samples {
            match disk.as_ref().and_then(|d| d.get(key(sample), shape)) {
                Some(row) => store.put(sample, row.data())?,
                None => {
                    let same = copies.entry(key(sample)).or_default();
                    if same.is_empty() {
                        missing.push(sample);
                    }
                    same.push(sample);
                }
            }
        }
        let bytes = (missing.len() * shape.elements() * size_of::<f32>()) as u64;
        let disk = disk.filter(|disk| missing.is_empty() || self.has_room(disk, bytes));
        let bar = progress::pictures("features", samples.len());
        bar.set_position((samples.len() - copies.values().map(Vec::len).sum::<usize>()) as u64);
        let mut disk_is_well = true;
        let mut keep = |batch: &[usize], rows: &Tensor| -> Result<()> {
            for (i, &sample) in batch.iter().enumerate() {
                if let Some(Err(e)) =
                    disk.as_ref().filter(|_| disk_is_well).map(|d| d.put(key(sample), rows.row(i)))
                {
                    disk_is_well = false;
                    note(format!("note: features are not kept for the next run ({e})"));
                }
                let same = &copies[&key(sample)];
                same.iter().try_for_each(|&s| store.put(s, rows.row(i)))?;
                bar.inc(same.len() as u64);
            }
            match is_interrupted() {
                true => Err(Error::interrupted("while the features were computed")),
                false => Ok(()),
            }
        };
        match below {
            Some((from, below)) => {
                for batch in missing.chunks(PICTURES_AT_ONCE) {
                    keep(batch, &model.predict_range(from..cut, &below.batch(batch)?)?)?;
                }
            }
            None => {
                for batch in self.loader.batches(missing) {
                    let batch = batch?;
                    keep(&batch.samples, &model.predict_range(0..cut, &batch.x)?)?;
                }
            }
        }
        bar.finish_and_clear();
        Ok(store)
    }

    /// Whether so many bytes may be added to the folder, after the oldest in it have gone.
    fn has_room(&self, disk: &DiskCache, bytes: u64) -> bool {
        if bytes > self.limit {
            let (gb, limit) = (bytes as f64 / 1e9, self.limit as f64 / 1e9);
            note(format!(
                "note: the features, {gb:.1} GB, are not kept for the next run: --feature-cache-limit is {limit} GB"
            ));
        }
        // A folder that cannot be swept is too large, not wrong.
        bytes <= self.limit && disk.make_room(bytes).is_ok()
    }

    fn disk_cache(&self, model: &Sequential, cut: usize) -> Result<Option<DiskCache>> {
        let layers = &model.config().layers[..cut];
        let layers = layers.iter().map(|l| serde_json::to_vec(&l.layer)).collect::<Result<Vec<_>, _>>();
        let layers = layers.map_err(|e| Error::Usage(e.to_string()))?.concat();
        let weights = digest_of_weights(model, cut);
        let input = model.input_shape().to_string();
        let key = Key::of(&[&weights, &layers, input.as_bytes(), self.conditions.as_bytes()]);
        let open = |folder: &Path| DiskCache::open(folder, key, self.limit);
        match self.choice {
            CacheChoice::Off => Ok(None),
            CacheChoice::Folder(folder) => open(folder).map(Some).map_err(|e| {
                Error::output(
                    folder,
                    format!("features cannot be kept there ({e})"),
                    "name another --feature-cache, or `off`",
                )
            }),
            // A convenience that cannot be had is no reason to fail.
            CacheChoice::Auto => Ok(user_cache("features").and_then(|folder| open(&folder).ok())),
        }
    }
}

/// Names the weights of the layers before `cut`.
fn digest_of_weights(model: &Sequential, cut: usize) -> Vec<u8> {
    let mut hasher = blake3::Hasher::new();
    for w in model.layers()[..cut].iter().flat_map(|l| l.weights()) {
        hasher.update_rayon(bytemuck::cast_slice(w.value.data()));
    }
    hasher.finalize().as_bytes().to_vec()
}

/// How many pictures go through the base at once: enough to keep every core busy with the maps of 7 × 7, few enough that
/// the widest of the others (12.8 MB a picture and layer) stay around 200 MB.
pub const PICTURES_AT_ONCE: usize = 8;
