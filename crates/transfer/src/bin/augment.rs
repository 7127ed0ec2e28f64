//! `augment`: see `graft_transfer::methods::Augment`.
#![forbid(unsafe_code)]

fn main() -> std::process::ExitCode {
    graft_transfer::run_method::<graft_transfer::methods::Augment>()
}
