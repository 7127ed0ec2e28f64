//! A stack of named layers.

use std::ops::Range;

use graft_autograd::{Tape, Var};
use graft_tensor::{Shape, Tensor};

use graft_kernels::random::{Purpose, Stream};

use crate::layer::{Mode, Weight, WeightSpec};
use crate::{Layer, NnError, Result};

/// A layer in its place: named, with its weights, frozen or not.
pub struct Placed {
    name: String,
    layer: Box<dyn Layer>,
    weights: Vec<Weight>,
    /// Whether the weights have been given or drawn; until then they are zeros that cost no memory.
    initialized: bool,
    output_shape: Shape,
    /// Whether training moves the weights. A frozen batch normalisation uses its running statistics.
    pub trainable: bool,
}

impl Placed {
    /// The layer's name, unique within the model.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The layer.
    pub fn layer(&self) -> &dyn Layer {
        &*self.layer
    }

    /// Its weights.
    pub fn weights(&self) -> &[Weight] {
        &self.weights
    }

    /// The shape of its output, without the batch axis.
    pub fn output_shape(&self) -> &Shape {
        &self.output_shape
    }

    /// Replaces one weight.
    ///
    /// # Errors
    /// [`NnError::UnknownWeight`], or [`NnError::WeightShape`] if the shape is not the layer's.
    pub fn set_weight(&mut self, name: &str, value: Tensor) -> Result<()> {
        let layer = &self.name;
        let weight = self.weights.iter_mut().find(|w| w.spec.name == name);
        let weight = weight.ok_or_else(|| NnError::UnknownWeight { layer: layer.clone(), weight: name.to_owned() })?;
        if weight.value.shape() != value.shape() {
            return Err(NnError::WeightShape {
                layer: layer.clone(),
                weight: name.to_owned(),
                expected: *weight.value.shape(),
                got: *value.shape(),
            });
        }
        weight.value = value;
        self.initialized = true;
        Ok(())
    }

    /// Whether a training step changes something here.
    fn is_trained(&self) -> bool {
        self.trainable && self.weights.iter().any(|w| w.spec.by_gradient)
    }
}

/// Names one weight of a model: the layer's index and the weight's index within it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct WeightId {
    /// Index of the layer.
    pub layer: usize,
    /// Index of the weight within the layer.
    pub weight: usize,
}

/// A stack of layers, each fed by the one before it.
///
/// ```
/// use graft_nn::{Sequential, layers::{Dense, Flatten}, Activation};
/// let mut model = Sequential::new([7, 7, 512]);
/// model.push("flatten", Flatten)?;
/// model.push("dense", Dense::new(10).activation(Activation::Softmax))?;
/// model.initialize(0);
/// assert_eq!(*model.output_shape(), [10]);
/// assert_eq!(model.count_params(), 250_890);
/// # Ok::<(), graft_nn::NnError>(())
/// ```
pub struct Sequential {
    input_shape: Shape,
    layers: Vec<Placed>,
}

/// What a forward pass gives.
pub struct Pass<'t> {
    /// The last layer's output.
    pub y: Var<'t>,
    /// The weights that take part in training, each with its place on the tape.
    pub trained: Vec<(WeightId, Var<'t>)>,
    /// Running statistics to be stored once the step is taken.
    pub updates: Vec<(WeightId, Tensor)>,
}

impl Sequential {
    /// An empty model for inputs of this shape, without the batch axis: `[height, width, channels]`.
    pub fn new(input_shape: impl Into<Shape>) -> Self {
        Self { input_shape: input_shape.into(), layers: Vec::new() }
    }

    /// Adds a layer on top, its weights zeros until they are set or [`Sequential::initialize`] draws them.
    ///
    /// # Errors
    /// If the name is taken or the layer does not fit the output below it.
    pub fn push(&mut self, name: impl Into<String>, layer: impl Layer + 'static) -> Result<()> {
        self.push_boxed(name.into(), Box::new(layer))
    }

    /// The same, for a layer built from its [`crate::LayerConfig`].
    ///
    /// # Errors
    /// As [`Sequential::push`].
    pub fn push_boxed(&mut self, name: String, layer: Box<dyn Layer>) -> Result<()> {
        if self.index_of(&name).is_some() {
            return Err(NnError::DuplicateLayer { name });
        }
        let input = *self.output_shape();
        let output_shape = layer.output_shape(&input).map_err(|e| e.in_layer(&name))?;
        let specs = layer.weights(&input).map_err(|e| e.in_layer(&name))?;
        let zeros = |spec: WeightSpec| Ok(Weight { spec, value: Tensor::try_zeros(spec.shape)? });
        let weights = specs.into_iter().map(zeros).collect::<Result<_>>()?;
        self.layers.push(Placed { name, layer, weights, initialized: false, output_shape, trainable: true });
        Ok(())
    }

    /// Draws the initial weights of every layer that has not been given any.
    pub fn initialize(&mut self, seed: u64) {
        for (i, l) in self.layers.iter_mut().enumerate().filter(|(_, l)| !l.initialized) {
            let mut stream = Stream::new(seed, Purpose::Initialize, 0, i as u64);
            for w in &mut l.weights {
                w.spec.initializer.fill(&w.spec.shape, &mut stream, w.value.data_mut());
            }
            l.initialized = true;
        }
    }

    /// The shape of one input, without the batch axis.
    pub fn input_shape(&self) -> &Shape {
        &self.input_shape
    }

