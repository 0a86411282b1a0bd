//! The `betrace` binary: everything is in [`betrace::cli`].

use std::process::ExitCode;

fn main() -> ExitCode {
    betrace::cli::main(std::env::args_os())
}
