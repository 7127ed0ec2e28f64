//! Transfer learning as a run: five methods, what is kept between epochs and between runs, and the folder of results.
//!
//! ```text
//! options ─▶ inputs ─▶ pictures ─────────────┐                       ┌▶ model_file   best.safetensors, last.safetensors
//!              │       (decoded, divided)     ▼                       │
//!              └─────▶ base ──▶ features ──▶ training ────────────────┼▶ report       metrics.json, predictions.csv, split.csv
//!                    (frozen)    (once)   (phases of epochs)          └▶ run_folder   runs/<method>-N/
//! ```
//!
//! The [`methods`] are a few values each ([`Recipe`]) over one common [run](run_method). To learn what transfer learning
//! is, read [`methods`], then `training.rs`; to see what makes an epoch cost milliseconds, `features/`.
#![forbid(unsafe_code)]

pub mod base;
pub mod batches;
mod cache;
mod check;
pub mod coats;
mod command_line;
pub mod comparison;
pub mod error;
pub mod features;
pub mod inputs;
pub mod interrupt;
pub mod memory;
pub mod methods;
pub mod model_file;
pub mod options;
pub mod output;
pub mod pictures;
pub mod predict;
pub mod pretrain;
pub mod preview;
pub mod process;
pub mod progress;
pub mod recipe;
pub mod report;
pub mod run;
pub mod run_folder;
pub mod save_features;
pub mod training;

pub use coats::run_coats;
pub use error::{Error, Result};
pub use inputs::Inputs;
pub use options::{ClassWeight, Options, Pooling, Precision};
pub use predict::run_predict;
pub use pretrain::run_pretrain;
pub use recipe::{Augmenting, Recipe};
pub use run::run_method;
pub use run_folder::RunFolder;
