//! One run, from the command line to the folder of results.

use std::process::ExitCode;
use std::time::Instant;

use graft_data::{Folder, Part};
use graft_kernels::Isa;
use graft_nn::head::Head;
use graft_nn::summary;
use graft_vgg::Preprocessing;
use serde::Serialize;

use crate::base::{BASE_LICENCE, Base};
use crate::memory::peak_rss_bytes;
use crate::methods::Method;
use crate::model_file::ModelCard;
use crate::pictures::{Pictures, preprocess};
use crate::progress::note;
use crate::report::{self, Metrics};
use crate::training::{Trained, Training};
use crate::{Error, Options, Recipe, Result, RunFolder, interrupt, save_features};

/// The `main` of a method's binary: reads the command line, runs, and turns what happened into an exit code.
pub fn run_method<M: Method>() -> ExitCode {
    let method = parse::<M>();
    finish(run(&method))
}

/// The exit code of a result, after its error has been told.
pub fn finish(result: Result<()>) -> ExitCode {
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(e) => {
            eprintln!("error: {e}");
            ExitCode::from(e.exit_code())
        }
    }
}

/// The command line, with the method's own defaults filled in and shown by `--help`.
fn parse<M: Method>() -> M {
    let recipe = M::recipe();
    let command = M::command()
        .mut_arg("head", |a| a.default_value(leaked(recipe.head)))
        .mut_arg("epochs", |a| a.default_value(leaked(recipe.epochs.to_string())))
        .mut_arg("learning_rate", |a| a.default_value(leaked(recipe.learning_rate.to_string())));
    M::from_arg_matches(&command.get_matches()).unwrap_or_else(|e| e.exit())
}

/// Text for as long as the program runs, which is what clap's defaults are made of.
fn leaked(text: String) -> &'static str {
    text.leak()
}

/// The options that decided a run, `options.json`.
#[derive(Serialize)]
struct Resolved<'a> {
    recipe: &'a Recipe,
    options: &'a Options,
    weights_file: &'a std::path::Path,
}

fn run<M: Method>(method: &M) -> Result<()> {
    let begun = Instant::now();
    let (recipe, options) = (method.resolved(), method.options());
    let threads = prepare(options.threads)?;
    let head = check(&recipe, options)?;
    if method.instead_of_training(threads)? {
        return Ok(());
    }
    let folder = RunFolder::create(options.out.as_deref(), recipe.method)?;
    let outcome = train(method, &recipe, &head, threads, &folder, begun);
    if outcome.is_err() {
        folder.discard_if_empty();
    }
    let metrics = outcome?;
    if options.json {
        println!("{}", serde_json::to_string_pretty(&metrics).map_err(|e| Error::Usage(e.to_string()))?);
    }
    Ok(())
}

/// Threads and kernels for the whole process; tells how many threads there are.
///
/// # Errors
/// [`Error::Usage`] if `GRAFT_ISA` names kernels that this machine cannot run, or there are to be 0 threads.
pub fn prepare(threads: Option<usize>) -> Result<usize> {
    Isa::from_env().map_err(|e| Error::Usage(e.to_string()))?;
    if threads == Some(0) {
        return Err(Error::Usage("--threads must be at least 1, got 0".into()));
    }
    let threads = threads.unwrap_or_else(|| std::thread::available_parallelism().map_or(1, usize::from));
    let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build_global();
    pool.map_err(|e| {
        Error::Usage(format!("{threads} threads cannot be started ({e}); give --threads a smaller number"))
    })?;
    interrupt::listen();
    Ok(threads)
}

/// What can be said without looking at a single photo.
fn check(recipe: &Recipe, options: &Options) -> Result<Head> {
    let refuse = |what: &str, expected: &str, got: &dyn std::fmt::Display| {
        Err(Error::Usage(format!("--{what} must be {expected}, got {got}")))
    };
    let positive = |x: f64| x.is_finite() && x > 0.0;
    if recipe.epochs == 0 {
        return refuse("epochs", "at least 1", &recipe.epochs);
    }
    if options.batch_size == 0 {
        return refuse("batch-size", "at least 1", &options.batch_size);
    }
    if options.image_size < graft_vgg::MIN_SIZE {
        return refuse("image-size", "at least 32, as five poolings halve it", &options.image_size);
    }
    for (name, rate) in
        [("learning-rate", recipe.learning_rate), ("warmup-learning-rate", recipe.warmup_learning_rate)]
    {
        if !positive(rate) {
            return refuse(name, "a number above 0", &rate);
        }
    }
    if !(0.0..1.0).contains(&options.validation_split) {
        return refuse("validation-split", "from 0 up to, but not including, 1", &options.validation_split);
    }
    if !(0.0..=1.0).contains(&options.label_smoothing) {
        return refuse("label-smoothing", "from 0 to 1", &options.label_smoothing);
    }
    if let Some(a) = &recipe.augmenting {
        a.ranges.validate().map_err(|e| Error::Usage(e.to_string()))?;
    }
    options
        .optimizer
        .parse::<graft_nn::optimizers::Algorithm>()
        .map_err(|e| Error::Usage(format!("--optimizer: {e}")))?;
    options.head.parse().map_err(|e| Error::Usage(format!("--head: {e}")))
}

