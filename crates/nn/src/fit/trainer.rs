//! The loop over epochs and batches, and the step in its middle.

use std::ops::Range;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Instant;

use graft_autograd::Tape;
use graft_tensor::Tensor;

use super::evaluation::{self, Evaluation};
use super::{Batch, Batches, EpochLogs, FitError, History, Logs, Progress, predict};
use crate::callbacks::{Callback, Control, Ending};
use crate::layer::Mode;
use crate::losses::{Loss, check_label};
use crate::metrics::{Mean, correct};
use crate::optimizers::Optimizer;
use crate::{NnError, Sequential, WeightId};

/// What one step of training showed, with the weights from before it.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct StepLogs {
    /// The loss of the batch, `Σ w·l / N`.
    pub loss: f32,
    /// How many pictures' classes were right.
    pub correct: usize,
}

/// The gradient of the loss of one batch.
pub struct BatchGradients {
    /// The loss and the hits.
    pub logs: StepLogs,
    /// ∂L/∂w of every trained weight, from the input up.
    pub gradients: Vec<(WeightId, Tensor)>,
    /// New running statistics, which take effect with the step.
    updates: Vec<(WeightId, Tensor)>,
}

/// Trains a model.
///
/// ```
/// use graft_nn::fit::{Batch, Trainer};
/// use graft_nn::{Activation, Sequential, layers::Dense, optimizers::Optimizer};
/// use graft_tensor::Tensor;
/// let mut model = Sequential::new([2]);
/// model.push("dense", Dense::new(2).activation(Activation::Softmax))?;
/// model.initialize(0);
/// let batch = Batch { x: Tensor::new([2, 2], &[1.0, 0.0, 0.0, 1.0])?, from_layer: 0, labels: vec![0, 1], samples: vec![0, 1] };
/// let mut trainer = Trainer::new(&mut model).optimizer(Optimizer::default());
/// let first = trainer.train_step(0, &batch)?.loss;
/// let second = trainer.train_step(0, &batch)?.loss;
/// assert!(second < first);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub struct Trainer<'m> {
    model: &'m mut Sequential,
    loss: Loss,
    optimizer: Optimizer,
    class_weight: Option<Vec<f32>>,
    seed: u64,
    interrupted: Option<&'m AtomicBool>,
}

impl<'m> Trainer<'m> {
    /// Trains by categorical cross-entropy and Adam.
    pub fn new(model: &'m mut Sequential) -> Self {
        Self {
            model,
            loss: Loss::default(),
            optimizer: Optimizer::default(),
            class_weight: None,
            seed: 0,
            interrupted: None,
        }
    }

    /// What to make small.
    pub fn loss(mut self, loss: Loss) -> Self {
        self.loss = loss;
        self
    }

    /// What moves the weights.
    pub fn optimizer(mut self, optimizer: Optimizer) -> Self {
        self.optimizer = optimizer;
        self
    }

    /// How much a picture of each class counts in training: what
    /// [`ClassWeight::weights`](crate::losses::ClassWeight::weights) gives.
    pub fn class_weight(mut self, weights: Option<Vec<f32>>) -> Self {
        self.class_weight = weights;
        self
    }

    /// Names all random numbers of the run.
    pub fn seed(mut self, seed: u64) -> Self {
        self.seed = seed;
        self
    }

    /// Ends the run after the batch during which this becomes true.
    pub fn interrupted_by(mut self, flag: &'m AtomicBool) -> Self {
        self.interrupted = Some(flag);
        self
    }

    /// The model.
    pub fn model(&self) -> &Sequential {
        self.model
    }

    /// The optimiser, with its state.
    pub fn optimizer_ref(&self) -> &Optimizer {
        &self.optimizer
    }

    /// The optimiser alone: to go on with it in another run.
    pub fn into_optimizer(self) -> Optimizer {
        self.optimizer
    }

