//! The command line.

use std::fmt;
use std::path::PathBuf;

use clap::{Parser, ValueEnum};
use graft_kernels::conv2d::Algorithm;
use graft_transfer::Precision;

/// Measure Graft on VGG16's work, one line of JSON a measurement
#[derive(Debug, Parser)]
#[command(name = "vgg-bench", version, after_help = NOTES)]
pub(crate) struct Options {
    /// What to measure
    #[arg(long, value_enum, default_value_t = What::Forward)]
    pub(crate) what: What,

    /// For `forward`: with the three dense layers, or the convolutions alone
    #[arg(long, value_enum, value_delimiter = ',', default_values_t = [Top::Top, Top::Notop])]
    pub(crate) top: Vec<Top>,

    /// Threads to compute with; with 1, the process stays on one CPU
    #[arg(long, value_name = "N", default_value_t = 2)]
    pub(crate) threads: usize,

    /// Pictures at a time, for `forward` and the steps
    #[arg(long, value_name = "N,N", value_delimiter = ',', default_values_t = [1, 8, 32])]
    pub(crate) batch: Vec<usize>,

    /// Runs that must count
    #[arg(long, value_name = "N", default_value_t = 5)]
    pub(crate) runs: usize,

    /// How convolutions are computed, by a rung of the ladder
    #[arg(long, value_name = "NAME", default_value_t = Algorithm::Auto)]
    pub(crate) conv_algorithm: Algorithm,

    /// For `forward`: what dense layers keep their weights in
    #[arg(long, value_enum, default_value_t = Precision::F32)]
    pub(crate) precision: Precision,

    /// A folder of JPEGs with a sub-folder per class, for `loader` and `predict-cold`
    #[arg(long, value_name = "DIR", default_value = "jpegs")]
    pub(crate) dir: PathBuf,
}

const NOTES: &str = "\
A run counts only if other processes took less than 5 % of the CPUs meanwhile (Linux; elsewhere every run counts). `dirty`
runs were dropped; `clean` is false where fewer than 3 were left, and all were taken. PERF_OUT names a file that the lines
are added to. GRAFT_ISA chooses the kernels.";

/// A measurement.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum What {
    /// A forward pass
    Forward,
    /// A training step of method 1, nothing cached: frozen base, dense(1024), dense(10)
    A,
    /// Of method 2, nothing cached: block 5 trained as well
    B,
    /// Of method 2, behind what block 4 made of the pictures
    BCached,
    /// Of method 3, nothing cached: frozen base, dense(256), dropout(0.5), dense(10)
    C,
    /// Of method 4: frozen base, dense(256), dense(10), with and without augmentation
    D,
    /// Of every layer, with method 1's head
    F,
    /// Of `pretrain`: all of vgg16-mini on 32×32 pixels, with batch normalisation, by SGD with Nesterov's momentum
    Pretrain,
    /// Method 1 as a whole: 5 epochs of 128 pictures, with what is computed once
    Fit,
    /// 32 augmented pictures of 224×224
    Augment,
    /// A folder of JPEGs, once
    Loader,
    /// A new process that names one photo by the whole VGG16
    PredictCold,
    /// Matrix products
    Gemm,
    /// Multiply-adds in registers, for each instruction set
    Peak,
}

/// Whether VGG16's three dense layers are there.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Top {
    /// They are
    Top,
    /// The convolutions alone
    Notop,
}

impl fmt::Display for What {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        name(self, f)
    }
}

impl fmt::Display for Top {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        name(self, f)
    }
}

/// As the command line has it.
fn name(value: &impl ValueEnum, f: &mut fmt::Formatter<'_>) -> fmt::Result {
    value.to_possible_value().map_or(Ok(()), |v| f.write_str(v.get_name()))
}
