//! Pre-training: a backbone of one's own, from nothing but pictures.
//!
//! Transfer learning begins with a network that somebody trained on many pictures. This is how: VGG16's thirteen
//! convolutions, narrower and for smaller pictures, with what such training takes.
//!
//! | what | why |
//! |---|---|
//! | batch normalisation | thirteen layers in a row do not train without: signals die or explode on their way |
//! | invented coats | a folder of objects teaches objects; patterns that keep what they are in any light and size are learnt from patterns |
//! | random shifts, mirroring, a part hidden | each picture is seen many times, and must not be learnt by heart |
//! | a step size that rises, then falls to nothing | large steps find a good region, small ones its bottom |
//! | the same once more, from where it ended | what was a bottom is left for a deeper one (Loshchilov and Hutter, *SGDR*, 2017) |
//! | weight decay, label smoothing | a network that is never quite sure of itself errs less on new pictures |
//!
//! In the end the normalisations are taken into the convolutions, and what is written is plain VGG in half precision:
//! `backbone.safetensors`, which `--weights` of every method takes, with its classes on top, so that `predict` names
//! pictures by it.
//!
//! ```text
//! crops.rs        pictures in memory → batches, moved and mirrored
//! kept.rs         the classes that are written, and those that only served to learn
//! recipe.rs       the options that decide the result; network, optimiser, schedule of them
//! checkpoint.rs   after each epoch: all that the next one depends on
//! card.rs         what a person should know of the weights
//! ```

mod card;
pub mod checkpoint;
pub mod crops;
mod kept;
mod recipe;

use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Instant;

use clap::Parser;
use graft_data::{Part, Rgb8, resize::Interpolation};
use graft_kernels::Isa;
use graft_nn::Sequential;
use graft_nn::callbacks::TerminateOnNaN;
use graft_nn::fit::{Batches, Evaluation, Interruption, Trainer};
use graft_tensor::DType;
use graft_vgg::fold_batch_normalization;

use self::card::Figures;
use self::checkpoint::{CHECKPOINT, Saver, State};
use self::crops::{Crops, PREPROCESSING, Vary};
pub use self::recipe::Recipe;
use crate::coats::drawing;
use crate::command_line::parse;
use crate::interrupt::INTERRUPTED;
use crate::model_file::{self, ModelCard};
use crate::pictures::{Pictures, preprocess};
use crate::process::{finish, prepare};
use crate::progress::{Epochs, Measuring, note};
use crate::{Error, Result, RunFolder};

/// The weights within the run's folder.
pub const BACKBONE: &str = "backbone.safetensors";

/// Train a small VGG16 from nothing, to be the base of transfer learning
///
/// The folder has train/ and val/ or test/, with a sub-folder per class each; small pictures by the ten thousand, such as
/// CIFAR-10, are what this is for. After each epoch everything is saved: if the run is cut off, the same command with
/// --resume goes on, and the result is the same bit for bit, on any number of threads.
#[derive(Debug, Parser)]
#[command(name = "pretrain", version, after_help = EXAMPLES)]
struct Command {
    /// Folder of pictures: train/ and val/ or test/, with a sub-folder per class each
    #[arg(long, value_name = "DIR", help_heading = "Data")]
    data: PathBuf,

    #[command(flatten)]
    recipe: Recipe,

    /// Begin with the weights that an earlier run of the same network ended with, in place of random ones: the step size
    /// rises and falls once more (a warm restart)
    #[arg(long, value_name = "RUN_DIR", help_heading = "Training")]
    from: Option<PathBuf>,

    /// The run's folder, which must be new or empty unless the run is resumed [default: the next runs/pretrain-N]
    #[arg(long, value_name = "RUN_DIR", help_heading = "Running")]
    out: Option<PathBuf>,

    /// Go on where the run in --out was cut off; the other options have to be the same
    #[arg(long, requires = "out", help_heading = "Running")]
    resume: bool,

    /// Threads to compute with; the result does not depend on it [default: one a core]
    #[arg(long, value_name = "N", help_heading = "Running")]
    threads: Option<usize>,
}

