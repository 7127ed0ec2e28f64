//! What begins with files: loading, augmenting, a fit of method 1, and a `predict` from its start to its end.

use std::fs;
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;

use graft_data::augment::{Augmentation, Compat};
use graft_data::resize::Interpolation;
use graft_data::{
    Augment, Dataset, DecodeOptions, Folder, Loader, LoaderOptions, Part, PixelStore, Target, VerifyOptions,
    image_files, verify,
};
use graft_kernels::random::{Purpose, Stream};
use graft_nn::fit::{Batch, Silent};
use graft_tensor::DType;
use graft_transfer::batches::{FeatureBatches, Order};
use graft_transfer::features::{CacheChoice, Extractor, PICTURES_AT_ONCE};
use graft_vgg::Vgg16;

use crate::Result;
use crate::clock::{Clock, Extra, rounded};
use crate::network::{CLASSES, SIDE, network, trainer};
use crate::options::{Options, What};

/// Pictures to a step, here.
const BATCH: usize = 32;

/// A folder of pictures, decoded once.
struct Photos {
    dataset: Arc<Dataset>,
    store: PixelStore,
    target: Target,
    threads: usize,
}

impl Photos {
    /// A folder with a sub-folder per class. `keep` says whether the pixels stay in memory or are decoded each time.
    fn open(dir: &Path, interpolation: Interpolation, keep: bool, threads: usize) -> Result<Self> {
        let target = Target { interpolation, ..Target::square(SIDE) };
        let options = VerifyOptions { keep: keep.then_some(target), threads, ..VerifyOptions::default() };
        let verified = verify(Folder::scan(dir, None)?, &options, &|_| ControlFlow::Continue(()))?;
        Ok(Self { dataset: Arc::new(verified.dataset), store: verified.store, target, threads })
    }

    /// `n` pictures of noise, of the size of the network's, in memory.
    fn noise(n: usize, threads: usize) -> Result<Self> {
        let dir = tempfile::tempdir()?;
        for i in 0..n {
            let class = dir.path().join(format!("class{}", i % CLASSES));
            fs::create_dir_all(&class)?;
            let mut stream = Stream::new(0, Purpose::Data, 1, i as u64);
            let mut file = format!("P6\n{SIDE} {SIDE}\n255\n").into_bytes();
            file.extend((0..3 * SIDE * SIDE).map(|_| stream.below(256) as u8));
            fs::write(class.join(format!("{i:03}.ppm")), file)?;
        }
        Self::open(dir.path(), Interpolation::Bilinear, true, threads)
    }

    /// Grey levels as they are, as Keras's loaders give them.
    fn loader(&self, batch_size: usize) -> Result<Loader> {
        let options = LoaderOptions {
            target: self.target,
            decode: DecodeOptions::default(),
            batch_size,
            threads: self.threads,
            preprocess: Arc::new(|_| {}),
        };
        Ok(Loader::new(Arc::clone(&self.dataset), self.store.clone(), options)?)
    }

    fn all(&self) -> Vec<usize> {
        self.dataset.indices(Part::Train)
    }
}

/// Method 4's: turned, shifted, mirrored.
fn variants() -> Augment {
    let ranges = Augmentation {
        rotation_range: 30.0,
        width_shift_range: 0.1,
        height_shift_range: 0.1,
        horizontal_flip: true,
        ..Augmentation::default()
    };
    Augment { ranges, compat: Compat::Native, seed: 0 }
}

/// 32 pictures from memory, augmented on as many threads as there are.
pub(crate) fn augment(clock: &Clock, options: &Options) -> Result<()> {
    let photos = Photos::noise(2 * BATCH, options.threads)?;
    let (loader, mut epoch) = (photos.loader(BATCH)?, 0);
    let timing = clock.measure(2, || {
        epoch += 1;
        loader.augmented(photos.all(), variants(), epoch).try_for_each(|batch| batch.map(|_| ()))?;
        Ok(())
    })?;
    let timing = timing.of_each(2.0);
    let ms_per_image = Some(rounded(timing.median / BATCH as f64 * 1e3, 3));
    clock.tell("augment-batch32", BATCH, &timing, Extra { ms_per_image, ..Extra::default() })
}

/// Method 4's step, its pictures augmented ahead of the compute, and the same on pictures as they are.
pub(crate) fn augmented_step(clock: &Clock, options: &Options) -> Result<()> {
    let photos = Photos::noise(2 * BATCH, options.threads)?;
    let loader = photos.loader(BATCH)?;
    let mut model = network(What::D, options)?;
    let mut trainer = trainer(&mut model, What::D)?;
    let (mut epoch, mut batches) = (0, None);
    let mut measure = |what: &str, augment: Option<Augment>| {
        let timing = clock.measure(1, || {
            let batch = loop {
                match batches.as_mut().and_then(Iterator::next) {
                    Some(batch) => break batch?,
                    None => {
                        epoch += 1;
                        let order = photos.all();
                        batches = Some(match &augment {
                            Some(augment) => loader.augmented(order, augment.clone(), epoch),
                            None => loader.batches(order),
                        });
                    }
                }
            };
            let graft_data::Batch { x, samples, labels } = batch;
            let samples = samples.into_iter().map(|i| i as u64).collect();
            trainer.train_step(epoch, &Batch { x, from_layer: 0, labels, samples })?;
            Ok(())
        })?;
        batches = None;
        clock.tell(what, BATCH, &timing, Extra::default())
    };
    measure("train-d-step-without-augment", None)?;
    measure("train-d-step-with-augment", Some(variants()))
}

