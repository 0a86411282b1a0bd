//! `betrace replay`.

use clap::ValueEnum;

use super::{
    console::Console,
    exit::{Failure, Outcome},
    target::{Format, TargetArgs},
    time::TimeArg,
};

/// Judge stored history by rules, published or not.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
A replay changes nothing: it raises no signals and publishes no rules.

Examples:
  betrace replay hipaa.btr --from 30d
  betrace replay hipaa-phi-audit payment-fraud-check --from 2026-03-01 --to 2026-04-01 -o json
  betrace replay rules/new.wasm --data ./betrace-data --fail-on violated")]
pub struct Args {
    /// Rule files (.btr, .wasm), or ids of published rules.
    #[arg(required = true, value_name = "RULE")]
    rules: Vec<String>,
    /// Only traces that start at this time or later.
    #[arg(long, value_name = "TIME")]
    from: Option<TimeArg>,
    /// Only traces that start before this time.
    #[arg(long, value_name = "TIME")]
    to: Option<TimeArg>,
    /// How to print.
    #[arg(short, long, value_enum, default_value_t, value_name = "FORMAT")]
    output: Format,
    /// Exit with 1 if a trace violates a rule, or with 4 if a verdict is inconclusive.
    #[arg(long, value_enum, value_name = "VERDICT", value_delimiter = ',')]
    fail_on: Vec<FailOn>,
    #[command(flatten)]
    target: TargetArgs,
}

/// The verdicts that can make a replay fail.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum FailOn {
    /// Exit status 1.
    Violated,
    /// Exit status 4.
    Inconclusive,
}

/// Replays the rules.
pub fn run(args: Args, _console: &mut Console) -> Outcome {
    Err(Failure::usage(anyhow::anyhow!(
        "this build cannot replay {args:?}"
    )))
}