const EXAMPLES: &str = "\
Examples:
  pretrain --data cifar10 --out runs/mini
  pretrain --data cifar10 --invented-coats 50 --epochs 240 --out runs/mini     (how vgg16-mini was made)
  pretrain --data cifar10 --out runs/mini --resume
  feature-extractor --data photos --weights runs/mini/backbone.safetensors
  predict runs/mini/backbone.safetensors photo.jpg

Exit codes: 0 trained, 2 usage, 3 data, 4 checkpoint or network, 5 diverged, 130 interrupted (--resume goes on).";

/// The `main` of `pretrain`.
pub fn run_pretrain() -> ExitCode {
    finish(run(&parse()))
}

fn run(command: &Command) -> Result<()> {
    command.recipe.check()?;
    let threads = prepare(command.threads)?;
    let folder = match &command.out {
        // Cut off before its first epoch was done, a run has left nothing to go on from, and begins anew.
        Some(out) if command.resume && out.join(CHECKPOINT).exists() => RunFolder::reopen(out),
        out => RunFolder::create(out.as_deref(), "pretrain")?,
    };
    let outcome = Run { command, folder: &folder, threads }.train();
    if outcome.is_err() && !folder.file(CHECKPOINT).exists() {
        folder.discard();
    }
    outcome
}

/// A run under way.
struct Run<'a> {
    command: &'a Command,
    folder: &'a RunFolder,
    threads: usize,
}

