//! Running a model without training it.

use std::ops::Range;

use graft_autograd::Tape;
use graft_tensor::Tensor;

use super::{Batch, Batches, FitError};
use crate::layer::Mode;
use crate::losses::Loss;
use crate::metrics::{Mean, correct};
use crate::{Result, Sequential};

/// How many numbers a layer may give at once where nothing is recorded: the widest output of VGG16 for 8 pictures of
/// 224 × 224, 103 MB. That is enough to keep every core busy in its last block, and as many more of smaller pictures or
/// narrower layers. The results do not depend on it.
const NUMBERS_AT_ONCE: usize = 8 * 224 * 224 * 64;

/// How a model does on a data set.
#[derive(Debug, Clone)]
pub struct Evaluation {
    /// The mean loss, with no class weights.
    pub loss: f64,
    /// The part of the pictures whose class is right.
    pub accuracy: f64,
    /// The model's output, `(n, classes)`.
    pub probabilities: Tensor,
    /// The true class of each row.
    pub labels: Vec<usize>,
    /// The data-set index of each row.
    pub samples: Vec<u64>,
}

/// The layers `range` on a batch of any size, in memory that does not grow with it: while the output is a picture, a
/// few pictures at a time; from the layer on that makes a row of numbers of it, all at once.
///
/// # Errors
/// If `x` does not fit the first of the layers.
///
/// # Panics
/// If the model has no such layers.
pub fn predict(model: &Sequential, range: Range<usize>, x: &Tensor) -> Result<Tensor> {
    let pictures = model.layers()[range.clone()].iter().take_while(|l| l.output_shape().len() > 1).count();
    let cut = range.start + pictures;
    let widest = model.layers()[range.clone()].iter().map(|l| l.output_shape().elements()).max();
    let at_once = (NUMBERS_AT_ONCE / widest.unwrap_or(1).max(1)).max(1);
    if x.shape().is_empty() || x.rows() <= at_once || pictures == 0 {
        return model.predict_range(range, x);
    }
    let parts: Result<Vec<_>> = (0..x.rows())
        .step_by(at_once)
        .map(|from| {
            let to = x.rows().min(from + at_once);
            model.predict_range(range.start..cut, &x.slice_rows(from, to)?)
        })
        .collect();
    model.predict_range(cut..range.end, &Tensor::concat_rows(&parts?)?)
}

/// The mean loss over a batch, and the model's output.
fn batch_loss(model: &Sequential, loss: Loss, batch: &Batch) -> Result<(f32, Tensor)> {
    batch.check(model)?;
    let last = model.layers().len() - 1;
    let below = predict(model, batch.from_layer..last, &batch.x)?;
    let tape = Tape::with_algorithm(model.algorithm());
    let (pass, from_logits) = model.forward_logits(&tape, last, tape.constant(below), &Mode::INFERENCE)?;
    let targets = loss.targets(&batch.labels, model.output_shape().elements())?;
    let l = loss.of(&pass.y, from_logits, &targets, None)?.value().item()?;
    let y = if from_logits { pass.y.softmax()? } else { pass.y };
    Ok((l, y.into_value()))
}

/// Evaluates a data set. `after_batch(step)` may end it early by `false`; then there is no result.
///
/// # Errors
/// If a batch cannot be read or does not fit, or there is none.
pub(super) fn evaluate(
    model: &Sequential,
    loss: Loss,
    batches: &mut dyn Batches,
    what: &'static str,
    mut after_batch: impl FnMut(usize) -> bool,
) -> std::result::Result<Option<Evaluation>, FitError> {
    let (mut mean, mut right) = (Mean::default(), 0);
    let (mut rows, mut labels, mut samples) = (Vec::new(), Vec::new(), Vec::new());
    for (step, batch) in batches.epoch(0).enumerate() {
        let batch = batch.map_err(FitError::Data)?;
        let (l, y) = batch_loss(model, loss, &batch)?;
        mean.add(f64::from(l), batch.labels.len());
        right += correct(&y, &batch.labels)?;
        rows.push(y);
        labels.extend(batch.labels);
        samples.extend(batch.samples);
        if !after_batch(step) {
            return Ok(None);
        }
    }
    if labels.is_empty() {
        return Err(FitError::NoSamples { what });
    }
    let probabilities = Tensor::concat_rows(&rows).map_err(crate::NnError::from)?;
    let accuracy = right as f64 / labels.len() as f64;
    Ok(Some(Evaluation { loss: mean.value(), accuracy, probabilities, labels, samples }))
}
