//! `feature-extractor`: see `graft_transfer::methods::FeatureExtractor`.
#![forbid(unsafe_code)]

fn main() -> std::process::ExitCode {
    graft_transfer::run_method::<graft_transfer::methods::FeatureExtractor>()
}
