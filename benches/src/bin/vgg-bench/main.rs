//! Measures what a user waits for: forward passes, training steps, whole fits, loading, a cold `predict`.
//!
//! The counterpart of scripts that measure Keras, PyTorch, ONNX Runtime and OpenVINO on the same work, with the same
//! options and the same line of JSON a measurement, so that both sides can be measured in turn (`benches/compare` does
//! that). Weights and pixels are random: time does not depend on them. Every figure is of the library as a program uses
//! it, not of a loop made for the clock.
//!
//! ```text
//! cargo build --release
//! target/release/vgg-bench --what forward --top notop --batch 1,8,32
//! target/release/vgg-bench --what b --batch 32 --threads 1
//! target/release/vgg-bench --what loader --dir photos/
//! GRAFT_ISA=avx2 target/release/vgg-bench --what gemm
//! ```
//!
//! | module | what |
//! |---|---|
//! | `clock` | which runs count, and the line that is printed |
//! | `network` | forward passes and training steps |
//! | `photos` | pictures to load, to augment, to fit and to predict |
//! | `products` | matrix products, and what the machine could do at best |

#![forbid(unsafe_code)]

mod clock;
mod network;
mod options;
mod photos;
mod products;

use std::error::Error;
use std::process::ExitCode;

use clap::Parser;
use graft_kernels::{Isa, keep_freed_memory};

use clock::Clock;
use options::{Options, What};

/// What ends the program.
type Result<T, E = Box<dyn Error>> = std::result::Result<T, E>;

fn main() -> ExitCode {
    match run(&Options::parse()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(e) => {
            eprintln!("error: {e}");
            ExitCode::from(2)
        }
    }
}

fn run(options: &Options) -> Result<()> {
    keep_freed_memory();
    let isa = Isa::from_env()?;
    if options.threads == 0 || options.runs == 0 || options.batch.contains(&0) {
        return Err("--threads, --runs and --batch must be at least 1".into());
    }
    // Before the first thread is started: threads inherit where they may run.
    let clock = Clock::new(isa, options)?;
    rayon::ThreadPoolBuilder::new().num_threads(options.threads).use_current_thread().build_global()?;
    match options.what {
        What::Forward => network::forward(&clock, options),
        What::A | What::B | What::BCached | What::C | What::F => network::step(&clock, options),
        What::Pretrain => network::pretrain_step(&clock, options),
        What::D => photos::augmented_step(&clock, options),
        What::Fit => photos::fit(&clock, options),
        What::Augment => photos::augment(&clock, options),
        What::Loader => photos::loader(&clock, options),
        What::PredictCold => photos::predict_cold(&clock, options),
        What::Gemm => products::gemm(&clock, isa),
        What::Peak => products::peak(&clock),
    }
}
