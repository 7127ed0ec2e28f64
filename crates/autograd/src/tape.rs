//! The tape: what was computed, in order, and how to go back.
//!
//! Reverse-mode differentiation in one paragraph. Let the loss be `L` and write `dx` for ∂L/∂x. Every operation
//! `y = f(x, w)` knows one local rule: given `dy`, it can tell `dx` and `dw`. While the forward pass runs, each
//! operation appends that rule to the tape. The tape is then read from its end: `dL = 1`, and each rule turns the
//! gradient of its output into those of its inputs. A value used twice receives two gradients, which are added. As an
//! operation's inputs were made before it, reading backwards meets every value only when its gradient is complete.
//!
//! ```text
//!           forward, left to right                      the tape
//!   x ──conv2d──▶ a ──max_pool2d──▶ b ──dense──▶ L      0 leaf w   1 conv2d   2 max_pool2d   3 dense
//!        ▲                                              ◀────────────── backward reads it so ──────────
//!        w (leaf)
//! ```
//!
//! What a frozen network costs: nothing. A value none of whose inputs needs a gradient gets no place on the tape, its
//! rule is dropped at once, and with it the tensors the rule had kept.

use std::cell::RefCell;

use graft_kernels::Isa;
use graft_kernels::conv2d::Algorithm;
use graft_tensor::{Result, Shape, Tensor, TensorError};

/// From the gradient of an output to those of the inputs that want one, in the inputs' order.
type Rule = Box<dyn FnOnce(Tensor) -> Result<Vec<Option<Tensor>>>>;

/// A value's place on the tape.
struct Node {
    /// The places of the inputs; `None` for an input that needs no gradient.
    inputs: Vec<Option<usize>>,
    /// How to go back; a leaf has none.
    rule: Option<Rule>,
}

/// The record of one forward pass.
///
/// ```
/// use graft_autograd::Tape;
/// use graft_tensor::Tensor;
/// let tape = Tape::new();
/// let x = tape.leaf(Tensor::new([3], &[1.0, -2.0, 3.0])?);
/// let loss = x.mul(&x)?.sum()?;                        // L = Σ x²
/// let gradients = tape.backward(&loss)?;
/// assert_eq!(gradients.get(&x).unwrap().data(), [2.0, -4.0, 6.0]); // dL/dx = 2x
/// # Ok::<(), graft_tensor::TensorError>(())
/// ```
pub struct Tape {
    nodes: RefCell<Vec<Node>>,
    isa: Isa,
    algorithm: Algorithm,
}

/// A tensor that took part in a forward pass.
#[derive(Clone)]
pub struct Var<'t> {
    pub(crate) tape: &'t Tape,
    place: Option<usize>,
    value: Tensor,
}

/// What [`Tape::backward`] found: the gradient of every leaf that the loss depends on.
pub struct Gradients {
    of: Vec<Option<Tensor>>,
}

impl Tape {
    /// An empty tape, for the instruction set of this process.
    pub fn new() -> Self {
        Self::with_algorithm(Algorithm::Auto)
    }

    /// The same, with this rung of the ladder of convolutions.
    pub fn with_algorithm(algorithm: Algorithm) -> Self {
        Self { nodes: RefCell::default(), isa: Isa::current(), algorithm }
    }

    /// The instruction set that operations use.
    pub fn isa(&self) -> Isa {
        self.isa
    }

    /// How convolutions are computed.
    pub fn algorithm(&self) -> Algorithm {
        self.algorithm
    }

