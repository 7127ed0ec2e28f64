//! One run, from the command line to the folder of results.

use std::process::ExitCode;
use std::time::Instant;

use graft_data::{Folder, Part};
use graft_kernels::Isa;
use graft_nn::fit::Evaluation;
use graft_nn::head::Head;
use graft_nn::metrics::top_k_accuracy;
use graft_nn::{Sequential, summary};
use graft_vgg::Preprocessing;
use serde::Serialize;

use crate::base::Base;
use crate::check::check;
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
    M::from_arg_matches(&command::<M>().get_matches()).unwrap_or_else(|e| e.exit())
}

fn command<M: Method>() -> clap::Command {
    let Recipe { head, epochs, learning_rate, .. } = M::recipe();
    M::command()
        .mut_arg("head", |a| a.default_value(head))
        .mut_arg("epochs", |a| a.default_value(epochs.to_string()))
        .mut_arg("learning_rate", |a| a.default_value(format!("{learning_rate:e}")))
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
    let metrics = outcome.map_err(|e| e.with_kept(&folder))?;
    if method.options().json {
        to_stdout(
            &(serde_json::to_string_pretty(&metrics).map_err(|e| Error::Usage(e.to_string()))? + "\n"),
        )?;
    }
    Ok(())
}

/// More threads than machines have cores; a system asked for a hundred thousand is busy with them for minutes.
const MAX_THREADS: usize = 1024;

/// Threads and kernels for the whole process; tells how many threads there are.
///
/// # Errors
/// [`Error::Usage`] if `GRAFT_ISA` names kernels that this machine cannot run, or there are to be no threads
/// or too many.
pub fn prepare(threads: Option<usize>) -> Result<usize> {
    Isa::from_env().map_err(|e| Error::Usage(e.to_string()))?;
    if let Some(n) = threads.filter(|n| !(1..=MAX_THREADS).contains(n)) {
        return Err(Error::Usage(format!("--threads must be from 1 to {MAX_THREADS}, got {n}")));
    }
    let threads = threads.unwrap_or_else(|| std::thread::available_parallelism().map_or(1, usize::from));
    // The main thread is one of them: what it shares out it begins itself, and no other has to be woken for it. Whoever
    // reads ahead does so on threads of its own, outside the pool, and never waits for this one.
    let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).use_current_thread().build_global();
    pool.map_err(|e| {
        Error::Usage(format!("{threads} threads cannot be started ({e}); give --threads a smaller number"))
    })?;
    interrupt::listen();
    Ok(threads)
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
        let base = Base::load(options)?;
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
            base_licence: base.licence.clone(),
        };
        folder.write_json(OPTIONS, &Resolved { recipe, options, weights_file: &base.path })?;
        report::write_split(folder, &pictures.dataset)?;
        report::write_bad_images(folder.path(), &pictures)?;
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
        note(format_args!("base: {}, weights from {}", base.architecture, base.path.display()));
        note(format_args!("      {}", base.licence));
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
            top_k: self.method.options().top_k,
            val_top_k_accuracy: self.top_k_accuracy(&trained.validation)?,
            best_epoch: trained.best.as_ref().map(|b| b.epoch + 1),
            best_val_loss: best("val_loss"),
            best_val_accuracy: best("val_accuracy"),
            test_accuracy: trained.test.as_ref().map(|t| t.accuracy),
            test_loss: trained.test.as_ref().map(|t| t.loss),
            test_top_k_accuracy: self.top_k_accuracy(&trained.test)?,
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

    /// How often the true class is among the best `--top-k`, if that was asked for.
    fn top_k_accuracy(&self, evaluation: &Option<Evaluation>) -> Result<Option<f64>> {
        let asked = evaluation.as_ref().zip(self.method.options().top_k);
        Ok(asked.map(|(e, k)| top_k_accuracy(&e.probabilities, &e.labels, k)).transpose()?)
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
    note(format_args!("results: {}/ ({})", folder.path().display(), folder.files().join(", ")));
    let folder = folder.path().display();
    note(format_args!("to use the best model: predict {folder} PHOTO…   (--last: that of the last epoch)"));
}

#[cfg(test)]
mod tests {
    use clap::FromArgMatches;

    use super::*;
    use crate::methods::{Augment, CustomLayers, FeatureExtractor, FineTune};

    /// What a method does when nothing is said is what its recipe says and what its help shows.
    fn shows_and_takes_its_own_defaults<M: Method>() {
        let recipe = M::recipe();
        // Lines are broken to the terminal's width.
        let help = command::<M>().render_long_help().to_string();
        let help = help.split_whitespace().collect::<Vec<_>>().join(" ");
        let head = format!("\"{}\"", recipe.head);
        for default in [head, recipe.epochs.to_string(), format!("{:e}", recipe.learning_rate)] {
            assert!(
                help.contains(&format!("[default: {default}]")),
                "{}: {default} in {help}",
                recipe.method
            );
        }
        let matches = command::<M>().try_get_matches_from(["method", "--data", "photos"]).unwrap();
        let resolved = M::from_arg_matches(&matches).unwrap().resolved();
        assert_eq!(
            (resolved.head, resolved.epochs, resolved.learning_rate, resolved.unfreeze_last),
            (recipe.head, recipe.epochs, recipe.learning_rate, recipe.unfreeze_last)
        );
    }

    #[test]
    fn every_method_shows_and_takes_its_own_defaults() {
        shows_and_takes_its_own_defaults::<FeatureExtractor>();
        shows_and_takes_its_own_defaults::<FineTune>();
        shows_and_takes_its_own_defaults::<CustomLayers>();
        shows_and_takes_its_own_defaults::<Augment>();
    }

    #[test]
    fn every_optimizer_and_every_rung_can_be_asked_for_and_gradients_be_clipped_one_way() {
        let parse = |more: &[&str]| {
            let line = ["method", "--data", "photos"].iter().chain(more);
            let matches = command::<FineTune>().try_get_matches_from(line)?;
            FineTune::from_arg_matches(&matches)
        };
        for name in graft_nn::optimizers::Algorithm::NAMES {
            assert_eq!(parse(&["--optimizer", name]).unwrap().options().optimizer, name);
        }
        for algorithm in graft_kernels::conv2d::Algorithm::LADDER {
            let method = parse(&["--conv-algorithm", algorithm.name()]).unwrap();
            assert_eq!(method.options().conv_algorithm, algorithm);
        }
        let clipping = parse(&["--global-clipnorm", "0.5"]).unwrap().options().clipping().unwrap();
        assert_eq!(clipping, Some(graft_nn::optimizers::Clipping::GlobalClipnorm(0.5)));
        assert!(parse(&["--clipnorm", "1", "--clipvalue", "1"]).is_err());
        assert!(parse(&["--min-lr", "0.1"]).is_err(), "of no use without --reduce-lr-on-plateau");
        assert!(parse(&["--optimizer", "momentum"]).is_err());
    }

    #[test]
    fn features_of_another_algorithm_are_others() {
        let conditions = |algorithm: &str| {
            let line = ["method", "--data", "photos", "--conv-algorithm", algorithm];
            let matches = command::<FineTune>().try_get_matches_from(line).unwrap();
            FineTune::from_arg_matches(&matches).unwrap().options().conditions()
        };
        assert_ne!(conditions("auto"), conditions("direct"));
        assert_ne!(conditions("reference"), conditions("direct"));
        assert!(!conditions("auto").contains("auto"), "what was kept before there was a choice stays good");
    }
}
