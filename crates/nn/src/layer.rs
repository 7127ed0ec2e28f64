//! What a layer is: a shape rule, some weights, and a forward pass made of operations that know their backward.

use graft_autograd::Var;
use graft_tensor::{Shape, Tensor};

use crate::{Initializer, LayerConfig, Result};

/// One weight tensor of a layer, as Keras names it (`kernel`, `bias`, `gamma`, `moving_mean`, …).
#[derive(Debug, Clone)]
pub struct Weight {
    /// What the layer wants it to be.
    pub spec: WeightSpec,
    /// The numbers.
    pub value: Tensor,
    /// Whether they have been given or drawn; until then they are zeros that cost no memory.
    pub(crate) given: bool,
}

/// How a forward pass is to run.
#[derive(Debug, Clone, Copy)]
pub struct Mode<'a> {
    /// Training: dropout drops, batch normalisation uses the batch's own statistics.
    pub training: bool,
    /// Names the random numbers of this pass, with `epoch` and `samples`.
    pub seed: u64,
    /// The epoch, from 0.
    pub epoch: u64,
    /// The data-set index of each row of the batch; empty means 0, 1, 2, ….
    pub samples: &'a [u64],
    /// The place of the layer that is running; the model sets it.
    pub layer: u32,
}

impl<'a> Mode<'a> {
    /// A pass whose output is the answer: nothing is random, no weight is to be moved.
    pub const INFERENCE: Mode<'static> = Mode { training: false, seed: 0, epoch: 0, samples: &[], layer: 0 };

    /// A pass that gradients will be asked of.
    pub fn training(seed: u64, epoch: u64, samples: &'a [u64]) -> Self {
        Mode { training: true, seed, epoch, samples, layer: 0 }
    }
}

/// What a layer wants of one of its weights, before there are any numbers.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct WeightSpec {
    /// The name within the layer.
    pub name: &'static str,
    /// The shape.
    pub shape: Shape,
    /// Where the first numbers come from.
    pub initializer: Initializer,
    /// Whether gradient descent moves it; `false` for running statistics.
    pub by_gradient: bool,
}

impl WeightSpec {
    /// A weight that gradient descent moves.
    pub fn new(name: &'static str, shape: impl Into<Shape>, initializer: Initializer) -> Self {
        Self { name, shape: shape.into(), initializer, by_gradient: true }
    }

    /// Running statistics, which a training pass updates by itself.
    pub fn statistics(name: &'static str, shape: impl Into<Shape>, initializer: Initializer) -> Self {
        Self { by_gradient: false, ..Self::new(name, shape, initializer) }
    }
}

/// What a layer makes of its input.
pub struct Output<'t> {
    /// The layer's output.
    pub y: Var<'t>,
    /// New values of weights that are not moved by gradient (running statistics), by index into the layer's weights;
    /// they take effect after the step.
    pub updates: Vec<(usize, Tensor)>,
}

impl<'t> From<Var<'t>> for Output<'t> {
    fn from(y: Var<'t>) -> Self {
        Self { y, updates: Vec::new() }
    }
}

/// A layer. Shapes here are without the batch axis, as in Keras's `input_shape`.
pub trait Layer: Send + Sync {
    /// The shape of the output for an input of this shape.
    ///
    /// # Errors
    /// [`crate::NnError`], naming what the layer expected, if such an input does not fit.
    fn output_shape(&self, input: &Shape) -> Result<Shape>;

    /// The weights it has for an input of this shape, none by default.
    ///
    /// # Errors
    /// As [`Layer::output_shape`].
    fn weights(&self, input: &Shape) -> Result<Vec<WeightSpec>> {
        let _ = input;
        Ok(Vec::new())
    }

    /// The forward pass on a batch, with the weights in the order of [`Layer::weights`].
    ///
    /// # Errors
    /// If shapes do not fit.
    fn forward<'t>(&self, x: Var<'t>, weights: &[Var<'t>], mode: &Mode<'_>) -> Result<Output<'t>>;

    /// The hyper-parameters, to be stored with a model and to be built from again.
    fn config(&self) -> LayerConfig;

    /// If the layer ends in a softmax, the same layer without it. The loss is then computed from the logits, as
    /// Keras does: exact where the softmax itself has underflowed.
    fn without_softmax(&self) -> Option<Box<dyn Layer>> {
        None
    }

    /// As [`Layer::forward`], and then the largest of each 2×2 as [`Layer::halves`] would leave it, if the layer can do
    /// both in one.
    ///
    /// # Errors
    /// As [`Layer::forward`].
    fn forward_halved<'t>(&self, x: &Var<'t>, weights: &[Var<'t>]) -> Option<Result<Var<'t>>> {
        let _ = (x, weights);
        None
    }

    /// Whether all that the layer does is to leave the largest of each 2×2.
    fn halves(&self) -> bool {
        false
    }

    /// Whether two training passes over one input may differ (dropout), so that its output must not be cached.
    fn is_random(&self) -> bool {
        false
    }
}
