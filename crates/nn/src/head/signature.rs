//! The layers a head may have, and what each may be told.

use super::lexer::Token;
use crate::layers::{
    ActivationLayer, BatchNormalization, Conv2D, Dense, Dropout, Flatten, GlobalAveragePooling2D,
    GlobalMaxPooling2D, MaxPooling2D, Padding, padding,
};
use crate::{Activation, Initializer, LayerConfig, Result};

/// One layer of the language.
#[derive(Debug)]
pub(super) struct Signature {
    /// Keras's name in snake case.
    pub(super) name: &'static str,
    /// What it may be told, in the order in which names can be left out.
    pub(super) parameters: &'static [Parameter],
}

/// One argument that a layer takes.
#[derive(Debug)]
pub(super) struct Parameter {
    pub(super) name: &'static str,
    pub(super) kind: Kind,
    pub(super) required: bool,
}

/// What an argument must be.
#[derive(Debug, Clone, Copy)]
pub(super) enum Kind {
    Count,
    Number,
    Activation,
    Padding,
    Initializer,
    Flag,
}

/// What an argument is.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Value {
    /// The number of classes.
    Classes,
    Count(usize),
    Number(f64),
    Activation(Activation),
    Padding(Padding),
    Initializer(Initializer),
    Flag(bool),
}

const fn required(name: &'static str, kind: Kind) -> Parameter {
    Parameter { name, kind, required: true }
}

const fn optional(name: &'static str, kind: Kind) -> Parameter {
    Parameter { name, kind, required: false }
}

/// Every layer.
pub(super) static ALL: [Signature; 9] = [
    Signature { name: "flatten", parameters: &[] },
    Signature {
        name: "dense",
        parameters: &[
            required("units", Kind::Count),
            optional("activation", Kind::Activation),
            optional("use_bias", Kind::Flag),
            optional("kernel_initializer", Kind::Initializer),
        ],
    },
    Signature { name: "dropout", parameters: &[required("rate", Kind::Number)] },
    Signature { name: "activation", parameters: &[required("activation", Kind::Activation)] },
    Signature {
        name: "batch_normalization",
        parameters: &[optional("momentum", Kind::Number), optional("epsilon", Kind::Number)],
    },
    Signature {
        name: "conv2d",
        parameters: &[
            required("filters", Kind::Count),
            required("kernel_size", Kind::Count),
            optional("activation", Kind::Activation),
            optional("padding", Kind::Padding),
            optional("strides", Kind::Count),
            optional("use_bias", Kind::Flag),
            optional("kernel_initializer", Kind::Initializer),
        ],
    },
    Signature {
        name: "max_pooling2d",
        parameters: &[
            optional("pool_size", Kind::Count),
            optional("strides", Kind::Count),
            optional("padding", Kind::Padding),
        ],
    },
    Signature { name: "global_average_pooling2d", parameters: &[] },
    Signature { name: "global_max_pooling2d", parameters: &[] },
];

/// The layer of this name; capitals and underscores do not count.
pub(super) fn find(name: &str) -> Option<&'static Signature> {
    let plain = |name: &str| name.replace('_', "").to_lowercase();
    ALL.iter().find(|s| plain(s.name) == plain(name))
}

impl Signature {
    /// How it is written: `dense(units, activation)`.
    pub(super) fn usage(&self) -> String {
        match self.parameters {
            [] => self.name.to_owned(),
            all => format!("{}({})", self.name, all.iter().map(|p| p.name).collect::<Vec<_>>().join(", ")),
        }
    }

    /// The layer of these arguments.
    pub(super) fn build(&self, arguments: &[Option<Value>], classes: usize) -> Result<LayerConfig> {
        let a = Arguments { signature: self, arguments, classes };
        Ok(match self.name {
            "dense" => LayerConfig::Dense(Dense {
                units: a.count("units", 0),
                activation: a.activation(),
                use_bias: a.flag("use_bias", true),
                kernel_initializer: a.initializer(),
            }),
            "dropout" => LayerConfig::Dropout(Dropout::new(a.number("rate", 0.0))?),
            "activation" => LayerConfig::Activation(ActivationLayer::new(a.activation())),
            "batch_normalization" => {
                let default = BatchNormalization::default();
                LayerConfig::BatchNormalization(BatchNormalization {
                    momentum: a.number("momentum", default.momentum),
                    epsilon: a.number("epsilon", default.epsilon),
                })
            }
            "conv2d" => LayerConfig::Conv2D(Conv2D {
                filters: a.count("filters", 0),
                kernel_size: [a.count("kernel_size", 0); 2],
                strides: [a.count("strides", 1); 2],
                padding: a.padding(),
                activation: a.activation(),
                use_bias: a.flag("use_bias", true),
                kernel_initializer: a.initializer(),
            }),
            "max_pooling2d" => {
                let pool_size = a.count("pool_size", 2);
                let strides = [a.count("strides", pool_size); 2];
                LayerConfig::MaxPooling2D(MaxPooling2D {
                    pool_size: [pool_size; 2],
                    strides,
                    padding: a.padding(),
                })
            }
            "global_average_pooling2d" => LayerConfig::GlobalAveragePooling2D(GlobalAveragePooling2D),
            "global_max_pooling2d" => LayerConfig::GlobalMaxPooling2D(GlobalMaxPooling2D),
            _ => LayerConfig::Flatten(Flatten),
        })
    }