    /// The gradient of the loss of a batch in this epoch, the model being left as it is.
    ///
    /// # Errors
    /// If the batch does not fit the model, or no layer from [`Batch::from_layer`] on is trainable.
    pub fn gradients(&self, epoch: u64, batch: &Batch) -> Result<BatchGradients, FitError> {
        let model = &*self.model;
        batch.check(model)?;
        if model.trained_weights().iter().all(|id| id.layer < batch.from_layer) {
            return Err(FitError::NothingToTrain);
        }
        let weights = self.sample_weights(&batch.labels)?;
        let targets = self.loss.targets(&batch.labels, model.output_shape().elements())?;
        let start = batch.from_layer.max(model.frozen_prefix());
        let x = predict(model, batch.from_layer..start, &batch.x)?;

        let tape = Tape::new();
        let samples = &batch.samples;
        let mode = Mode { training: true, seed: self.seed, epoch, samples, ..Mode::INFERENCE };
        let (pass, from_logits) = model.forward_logits(&tape, start, tape.constant(x), &mode)?;
        let loss = self.loss.of(&pass.y, from_logits, &targets, weights.as_ref())?;
        // A softmax does not change which score is the highest.
        let correct = correct(pass.y.value(), &batch.labels)?;
        let logs = StepLogs { loss: loss.value().item().map_err(NnError::from)?, correct };
        let mut found = tape.backward(&loss).map_err(NnError::from)?;
        let zeros = |id: WeightId| Tensor::zeros(*model.weight(id).value.shape());
        let of = |(id, w)| (id, found.take(&w).unwrap_or_else(|| zeros(id)));
        let gradients = pass.trained.into_iter().map(of).collect();
        Ok(BatchGradients { logs, gradients, updates: pass.updates })
    }

    /// One step of training on a batch in this epoch.
    ///
    /// # Errors
    /// As [`Trainer::gradients`].
    pub fn train_step(&mut self, epoch: u64, batch: &Batch) -> Result<StepLogs, FitError> {
        // The tape is gone by now, and with it its share in the weights: they are changed in place.
        let BatchGradients { logs, gradients, updates } = self.gradients(epoch, batch)?;
        self.optimizer.apply(self.model, gradients)?;
        for (id, value) in updates {
            *self.model.weight_mut(id) = value;
        }
        Ok(logs)
    }

    /// How the model does on a data set, as it will be used: without dropout and without class weights.
    ///
    /// # Errors
    /// If a batch cannot be read or does not fit, or there is none.
    pub fn evaluate(
        &self,
        batches: &mut dyn Batches,
        progress: &mut dyn Progress,
    ) -> Result<Evaluation, FitError> {
        let steps = batches.steps();
        let after_batch = |step| {
            progress.on_evaluation_batch_end(step, steps);
            true
        };
        let done = evaluation::evaluate(self.model, self.loss, batches, "such", after_batch)?;
        done.ok_or(FitError::NoSamples { what: "such" })
    }

    /// Trains for the epochs of this range, counted from 0; a range that does not begin at 0 goes on where an earlier
    /// run ended. Each epoch ends with an evaluation of the validation data, if there is any.
    ///
    /// # Errors
    /// If a batch cannot be read or does not fit, nothing is trainable, or a callback ends the run with an error. The
    /// callbacks' `on_train_end` has run then, too.
    pub fn fit(
        &mut self,
        train: &mut dyn Batches,
        mut validation: Option<&mut dyn Batches>,
        epochs: Range<u64>,
        callbacks: &mut [&mut dyn Callback],
        progress: &mut dyn Progress,
    ) -> Result<History, FitError> {
        let mut history = History::default();
        let mut run = Run { callbacks, progress, epoch: epochs.start, stop: false };
        let mut outcome = run.tell(self, None, |callback, control| callback.on_train_begin(control));
        for epoch in epochs.clone() {
            if outcome.is_err() || run.stop {
                break;
            }
            run.epoch = epoch;
            let validation = validation.as_mut().map(|v| &mut **v as &mut dyn Batches);
            match self.run_epoch(epochs.end, train, validation, &mut run) {
                Ok(Some(logs)) => history.epochs.push(logs),
                Ok(None) => {
                    history.interrupted = true;
                    break;
                }
                Err(e) => outcome = Err(e),
            }
        }
        history.stopped = run.stop && history.epochs.len() < epochs.count();
        let ending = match &outcome {
            Err(_) => Ending::Failed,
            Ok(()) if history.interrupted => Ending::Interrupted,
            Ok(()) => Ending::Finished,
        };
        let ended = run.tell(self, Some(ending), |callback, control| callback.on_train_end(control));
        // The first error is the cause.
        outcome.and(ended).map(|()| history)
    }

