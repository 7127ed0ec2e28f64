//! The training itself: phases, each with its own frozen part, and what watches them.

use std::ops::Range;

use graft_data::{Loader, Part};
use graft_nn::Sequential;
use graft_nn::callbacks::{
    CSVLogger, Callback, Checkpoint, EarlyStopping, LearningRateScheduler, ModelCheckpoint, Monitor,
    ReduceLROnPlateau, SaveWhen, StuckLoss, TerminateOnNaN, Which,
};
use graft_nn::fit::{Batches, EpochLogs, Evaluation, FitError, History, Interruption, Trainer};
use graft_nn::losses::{ClassWeight, Loss};
use graft_nn::optimizers::{Optimizer, OptimizerConfig};
use graft_tensor::DType;

use crate::batches::{FeatureBatches, Order, PictureBatches};
use crate::features::{CacheChoice, Extractor, FeatureStore, PICTURES_AT_ONCE};
use crate::interrupt::INTERRUPTED;
use crate::model_file::{self, ModelCard};
use crate::pictures::Pictures;
use crate::progress::{Epochs, Measuring, note};
use crate::run_folder::{BEST, HISTORY, LAST};
use crate::{Error, Options, Recipe, Result, RunFolder, options};

/// All that a training run needs.
pub struct Training<'a> {
    /// What to do.
    pub recipe: &'a Recipe,
    /// What the user said.
    pub options: &'a Options,
    /// The photos.
    pub pictures: &'a Pictures,
    /// How many layers of the network are the base.
    pub base_layers: usize,
    /// What goes into the model file.
    pub card: &'a ModelCard,
    /// Where results go.
    pub folder: &'a RunFolder,
}

/// What training gives beside the trained network.
pub struct Trained {
    /// The figures of each epoch.
    pub history: History,
    /// Those of the epoch whose model was saved as the best.
    pub best: Option<EpochLogs>,
    /// The last model on the validation photos, if there are any.
    pub validation: Option<Evaluation>,
    /// The last model on the test photos, if there are any.
    pub test: Option<Evaluation>,
}

/// A stretch of epochs in which the same layers are trained at the same rate.
struct Phase {
    epochs: Range<u64>,
    /// How many of the base's last layers are trained.
    unfrozen: usize,
    learning_rate: f64,
}

/// The output of all layers before `cut`.
struct Features {
    cut: usize,
    store: FeatureStore,
}