    /// A value whose gradient is wanted: a weight in training.
    pub fn leaf(&self, value: Tensor) -> Var<'_> {
        let place = Some(self.push(Node { inputs: Vec::new(), rule: None }));
        Var { tape: self, place, value }
    }

    /// A value whose gradient is not wanted: pixels, targets, frozen weights.
    pub fn constant(&self, value: Tensor) -> Var<'_> {
        Var { tape: self, place: None, value }
    }

    /// How many values wait on the tape for their gradient; 0 while everything is frozen.
    pub fn len(&self) -> usize {
        self.nodes.borrow().len()
    }

    /// Whether nothing has been recorded.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Ends an operation: `value` is its output, `inputs` its inputs, and `rule` the way back.
    ///
    /// The rule gets `dy` and, for each input, whether its gradient is wanted; it gives the gradients of just those
    /// (what it computes for others is ignored). If none is wanted, now, the rule is dropped and nothing is kept.
    pub fn record<const N: usize>(
        &self,
        value: Tensor,
        inputs: [&Var<'_>; N],
        rule: impl FnOnce(Tensor, [bool; N]) -> Result<[Option<Tensor>; N]> + 'static,
    ) -> Var<'_> {
        let places = inputs.map(|v| v.place);
        let wanted = places.map(|p| p.is_some());
        if !wanted.contains(&true) {
            return self.constant(value);
        }
        let rule: Rule = Box::new(move |dy| Ok(rule(dy, wanted)?.into()));
        let place = self.push(Node { inputs: places.into(), rule: Some(rule) });
        Var { tape: self, place: Some(place), value }
    }

    /// The gradients of `loss`, a single number, with respect to every leaf. The tape is used up: each rule, and
    /// whatever it had kept, is freed as soon as it has been applied.
    ///
    /// # Errors
    /// [`TensorError::Shape`] if `loss` is more than one number, or what an operation's backward reports.
    pub fn backward(&self, loss: &Var<'_>) -> Result<Gradients> {
        if loss.value.data().len() != 1 {
            return Err(TensorError::shape("backward", "a loss of one element", loss.shape()));
        }
        let mut nodes = self.nodes.take();
        let mut of: Vec<Option<Tensor>> = Vec::new();
        of.resize_with(nodes.len(), || None);
        if let Some(place) = loss.place {
            of[place] = Some(Tensor::full(*loss.shape(), 1.0));
        }
        while let Some(node) = nodes.pop() {
            let Some(rule) = node.rule else { continue };
            let Some(dy) = of[nodes.len()].take() else { continue };
            for (input, gradient) in node.inputs.iter().zip(rule(dy)?) {
                if let (Some(place), Some(gradient)) = (*input, gradient) {
                    accumulate(&mut of[place], gradient)?;
                }
            }
        }
        Ok(Gradients { of })
    }

    fn push(&self, node: Node) -> usize {
        let mut nodes = self.nodes.borrow_mut();
        nodes.push(node);
        nodes.len() - 1
    }
}

/// `total += gradient`, where the first one simply moves in.
fn accumulate(total: &mut Option<Tensor>, gradient: Tensor) -> Result<()> {
    match total {
        None => *total = Some(gradient),
        Some(t) if t.shape() != gradient.shape() => {
            return Err(TensorError::shape("adding gradients", t.shape(), gradient.shape()));
        }
        Some(t) => t.data_mut().iter_mut().zip(gradient.data()).for_each(|(t, g)| *t += g),
    }
    Ok(())
}

impl Default for Tape {
    fn default() -> Self {
        Self::new()
    }
}

impl<'t> Var<'t> {
    /// The tensor.
    pub fn value(&self) -> &Tensor {
        &self.value
    }

    /// The tensor alone, off the tape.
    pub fn into_value(self) -> Tensor {
        self.value
    }

    /// The tensor's extents.
    pub fn shape(&self) -> &Shape {
        self.value.shape()
    }

    /// Whether a gradient will reach this value.
    pub fn needs_gradient(&self) -> bool {
        self.place.is_some()
    }
}

impl Gradients {
    /// The gradient of a leaf, or `None` if the loss does not depend on it.
    pub fn get(&self, leaf: &Var<'_>) -> Option<&Tensor> {
        self.of.get(leaf.place?)?.as_ref()
    }

    /// The same, moved out.
    pub fn take(&mut self, leaf: &Var<'_>) -> Option<Tensor> {
        self.of.get_mut(leaf.place?)?.take()
    }
}

