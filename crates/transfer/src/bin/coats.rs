//! `coats`: writes the data set that is drawn by code. See `graft_data::Coats`.
#![forbid(unsafe_code)]

fn main() -> std::process::ExitCode {
    graft_transfer::run_coats()
}
