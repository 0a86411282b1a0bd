//! The `betrace` binary: everything is in [`betrace::cli`].

use std::process::ExitCode;

use betrace::sandbox::{COMPILE_PACK_ARG, compile_child};

fn main() -> ExitCode {
    // The child that compiles a pack limits itself before it does anything else.
    if std::env::args_os()
        .nth(1)
        .is_some_and(|arg| arg == COMPILE_PACK_ARG)
    {
        return compile_child();
    }
    betrace::cli::main(std::env::args_os())
}
