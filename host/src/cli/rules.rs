//! `betrace rules`.

use std::path::PathBuf;

use clap::Subcommand;

use super::{
    console::Console,
    exit::{Failure, Outcome},
    target::{Format, TargetArgs},
};

/// Publish rules, and see and change what is published.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  betrace rules apply rules/ --dry-run
  betrace rules list
  betrace rules rollback hipaa-phi-audit")]
pub struct Args {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    Apply(ApplyArgs),
    List(ListArgs),
    /// Show one rule, with its source.
    Show(ShowArgs),
    /// List the versions of one rule, and who published them when.
    History(ShowArgs),
    Rollback(RollbackArgs),
    /// Judge by a rule again.
    Enable(ChangeArgs),
    /// Stop judging by a rule, and keep it.
    Disable(ChangeArgs),
    /// Take a rule out of what is published; its signals and history stay.
    Remove(ChangeArgs),
}

/// Publish rules: all of them, or none where one is refused.
///
/// Every trace that is stored from now on is judged by them. An unchanged rule keeps its version.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  betrace rules apply hipaa.btr
  betrace rules apply rules/ vendor.wasm --dry-run")]
pub struct ApplyArgs {
    /// Rules (.btr, .wasm), or folders of them.
    #[arg(required = true, value_name = "PATH")]
    paths: Vec<PathBuf>,
    /// Say what would change, and change nothing.
    #[arg(long)]
    dry_run: bool,
    /// Take over rule ids that belong to another pack.
    #[arg(long)]
    take_over: bool,
    /// How to print.
    #[arg(short, long, value_enum, default_value_t, value_name = "FORMAT")]
    output: Format,
    #[command(flatten)]
    target: TargetArgs,
}

/// List the published rules.
#[derive(Debug, clap::Args)]
pub struct ListArgs {
    /// How to print.
    #[arg(short, long, value_enum, default_value_t, value_name = "FORMAT")]
    output: Format,
    #[command(flatten)]
    target: TargetArgs,
}

/// Which rule, and how to print it.
#[derive(Debug, clap::Args)]
pub struct ShowArgs {
    /// The rule's id.
    #[arg(value_name = "ID")]
    id: String,
    /// How to print.
    #[arg(short, long, value_enum, default_value_t, value_name = "FORMAT")]
    output: Format,
    #[command(flatten)]
    target: TargetArgs,
}

/// Go back to an earlier version.
#[derive(Debug, clap::Args)]
pub struct RollbackArgs {
    /// The rule's id.
    #[arg(value_name = "ID")]
    id: String,
    /// The version to go back to [default: the one before].
    #[arg(long, value_name = "VERSION")]
    to: Option<u32>,
    #[command(flatten)]
    target: TargetArgs,
}

/// Which rule.
#[derive(Debug, clap::Args)]
pub struct ChangeArgs {
    /// The rule's id.
    #[arg(value_name = "ID")]
    id: String,
    #[command(flatten)]
    target: TargetArgs,
}

/// Runs the subcommand.
pub fn run(args: Args, _console: &mut Console) -> Outcome {
    Err(Failure::usage(anyhow::anyhow!(
        "this build cannot {args:?}"
    )))
}