impl std::fmt::Debug for Var<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Var({:?}{})", self.value, if self.needs_gradient() { ", needs gradient" } else { "" })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn is_shared(mut t: Tensor) -> bool {
        let before = t.data().as_ptr();
        t.data_mut().as_ptr() != before
    }

    #[test]
    fn what_needs_no_gradient_is_not_recorded_and_keeps_nothing() {
        let tape = Tape::new();
        let [a, b] = [2.0, 3.0].map(|v| tape.constant(Tensor::full([4], v)));
        let y = a.mul(&b).unwrap().relu().unwrap();
        assert!(tape.is_empty() && !y.needs_gradient());
        drop(b);
        assert!(!is_shared(a.into_value()) && !is_shared(y.into_value()));
    }

    #[test]
    fn a_rule_keeps_what_it_needs_until_it_has_run() {
        let tape = Tape::new();
        let (x, w) = (tape.constant(Tensor::full([4], 2.0)), tape.leaf(Tensor::full([4], 3.0)));
        let loss = x.mul(&w).unwrap().sum().unwrap();
        assert_eq!(tape.len(), 3); // w, mul, sum
        let x = x.into_value();
        assert!(is_shared(x.clone()));
        let gradients = tape.backward(&loss).unwrap();
        assert_eq!(gradients.get(&w).unwrap().data(), [2.0; 4]);
        assert!(!is_shared(x) && tape.is_empty());
    }

    #[test]
    fn a_value_used_twice_receives_both_gradients() {
        let tape = Tape::new();
        let x = tape.leaf(Tensor::new([2], &[3.0, -1.0]).unwrap());
        let y = x.mul(&x).unwrap().add(&x).unwrap(); // x² + x
        let mut gradients = tape.backward(&y.sum().unwrap()).unwrap();
        assert_eq!(gradients.take(&x).unwrap().data(), [7.0, -1.0]);
        assert!(gradients.get(&x).is_none());
    }

    #[test]
    fn what_the_loss_does_not_depend_on_has_no_gradient() {
        let tape = Tape::new();
        let (x, other) = (tape.leaf(Tensor::full([2], 1.0)), tape.leaf(Tensor::full([2], 1.0)));
        let unused = other.mul(&other).unwrap();
        let gradients = tape.backward(&x.sum().unwrap()).unwrap();
        assert!(gradients.get(&other).is_none() && gradients.get(&unused).is_none());
        assert_eq!(gradients.get(&x).unwrap().data(), [1.0, 1.0]);
    }

    #[test]
    fn a_loss_is_one_number() {
        let tape = Tape::new();
        let x = tape.leaf(Tensor::full([2], 1.0));
        let error = tape.backward(&x).err().unwrap().to_string();
        assert_eq!(error, "backward: expected a loss of one element, got (2,)");
    }

    #[test]
    fn every_algorithm_gives_the_same_convolution() {
        let run = |algorithm| {
            let tape = Tape::with_algorithm(algorithm);
            let x = tape.leaf(Tensor::from_fn([2, 5, 5, 3], |i| (i % 7) as f32 - 3.0));
            // Multiples of 15², by which Winograd divides.
            let w = tape.leaf(Tensor::from_fn([3, 3, 3, 4], |i| 225.0 * ((i % 5) as f32 - 2.0)));
            let same = crate::Padding::Same;
            let options = crate::Conv2dOptions { stride: [1, 1], padding: same, relu: true, pool: false };
            let y = x.conv2d(&w, None, options).unwrap();
            let mut gradients = tape.backward(&y.sum().unwrap()).unwrap();
            [y.into_value(), gradients.take(&x).unwrap(), gradients.take(&w).unwrap()]
        };
        // Whole numbers, so that rounding has no part in it.
        let expected = run(Algorithm::Reference);
        for algorithm in Algorithm::LADDER.into_iter().chain([Algorithm::Auto]) {
            assert_eq!(run(algorithm), expected, "{algorithm}");
        }
    }
}
