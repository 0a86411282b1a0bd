//! The `betrace` binary: everything is in [`betrace::cli`].

use std::process::ExitCode;

use betrace::sandbox::{COMPILE_PACK_ARG, compile_child};

/// Blocks are read and built in buffers of some 100 KB that come and go: the system's allocator hands each back to the
/// kernel, which zeroes it anew for the next.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

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