    /// One epoch, or `None` if it was interrupted.
    fn run_epoch(
        &mut self,
        end: u64,
        train: &mut dyn Batches,
        validation: Option<&mut dyn Batches>,
        run: &mut Run<'_, '_, '_>,
    ) -> Result<Option<EpochLogs>, FitError> {
        let (epoch, begun) = (run.epoch, Instant::now());
        run.progress.on_epoch_begin(epoch, end, train.steps());
        run.tell(self, None, |callback, control| callback.on_epoch_begin(epoch, control))?;
        let Some(mut logs) = self.train_epoch(train, run)? else { return Ok(None) };
        if let Some(validation) = validation {
            let Some(found) = self.validate(validation, run)? else { return Ok(None) };
            logs.set("val_accuracy", found.accuracy);
            logs.set("val_loss", found.loss);
        }
        run.tell(self, None, |callback, control| callback.on_epoch_end(epoch, &mut logs, control))?;
        let seconds = begun.elapsed().as_secs_f64();
        run.progress.on_epoch_end(epoch, &logs, seconds);
        Ok(Some(EpochLogs { epoch, logs, seconds }))
    }

    /// The batches of one epoch, or `None` if it was interrupted.
    fn train_epoch(
        &mut self,
        train: &mut dyn Batches,
        run: &mut Run<'_, '_, '_>,
    ) -> Result<Option<Logs>, FitError> {
        let (mut loss, mut right, mut logs) = (Mean::default(), 0, Logs::default());
        for (step, batch) in train.epoch(run.epoch).enumerate() {
            if self.is_interrupted() {
                return Ok(None);
            }
            let batch = batch.map_err(FitError::Data)?;
            let n = batch.labels.len();
            let StepLogs { loss: l, correct } = self.train_step(run.epoch, &batch)?;
            loss.add(f64::from(l), n);
            right += correct;
            logs.set("accuracy", right as f64 / loss.samples() as f64);
            logs.set("loss", loss.value());
            run.tell(self, None, |callback, control| callback.on_batch_end(step, &logs, control))?;
            run.progress.on_batch_end(step, &logs);
        }
        match loss.samples() {
            _ if self.is_interrupted() => Ok(None),
            0 => Err(FitError::NoSamples { what: "training" }),
            _ => Ok(Some(logs)),
        }
    }

    /// The evaluation at an epoch's end, or `None` if it was interrupted.
    fn validate(
        &self,
        validation: &mut dyn Batches,
        run: &mut Run<'_, '_, '_>,
    ) -> Result<Option<Evaluation>, FitError> {
        let steps = validation.steps();
        let after_batch = |step| {
            run.progress.on_evaluation_batch_end(step, steps);
            !self.is_interrupted()
        };
        evaluation::evaluate(self.model, self.loss, validation, "validation", after_batch)
    }

    /// The weight of each row, or `None` if all are 1.
    fn sample_weights(&self, labels: &[usize]) -> crate::Result<Option<Tensor>> {
        let Some(of_class) = &self.class_weight else { return Ok(None) };
        let of = |&label| {
            check_label(label, of_class.len())?;
            Ok(of_class[label])
        };
        let weights = labels.iter().map(of).collect::<crate::Result<Vec<f32>>>()?;
        Ok(Some(Tensor::new([weights.len()], &weights)?))
    }

    fn is_interrupted(&self) -> bool {
        self.interrupted.is_some_and(|flag| flag.load(Ordering::Relaxed))
    }
}

/// Who takes part in a run beside the trainer, and where it stands.
struct Run<'a, 'c, 'p> {
    callbacks: &'a mut [&'c mut dyn Callback],
    progress: &'p mut dyn Progress,
    epoch: u64,
    stop: bool,
}

impl Run<'_, '_, '_> {
    /// Calls every callback, and passes on what they have to tell. As the run ends, the error of one does not keep the
    /// others from ending.
    fn tell(
        &mut self,
        trainer: &mut Trainer<'_>,
        ending: Option<Ending>,
        mut moment: impl FnMut(&mut dyn Callback, &mut Control<'_>) -> Result<(), FitError>,
    ) -> Result<(), FitError> {
        let mut control = Control {
            model: &mut *trainer.model,
            optimizer: &mut trainer.optimizer,
            stop: self.stop,
            epoch: self.epoch,
            ending,
            messages: Vec::new(),
        };
        let mut outcome = Ok(());
        for callback in self.callbacks.iter_mut() {
            if outcome.is_err() && ending.is_none() {
                break;
            }
            let called = moment(&mut **callback, &mut control);
            outcome = outcome.and(called);
        }
        self.stop = control.stop;
        control.messages.iter().for_each(|text| self.progress.on_message(text));
        outcome
    }
}
