//! One run, from the command line to the folder of results.

use std::process::ExitCode;
use std::time::Instant;

use graft_data::{Folder, Part};
use graft_kernels::Isa;
use graft_nn::fit::Evaluation;
use graft_nn::head::Head;
use graft_nn::{Sequential, summary};
use graft_vgg::Preprocessing;
use serde::Serialize;

use crate::base::{BASE_LICENCE, Base};
use crate::memory::peak_rss_bytes;
use crate::methods::Method;
use crate::model_file::ModelCard;
use crate::output::to_stdout;
use crate::pictures::{Pictures, preprocess};
use crate::progress::note;
use crate::report::{self, Metrics};
use crate::run_folder::OPTIONS;
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
            note(format_args!("error: {e}"));
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
    let recipe = method.resolved();
    let threads = prepare(method.options().threads)?;
    let head = check(&recipe, method.options())?;
    if method.instead_of_training(threads)? {
        return Ok(());
    }
    let folder = RunFolder::create(method.options().out.as_deref(), recipe.method)?;
    let outcome = Run { method, recipe: &recipe, threads, folder: &folder, begun }.train(&head);
    if outcome.is_err() && !folder.has_model() {
        folder.discard();
    }
    let metrics = outcome?;
    if method.options().json {
        to_stdout(
            &(serde_json::to_string_pretty(&metrics).map_err(|e| Error::Usage(e.to_string()))? + "\n"),
        )?;
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

/// More photos than anybody puts into a step, and few enough to count with.
const MAX_BATCH: usize = 1 << 16;

/// What can be said without looking at a single photo.
fn check(recipe: &Recipe, options: &Options) -> Result<Head> {
    let refuse = |what: &str, expected: &str, got: &dyn std::fmt::Display| {
        Err(Error::Usage(format!("--{what} must be {expected}, got {got}")))
    };
    let positive = |x: f64| x.is_finite() && x > 0.0;
    if recipe.epochs == 0 {
        return refuse("epochs", "at least 1", &recipe.epochs);
    }
    if !(1..=MAX_BATCH).contains(&options.batch_size) {
        return refuse("batch-size", &format!("from 1 to {MAX_BATCH}"), &options.batch_size);
    }
    if !positive(options.feature_cache_limit) {
        return refuse("feature-cache-limit", "a number above 0", &options.feature_cache_limit);
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

/// A run under way.
struct Run<'a, M> {
    method: &'a M,
    recipe: &'a Recipe,
    threads: usize,
    folder: &'a RunFolder,
    begun: Instant,
}

impl<M: Method> Run<'_, M> {
    fn train(&self, head: &Head) -> Result<Metrics> {
        let (recipe, options, folder) = (self.recipe, self.method.options(), self.folder);
        // What is wrong with the folder, the weights or the head is told before thousands of photos are decoded.
        self.method.save_features().map_or(Ok(()), save_features::check_folder)?;
        let class_names = Folder::scan(&options.data, options.class_names.as_deref())?.class_names;
        let base = Base::load(&options.weights, options.image_size, options.pooling)?;
        let base_layers = base.network.layers().len();
        self.tell_inputs(&base);
        let network = graft(base.network, head, class_names.len(), recipe.unfreeze_last, options.seed)?;
        let pictures = Pictures::labelled(options, self.threads, preprocess(Preprocessing::Caffe))?;
        note(format_args!("\n{}", summary(&network, recipe.method, None, true)));

        let card = ModelCard {
            format: ModelCard::FORMAT,
            method: recipe.method.to_owned(),
            architecture: network.config(),
            class_names,
            image_size: options.image_size,
            resize: options.resize,
            exif: options.exif,
            preprocessing: Preprocessing::Caffe,
            base_weights: base.path.display().to_string(),
            base_licence: BASE_LICENCE.to_owned(),
        };
        folder.write_json(OPTIONS, &Resolved { recipe, options, weights_file: &base.path })?;
        report::write_split(folder, &pictures.dataset)?;
        if let Some(to) = self.method.save_features() {
            save_features::write(to, &network, base_layers, &pictures, options)?;
        }
        let begun = Instant::now();
        let mut network = network;
        let training = Training { recipe, options, pictures: &pictures, base_layers, card: &card, folder };
        let trained = training.run(&mut network)?;
        let metrics = self.metrics(&pictures, &trained, begun.elapsed().as_secs_f64())?;
        for (part, evaluation) in [(Part::Validation, &trained.validation), (Part::Test, &trained.test)] {
            if let Some(evaluation) = evaluation {
                report::write_predictions(folder, part, &pictures.dataset, evaluation)?;
            }
        }
        folder.write_json("metrics.json", &metrics)?;
        tell(&metrics, folder);
        Ok(metrics)
    }

    /// What is used, before it is used.
    fn tell_inputs(&self, base: &Base) {
        let options = self.method.options();
        note(format_args!("base: VGG16 without its top, weights from {}", base.path.display()));
        note(format_args!("      {BASE_LICENCE}"));
        let (data, side, resize) = (options.data.display(), options.image_size, options.resize);
        note(format_args!(
            "photos: {data}, to {side} × {side} by {resize}; pixels: {}",
            Preprocessing::Caffe
        ));
    }

    fn metrics(&self, pictures: &Pictures, trained: &Trained, training_seconds: f64) -> Result<Metrics> {
        let dataset = &pictures.dataset;
        let epochs = trained.history.epochs.len();
        let last = |name: &str| trained.history.last().and_then(|e| e.logs.get(name));
        let best = |name: &str| trained.best.as_ref().and_then(|e| e.logs.get(name));
        let by_class = |e: &Option<Evaluation>| {
            e.as_ref().map(|e| report::by_class(e, &dataset.class_names)).transpose()
        };
        let train_images = dataset.count(Part::Train);
        Ok(Metrics {
            method: self.recipe.method.to_owned(),
            accuracy: last("accuracy"),
            loss: last("loss"),
            val_accuracy: trained.validation.as_ref().map(|v| v.accuracy),
            val_loss: trained.validation.as_ref().map(|v| v.loss),
            best_epoch: trained.best.as_ref().map(|b| b.epoch + 1),
            best_val_loss: best("val_loss"),
            best_val_accuracy: best("val_accuracy"),
            test_accuracy: trained.test.as_ref().map(|t| t.accuracy),
            test_loss: trained.test.as_ref().map(|t| t.loss),
            train_images,
            val_images: dataset.count(Part::Validation),
            test_images: dataset.count(Part::Test),
            classes: dataset.class_names.len(),
            epochs,
            seconds: self.begun.elapsed().as_secs_f64(),
            images_per_second: (train_images * epochs) as f64 / training_seconds,
            peak_rss_bytes: peak_rss_bytes(),
            isa: Isa::current().name(),
            threads: self.threads,
            seed: self.method.options().seed,
            by_class: by_class(&trained.validation)?.unwrap_or_default(),
            test: by_class(&trained.test)?,
        })
    }
}

/// The base with the head on top, its first weights drawn, and the base's last layers unfrozen.
fn graft(
    mut base: Sequential,
    head: &Head,
    classes: usize,
    unfreeze_last: usize,
    seed: u64,
) -> Result<Sequential> {
    let in_head = |e: &dyn std::fmt::Display| Error::Usage(format!("--head: {e}"));
    base.unfreeze_last(unfreeze_last).map_err(|e| Error::Usage(format!("--unfreeze-last: {e}")))?;
    base.push_all(&head.layers(classes).map_err(|e| in_head(&e))?).map_err(|e| in_head(&e))?;
    base.initialize(seed);
    Ok(base)
}

/// The result, and where it lies.
fn tell(m: &Metrics, folder: &RunFolder) {
    let figure = |name: String, accuracy: Option<f64>, loss: Option<f64>, n: usize| {
        if let (Some(a), Some(l)) = (accuracy, loss) {
            note(format_args!("{name}: accuracy {a:.4}, loss {l:.4} on {n} photos"));
        }
    };
    note("");
    figure(format!("validation, last epoch ({})", m.epochs), m.val_accuracy, m.val_loss, m.val_images);
    if let Some(epoch) = m.best_epoch {
        figure(
            format!("validation, best epoch ({epoch})"),
            m.best_val_accuracy,
            m.best_val_loss,
            m.val_images,
        );
    }
    figure("test, last epoch".to_owned(), m.test_accuracy, m.test_loss, m.test_images);
    let memory = m
        .peak_rss_bytes
        .map_or_else(String::new, |b| format!(", {:.0} MB of memory at most", b as f64 / 1e6));
    note(format_args!("{:.1} s{memory}", m.seconds));
    let folder = folder.path().display();
    note(format_args!(
        "results: {folder}/ (both models, metrics.json, history.csv, predictions.csv, split.csv)"
    ));
    note(format_args!("to use the best model: predict {folder} PHOTO…   (--last: that of the last epoch)"));
}
