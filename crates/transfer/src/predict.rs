//! `predict`: what is in these pictures?

use std::io::Read;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;

use clap::Parser;
use graft_data::resize::Interpolation;
use graft_data::{Ahead, DecodeOptions, Format, decode, image_files, resize};
use graft_kernels::conv2d::Algorithm;
use graft_nn::Sequential;
use graft_nn::fit::predict;
use graft_tensor::Tensor;
use graft_vgg::{ClassIndex, Prediction, Preprocessing, Vgg16, decode_predictions};
use serde::Serialize;

use crate::base::{BASE_LICENCE, class_index, load_weights, locate};
use crate::features::PICTURES_AT_ONCE;
use crate::interrupt::is_interrupted;
use crate::options::{Precision, conv_algorithm};
use crate::output::{require_writable, to_stdout, write_csv};
use crate::progress::{self, note};
use crate::run::{finish, prepare};
use crate::{Error, Result, model_file};

/// Name what is in pictures, by a model that Graft trained or by VGG16 with its top
#[derive(Debug, Parser)]
#[command(name = "predict", version, after_help = EXAMPLES)]
struct Predict {
    /// A run folder (its best model) or a .safetensors file of Graft's, then pictures or folders of pictures. With --weights:
    /// pictures and folders only
    #[arg(value_name = "MODEL|IMAGE|DIR", required = true)]
    paths: Vec<PathBuf>,