/// Method 1 as a program runs it once its pictures are in memory: the base's output for each of them, then epochs of
/// the head alone.
pub(crate) fn fit(clock: &Clock, options: &Options) -> Result<()> {
    const PICTURES: usize = 128;
    const EPOCHS: u64 = 5;
    let photos = Photos::noise(PICTURES, options.threads)?;
    let mut model = network(What::A, options)?;
    let from_layer = model.frozen_prefix();
    let timing = clock.measure(0, || {
        let extractor = Extractor {
            loader: &photos.loader(PICTURES_AT_ONCE)?,
            conditions: String::new(),
            choice: &CacheChoice::Off,
            limit: 0,
            precision: DType::F32,
        };
        let features = extractor.extract(&model, from_layer, &photos.all(), None)?;
        let mut batches = FeatureBatches {
            features: &features,
            from_layer,
            dataset: &photos.dataset,
            samples: photos.all(),
            order: Order::Shuffled(0),
            batch_size: BATCH,
        };
        trainer(&mut model, What::A)?.fit(&mut batches, None, 0..EPOCHS, &mut [], &mut Silent)?;
        Ok(())
    })?;
    let img_per_s = Some((EPOCHS as usize * PICTURES) as f64 / timing.median);
    clock.tell("fit-a-5epochs-128img", 0, &timing, Extra { img_per_s, ..Extra::default() })
}

/// A folder of JPEGs to batches, with each arithmetic of resizing that a peer has, and augmented.
pub(crate) fn loader(clock: &Clock, options: &Options) -> Result<()> {
    let measure = |what: &str, interpolation, augment: Option<Augment>| {
        let photos = Photos::open(&options.dir, interpolation, false, options.threads)?;
        let (loader, mut epoch) = (photos.loader(BATCH)?, 0);
        let timing = clock.measure(1, || {
            epoch += 1;
            let batches = match &augment {
                Some(augment) => loader.augmented(photos.all(), augment.clone(), epoch),
                None => loader.batches(photos.all()),
            };
            for batch in batches {
                batch?;
            }
            Ok(())
        })?;
        clock.tell(what, photos.all().len(), &timing, Extra::default())
    };
    measure("loader-tf-bilinear", Interpolation::TfBilinear, None)?;
    measure("loader-bilinear", Interpolation::Bilinear, None)?;
    measure("loader-bilinear-augment", Interpolation::Bilinear, Some(variants()))
}

/// `predict` as a user calls it: a new process, the converted folder of the whole VGG16 (its files in the page cache),
/// one photo.
pub(crate) fn predict_cold(clock: &Clock, options: &Options) -> Result<()> {
    let photo = image_files(&options.dir)?.into_iter().next().ok_or("no picture in --dir")?;
    let predict = beside_this_program("predict")?;
    let dir = tempfile::tempdir()?;
    let (weights, names) = (dir.path().join("weights"), dir.path().join("names.txt"));
    let mut model = Vgg16::with_top().build()?;
    model.initialize(0);
    let layers = model.layers().iter().filter(|l| !l.weights().is_empty());
    let tensors =
        |l: &'_ graft_nn::Placed| l.weights().iter().map(|w| (w.spec.name, w.value.clone())).collect();
    let layers: Vec<(String, Vec<_>)> = layers.map(|l| (l.name().to_owned(), tensors(l))).collect();
    drop(model);
    graft_weights::write_folder(
        &weights,
        layers.iter().map(|(name, tensors)| (name.as_str(), tensors.iter().map(|(n, t)| (*n, t)).collect())),
    )?;
    drop(layers);
    fs::write(&names, (0..1000).map(|i| format!("class {i}\n")).collect::<String>())?;
    let timing = clock.measure(1, || {
        let threads = options.threads.to_string();
        let mut command = Command::new(&predict);
        command.arg("--weights").arg(&weights).arg("--class-index").arg(&names).arg(&photo);
        command.args(["--threads", &threads, "--conv-algorithm", options.conv_algorithm.name()]);
        let output = command.output()?;
        match output.status.success() {
            true => Ok(()),
            false => Err(String::from_utf8_lossy(&output.stderr).into_owned().into()),
        }
    })?;
    clock.tell("predict-cold-process", 1, &timing, Extra::default())
}

/// Another program of this build.
fn beside_this_program(name: &str) -> Result<PathBuf> {
    let path = std::env::current_exe()?.with_file_name(name).with_extension(std::env::consts::EXE_EXTENSION);
    if path.exists() {
        return Ok(path);
    }
    Err(format!("{} is not there: build it with `cargo build --release`", path.display()).into())
}
