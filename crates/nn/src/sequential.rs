//! A stack of named layers.

use std::ops::{Range, RangeBounds};

use graft_autograd::{Tape, Var};
use graft_kernels::conv2d::Algorithm;
use graft_kernels::random::{Purpose, Stream};
use graft_tensor::{DType, Shape, Tensor};

use crate::layer::{Mode, Weight, WeightSpec};
use crate::placed::{Placed, WeightId};
use crate::{Layer, LayerConfig, NnError, Result, names};

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
    algorithm: Algorithm,
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
        Self { input_shape: input_shape.into(), layers: Vec::new(), algorithm: Algorithm::Auto }
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
        let zeros =
            |spec: WeightSpec| Ok(Weight { spec, value: Tensor::try_zeros(spec.shape)?, given: false });
        let weights = specs.into_iter().map(zeros).collect::<Result<_>>()?;
        self.layers.push(Placed { name, layer, weights, output_shape, trainable: true });
        Ok(())
    }

    /// Adds layers on top, such as a head's, with the names that Keras would give: `dense`, `dense_1`, `dropout`, ….
    ///
    /// # Errors
    /// As [`Sequential::push`].
    pub fn push_all(&mut self, layers: &[LayerConfig]) -> Result<()> {
        for layer in layers {
            let name = names::free(layer.default_name(), |name| self.index_of(name).is_some());
            let built = layer.build().map_err(|e| e.in_layer(&name))?;
            self.push_boxed(name, built)?;
        }
        Ok(())
    }

    /// Draws every weight that has not been given. Each has random numbers of its own, so that what one layer gets does
    /// not depend on the sizes of the others.
    pub fn initialize(&mut self, seed: u64) {
        for (i, l) in self.layers.iter_mut().enumerate() {
            for (k, w) in l.weights.iter_mut().enumerate().filter(|(_, w)| !w.given) {
                let mut stream = Stream::new(seed, Purpose::Initialize, k as u64, i as u64);
                w.spec.initializer.fill(&w.spec.shape, &mut stream, w.value.data_mut());
                w.given = true;
            }
        }
    }

    /// How convolutions are computed, in training and in prediction: the fastest way unless set otherwise.
    pub fn algorithm(&self) -> Algorithm {
        self.algorithm
    }

    /// Has convolutions computed by one rung of the ladder, to compare the rungs by their results and their speed.
    pub fn set_algorithm(&mut self, algorithm: Algorithm) {
        self.algorithm = algorithm;
    }

    /// Keeps the kernels of dense layers in this type as well, for answers: a layer that is limited by reading its weights,
    /// as VGG16's three are for one picture, has half as much to read in 16 bits.
    ///
    /// A kernel's numbers are rounded for it, by a part in 2⁹ at most (bf16) or 2¹² (f16); with the real convolutions
    /// and a stand-in top, what comes out of `fc2` is then 2·10⁻³ or 3·10⁻⁴ of its length away, and the scores
    /// 7·10⁻³ or 5·10⁻⁴. Training uses all digits, which stay in memory beside these.
    ///
    /// # Errors
    /// If a number is beyond the type's range, or there is no memory for them.
    pub fn store_dense(&mut self, dtype: DType) -> Result<()> {
        for placed in &mut self.layers {
            if matches!(placed.layer.config(), LayerConfig::Dense(_)) {
                let kernel = &mut placed.weights[0].value;
                *kernel = kernel.with_stored(dtype)?;
            }
        }
        Ok(())
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

    /// The place of a layer, or an error that lists the nearest names.
    ///
    /// # Errors
    /// [`NnError::UnknownLayer`].
    pub fn find(&self, name: &str) -> Result<usize> {
        self.index_of(name).ok_or_else(|| NnError::UnknownLayer {
            name: name.to_owned(),
            known: names::suggest(name, self.layers.iter().map(Placed::name)),
        })
    }

    /// One weight.
    pub fn weight(&self, id: WeightId) -> &Weight {
        &self.layers[id.layer].weights[id.weight]
    }

    /// One weight's numbers, to be changed.
    pub fn weight_mut(&mut self, id: WeightId) -> &mut Tensor {
        &mut self.layers[id.layer].weights[id.weight].value
    }

    /// Replaces one weight, such as `("block1_conv1", "kernel")`.
    ///
    /// # Errors
    /// [`NnError::UnknownLayer`], [`NnError::UnknownWeight`], or [`NnError::WeightShape`].
    pub fn set_weight(&mut self, layer: &str, weight: &str, value: Tensor) -> Result<()> {
        let place = self.find(layer)?;
        self.layers[place].set_weight(weight, value)
    }

    /// Every weight, from the input up, running statistics too.
    pub fn weights(&self) -> impl Iterator<Item = (WeightId, &Placed, &Weight)> {
        self.layers.iter().enumerate().flat_map(|(layer, l)| {
            l.weights.iter().enumerate().map(move |(weight, w)| (WeightId { layer, weight }, l, w))
        })
    }

    /// The weights that training moves, from the input up.
    pub fn trained_weights(&self) -> Vec<WeightId> {
        let moved = self.weights().filter(|(_, l, w)| l.trainable && w.spec.by_gradient);
        moved.map(|(id, ..)| id).collect()
    }

    /// How many numbers the model has learnt or is to learn.
    pub fn count_params(&self) -> usize {
        self.layers.iter().map(Placed::count_params).sum()
    }

    /// Sets whether training moves the weights of these layers: `..` for all, `..18` for the first 18.
    pub fn set_trainable(&mut self, layers: impl RangeBounds<usize>, trainable: bool) {
        let chosen = self.layers.iter_mut().enumerate().filter(|(i, _)| layers.contains(i));
        chosen.for_each(|(_, l)| l.trainable = trainable);
    }

    /// Frees what kernels made of the weights to be fast: a base whose output is kept does not run again.
    pub fn forget_derived(&mut self) {
        self.layers.iter_mut().flat_map(|l| &mut l.weights).for_each(|w| w.value.forget_derived());
    }

    /// Freezes every layer.
    pub fn freeze_all(&mut self) {
        self.set_trainable(.., false);
    }

    /// Freezes one layer.
    ///
    /// # Errors
    /// [`NnError::UnknownLayer`], with the nearest names.
    pub fn freeze(&mut self, name: &str) -> Result<()> {
        let layer = self.find(name)?;
        self.layers[layer].trainable = false;
        Ok(())
    }

    /// Unfreezes one layer.
    ///
    /// # Errors
    /// [`NnError::UnknownLayer`], with the nearest names.
    pub fn unfreeze(&mut self, name: &str) -> Result<()> {
        let layer = self.find(name)?;
        self.layers[layer].trainable = true;
        Ok(())
    }

    /// Unfreezes the last `n` layers, counted as `model.layers[-n:]` counts them in Keras: every layer counts, whether
    /// it has weights or not, and so does the input, at the far end. The last four of VGG16's base are three
    /// convolutions and a pooling.
    ///
    /// # Errors
    /// [`NnError::Argument`] if there are not so many.
    pub fn unfreeze_last(&mut self, n: usize) -> Result<()> {
        let count = self.layers.len();
        if n > count + 1 {
            let most = format!("at most {}, the number of layers with the input", count + 1);
            return Err(NnError::argument("the number of layers to unfreeze", most, n));
        }
        self.set_trainable(count.saturating_sub(n).., true);
        Ok(())
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
    pub fn forward<'t>(
        &self,
        tape: &'t Tape,
        range: Range<usize>,
        x: Var<'t>,
        mode: &Mode<'_>,
    ) -> Result<Pass<'t>> {
        let mut pass = Pass { y: x, trained: Vec::new(), updates: Vec::new() };
        let mut layers = range;
        while let Some(index) = layers.next() {
            let halved = layers.clone().next().is_some_and(|next| self.layers[next].layer.halves());
            let layer = self.layers[index].layer();
            let (after, both) = self.step(tape, index, layer, halved, pass, mode)?;
            pass = after;
            if both {
                layers.next();
            }
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
                Ok((self.step(tape, last, &*bare, false, pass, mode)?.0, true))
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
        let tape = Tape::with_algorithm(self.algorithm);
        Ok(self.forward(&tape, range, tape.constant(x.clone()), &Mode::INFERENCE)?.y.into_value())
    }

    /// One layer's part of a pass; and, if the next one halves, that one's too where the layer can do both: then the second
    /// value is `true`.
    fn step<'t>(
        &self,
        tape: &'t Tape,
        index: usize,
        layer: &dyn Layer,
        halved: bool,
        mut pass: Pass<'t>,
        mode: &Mode<'_>,
    ) -> Result<(Pass<'t>, bool)> {
        let placed = &self.layers[index];
        let mut weights = Vec::with_capacity(placed.weights.len());
        for (weight, w) in placed.weights.iter().enumerate() {
            if mode.training && placed.trainable && w.spec.by_gradient {
                let var = tape.leaf(w.value.clone());
                pass.trained.push((WeightId { layer: index, weight }, var.clone()));
                weights.push(var);
            } else {
                weights.push(tape.constant(w.value.clone()));
            }
        }
        if halved && let Some(y) = layer.forward_halved(&pass.y, &weights) {
            pass.y = y.map_err(|e| e.in_layer(&placed.name))?;
            return Ok((pass, true));
        }
        // A frozen layer runs as it will when the training is over (in Keras, too, since 2.2.5).
        let training = mode.training && (placed.trainable || placed.weights.is_empty());
        let mode = Mode { training, layer: index as u32, ..*mode };
        let out = layer.forward(pass.y, &weights, &mode).map_err(|e| e.in_layer(&placed.name))?;
        pass.updates
            .extend(out.updates.into_iter().map(|(weight, v)| (WeightId { layer: index, weight }, v)));
        pass.y = out.y;
        Ok((pass, false))
    }
}

#[cfg(test)]
mod tests;