    /// Instead of a model of Graft's: VGG16 with its top, as a Keras file, a converted folder, or `imagenet`
    #[arg(long, value_name = "PATH|imagenet")]
    weights: Option<String>,

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

Exit codes: 0 all answered, 2 usage, 3 no pictures, 4 the model, 7 some pictures could not be read, 130 interrupted.";

/// Bytes that tell what a file is.
const SNIFFED: u64 = 512;

/// The `main` of `predict`.
pub fn run_predict() -> ExitCode {
    finish(run(&Predict::parse()))
}

/// A network, the names of its outputs, and how pictures are made ready for it.
struct Oracle {
    network: Sequential,
    classes: ClassIndex,
    preparation: Preparation,
}

/// How a picture is made ready.
#[derive(Clone, Copy)]
struct Preparation {
    resize: Interpolation,
    decode: DecodeOptions,
    preprocessing: Preprocessing,
}

/// What is said of one picture.
#[derive(Serialize)]
struct Answer {
    path: String,
    #[serde(flatten)]
    outcome: Outcome,
}

#[derive(Serialize)]
#[serde(rename_all = "lowercase")]
enum Outcome {
    Predictions(Vec<Prediction>),
    Error(String),
}

fn run(options: &Predict) -> Result<()> {
    let threads = prepare(options.threads)?;
    if options.top == 0 {
        return Err(Error::Usage("--top must be at least 1, got 0".into()));
    }
    let (oracle, paths) = oracle(options)?;
    let pictures = pictures(paths)?;
    options.csv.as_deref().map_or(Ok(()), check_csv)?;
    let answers = answer(&oracle, &pictures, options, threads)?;
    if options.json {
        let text = serde_json::to_string_pretty(&answers).map_err(|e| Error::Usage(e.to_string()))?;
        to_stdout(&(text + "\n"))?;
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

/// The model that the command line names, and what is left of the line.
fn oracle(options: &Predict) -> Result<(Oracle, &[PathBuf])> {
    let (mut oracle, paths) = match (&options.weights, options.paths.as_slice()) {
        (Some(weights), paths) => (Oracle::with_top(weights, options.class_index.as_deref())?, paths),
        (None, [model, paths @ ..]) => (Oracle::trained(model, options.last)?, paths),
        (None, []) => return Err(Error::Usage("name a model and a picture: predict MODEL IMAGE…".into())),
    };
    if paths.is_empty() {
        return Err(Error::Usage(
            "name a picture or a folder of pictures after the model: predict MODEL IMAGE…".into(),
        ));
    }
    oracle.network.set_algorithm(options.conv_algorithm);
    oracle.network.store_dense(options.precision.into())?;
    let Preparation { resize, decode, .. } = &mut oracle.preparation;
    *resize = options.resize.unwrap_or(*resize);
    decode.exif &= !options.no_exif;
    Ok((oracle, paths))
}

impl Oracle {
    /// A model of Graft's.
    fn trained(path: &Path, last: bool) -> Result<Self> {
        let file = if path.is_dir() {
            let (best, final_one) = (path.join("best.safetensors"), path.join("last.safetensors"));
            let only_last = !best.exists() && final_one.exists();
            if only_last && !last {
                note(format!("{}: no best.safetensors: last.safetensors is used", path.display()));
            }
            if last || only_last { final_one } else { best }
        } else {
            path.to_owned()
        };
        refuse_others(path)?;
        let model_file::Model { card, network } = model_file::load(&file)?;
        let preparation = Preparation {
            resize: card.resize,
            decode: DecodeOptions { exif: card.exif },
            preprocessing: card.preprocessing,
        };
        Ok(Self { network, classes: ClassIndex::of_names(card.class_names), preparation })
    }

    /// VGG16 as Keras has it.
    fn with_top(weights: &str, names: Option<&Path>) -> Result<Self> {
        let path = locate(weights, true)?;
        let mut network = Vgg16::with_top().build()?;
        load_weights(&path, &mut network)?;
        note(BASE_LICENCE);
        let index = names.map_or_else(class_index, |p| Ok(p.to_owned()))?;
        let bad = |problem: String| {
            Error::model(&index, problem, "name one that belongs to the weights with --class-index")
        };
        let text = std::fs::read_to_string(&index).map_err(|e| bad(format!("cannot be read ({e})")))?;
        let classes = class_list(&text).map_err(|e| bad(e.to_string()))?;
        let outputs = network.output_shape()[0];
        if classes.len() != outputs {
            return Err(bad(format!("names {} classes, and the model has {outputs} outputs", classes.len())));
        }
        let (resize, decode) = (Interpolation::default(), DecodeOptions::default());
        let preparation = Preparation { resize, decode, preprocessing: Preprocessing::Caffe };
        Ok(Self { network, classes, preparation })
    }

    /// The answers for a few pictures that are ready; a bad one does not keep the others from theirs.
    fn answers(&self, paths: &[PathBuf], ready: &[Result<Vec<f32>>], top: usize) -> Result<Vec<Answer>> {
        let good: Vec<_> = ready.iter().filter_map(|p| p.as_deref().ok()).collect();
        let mut shape = vec![good.len()];
        shape.extend(self.network.input_shape().iter());
        let x = Tensor::new(&shape[..], &good.concat()).map_err(graft_nn::NnError::from)?;
        let y = if good.is_empty() { x } else { predict(&self.network, 0..self.network.layers().len(), &x)? };
        let mut row = 0;
        let answer = |(path, ready): (&PathBuf, &Result<Vec<f32>>)| {
            let outcome = match ready {
                Ok(_) => {
                    row += 1;
                    Outcome::Predictions(decode_predictions(y.row(row - 1), &self.classes, top)?)
                }
                Err(e) => Outcome::Error(e.to_string()),
            };
            Ok(Answer { path: path.display().to_string(), outcome })
        };
        paths.iter().zip(ready).map(answer).collect()
    }
}

impl Preparation {
    /// One picture as a network takes it that wants this height and width.
    fn prepared(&self, path: &Path, [height, width]: [usize; 2]) -> Result<Vec<f32>> {
        let picture = resize(decode(path, self.decode)?, height, width, self.resize)?;
        let mut pixels = picture.into_f32().data;
        self.preprocessing.apply(&mut pixels);
        Ok(pixels)
    }
}

/// What people give for a model of Graft's by mistake, told by its first bytes: a Keras file, or the first of the pictures.
fn refuse_others(path: &Path) -> Result<()> {
    let mut head = Vec::new();
    if let Ok(file) = std::fs::File::open(path) {
        // A folder can be opened, but not read.
        let _ = file.take(SNIFFED).read_to_end(&mut head);
    }
    if Format::sniff(&head).is_some() {
        let problem =
            format!("{} is a picture: name a model before it, predict MODEL IMAGE…", path.display());
        return Err(Error::Usage(problem));
    }
    if head.starts_with(b"\x89HDF") || head.starts_with(b"PK\x03\x04") {
        return Err(Error::model(
            path,
            "is a Keras file, not a model of Graft's",
            "name a VGG16 with its top by --weights",
        ));
    }
    Ok(())
}

/// Keras's class index, or a name a line.
fn class_list(text: &str) -> graft_vgg::Result<ClassIndex> {
    if text.trim_start().starts_with('{') {
        return ClassIndex::from_json(text);
    }
    Ok(ClassIndex::of_names(text.lines().map(str::trim).filter(|name| !name.is_empty())))
}

/// The pictures that are named, and those in the folders that are named. A path that leads nowhere stays in the list: it
/// fails when its turn comes, as any picture that cannot be read.
fn pictures(paths: &[PathBuf]) -> Result<Vec<PathBuf>> {
    let mut all = Vec::new();
    let mut none = None;
    for path in paths {
        match image_files(path) {
            Ok(files) if path.is_dir() => all.extend(files),
            Err(e) if path.is_dir() => {
                note(format_args!("warning: {e}"));
                none = Some(e);
            }
            _ => all.push(path.clone()),
        }
    }
    match none {
        Some(e) if all.is_empty() => Err(e.into()),
        _ => Ok(all),
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

/// One answer for a person: the picture, then a line for each class. Nobody reads on when the pipe is closed.
fn tell(answer: &Answer, as_json: bool) -> Result<()> {
    match &answer.outcome {
        Outcome::Error(e) => note(format!("error: {e}")),
        Outcome::Predictions(_) if as_json => {}
        Outcome::Predictions(top) => {
            let mut lines = format!("{}\n", answer.path);
            for p in top {
                let wnid = p.wnid.as_ref().map_or_else(String::new, |w| format!("{w}  "));
                lines += &format!("  {:.4}  {wnid}{}\n", p.score, p.class);
            }
            to_stdout(&lines)?;
        }
    }
    Ok(())
}

/// A row for each answer, or one with the reason why there is none.
fn write_answers(file: &Path, answers: &[Answer]) -> Result<()> {
    let none = String::new;
    let of = |a: &Answer| match &a.outcome {
        Outcome::Error(e) => vec![[a.path.clone(), none(), none(), none(), none(), e.clone()]],
        Outcome::Predictions(top) => {
            let row = |(i, p): (usize, &Prediction)| {
                let (rank, wnid) = ((i + 1).to_string(), p.wnid.clone().unwrap_or_default());
                [a.path.clone(), rank, wnid, p.class.clone(), p.score.to_string(), none()]
            };
            top.iter().enumerate().map(row).collect()
        }
    };
    let rows = answers.iter().flat_map(of);
    write_csv(file, ["path", "rank", "wnid", "class", "score", "error"].map(String::from), rows)
}