impl Training<'_> {
    /// Trains the head, and as much of the base as the recipe says.
    ///
    /// # Errors
    /// What ended the training: a photo that is gone, divergence, Ctrl-C; what was learnt has then been saved.
    pub fn run(&self, network: &mut Sequential) -> Result<Trained> {
        let phases = self.phases();
        let loader = self.pictures.loader(self.options.batch_size)?;
        // The last phase has the least frozen. What it needs is computed first; a warm-up's features lie further up
        // and are made from those.
        if let Some(last) = phases.last() {
            self.freeze(network, last);
        }
        let features = self.features(network, None)?;
        network.forget_derived();
        let mut history = History::default();
        let mut checkpoint = self.checkpoint(features.is_some())?;
        for (i, phase) in phases.iter().enumerate() {
            self.freeze(network, phase);
            if let [_, _, ..] = phases[..] {
                let what = if phase.unfrozen == 0 {
                    "the head alone"
                } else {
                    "the head and the base's last layers"
                };
                let rate = phase.learning_rate;
                note(format!("Phase {} of {}: {what}, at a learning rate of {rate}", i + 1, phases.len()));
            }
            let own = self.features_of_phase(network, features.as_ref())?;
            network.forget_derived();
            let here = own.as_ref().or(features.as_ref());
            let part = self.run_phase(network, phase, i > 0, here, &loader, &mut checkpoint)?;
            history.epochs.extend(part.epochs);
            if let Some(Interruption { epoch, steps }) = part.interrupted {
                let (end, all) = (phase.epochs.end, self.batches(Part::Train, None, &loader).steps());
                let when = format!("in epoch {} of {end}, after {steps} of its {all} steps", epoch + 1);
                return Err(Error::interrupted(when));
            }
        }
        let best =
            checkpoint.best().map(|b| EpochLogs { epoch: b.epoch, logs: b.logs.clone(), seconds: 0.0 });
        let mut evaluate = |part| self.evaluate(network, part, features.as_ref(), &loader);
        let (validation, test) = (evaluate(Part::Validation)?, evaluate(Part::Test)?);
        // The last step's weights have been in no loss of the training.
        for (part, measured) in [(Part::Validation, &validation), (Part::Test, &test)] {
            if let Some(loss) = measured.as_ref().map(|m| m.loss).filter(|loss| !loss.is_finite()) {
                return Err(Error::diverged(part, loss));
            }
        }
        Ok(Trained { history, best, validation, test })
    }

    /// The features that this phase starts from, unless they are those of the last phase.
    fn features_of_phase(&self, network: &Sequential, last: Option<&Features>) -> Result<Option<Features>> {
        if last.is_some_and(|f| f.cut == self.cut(network)) {
            return Ok(None);
        }
        // What was rounded to be held in memory is no ground to compute on from.
        let exact = self.options.feature_precision == options::Precision::F32;
        self.features(network, last.filter(|_| exact))
    }

    /// The warm-up, if there is one, and the rest.
    fn phases(&self) -> Vec<Phase> {
        let Recipe { warmup_epochs, warmup_learning_rate, epochs, learning_rate, unfreeze_last, .. } =
            *self.recipe;
        let warmup = Phase { epochs: 0..warmup_epochs, unfrozen: 0, learning_rate: warmup_learning_rate };
        let end = warmup_epochs.saturating_add(epochs);
        let main = Phase { epochs: warmup_epochs..end, unfrozen: unfreeze_last, learning_rate };
        [warmup, main].into_iter().filter(|p| !p.epochs.is_empty()).collect()
    }

    fn freeze(&self, network: &mut Sequential, phase: &Phase) {
        network.set_trainable(..self.base_layers, false);
        network.set_trainable(self.base_layers.saturating_sub(phase.unfrozen)..self.base_layers, true);
    }

    /// How many of the base's layers are frozen, from the input on.
    fn cut(&self, network: &Sequential) -> usize {
        network.frozen_prefix().min(self.base_layers)
    }

    fn run_phase(
        &self,
        network: &mut Sequential,
        phase: &Phase,
        continues: bool,
        features: Option<&Features>,
        loader: &Loader,
        checkpoint: &mut ModelCheckpoint<'_>,
    ) -> Result<History> {
        let mut train = self.batches(Part::Train, features, loader);
        let mut validation = self.batches(Part::Validation, features, loader);
        let validation = (validation.samples() > 0).then_some(&mut *validation as &mut dyn Batches);
        let learning_rate = phase.learning_rate as f32;
        let config = OptimizerConfig {
            learning_rate,
            clipping: self.options.clipping()?,
            ..OptimizerConfig::new(self.options.optimizer.parse()?)
        };
        let labels: Vec<_> = self.pictures.labels(Part::Train);
        let mut trainer = Trainer::new(network)
            .loss(self.loss())
            .optimizer(Optimizer::new(config)?)
            .class_weight(self.class_weight().weights(&labels, self.card.class_names.len())?)
            .seed(self.options.seed)
            .top_k(self.options.top_k)
            .interrupted_by(&INTERRUPTED);

        let mut finite = TerminateOnNaN;
        let mut constant_rate = LearningRateScheduler::new(|_, rate| rate);
        let mut log = CSVLogger::new(self.folder.file(HISTORY));
        if continues {
            log = log.append();
        }
        let mut stuck = StuckLoss::new(self.card.class_names.len());
        let (mut plateau, mut early) = (self.reduce_lr()?, self.early_stopping()?);
        let mut callbacks: Vec<&mut dyn Callback> = vec![&mut finite, &mut constant_rate];
        callbacks.extend(plateau.as_mut().map(|p| p as &mut dyn Callback));
        callbacks.extend([&mut log as &mut dyn Callback, checkpoint, &mut stuck]);
        callbacks.extend(early.as_mut().map(|e| e as &mut dyn Callback));
        Ok(trainer.fit(&mut *train, validation, phase.epochs.clone(), &mut callbacks, &mut Epochs::new())?)
    }

    fn evaluate(
        &self,
        network: &mut Sequential,
        part: Part,
        features: Option<&Features>,
        loader: &Loader,
    ) -> Result<Option<Evaluation>> {
        let mut batches = self.batches(part, features, loader);
        if batches.samples() == 0 {
            return Ok(None);
        }
        let trainer = Trainer::new(network).loss(self.loss()).interrupted_by(&INTERRUPTED);
        Ok(Some(trainer.evaluate(&mut *batches, &mut Measuring::new(part))?))
    }

    /// The batches of a part: of features, where the photos of the part have any, else of the photos.
    fn batches<'s>(
        &'s self,
        part: Part,
        features: Option<&'s Features>,
        loader: &'s Loader,
    ) -> Box<dyn Batches + 's> {
        let samples = self.pictures.dataset.indices(part);
        let order = if part == Part::Train { Order::Shuffled(self.options.seed) } else { Order::AsIs };
        let batch_size = self.options.batch_size;
        match features.filter(|_| self.is_cached(part)) {
            Some(Features { cut, store }) => {
                let dataset = &self.pictures.dataset;
                Box::new(FeatureBatches {
                    features: store,
                    from_layer: *cut,
                    dataset,
                    samples,
                    order,
                    batch_size,
                })
            }
            None => {
                let augmenting = self.recipe.augmenting.as_ref().filter(|_| part == Part::Train);
                let augment = augmenting.map(|a| a.seeded(self.options.seed));
                Box::new(PictureBatches { loader, samples, order, batch_size, augment })
            }
        }
    }

    /// Whether the photos of a part look the same in every epoch, so that their features may be kept.
    fn is_cached(&self, part: Part) -> bool {
        part != Part::Train || self.recipe.augmenting.is_none()
    }

    /// What the base's frozen layers make of every photo that looks the same in every epoch.
    fn features(&self, network: &Sequential, below: Option<&Features>) -> Result<Option<Features>> {
        let choice = CacheChoice::parse(&self.options.feature_cache);
        // The head's own first layers, such as a flatten, cost nothing to run again.
        let cut = self.cut(network);
        if matches!(choice, CacheChoice::Off) || cut == 0 {
            return Ok(None);
        }
        let parts = Part::ALL.into_iter().filter(|&p| self.is_cached(p));
        let samples: Vec<_> = parts.flat_map(|p| self.pictures.dataset.indices(p)).collect();
        let extractor = Extractor {
            loader: &self.pictures.loader(PICTURES_AT_ONCE)?,
            conditions: self.options.conditions(),
            choice: &choice,
            limit: self.options.feature_cache_limit(),
            precision: self.options.feature_precision.into(),
        };
        let store = extractor.extract(network, cut, &samples, below.map(|f| (f.cut, &f.store)))?;
        Ok(Some(Features { cut, store }))
    }

    fn loss(&self) -> Loss {
        Loss::CategoricalCrossentropy { label_smoothing: self.options.label_smoothing as f32 }
    }

    fn class_weight(&self) -> ClassWeight {
        match self.options.class_weight {
            options::ClassWeight::None => ClassWeight::None,
            options::ClassWeight::Balanced => ClassWeight::Balanced,
        }
    }

    /// What is to become small: the loss of photos that were not trained on, where there are any.
    fn monitor(&self) -> Result<Monitor> {
        let measured = self.pictures.dataset.count(Part::Validation) > 0;
        Ok(Monitor::new(if measured { "val_loss" } else { "loss" })?)
    }

    fn early_stopping(&self) -> Result<Option<EarlyStopping>> {
        let with = |patience| Ok(EarlyStopping::new(self.monitor()?).patience(patience));
        self.options.patience.map(with).transpose()
    }

    fn reduce_lr(&self) -> Result<Option<ReduceLROnPlateau>> {
        let Options { reduce_lr_factor, reduce_lr_cooldown, min_lr, .. } = *self.options;
        let with = |patience| {
            let reduce =
                ReduceLROnPlateau::new(self.monitor()?).patience(patience).factor(reduce_lr_factor)?;
            Ok(reduce.cooldown(reduce_lr_cooldown).min_lr(min_lr))
        };
        self.options.reduce_lr_on_plateau.map(with).transpose()
    }

    /// `best.safetensors` and `last.safetensors`.
    fn checkpoint(&self, has_features: bool) -> Result<ModelCheckpoint<'_>> {
        let save = |c: &Checkpoint<'_>| {
            let file = self.folder.file(if c.which == Which::Best { BEST } else { LAST });
            Ok(model_file::save(&file, self.card, c.model, DType::F32)?)
        };
        // Behind kept features an epoch takes less time than writing the model.
        let quick = has_features && self.is_cached(Part::Train) && self.recipe.unfreeze_last == 0;
        let when = if quick { SaveWhen::AtEnd } else { SaveWhen::EveryEpoch };
        Ok(ModelCheckpoint::new(self.monitor()?, save).when(when))
    }
}

impl From<FitError> for Error {
    fn from(e: FitError) -> Self {
        match e {
            FitError::Model(e) => Self::Network(e),
            // What our own batches and checkpoints report comes back in a box.
            FitError::Data(e) | FitError::Save(e) => match e.downcast::<Self>() {
                Ok(own) => *own,
                Err(e) => match e.downcast() {
                    Ok(data) => Self::Data(*data),
                    Err(other) => Self::Usage(other.to_string()),
                },
            },
            FitError::Write { path, error } => Self::write(&path, &error),
            FitError::Interrupted => Self::interrupted("after the last epoch, while its model was measured"),
            e @ FitError::Diverged { .. } => Self::Diverged(e.to_string()),
            other => Self::Usage(other.to_string()),
        }
    }
}
