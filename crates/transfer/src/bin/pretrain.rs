//! `pretrain`: see `graft_transfer::pretrain`.
#![forbid(unsafe_code)]

fn main() -> std::process::ExitCode {
    graft_transfer::run_pretrain()
}
