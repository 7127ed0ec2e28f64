//! `fine-tune`: see `graft_transfer::methods::FineTune`.
#![forbid(unsafe_code)]

fn main() -> std::process::ExitCode {
    graft_transfer::run_method::<graft_transfer::methods::FineTune>()
}
