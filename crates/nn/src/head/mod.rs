//! A head in one line: the layers that go on top of a base, as text.
//!
//! ```text
//! flatten, dense(256, relu), dropout(0.5), dense(classes, softmax)
//! ```
//!
//! | layer | arguments, in order; those with a default may be left out |
//! |---|---|
//! | `flatten` | |
//! | `dense` | units, activation = linear, use_bias = true, kernel_initializer = glorot_uniform |
//! | `dropout` | rate |
//! | `activation` | activation |
//! | `batch_normalization` | momentum = 0.99, epsilon = 0.001 |
//! | `conv2d` | filters, kernel_size, activation = linear, padding = valid, strides = 1, use_bias = true, kernel_initializer = glorot_uniform |
//! | `max_pooling2d` | pool_size = 2, strides = pool_size, padding = valid |
//! | `global_average_pooling2d`, `global_max_pooling2d` | |
//!
//! Names and arguments are Keras's; `maxpooling2d`, `MaxPooling2D` and `max_pooling2d` are the same. An argument may be
//! named, `dense(units=256, activation=relu)`. The word `classes` stands for the number of classes. A head ends in a
//! softmax over the classes, since that is what the loss and every prediction are made from.
//!
//! The way from text to layers: `lexer` cuts the text into words and marks, `parser` finds the calls and checks each
//! argument against the table in `signature`, and [`Head::layers`] builds them once the classes are known.

mod error;
mod lexer;
mod parser;
mod signature;

use std::fmt;
use std::str::FromStr;

pub use error::HeadError;
use signature::{Signature, Value};

use crate::{Activation, LayerConfig};

/// The layers on top of a base, the number of classes still open.
///
/// ```
/// use graft_nn::head::Head;
/// let head: Head = "Flatten, dense(units=256, activation=relu), dense(classes, softmax)".parse()?;
/// assert_eq!(head.to_string(), "flatten, dense(256, relu), dense(classes, softmax)");
/// assert_eq!(head.layers(22)?.len(), 3);
/// # Ok::<(), graft_nn::head::HeadError>(())
/// ```
#[derive(Debug, Clone)]
pub struct Head {
    text: String,
    calls: Vec<Call>,
}

/// One layer as it was written.
#[derive(Debug, Clone)]
struct Call {
    /// Where it stands in the text, from 1.
    at: usize,
    signature: &'static Signature,
    /// One for each parameter of the signature.
    arguments: Vec<Option<Value>>,
}

impl Head {
    /// The layers, for this number of classes.
    ///
    /// # Errors
    /// [`HeadError`] if the layer that decides the number of outputs has another one, or a value makes no sense.
    pub fn layers(&self, classes: usize) -> Result<Vec<LayerConfig>, HeadError> {
        let build = |c: &Call| {
            let layer = c.signature.build(&c.arguments, classes);
            let checked = layer.and_then(|l| l.build().map(|_| l));
            checked.map_err(|e| HeadError::new(&self.text, c.at, format!("{}: {e}", c.signature.name)))
        };
        let layers = self.calls.iter().map(build).collect::<Result<Vec<_>, _>>()?;
        for (call, layer) in self.calls.iter().zip(&layers).rev() {
            let units = match layer {
                LayerConfig::Dense(l) => l.units,
                LayerConfig::Conv2D(l) => l.filters,
                _ => continue,
            };
            if units == classes {
                break;
            }
            let message = format!(
                "this head gives {units} probabilities, but there are {classes} classes: write {}(classes, …)",
                call.signature.name
            );
            return Err(HeadError::new(&self.text, call.at, message));
        }
        Ok(layers)
    }

    /// That a layer decides the number of outputs, and that a softmax comes last.
    fn check_end(&self) -> Result<(), HeadError> {
        const REMEDY: &str = "end the head with dense(classes, softmax)";
        let end = self.text.trim_end().chars().count();
        let Some(last) = self.calls.last() else {
            return Err(HeadError::new(&self.text, 1, format!("there is no layer: {REMEDY}")));
        };
        let softmax = last.arguments.iter().flatten().any(|a| *a == Value::Activation(Activation::Softmax));
        if !softmax {
            let message =
                format!("the last layer, {}, gives no probabilities: {REMEDY}", last.signature.name);
            return Err(HeadError::new(&self.text, end, message));
        }
        if !self.calls.iter().any(|c| ["dense", "conv2d"].contains(&c.signature.name)) {
            let message = format!("no layer decides how many probabilities there are: {REMEDY}");
            return Err(HeadError::new(&self.text, end, message));
        }
        Ok(())
    }
}

impl FromStr for Head {
    type Err = HeadError;

    fn from_str(text: &str) -> Result<Self, HeadError> {
        let head = Self { text: text.to_owned(), calls: parser::parse(text)? };
        head.check_end()?;
        Ok(head)
    }
}

impl PartialEq for Head {
    /// The same layers with the same arguments, however they were written.
    fn eq(&self, other: &Self) -> bool {
        self.to_string() == other.to_string()
    }
}

impl fmt::Display for Head {
    /// As short as it can be written: arguments by position, then by name after a gap.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let calls: Vec<_> = self.calls.iter().map(|c| c.signature.write(&c.arguments)).collect();
        f.write_str(&calls.join(", "))
    }
}

#[cfg(test)]
mod tests;
