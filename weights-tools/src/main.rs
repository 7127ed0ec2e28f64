//! `weights`: fetch, convert, inspect and verify Keras's VGG16 files.
//!
//! What a person reads goes to stderr, what a program reads (tables, JSON, paths) to stdout.
#![forbid(unsafe_code)]

use std::io::{ErrorKind, Write};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::atomic::{AtomicBool, Ordering};

use clap::{Parser, Subcommand, ValueEnum};
use graft_tensor::outlive_file_size_limit;
use graft_weights::{
    CLASS_INDEX, Fetcher, LICENCE, Official, Origin, Result, VGG16_NOTOP, VGG16_TOP, Verification,
    WeightsError, WeightsFile, convert, inspect, table, verify,
};

/// Keras's VGG16 weights: fetch them, look into them, check them, turn them into plain arrays.
///
/// VGG16 (Simonyan & Zisserman 2014) comes from Oxford's Visual Geometry Group under CC BY 4.0. Its pixels go in as
/// "caffe" wants them: RGB→BGR, minus [103.939, 116.779, 123.68], no scaling.
#[derive(Parser)]
#[command(name = "weights", version, max_term_width = 100, after_help = EXAMPLES)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

const EXAMPLES: &str = "\
Examples:
  weights fetch                          the convolutions and the class names, into Keras's cache
  weights fetch top                      the whole network, for `predict --weights`
  weights inspect vgg16_notop.h5         what is in a file, tensor by tensor
  weights verify vgg16_notop.h5          is it a sound VGG16, and is it Keras's own?
  weights convert vgg16_notop.h5 vgg16/  one .npy a tensor, to look at with numpy

Exit codes: 0 ok, 2 usage or no place to write to, 4 weights missing, wrong or unreadable, 130 interrupted.";

#[derive(Subcommand)]
enum Command {
    /// Bring Keras's official files, unless they lie in Keras's cache already.
    ///
    /// They are kept in ~/.keras/models (or $KERAS_HOME/models), where Keras finds them too. An interrupted download
    /// goes on where it broke off; size and MD5 have to be those that Keras publishes.
    Fetch {
        /// What to bring.
        #[arg(value_enum, default_values = ["notop", "class-index"])]
        what: Vec<What>,
        /// Fetch from URL/NAME instead of Keras's servers, such as a mirror.
        #[arg(long, value_name = "URL")]
        base_url: Option<String>,
        /// Keep the files in this folder instead of Keras's cache.
        #[arg(long, value_name = "DIR")]
        dir: Option<PathBuf>,
    },
    /// Turn a weights file into a folder of .npy files with a manifest.json.
    ///
    /// The manifest has the names, shapes and SHA-256 digests, and the preprocessing and the licence that belong to the
    /// weights. The folder can be given wherever a weights file can.
    Convert {
        /// A .h5, .weights.h5, .keras or .safetensors file.
        file: PathBuf,
        /// The folder to make.
        dir: PathBuf,
        /// Replace an earlier conversion.
        #[arg(long)]
        force: bool,
    },
    /// Show every tensor of a weights file: layer, shape, type, parameters, smallest, largest, L2 norm.
    Inspect {
        /// A .h5, .weights.h5, .keras or .safetensors file, or a converted folder.
        file: PathBuf,
        /// Print JSON.
        #[arg(long)]
        json: bool,
    },
    /// Check that a file is a sound VGG16, and say whether it is byte for byte Keras's own.
    Verify {
        /// A .h5, .weights.h5, .keras or .safetensors file, or a converted folder.
        file: PathBuf,
        /// Print JSON.
        #[arg(long)]
        json: bool,
    },
}

#[derive(Clone, Copy, ValueEnum)]
enum What {
    /// The thirteen convolutions, 59 MB: what transfer learning needs.
    Notop,
    /// The whole network for ImageNet's 1000 classes, 553 MB.
    Top,
    /// The names of the 1000 classes, 35 kB.
    ClassIndex,
}

impl What {
    fn file(self) -> Official {
        match self {
            Self::Notop => VGG16_NOTOP,
            Self::Top => VGG16_TOP,
            Self::ClassIndex => CLASS_INDEX,
        }
    }
}

/// Raised by Ctrl-C.
static INTERRUPTED: AtomicBool = AtomicBool::new(false);

/// Has Ctrl-C end what is under way in an orderly manner, and a second one at once.
fn listen() {
    // Without a handler Ctrl-C ends the process as ever.
    let _ = ctrlc::set_handler(|| {
        if INTERRUPTED.swap(true, Ordering::Relaxed) {
            std::process::exit(EXIT_INTERRUPTED);
        }
    });
}

