//! `predict`: names what is in pictures, by a model that Graft trained or by VGG16 with its top.
#![forbid(unsafe_code)]

fn main() -> std::process::ExitCode {
    graft_transfer::run_predict()
}
