//! `predict`: what is in these pictures?

mod answers;
mod oracle;
mod question;

use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;

use clap::Parser;
use clap::builder::{PathBufValueParser, TypedValueParser};
use graft_data::Ahead;
use graft_data::resize::Interpolation;
use graft_kernels::conv2d::Algorithm;

use self::answers::{Answer, Outcome, tell, write_answers};
use self::oracle::Oracle;
use self::question::Question;
use crate::command_line::parse;
use crate::features::PICTURES_AT_ONCE;
use crate::inputs::Weights;
use crate::interrupt::is_interrupted;
use crate::options::{Precision, conv_algorithm};
use crate::output::{json_to_stdout, require_writable};
use crate::process::{finish, prepare};
use crate::progress::{self, note};
use crate::{Error, Result};

/// Name what is in pictures, by a model that Graft trained or by VGG16 with its top
#[derive(Debug, Parser)]
#[command(name = "predict", version, after_help = EXAMPLES)]
struct Predict {
    /// A run folder (its best model) or a .safetensors file of Graft's, then pictures or folders of pictures. With --weights:
    /// pictures and folders only. Where no picture is named, one drawn coat of each class is shown to --weights, or to a run
    /// that was trained on coats. Nothing at all is `--weights vgg16-mini`
    #[arg(value_name = "MODEL|IMAGE|DIR")]
    paths: Vec<PathBuf>,

    /// Instead of a model of Graft's: VGG16 with its top, as a Keras file, a converted folder, or `imagenet`; or `vgg16-mini`,
    /// which is built in and knows CIFAR-10's ten classes
    #[arg(long, value_name = "PATH|imagenet|vgg16-mini", value_parser = PathBufValueParser::new().map(Weights::from))]
    weights: Option<Weights>,

    /// The names of its classes: imagenet_class_index.json, or a file with a name a line [default: Keras's, fetched if
    /// need be]
    #[arg(long, value_name = "FILE", requires = "weights")]
    class_index: Option<PathBuf>,

    /// How many answers for each picture
    #[arg(long, value_name = "N", default_value_t = 3)]
    top: usize,

    /// Of a run folder, the model of the last epoch and not the best
    #[arg(long, conflicts_with = "weights")]
    last: bool,

    /// How pictures are resized [default: as the model was trained; bilinear for --weights]
    #[arg(long, value_name = "FILTER")]
    resize: Option<Interpolation>,

    /// Take pictures as they are stored, without turning them the way the camera was held
    #[arg(long)]
    no_exif: bool,

    /// Print one JSON array with an object for each picture
    #[arg(long)]
    json: bool,

    /// Write the answers to a CSV file: path, rank, wnid, class, score, error
    #[arg(long, value_name = "FILE")]
    csv: Option<PathBuf>,

    /// How convolutions are computed: the fastest way, or one rung of the ladder from the textbook's loops up
    #[arg(long, value_name = "NAME", default_value_t = Algorithm::Auto, value_parser = conv_algorithm())]
    conv_algorithm: Algorithm,

    /// What dense layers keep their weights in. 16 bits are half as much to read for each picture, once they are made; with
    /// VGG16's top, scores then move by some 0.7 % (bf16) or 0.05 % (f16) of their length
    #[arg(long, value_enum, default_value_t = Precision::F32)]
    precision: Precision,

    /// Threads to compute with [default: one a core]
    #[arg(long, value_name = "N")]
    threads: Option<usize>,
}

const EXAMPLES: &str = "\
Examples:
  predict runs/feature-extractor-1 photo.jpg
  predict runs/feature-extractor-1 photos/ --csv answers.csv
  predict --weights imagenet photo.jpg
  predict                              vgg16-mini, on twelve drawn coats
  predict runs/feature-extractor-1     the same coats, by a run that was trained on such

Exit codes: 0 all answered, 2 usage, 3 no pictures, 4 the model, 7 some pictures could not be read, 130 interrupted.";

/// The `main` of `predict`.
pub fn run_predict() -> ExitCode {
    finish(run(&parse()))
}

fn run(options: &Predict) -> Result<()> {
    let threads = prepare(options.threads)?;
    if options.top == 0 {
        return Err(Error::Usage("--top must be at least 1, got 0".into()));
    }
    let question = Question::of(options)?;
    let Question { oracle, pictures, remark, .. } = &question;
    options.csv.as_deref().map_or(Ok(()), check_csv)?;
    let answers = answer(oracle, pictures, options, threads)?;
    if let Some(remark) = remark {
        note(format_args!("\n{remark}"));
    }
    if options.json {
        json_to_stdout(&answers)?;
    }
    if let Some(file) = &options.csv {
        write_answers(file, &answers)?;
    }
    match answers.iter().filter(|a| matches!(a.outcome, Outcome::Error(_))).count() {
        _ if answers.len() < pictures.len() => Err(Error::Interrupted {
            when: format!("after {} of {} pictures", answers.len(), pictures.len()),
            kept: "the answers to these are complete".to_owned(),
        }),
        0 => Ok(()),
        failed => Err(Error::SomeFailed { failed, total: answers.len() }),
    }
}

/// Whether the answers may be written to this file, asked before there are any.
fn check_csv(file: &Path) -> Result<()> {
    if file.is_dir() {
        return Err(Error::output(file, "is a folder", "name a file in it with --csv"));
    }
    match file.parent() {
        Some(folder) if !folder.as_os_str().is_empty() && !folder.is_dir() => {
            Err(Error::output(folder, "is no folder", "name a file in one that is there with --csv"))
        }
        folder => require_writable(folder.unwrap_or(Path::new("."))),
    }
}

/// Answers for all, told as they come. While the network is at some pictures, the next ones are made ready: as many as it
/// takes at a time, and no more, so that the memory does not grow with their number.
fn answer(oracle: &Oracle, pictures: &[PathBuf], options: &Predict, threads: usize) -> Result<Vec<Answer>> {
    let bar = progress::pictures("pictures", pictures.len());
    let (preparation, paths) = (oracle.preparation, Arc::<[PathBuf]>::from(pictures));
    let size = [oracle.network.input_shape()[0], oracle.network.input_shape()[1]];
    let prepared = move |i: usize| preparation.prepared(&paths[i], size);
    let mut ahead = Ahead::spawn(threads, pictures.len(), 2 * PICTURES_AT_ONCE, prepared);
    let mut all = Vec::new();
    for few in pictures.chunks(PICTURES_AT_ONCE) {
        if is_interrupted() {
            break;
        }
        let ready: Vec<_> = ahead.by_ref().take(few.len()).collect();
        let answers = oracle.answers(few, &ready, options.top)?;
        bar.suspend(|| answers.iter().try_for_each(|a| tell(a, options.json)))?;
        bar.inc(few.len() as u64);
        all.extend(answers);
    }
    bar.finish_and_clear();
    Ok(all)
}
