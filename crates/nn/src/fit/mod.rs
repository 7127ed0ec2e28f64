//! Training: from a model and batches to a better model.
//!
//! ```text
//! for every epoch
//!   for every batch (x, labels)
//!       frozen layers      nothing recorded, a few pictures at a time        memory of inference
//!       the other layers   recorded on a tape                               y, or the logits z
//!       loss               Σ w·l / N                                         one number
//!       backward           the tape, read from its end                      dw for every trained weight
//!       optimiser          w ← w − step(dw)                                  in place
//!   validation             every layer as it will be used: no dropout
//!   callbacks              may save, slow down, stop
//! ```
//!
//! There is no `compile`: which weights are trained is looked up when a step is taken, so that freezing a layer always
//! has its effect.
//!
//! **What is frozen is paid for once.** All layers before the first one that is trained or random give the same output
//! for the same input in every epoch ([`crate::Sequential::frozen_prefix`]). A caller may compute that output once,
//! keep it, and have training start behind it with [`Batch::from_layer`]. Where it does not (every epoch shows new
//! augmented pictures, say), these layers run without a tape, eight pictures at a time, so that their activations
//! never exist for the whole batch.
//!
//! **The same seed gives the same bits**, for every number of threads: random numbers are named by (seed, epoch,
//! sample), and sums are never split over threads.

mod batches;
mod error;
mod evaluation;
mod history;
mod logs;
mod progress;
mod run;
mod trainer;

pub use batches::{Batch, Batches};
pub use error::{BoxError, FitError};
pub use evaluation::{Evaluation, predict};
pub use history::{EpochLogs, History, Interruption};
pub use logs::Logs;
pub(crate) use logs::readable;
pub use progress::{Progress, Silent};
pub use trainer::{StepLogs, Trainer};
