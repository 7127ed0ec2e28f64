//! `coats`: the data set that is drawn by code, as a folder to look at, or to feed to any other framework.

use std::ops::ControlFlow;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Instant;

use clap::Parser;
use graft_data::{Coat, Coats, DataError};

use crate::command_line::parse;
use crate::interrupt::is_interrupted;
use crate::process::{finish, prepare};
use crate::progress::{self, note};
use crate::{Error, Result};

/// Draw a data set: the coats of twelve animals, in a folder of PNG files
///
/// Stripes, dots, patches, plates, scales, labyrinths: each picture is drawn from a seed, with random colours, light,
/// scale, direction, background, grass in front, and focus. Colour alone tells little about the animal, and so few
/// pictures to learn from tell a network little that has not seen others before: that is what transfer learning is for.
/// The same seed gives the same pixels on every machine.
#[derive(Debug, Parser)]
#[command(name = "coats", version, after_help = EXAMPLES)]
struct Command {
    /// The folder, which must be new or empty; it gets train/CLASS/*.png and val/CLASS/*.png
    #[arg(long, value_name = "DIR")]
    out: PathBuf,

    /// Side of the square pictures, in pixels
    #[arg(long, value_name = "PIXELS", default_value_t = Coats::default().size)]
    size: usize,

    /// Names every random choice: another seed draws other pictures
    #[arg(long, value_name = "N", default_value_t = Coats::default().seed)]
    seed: u64,

    /// Pictures of each class to learn from
    #[arg(long, value_name = "N", default_value_t = Coats::default().train_per_class)]
    train_per_class: usize,

    /// Pictures of each class to judge by
    #[arg(long, value_name = "N", default_value_t = Coats::default().val_per_class)]
    val_per_class: usize,

    /// Threads to draw with; the pictures do not depend on it [default: one a core]
    #[arg(long, value_name = "N")]
    threads: Option<usize>,
}

const EXAMPLES: &str = "\
Examples:
  coats --out coats
  coats --out large --size 224 --train-per-class 100
  feature-extractor --data ./coats     (without the dot it is the coats of `--seed 0`, drawn by the program itself)

In Keras: keras.utils.image_dataset_from_directory(\"coats/train\", image_size=(64, 64))

Exit codes: 0 written, 2 the command line, 3 the folder is taken or cannot be written, or a size that cannot be,
130 interrupted: nothing is left.";

/// More pictures of a class than anybody looks at, and few enough to count with.
const MAX_PER_CLASS: usize = 1_000_000;

/// The `main` of `coats`.
pub fn run_coats() -> ExitCode {
    finish(run(&parse()))
}

/// Writes the data set to a folder, with a bar, until somebody interrupts.
///
/// # Errors
/// If the folder is taken or cannot be written, or somebody interrupts: then there is nothing of it.
pub(crate) fn draw(coats: &Coats, folder: &Path) -> Result<()> {
    let pictures = Coat::ALL.len() * (coats.train_per_class + coats.val_per_class);
    drawing(pictures, |progress| coats.write(folder, progress))
}

/// Draws so many pictures, with a bar, until somebody interrupts.
///
/// # Errors
/// That of `draw`, or that somebody interrupted.
pub(crate) fn drawing<T>(
    pictures: usize,
    draw: impl FnOnce(&(dyn Fn(usize) -> ControlFlow<()> + Sync)) -> graft_data::Result<T>,
) -> Result<T> {
    let bar = progress::pictures("drawing", pictures);
    let drawn = draw(&|done| {
        bar.set_position(done as u64);
        if is_interrupted() { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
    });
    bar.finish_and_clear();
    drawn.map_err(|e| match e {
        DataError::Interrupted => Error::interrupted("while the coats were drawn"),
        e => e.into(),
    })
}

fn run(command: &Command) -> Result<()> {
    let begun = Instant::now();
    let &Command { size, seed, train_per_class, val_per_class, .. } = command;
    for (name, n, least) in [("train-per-class", train_per_class, 1), ("val-per-class", val_per_class, 0)] {
        if !(least..=MAX_PER_CLASS).contains(&n) {
            let range = format!("from {least} to {MAX_PER_CLASS}");
            return Err(Error::Usage(format!("--{name} must be {range}, got {n}")));
        }
    }
    prepare(command.threads)?;
    draw(&Coats { seed, size, train_per_class, val_per_class }, &command.out)?;
    let (classes, seconds) = (Coat::ALL.len(), begun.elapsed().as_secs_f64());
    note(format_args!(
        "{}: {classes} classes, {} + {} pictures of {size} x {size} in {seconds:.1} s",
        command.out.display(),
        classes * train_per_class,
        classes * val_per_class,
    ));
    Ok(())
}
