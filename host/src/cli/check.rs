//! `betrace check`.

use std::path::PathBuf;

use super::{
    console::Console,
    exit::{Failure, Outcome},
    target::Format,
};

/// Find the mistakes in rules.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Warnings are printed too, and leave the exit status at 0.

Examples:
  betrace check rules/*.btr
  betrace check rules/ -o json
  cat rule.btr | betrace check -")]
pub struct Args {
    /// Rule files (.btr), or folders of them; `-` for standard input.
    #[arg(required = true, value_name = "FILE")]
    files: Vec<PathBuf>,
    /// How to print.
    #[arg(short, long, value_enum, default_value_t, value_name = "FORMAT")]
    output: Format,
}

/// Checks the files.
pub fn run(args: Args, _console: &mut Console) -> Outcome {
    Err(Failure::usage(anyhow::anyhow!(
        "this build cannot check {:?} {:?}",
        args.files,
        args.output
    )))
}
