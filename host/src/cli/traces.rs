//! `betrace traces`.

use clap::{Subcommand, ValueEnum};

use super::{
    console::Console,
    exit::{Failure, Outcome},
    target::{Format, TargetArgs},
    time::TimeArg,
};

/// See stored traces, and open ones.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  betrace traces show 5b8efff798038103d269b633813fc60c
  betrace traces show 5b8efff798038103d269b633813fc60c -o otlp-json | jq .
  betrace traces list --from 1h")]
pub struct Args {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    Show(ShowArgs),
    List(ListArgs),
}

/// Show one trace: its spans as a tree, and the verdicts on it.
#[derive(Debug, clap::Args)]
pub struct ShowArgs {
    /// The trace's id, 32 hexadecimal digits.
    #[arg(value_name = "TRACE_ID")]
    id: String,
    /// How to print.
    #[arg(short, long, value_enum, default_value_t, value_name = "FORMAT")]
    output: ShowFormat,
    #[command(flatten)]
    target: TargetArgs,
}

/// How to print a trace.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub enum ShowFormat {
    /// For people.
    #[default]
    Human,
    /// What is known of it, in one JSON document.
    Json,
    /// The trace as OTLP/JSON, as `import` reads it.
    OtlpJson,
}

/// List stored traces, newest first.
#[derive(Debug, clap::Args)]
pub struct ListArgs {
    /// Only traces that start at this time or later.
    #[arg(long, value_name = "TIME")]
    from: Option<TimeArg>,
    /// Only traces that start before this time.
    #[arg(long, value_name = "TIME")]
    to: Option<TimeArg>,
    /// At most so many.
    #[arg(long, value_name = "N", default_value_t = 50)]
    limit: u64,
    /// How to print.
    #[arg(short, long, value_enum, default_value_t, value_name = "FORMAT")]
    output: Format,
    #[command(flatten)]
    target: TargetArgs,
}

/// Runs the subcommand.
pub fn run(args: Args, _console: &mut Console) -> Outcome {
    Err(Failure::usage(anyhow::anyhow!(
        "this build cannot {args:?}"
    )))
}
