//! What trains a model: its parts, and one step with them.

use std::sync::atomic::{AtomicBool, Ordering};

use graft_autograd::Tape;
use graft_tensor::Tensor;

use super::evaluation::{self, Evaluation};
use super::{Batch, Batches, FitError, Progress, predict};
use crate::layer::Mode;
use crate::losses::{Loss, check_label};
use crate::metrics::{correct, in_top_k};
use crate::optimizers::Optimizer;
use crate::{NnError, Sequential, WeightId};

/// What one step of training showed, with the weights from before it.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct StepLogs {
    /// The loss of the batch, `Σ w·l / N`.
    pub loss: f32,
    /// How many pictures' classes were right.
    pub correct: usize,
    /// How many were among the best k, where [`Trainer::top_k`] asks for it.
    pub in_top_k: Option<usize>,
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
    pub(super) model: &'m mut Sequential,
    pub(super) loss: Loss,
    pub(super) optimizer: Optimizer,
    pub(super) class_weight: Option<Vec<f32>>,
    pub(super) seed: u64,
    pub(super) top_k: Option<usize>,
    pub(super) interrupted: Option<&'m AtomicBool>,
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
            top_k: None,
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

    /// Logs how often the true class is among the best `k` as well: Keras's `TopKCategoricalAccuracy(k)`, as
    /// `top_k_categorical_accuracy`.
    pub fn top_k(mut self, k: Option<usize>) -> Self {
        self.top_k = k;
        self
    }

    /// Ends a run or an evaluation after the batch during which this becomes true.
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

        let tape = Tape::with_algorithm(model.algorithm());
        let samples = &batch.samples;
        let mode = Mode { training: true, seed: self.seed, epoch, samples, ..Mode::INFERENCE };
        let (pass, from_logits) = model.forward_logits(&tape, start, tape.constant(x), &mode)?;
        let loss = self.loss.of(&pass.y, from_logits, &targets, weights.as_ref())?;
        // A softmax does not change which score is the highest.
        let (y, labels) = (pass.y.value(), &batch.labels);
        let in_top_k = self.top_k.map(|k| in_top_k(y, labels, k)).transpose()?;
        let loss_value = loss.value().item().map_err(NnError::from)?;
        let logs = StepLogs { loss: loss_value, correct: correct(y, labels)?, in_top_k };
        let mut found = tape.backward(&loss).map_err(NnError::from)?;
        let zeros = |id: WeightId| Tensor::try_zeros(*model.weight(id).value.shape());
        let of = |(id, w)| Ok((id, found.take(&w).map_or_else(|| zeros(id), Ok)?));
        let gradients = pass.trained.into_iter().map(of).collect::<crate::Result<_>>()?;
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
    /// If a batch cannot be read or does not fit, there is none, or somebody interrupts.
    pub fn evaluate(
        &self,
        batches: &mut dyn Batches,
        progress: &mut dyn Progress,
    ) -> Result<Evaluation, FitError> {
        let steps = batches.steps();
        let after_batch = |step| {
            progress.on_evaluation_batch_end(step, steps);
            !self.is_interrupted()
        };
        let done = evaluation::evaluate(self.model, self.loss, batches, "such", after_batch)?;
        done.ok_or(FitError::Interrupted)
    }

    pub(super) fn is_interrupted(&self) -> bool {
        self.interrupted.is_some_and(|flag| flag.load(Ordering::Relaxed))
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
}