    /// The text of these arguments: by position as long as there is no gap, by name after it.
    pub(super) fn write(&self, arguments: &[Option<Value>]) -> String {
        let mut gap = false;
        let mut parts = Vec::new();
        for (parameter, argument) in self.parameters.iter().zip(arguments) {
            match argument {
                None => gap = true,
                Some(v) if gap => parts.push(format!("{}={}", parameter.name, v.write())),
                Some(v) => parts.push(v.write()),
            }
        }
        if parts.is_empty() { self.name.to_owned() } else { format!("{}({})", self.name, parts.join(", ")) }
    }
}

/// The arguments of one call, by name. The parser has checked that required ones are there and of what kind each is,
/// so that a default stands in for what was left out alone.
struct Arguments<'a> {
    signature: &'a Signature,
    arguments: &'a [Option<Value>],
    classes: usize,
}

impl Arguments<'_> {
    fn get(&self, name: &str) -> Option<Value> {
        let place = self.signature.parameters.iter().position(|p| p.name == name)?;
        self.arguments[place]
    }

    fn count(&self, name: &str, default: usize) -> usize {
        match self.get(name) {
            Some(Value::Count(n)) => n,
            Some(Value::Classes) => self.classes,
            _ => default,
        }
    }

    fn number(&self, name: &str, default: f64) -> f64 {
        if let Some(Value::Number(v)) = self.get(name) { v } else { default }
    }

    fn flag(&self, name: &str, default: bool) -> bool {
        if let Some(Value::Flag(v)) = self.get(name) { v } else { default }
    }

    fn activation(&self) -> Activation {
        if let Some(Value::Activation(v)) = self.get("activation") { v } else { Activation::default() }
    }

    fn padding(&self) -> Padding {
        if let Some(Value::Padding(v)) = self.get("padding") { v } else { Padding::Valid }
    }

    fn initializer(&self) -> Initializer {
        if let Some(Value::Initializer(v)) = self.get("kernel_initializer") {
            v
        } else {
            Initializer::default()
        }
    }
}

impl Kind {
    /// The value that this token stands for, if it is one of this kind.
    pub(super) fn read(self, token: &Token) -> Option<Value> {
        match (self, token) {
            (Self::Count, Token::Word(w)) if w == "classes" => Some(Value::Classes),
            (Self::Count, &Token::Number(n)) => {
                let whole = n.fract() == 0.0 && (1.0..=f64::from(u32::MAX)).contains(&n);
                whole.then_some(Value::Count(n as usize))
            }
            (Self::Number, &Token::Number(n)) => Some(Value::Number(n)),
            (Self::Activation, Token::Word(w)) => Activation::from_name(w).map(Value::Activation),
            (Self::Padding, Token::Word(w)) => padding::from_name(w).map(Value::Padding),
            (Self::Initializer, Token::Word(w)) => Initializer::from_name(w).map(Value::Initializer),
            (Self::Flag, Token::Word(w)) => w.to_lowercase().parse().ok().map(Value::Flag),
            _ => None,
        }
    }

    /// What a value of this kind is, in words.
    pub(super) fn describe(self) -> String {
        match self {
            Self::Count => "a whole number from 1 (or 'classes')".into(),
            Self::Number => "a number".into(),
            Self::Activation => Activation::ALL.map(Activation::name).join(" or "),
            Self::Padding => "same or valid".into(),
            Self::Initializer => Initializer::ALL.map(Initializer::name).join(" or "),
            Self::Flag => "true or false".into(),
        }
    }
}

impl Value {
    fn write(self) -> String {
        match self {
            Self::Classes => "classes".into(),
            Self::Count(n) => n.to_string(),
            Self::Number(v) => v.to_string(),
            Self::Activation(a) => a.to_string(),
            Self::Padding(p) => padding::name(p).into(),
            Self::Initializer(i) => i.name().into(),
            Self::Flag(v) => v.to_string(),
        }
    }
}