fn train<M: Method>(
    method: &M,
    recipe: &Recipe,
    head: &Head,
    threads: usize,
    folder: &RunFolder,
    begun: Instant,
) -> Result<Metrics> {
    let options = method.options();
    // A wrong folder or file is told before a right one is read through.
    Folder::scan(&options.data, options.class_names.as_deref())?;
    let base = Base::load(&options.weights, options.image_size, options.pooling)?;
    note(format!("base: VGG16 without its top, weights from {}", base.path.display()));
    note(format!("      {BASE_LICENCE}"));
    note(format!(
        "photos: {}, to {1} × {1} by {2}; pixels: {3}",
        options.data.display(),
        options.image_size,
        options.resize,
        Preprocessing::Caffe
    ));
    let pictures = Pictures::labelled(options, threads, preprocess(Preprocessing::Caffe))?;
    let dataset = &pictures.dataset;

    if let Some(to) = method.save_features() {
        save_features::write(to, &base.network, &pictures, options)?;
    }
    let mut network = base.network;
    let base_layers = network.layers().len();
    if recipe.unfreeze_last > base_layers {
        return Err(Error::Usage(format!(
            "--unfreeze-last must be at most {base_layers}, the base's layers, got {}",
            recipe.unfreeze_last
        )));
    }
    let classes = dataset.class_names.len();
    let layers = head.layers(classes).map_err(|e| Error::Usage(format!("--head: {e}")))?;
    network.push_all(&layers).map_err(|e| Error::Usage(format!("--head: {e}")))?;
    network.initialize(options.seed);
    network.set_trainable(base_layers - recipe.unfreeze_last..base_layers, true);
    eprintln!("{}", summary(&network, recipe.method, None, true));

    let card = ModelCard {
        format: ModelCard::FORMAT,
        method: recipe.method.to_owned(),
        architecture: network.config(),
        class_names: dataset.class_names.clone(),
        image_size: options.image_size,
        resize: options.resize,
        exif: options.exif,
        preprocessing: Preprocessing::Caffe,
        base_weights: base.path.display().to_string(),
        base_licence: BASE_LICENCE.to_owned(),
    };
    folder.write_json("options.json", &Resolved { recipe, options, weights_file: &base.path })?;
    report::write_split(folder, dataset)?;
    let training = Training { recipe, options, pictures: &pictures, base_layers, card: &card, folder };
    let training_begun = Instant::now();
    let trained = training.run(&mut network)?;
    let training_seconds = training_begun.elapsed().as_secs_f64();

    let metrics = metrics(
        recipe,
        options,
        &pictures,
        &trained,
        threads,
        [begun.elapsed().as_secs_f64(), training_seconds],
    )?;
    for (part, evaluation) in [(Part::Validation, &trained.validation), (Part::Test, &trained.test)] {
        if let Some(evaluation) = evaluation {
            report::write_predictions(folder, part, dataset, evaluation)?;
        }
    }
    folder.write_json("metrics.json", &metrics)?;
    tell(&metrics, folder);
    Ok(metrics)
}

fn metrics(
    recipe: &Recipe,
    options: &Options,
    pictures: &Pictures,
    trained: &Trained,
    threads: usize,
    [seconds, training_seconds]: [f64; 2],
) -> Result<Metrics> {
    let dataset = &pictures.dataset;
    let epochs = trained.history.epochs.len();
    let last = |name: &str| trained.history.last().and_then(|e| e.logs.get(name));
    let best = report::best_epoch(&trained.history);
    let by_class =
        trained.validation.as_ref().map(|v| report::by_class(v, &dataset.class_names)).transpose()?;
    let (per_class, confusion_matrix) = by_class.unwrap_or_default();
    let train_images = dataset.count(Part::Train);
    Ok(Metrics {
        method: recipe.method.to_owned(),
        accuracy: last("accuracy"),
        loss: last("loss"),
        val_accuracy: trained.validation.as_ref().map(|v| v.accuracy),
        val_loss: trained.validation.as_ref().map(|v| v.loss),
        best_epoch: best.map(|b| b.0 + 1),
        best_val_loss: best.map(|b| b.1),
        best_val_accuracy: best.map(|b| b.2),
        test_accuracy: trained.test.as_ref().map(|t| t.accuracy),
        test_loss: trained.test.as_ref().map(|t| t.loss),
        train_images,
        val_images: dataset.count(Part::Validation),
        test_images: dataset.count(Part::Test),
        classes: dataset.class_names.len(),
        epochs,
        seconds,
        images_per_second: (train_images * epochs) as f64 / training_seconds,
        peak_rss_bytes: peak_rss_bytes(),
        isa: Isa::current().name(),
        threads,
        seed: options.seed,
        per_class,
        confusion_matrix,
    })
}

/// The result, and where it lies.
fn tell(m: &Metrics, folder: &RunFolder) {
    let figure = |name: &str, accuracy: Option<f64>, loss: Option<f64>, n: usize| {
        if let (Some(a), Some(l)) = (accuracy, loss) {
            eprintln!("{name}: accuracy {a:.4}, loss {l:.4} on {n} photos");
        }
    };
    eprintln!();
    figure("validation", m.val_accuracy, m.val_loss, m.val_images);
    figure("test", m.test_accuracy, m.test_loss, m.test_images);
    let memory = m
        .peak_rss_bytes
        .map_or_else(String::new, |b| format!(", {:.0} MB of memory at most", b as f64 / 1e6));
    eprintln!("{:.1} s{memory}", m.seconds);
    let folder = folder.path().display();
    eprintln!(
        "results: {folder}/ (best and last model, metrics.json, history.csv, predictions.csv, split.csv)"
    );
    eprintln!("to use it: predict {folder} PHOTO…");
}
