//! `betrace signals`.

use clap::{Subcommand, ValueEnum};

use super::{
    console::Console,
    exit::{Failure, Outcome},
    target::{Format, TargetArgs},
    time::TimeArg,
};

/// See violations: a signal is one rule's violation by one trace.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  betrace signals list --from 24h
  betrace signals list --rule hipaa-phi-audit -o ndjson
  betrace signals watch")]
pub struct Args {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    List(ListArgs),
    Show(ShowArgs),
    Watch(WatchArgs),
}

/// List signals, newest first.
#[derive(Debug, clap::Args)]
pub struct ListArgs {
    /// Only of this rule.
    #[arg(long, value_name = "ID")]
    rule: Option<String>,
    /// Only of traces that start at this time or later.
    #[arg(long, value_name = "TIME")]
    from: Option<TimeArg>,
    /// Only of traces that start before this time.
    #[arg(long, value_name = "TIME")]
    to: Option<TimeArg>,
    /// Only with this status.
    #[arg(long, value_enum, value_name = "STATUS")]
    status: Option<Status>,
    /// At most so many; 0 lists all.
    #[arg(long, value_name = "N", default_value_t = 100)]
    limit: u64,
    /// How to print.
    #[arg(short, long, value_enum, default_value_t, value_name = "FORMAT")]
    output: Format,
    #[command(flatten)]
    target: TargetArgs,
}

/// Where a signal stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Status {
    /// The trace violates the rule.
    Open,
    /// It still does, in another way, since later spans came.
    Amended,
    /// It no longer does, since later spans came.
    Retracted,
}

/// Show one signal, with its witnesses and history.
#[derive(Debug, clap::Args)]
pub struct ShowArgs {
    /// The signal's id.
    #[arg(value_name = "ID")]
    id: String,
    /// How to print.
    #[arg(short, long, value_enum, default_value_t, value_name = "FORMAT")]
    output: Format,
    #[command(flatten)]
    target: TargetArgs,
}

/// Print signals as they are raised, amended and retracted, until Ctrl-C.
#[derive(Debug, clap::Args)]
pub struct WatchArgs {
    /// Only of this rule.
    #[arg(long, value_name = "ID")]
    rule: Option<String>,
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
