//! `betrace inspect`.

use std::path::PathBuf;

use super::{
    console::Console,
    exit::{Failure, Outcome},
    target::Format,
};

/// Say what a component holds: its rules, what they read, and whether this host would load it.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  betrace inspect hipaa.wasm
  betrace inspect hipaa.wasm -o json")]
pub struct Args {
    /// The component (.wasm), or a rule file (.btr) to compile first.
    #[arg(value_name = "FILE")]
    file: PathBuf,
    /// How to print.
    #[arg(short, long, value_enum, default_value_t, value_name = "FORMAT")]
    output: Format,
}

/// Inspects the file.
pub fn run(args: Args, _console: &mut Console) -> Outcome {
    Err(Failure::usage(anyhow::anyhow!(
        "this build cannot inspect {:?} {:?}",
        args.file,
        args.output
    )))
}
