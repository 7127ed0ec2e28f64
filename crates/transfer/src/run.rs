//! One run, from the command line to the folder of results.

use std::path::Path;
use std::process::ExitCode;
use std::time::Instant;

use graft_data::{Folder, Part};
use graft_kernels::Isa;
use graft_nn::fit::Evaluation;
use graft_nn::head::Head;
use graft_nn::metrics::top_k_accuracy;
use graft_nn::{Sequential, summary};
use serde::Serialize;

use crate::base::Base;
use crate::check::{check, check_feature_cache, check_out};
use crate::command_line::parse_method;
use crate::comparison::{self, Comparison, Contender, trained_weights};
use crate::inputs::Data;
use crate::memory::peak_rss_bytes;
use crate::methods::Method;
use crate::model_file::ModelCard;
use crate::output::json_to_stdout;
use crate::pictures::{Pictures, preprocess};
use crate::process::{finish, prepare};
use crate::progress::{self, note};
use crate::report::{self, Metrics};
use crate::run_folder::{METRICS, OPTIONS};
use crate::training::{Trained, Training};
use crate::{Error, Inputs, Options, Recipe, Result, RunFolder, save_features};

/// The `main` of a method's binary: reads the command line, runs, and turns what happened into an exit code.
pub fn run_method<M: Method>() -> ExitCode {
    let method = parse_method::<M>();
    finish(run(&method))
}

/// The options that decided a run, `options.json`.
#[derive(Serialize)]
struct Resolved<'a> {
    recipe: &'a Recipe,
    inputs: &'a Inputs,
    weights_file: &'a Path,
    class_names: &'a [String],
    options: &'a Options,
    threads: usize,
    out: &'a Path,
}

fn run<M: Method>(method: &M) -> Result<()> {
    let begun = Instant::now();
    let threads = prepare(method.options().threads)?;
    let mut inputs = Inputs::of(method.options())?;
    let recipe = method.resolved(&inputs);
    let head = check(&recipe, method.options())?;
    inputs.prepare(method.options())?;
    check_feature_cache(&inputs.folder, method.options())?;
    if method.instead_of_training(&inputs, threads)? {
        return Ok(());
    }
    check_out(&inputs.folder, method.options())?;
    let folder = RunFolder::create(method.options().out.as_deref(), recipe.method)?;
    let outcome =
        Run { method, recipe: &recipe, inputs: &inputs, threads, folder: &folder, begun }.train(&head);
    if outcome.is_err() && !folder.has_model() {
        folder.discard();
    }
    let metrics = outcome.map_err(|e| e.with_kept(&folder))?;
    if method.options().json {
        json_to_stdout(&metrics)?;
    }
    Ok(())
}

/// A run under way.
struct Run<'a, M> {
    method: &'a M,
    recipe: &'a Recipe,
    inputs: &'a Inputs,
    threads: usize,
    folder: &'a RunFolder,
    begun: Instant,
}

impl<M: Method> Run<'_, M> {
    fn train(&self, head: &Head) -> Result<Metrics> {
        let (recipe, inputs, options, folder) =
            (self.recipe, self.inputs, self.method.options(), self.folder);
        // What is wrong with the folder, the weights or the head is told before thousands of photos are decoded.
        self.method.save_features().map_or(Ok(()), |to| save_features::check_folder(to, &inputs.folder))?;
        let class_names = Folder::scan(&inputs.folder, options.class_names.as_deref())?.class_names;
        let base = Base::load(inputs, options)?;
        let (base_layers, width_divisor) = (base.network.layers().len(), base.width_divisor);
        self.tell_inputs(&base);
        let network = graft(base.network, head, class_names.len(), recipe.unfreeze_last, options.seed)?;
        let pictures = Pictures::labelled(inputs, options, self.threads, preprocess(options.preprocessing))?;
        note(format_args!("\n{}", summary(&network, recipe.method, progress::table_width(), true)));

        let card = ModelCard {
            format: ModelCard::FORMAT,
            method: recipe.method.to_owned(),
            architecture: network.config(),
            class_names,
            data: (inputs.data == Data::Coats).then(|| Data::COATS.to_owned()),
            image_size: inputs.image_size,
            resize: options.resize,
            exif: options.exif,
            preprocessing: options.preprocessing,
            base_weights: base.path.display().to_string(),
            base_licence: base.licence.clone(),
        };
        let resolved = Resolved {
            recipe,
            inputs,
            weights_file: &base.path,
            class_names: &card.class_names,
            options,
            threads: self.threads,
            out: folder.path(),
        };
        folder.write_json(OPTIONS, &resolved)?;
        report::write_split(folder, &pictures.dataset)?;
        report::write_bad_images(folder.path(), &pictures)?;
        if let Some(to) = self.method.save_features() {
            save_features::write(to, &network, base_layers, &pictures, options)?;
        }
        let begun = Instant::now();
        let mut network = network;
        let training = Training { recipe, options, pictures: &pictures, base_layers, card: &card, folder };
        let trained = training.run(&mut network)?;
        let training_seconds = begun.elapsed().as_secs_f64();
        let mut metrics = self.metrics(&pictures, &trained, training_seconds)?;
        for (part, evaluation) in [(Part::Validation, &trained.validation), (Part::Test, &trained.test)] {
            if let Some(evaluation) = evaluation {
                report::write_predictions(folder, part, &pictures.dataset, evaluation)?;
            }
        }
        folder.write_json(METRICS, &metrics)?;
        metrics.tell_figures();
        if let Some(val_accuracy) = metrics.val_accuracy.filter(|_| self.method.compares(inputs)) {
            let run = Contender {
                what: "a head on the trained base",
                val_accuracy,
                trained_weights: trained_weights(&network),
                epochs: metrics.epochs as u64,
                seconds: training_seconds,
            };
            let contenders = Comparison {
                pictures: &pictures,
                image_size: inputs.image_size,
                width_divisor,
                depth: inputs.depth,
                seed: options.seed,
            }
            .against(run)?;
            comparison::tell(&contenders, metrics.val_images);
            metrics.comparison = Some(contenders);
            (metrics.seconds, metrics.peak_rss_bytes) =
                (self.begun.elapsed().as_secs_f64(), peak_rss_bytes());
            folder.write_json(METRICS, &metrics)?;
        }
        metrics.tell_end(folder);
        Ok(metrics)
    }

    /// What became of the weights and the photos, before they are used.
    fn tell_inputs(&self, base: &Base) {
        note(format_args!("base: {}, weights from {}", base.architecture, base.path.display()));
        note(format_args!("      {}", base.licence));
        let (side, options) = (self.inputs.image_size, self.method.options());
        note(format_args!(
            "photos: to {side} × {side} by {}; pixels: {}",
            options.resize, options.preprocessing
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
            comparison: None,
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
