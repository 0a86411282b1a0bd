//! `betrace import`.

use std::path::PathBuf;

use super::{
    console::Console,
    exit::{Failure, Outcome},
    target::TargetArgs,
};

/// Store traces from files, and judge them by the published rules.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Reads OTLP/JSON lines, OTLP/JSON documents and OTLP protobuf, plain or as .gz or .zst, whatever the name says.
A line that is not OTLP is named, counted and skipped, and the exit status is then 2; the rest is kept.
Importing a file twice stores nothing twice.

Examples:
  betrace import traces.jsonl.zst --data ./betrace-data
  betrace import a.json b.pb.gz --server http://127.0.0.1:4320
  kubectl exec collector -- cat /out.jsonl | betrace import -")]
pub struct Args {
    /// Files; `-` for standard input.
    #[arg(required = true, value_name = "FILE")]
    files: Vec<PathBuf>,
    #[command(flatten)]
    target: TargetArgs,
}

/// Imports the files in order.
pub fn run(args: Args, _console: &mut Console) -> Outcome {
    Err(Failure::usage(anyhow::anyhow!(
        "this build cannot import {:?} {:?}",
        args.files,
        args.target
    )))
}