/// What a second Ctrl-C ends the process with.
const EXIT_INTERRUPTED: i32 = 130;

fn main() -> ExitCode {
    outlive_file_size_limit();
    let done = match Cli::parse().command {
        Command::Fetch { what, base_url, dir } => fetch(&what, base_url, dir),
        Command::Convert { file, dir, force } => run_convert(&file, &dir, force),
        Command::Inspect { file, json } => run_inspect(&file, json),
        Command::Verify { file, json } => run_verify(&file, json),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(e) => {
            eprintln!("error: {e}");
            ExitCode::from(e.exit_code())
        }
    }
}

fn fetch(what: &[What], base_url: Option<String>, dir: Option<PathBuf>) -> Result<()> {
    listen();
    let fetcher = dir.map_or_else(Fetcher::new, |dir| Ok(Fetcher::with_dir(dir)));
    let mut fetcher = fetcher?.interrupted_by(&INTERRUPTED);
    if let Some(url) = base_url {
        fetcher = fetcher.base_url(url);
    }
    for file in what.iter().map(|w| w.file()) {
        let fetched = fetcher.get(&file)?;
        let how =
            if fetched.origin == Origin::Cache { "already there" } else { "fetched, size and MD5 are right" };
        eprintln!("{}: {how}", file.what);
        if let Some(note) = fetched.note {
            eprintln!("note: {note}");
        }
        emit(&format!("{}\n", fetched.path.display()))?;
    }
    eprintln!("{LICENCE}");
    Ok(())
}

fn run_convert(path: &Path, dir: &Path, force: bool) -> Result<()> {
    let file = WeightsFile::open(path)?;
    listen();
    convert(&file, dir, force, &INTERRUPTED)?;
    eprintln!("{}", file.provenance());
    eprintln!("{} tensors and manifest.json written to {}", file.entries().len(), dir.display());
    say_terms(&file);
    Ok(())
}

fn run_inspect(path: &Path, json: bool) -> Result<()> {
    let file = WeightsFile::open(path)?;
    let stats = inspect(&file)?;
    if json {
        return emit_json(&stats);
    }
    emit(&table(&stats))?;
    eprintln!("{}", file.provenance());
    for name in file.skipped() {
        eprintln!("not a float tensor, passed over: {name}");
    }
    say_terms(&file);
    Ok(())
}

fn run_verify(path: &Path, json: bool) -> Result<()> {
    let file = WeightsFile::open(path)?;
    let found = verify(&file)?;
    if json {
        return emit_json(&found);
    }
    emit(&report(path, &found))?;
    for note in &found.notes {
        eprintln!("note: {note}");
    }
    say_terms(&file);
    Ok(())
}

/// The preprocessing and the licence, where they are known.
fn say_terms(file: &WeightsFile) {
    if let Some(preprocessing) = file.preprocessing() {
        eprintln!("preprocessing: {preprocessing}");
    }
    if let Some(licence) = file.licence() {
        eprintln!("licence: {licence}");
    }
}

fn report(path: &Path, found: &Verification) -> String {
    let Verification { what, layout, tensors, params, bytes, md5, sha256, fingerprint, official, .. } = found;
    let number = |n: &u64| n.to_string();
    let verdict = official.as_deref().map_or("sound".to_owned(), |name| format!("Keras's own {name}"));
    let lines = [
        ("file", Some(path.display().to_string())),
        ("what", Some(format!("{what}; {layout}"))),
        ("tensors", Some(format!("{tensors}, {params} parameters, all of the right shape and finite"))),
        ("bytes", bytes.as_ref().map(number)),
        ("MD5", md5.clone()),
        ("SHA-256", sha256.clone()),
        ("fingerprint", Some(fingerprint.clone())),
        ("verdict", Some(verdict)),
    ];
    lines.into_iter().filter_map(|(name, value)| Some(format!("{name:<11}  {}\n", value?))).collect()
}

fn emit_json(value: &impl serde::Serialize) -> Result<()> {
    let json = serde_json::to_string_pretty(value).expect("figures and names are always JSON");
    emit(&format!("{json}\n"))
}

/// Writes to stdout. A reader that has seen enough (`| head`) is no error.
fn emit(text: &str) -> Result<()> {
    match std::io::stdout().write_all(text.as_bytes()) {
        Err(source) if source.kind() != ErrorKind::BrokenPipe => {
            Err(WeightsError::Write { action: "write to", path: "stdout".into(), source })
        }
        _ => Ok(()),
    }
}