    /// The shape of one output, without the batch axis.
    pub fn output_shape(&self) -> &Shape {
        self.layers.last().map_or(&self.input_shape, |l| &l.output_shape)
    }

    /// The layers, from the input up.
    pub fn layers(&self) -> &[Placed] {
        &self.layers
    }

    /// The layers, to be frozen, unfrozen, or given weights.
    pub fn layers_mut(&mut self) -> &mut [Placed] {
        &mut self.layers
    }

    /// The place of a layer.
    pub fn index_of(&self, name: &str) -> Option<usize> {
        self.layers.iter().position(|l| l.name == name)
    }

    /// One weight.
    pub fn weight(&self, id: WeightId) -> &Weight {
        &self.layers[id.layer].weights[id.weight]
    }

    /// One weight's numbers, to be changed.
    pub fn weight_mut(&mut self, id: WeightId) -> &mut Tensor {
        &mut self.layers[id.layer].weights[id.weight].value
    }

    /// The weights that training moves, from the input up.
    pub fn trained_weights(&self) -> Vec<WeightId> {
        let of = |(layer, l): (usize, &Placed)| {
            let moved = l.weights.iter().enumerate().filter(|(_, w)| l.trainable && w.spec.by_gradient);
            moved.map(|(weight, _)| WeightId { layer, weight }).collect::<Vec<_>>()
        };
        self.layers.iter().enumerate().flat_map(of).collect()
    }

    /// How many numbers the model has learnt or is to learn.
    pub fn count_params(&self) -> usize {
        self.layers.iter().flat_map(|l| &l.weights).map(|w| w.value.data().len()).sum()
    }

    /// How many layers at the input's end give the same output for the same input throughout training: all before
    /// the first that is trained or random. Their output may be computed once and kept.
    pub fn frozen_prefix(&self) -> usize {
        let changes = |l: &Placed| l.is_trained() || l.layer.is_random();
        self.layers.iter().position(changes).unwrap_or(self.layers.len())
    }

    /// The layers `range` applied to `x`, a batch for the first of them.
    ///
    /// # Errors
    /// If `x` does not fit, naming the layer.
    pub fn forward<'t>(&self, tape: &'t Tape, range: Range<usize>, x: Var<'t>, mode: &Mode<'_>) -> Result<Pass<'t>> {
        let mut pass = Pass { y: x, trained: Vec::new(), updates: Vec::new() };
        for layer in range {
            pass = self.step(tape, layer, self.layers[layer].layer(), pass, mode)?;
        }
        Ok(pass)
    }

    /// As [`Sequential::forward`] up to the last layer, whose softmax is left out if it has one: the output is then
    /// the logits, and the second value is `true`.
    ///
    /// # Errors
    /// As [`Sequential::forward`].
    pub fn forward_logits<'t>(
        &self,
        tape: &'t Tape,
        from: usize,
        x: Var<'t>,
        mode: &Mode<'_>,
    ) -> Result<(Pass<'t>, bool)> {
        let last = self.layers.len().saturating_sub(1);
        match self.layers.get(last).and_then(|l| l.layer.without_softmax()) {
            Some(bare) => {
                let pass = self.forward(tape, from..last, x, mode)?;
                Ok((self.step(tape, last, &*bare, pass, mode)?, true))
            }
            None => Ok((self.forward(tape, from..self.layers.len(), x, mode)?, false)),
        }
    }

    /// The whole model on a batch, for its answer: `(n, …input_shape)` to `(n, …output_shape)`.
    ///
    /// # Errors
    /// If `x` does not fit.
    pub fn predict(&self, x: &Tensor) -> Result<Tensor> {
        self.predict_range(0..self.layers.len(), x)
    }

    /// Some of the layers on a batch, for their answer.
    ///
    /// # Errors
    /// If `x` does not fit the first of them.
    pub fn predict_range(&self, range: Range<usize>, x: &Tensor) -> Result<Tensor> {
        // Layer by layer on a tape of its own, so that no weight is taken for a leaf.
        let tape = Tape::new();
        let mut y = tape.constant(x.clone());
        for l in &self.layers[range] {
            let weights: Vec<_> = l.weights.iter().map(|w| tape.constant(w.value.clone())).collect();
            y = l.layer.forward(y, &weights, &Mode::INFERENCE).map_err(|e| e.in_layer(&l.name))?.y;
        }
        Ok(y.into_value())
    }

    /// One layer's part of a pass.
    fn step<'t>(
        &self,
        tape: &'t Tape,
        index: usize,
        layer: &dyn Layer,
        mut pass: Pass<'t>,
        mode: &Mode<'_>,
    ) -> Result<Pass<'t>> {
        let placed = &self.layers[index];
        let mut weights = Vec::with_capacity(placed.weights.len());
        for (weight, w) in placed.weights.iter().enumerate() {
            if placed.trainable && w.spec.by_gradient {
                let var = tape.leaf(w.value.clone());
                pass.trained.push((WeightId { layer: index, weight }, var.clone()));
                weights.push(var);
            } else {
                weights.push(tape.constant(w.value.clone()));
            }
        }
        // A frozen layer runs as it will when the training is over (in Keras, too, since 2.2.5).
        let mode = Mode { training: mode.training && (placed.trainable || placed.weights.is_empty()), ..*mode };
        let out = layer.forward(pass.y, &weights, &mode).map_err(|e| e.in_layer(&placed.name))?;
        pass.updates.extend(out.updates.into_iter().map(|(weight, v)| (WeightId { layer: index, weight }, v)));
        pass.y = out.y;
        Ok(pass)
    }
}
