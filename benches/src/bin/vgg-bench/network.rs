//! Forward passes, and steps of training: the network that a method trains, on random pictures.

use graft_benches::data;
use graft_nn::Sequential;
use graft_nn::fit::{Batch, Trainer, predict};
use graft_nn::head::Head;
use graft_nn::optimizers::{Algorithm, Optimizer, OptimizerConfig};
use graft_tensor::Tensor;
use graft_transfer::pretrain::Recipe;
use graft_vgg::Vgg16;

use crate::Result;
use crate::clock::{Clock, Extra};
use crate::options::{Options, Top, What};

/// Side of the pictures.
pub(crate) const SIDE: usize = 224;

/// Classes of the heads.
pub(crate) const CLASSES: usize = 10;

/// Layers of VGG16 without its top.
const BASE: usize = 18;

/// Layers up to block4_pool: method 2 trains the four behind them.
const BLOCK_4: usize = 14;

/// Pictures, or what layers below made of them: `n` samples of this shape, about as large as preprocessed pixels.
fn samples(n: usize, shape: &[usize]) -> Result<Tensor> {
    let shape: Vec<usize> = [n].into_iter().chain(shape.iter().copied()).collect();
    let mut x = data(n as u64, shape.iter().product());
    x.iter_mut().for_each(|v| *v *= 128.0);
    Ok(Tensor::new(&shape[..], &x)?)
}

/// The answers for a batch, from the pixels on.
pub(crate) fn forward(clock: &Clock, options: &Options) -> Result<()> {
    for &top in &options.top {
        let mut model = if top == Top::Top {
            Vgg16::with_top().build()?
        } else {
            Vgg16::without_top(SIDE, SIDE).build()?
        };
        model.initialize(0);
        model.set_algorithm(options.conv_algorithm);
        model.store_dense(options.precision.into())?;
        for &n in &options.batch {
            let x = samples(n, model.input_shape())?;
            let timing = clock.measure(2, || {
                predict(&model, 0..model.layers().len(), &x)?;
                Ok(())
            })?;
            clock.tell(&format!("forward-{top}"), n, &timing, Extra::default())?;
        }
    }
    Ok(())
}

/// One step of training with Adam.
pub(crate) fn step(clock: &Clock, options: &Options) -> Result<()> {
    let mut model = network(options.what, options)?;
    let from_layer = if options.what == What::BCached { BLOCK_4 } else { 0 };
    let below = from_layer.checked_sub(1).map(|last| *model.layers()[last].output_shape());
    let shape = below.unwrap_or(*model.input_shape());
    let mut trainer = trainer(&mut model, options.what)?;
    for &n in &options.batch {
        time_step(clock, &mut trainer, &options.what.to_string(), n, &shape, from_layer)?;
    }
    Ok(())
}

/// One step of training a backbone from nothing, as `pretrain` takes it.
pub(crate) fn pretrain_step(clock: &Clock, options: &Options) -> Result<()> {
    let recipe = Recipe::default();
    let mut model = recipe.network(CLASSES, true)?;
    model.initialize(recipe.seed);
    model.set_algorithm(options.conv_algorithm);
    let shape = *model.input_shape();
    let mut trainer = Trainer::new(&mut model).loss(recipe.loss()).optimizer(recipe.optimizer()?);
    for &n in &options.batch {
        time_step(clock, &mut trainer, "pretrain", n, &shape, 0)?;
    }
    Ok(())
}

/// A step with a batch of `n` samples that come in before the layer `from_layer`, with this shape.
fn time_step(
    clock: &Clock,
    trainer: &mut Trainer<'_>,
    what: &str,
    n: usize,
    shape: &[usize],
    from_layer: usize,
) -> Result<()> {
    let labels = (0..n).map(|i| i % CLASSES).collect();
    let batch = Batch { x: samples(n, shape)?, from_layer, labels, samples: (0..n as u64).collect() };
    let timing = clock.measure(1, || {
        trainer.train_step(0, &batch)?;
        Ok(())
    })?;
    clock.tell(&format!("train-{what}"), n, &timing, Extra::default())
}

/// VGG16 with the head that a method grafts on, and what it trains of the base.
pub(crate) fn network(what: What, options: &Options) -> Result<Sequential> {
    let mut model = Vgg16::without_top(SIDE, SIDE).build()?;
    let head = match what {
        What::C => "flatten, dense(256, relu), dropout(0.5), dense(classes, softmax)",
        What::D => "flatten, dense(256, relu), dense(classes, softmax)",
        _ => "flatten, dense(1024, relu), dense(classes, softmax)",
    };
    model.push_all(&head.parse::<Head>()?.layers(CLASSES)?)?;
    let frozen = match what {
        What::F => 0,
        What::B | What::BCached => BLOCK_4,
        _ => BASE,
    };
    model.set_trainable(..frozen, false);
    model.initialize(0);
    model.set_algorithm(options.conv_algorithm);
    Ok(model)
}

/// What trains it: Adam, slowly where filters are adjusted.
pub(crate) fn trainer(model: &mut Sequential, what: What) -> Result<Trainer<'_>> {
    let learning_rate = if matches!(what, What::B | What::BCached | What::F) { 1e-5 } else { 1e-3 };
    let config = OptimizerConfig { learning_rate, ..OptimizerConfig::new(Algorithm::adam()) };
    Ok(Trainer::new(model).optimizer(Optimizer::new(config)?))
}
