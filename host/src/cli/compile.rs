//! `betrace compile`.

use std::path::PathBuf;

use super::{
    console::Console,
    exit::{Failure, Outcome},
};

/// Compile a rule file to a WebAssembly component.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
The same source gives the same bytes. `-o -` writes to stdout, unless that is a terminal.

Examples:
  betrace compile hipaa.btr -o hipaa.wasm
  betrace compile hipaa.btr -o - | sha256sum")]
pub struct Args {
    /// The rule file (.btr); `-` for standard input.
    #[arg(value_name = "FILE")]
    file: PathBuf,
    /// Where to write the component.
    #[arg(short, long, value_name = "OUT.wasm")]
    output: PathBuf,
}

/// Compiles the file.
pub fn run(args: Args, _console: &mut Console) -> Outcome {
    Err(Failure::usage(anyhow::anyhow!(
        "this build cannot compile {:?} {:?}",
        args.file,
        args.output
    )))
}