impl Run<'_> {
    fn train(&self) -> Result<()> {
        let recipe = &self.command.recipe;
        let pictures =
            Pictures::small(&self.command.data, recipe.image_size, self.threads, preprocess(PREPROCESSING))?;
        note(format_args!("\n{}", pictures.dataset.class_table()));
        let judged = judged_by(&pictures)?;
        let vary = Vary { shift: recipe.shift, cutout: recipe.cutout, seed: recipe.seed };
        let classes = pictures.dataset.class_names.len();
        let invented = self.invented(classes)?;
        let mut train = Crops::new(&pictures, Part::Train, recipe.batch_size, Some(vary))?.and(&invented);
        let mut measured = Crops::new(&pictures, judged, recipe.batch_size, None)?;

        let mut network = recipe.network(classes + recipe.invented_coats, true)?;
        network.initialize(recipe.seed);
        if let Some(run) = &self.command.from {
            checkpoint::begin_with(&run.join(CHECKPOINT), &mut network)?;
        }
        let mut optimizer = recipe.optimizer()?;
        let path = self.folder.file(CHECKPOINT);
        let new = State::new(recipe, digest(&pictures, &invented), Isa::current().name(), &network);
        let state = checkpoint::resume(&path, &new, &mut network, &mut optimizer)?.unwrap_or(new);
        let done = state.history.len() as u64;
        self.announce(&network, done);

        let mut schedule = recipe.schedule(train.steps())?;
        let (mut saver, mut guard) = (Saver::new(&path, state), TerminateOnNaN);
        let mut trainer = Trainer::new(&mut network)
            .loss(recipe.loss())
            .optimizer(optimizer)
            .seed(recipe.seed)
            .interrupted_by(&INTERRUPTED);
        let history = trainer.fit(
            &mut train,
            Some(&mut measured),
            done..recipe.epochs,
            &mut [&mut schedule, &mut guard, &mut saver],
            &mut Epochs::new(),
        )?;
        if let Some(Interruption { epoch, steps }) = history.interrupted {
            let when = format!("in epoch {} of {}, after {steps} steps", epoch + 1, recipe.epochs);
            return Err(match path.exists() {
                true => {
                    let kept = format!("{} has all up to epoch {epoch}: --resume goes on", path.display());
                    Error::Interrupted { when, kept }
                }
                false => Error::interrupted(when),
            });
        }
        self.finish(&pictures, judged, &network, saver.into_state(), &mut measured)
    }

    /// The drawn pictures, labelled after the folder's classes.
    fn invented(&self, classes: usize) -> Result<Vec<(usize, Rgb8)>> {
        let coats = self.command.recipe.invented();
        if coats.kinds == 0 {
            return Ok(Vec::new());
        }
        let count = coats.kinds * coats.per_kind;
        note(format_args!("and {count} pictures of {} kinds of invented animals", coats.kinds));
        let mut pictures = drawing(count, |progress| coats.pictures(progress))?;
        pictures.iter_mut().for_each(|(label, _)| *label += classes);
        Ok(pictures)
    }

    fn announce(&self, network: &Sequential, done: u64) {
        let Recipe { image_size, width_divisor, epochs, .. } = self.command.recipe;
        note(format_args!(
            "VGG16's convolutions at 1/{width_divisor} of the width, {image_size} x {image_size} pixels, {} weights; {}, {} threads",
            network.count_params(),
            Isa::current().name(),
            self.threads,
        ));
        if done > 0 {
            note(format_args!("going on after epoch {done} of {epochs}"));
        }
    }

    /// Folds, writes, reads back what was written, and measures that.
    fn finish(
        &self,
        pictures: &Pictures,
        judged: Part,
        trained: &Sequential,
        state: State,
        measured: &mut Crops<'_>,
    ) -> Result<()> {
        let class_names = pictures.dataset.class_names.clone();
        let recipe = &self.command.recipe;
        let mut all = recipe.network(class_names.len() + recipe.invented_coats, false)?;
        fold_batch_normalization(trained, &mut all)?;
        let mut plain = recipe.network(class_names.len(), false)?;
        kept::copy(&all, &mut plain)?;
        let source = self.command.data.file_name().unwrap_or_default().to_string_lossy().into_owned();
        let card = ModelCard {
            format: ModelCard::FORMAT,
            method: "pretrain".to_owned(),
            architecture: plain.config(),
            data: None,
            class_names,
            image_size: recipe.image_size,
            resize: Interpolation::default(),
            exif: true,
            preprocessing: PREPROCESSING,
            base_weights: format!("none: trained from nothing on {source}"),
            base_licence: "Graft's own, MIT".to_owned(),
        };
        let path = self.folder.file(BACKBONE);
        model_file::save(&path, &card, &plain, DType::F16)?;
        let mut written = model_file::load(&path)?.network;
        let begun = Instant::now();
        let Evaluation { accuracy, loss, .. } =
            Trainer::new(&mut written).loss(recipe.loss()).evaluate(measured, &mut Measuring::new(judged))?;
        let figures = Figures { accuracy, loss, pictures: measured.samples(), part: judged };
        card::write(self.folder, &path, &source, pictures, &state, &figures)?;
        note(format_args!(
            "\n{}: folded, in half precision: accuracy {accuracy:.4}, loss {loss:.4} on {} {judged} pictures ({:.1} s)",
            path.display(),
            figures.pictures,
            begun.elapsed().as_secs_f64(),
        ));
        Ok(())
    }
}

/// The part that epochs are judged by.
fn judged_by(pictures: &Pictures) -> Result<Part> {
    let there = [Part::Validation, Part::Test].into_iter().find(|&part| pictures.dataset.count(part) > 0);
    there.ok_or_else(|| {
        Error::Usage(format!(
            "{}: neither val/ nor test/ is there to judge the network by; move some pictures of each class there",
            pictures.dataset.root.display()
        ))
    })
}

/// A digest of all pictures with their classes and parts, in their order.
fn digest(pictures: &Pictures, invented: &[(usize, Rgb8)]) -> String {
    let mut hasher = blake3::Hasher::new();
    for sample in &pictures.dataset.samples {
        hasher.update(&sample.digest);
        hasher.update(&(sample.label as u64).to_le_bytes());
        hasher.update(&[sample.part as u8]);
    }
    for (label, picture) in invented {
        hasher.update(&picture.data);
        hasher.update(&(*label as u64).to_le_bytes());
    }
    hasher.finalize().to_hex().to_string()
}
