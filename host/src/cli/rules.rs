//! `betrace rules`.

use std::path::PathBuf;

use clap::Subcommand;

use super::{
    console::Console,
    exit::{Exit, Failure, Outcome},
    oci::RegistryArgs,
    source::DenyArgs,
    target::{Format, TargetArgs},
};
use crate::{
    api::{error::ApiError, wire::RuleAction},
    rule_id::{RuleId, RuleVersion},
    time::TimeArg,
};

mod apply;
mod compare;
mod show;

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
    #[command(after_help = "\
Examples:
  betrace rules show hipaa-phi-audit
  betrace rules show hipaa-phi-audit -o json | jq -r .source")]
    Show(ShowArgs),
    /// List the versions of one rule, and who published them when.
    #[command(after_help = "\
Examples:
  betrace rules history hipaa-phi-audit")]
    History(ShowArgs),
    Rollback(RollbackArgs),
    /// Judge by a rule again, one that was disabled or is quarantined.
    #[command(after_help = "\
Examples:
  betrace rules enable hipaa-phi-audit")]
    Enable(ChangeArgs),
    /// Stop judging by a rule, and keep it.
    #[command(after_help = "\
Examples:
  betrace rules disable hipaa-phi-audit")]
    Disable(ChangeArgs),
    /// Take a rule out of what is published; its signals and history stay.
    #[command(after_help = "\
Examples:
  betrace rules remove hipaa-phi-audit
  betrace rules rollback hipaa-phi-audit --to 2    publish a version of it again")]
    Remove(ChangeArgs),
}

/// Publish rules: all of them, or none where one is refused.
///
/// Every trace that is stored from now on is judged by them. An unchanged rule keeps its version.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  betrace rules apply hipaa.btr
  betrace rules apply rules/ vendor.wasm --dry-run    what would fire, and what would stop firing
  betrace rules apply hipaa.btr --dry-run --from 7d -o json
  betrace rules apply new.btr --shadow                judge by it, and deliver nothing
  betrace rules apply oci://ghcr.io/acme/hipaa:1.4.0  what the tag is now, pinned in the history")]
pub struct ApplyArgs {
    /// Rules (.btr, .wasm), folders of them, or places in registries (oci://...).
    #[arg(required = true, value_name = "PATH")]
    paths: Vec<PathBuf>,
    /// Say what would change, and change nothing: the rules are checked and replayed over the last
    /// day, beside the versions that are live.
    #[arg(long)]
    dry_run: bool,
    /// With --dry-run: only traces that start at this time or later. [default: 24h]
    #[arg(long, value_name = "TIME", requires = "dry_run")]
    from: Option<TimeArg>,
    /// Publish on trial: the rules judge and are counted, their signals are marked, and nothing is
    /// delivered. Without it the same rules are published for good.
    #[arg(long)]
    shadow: bool,
    /// Take over rule ids that belong to another pack.
    #[arg(long)]
    take_over: bool,
    #[command(flatten)]
    deny: DenyArgs,
    /// How to print.
    #[arg(short, long, value_enum, default_value_t, value_name = "FORMAT")]
    output: Format,
    #[command(flatten)]
    registry: RegistryArgs,
    #[command(flatten)]
    target: TargetArgs,
}

/// List the published rules.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  betrace rules list
  betrace rules list -o json --data ./betrace-data")]
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
#[command(after_help = "\
Examples:
  betrace rules rollback hipaa-phi-audit
  betrace rules rollback hipaa-phi-audit --to 2")]
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
pub fn run(args: Args, console: &mut Console) -> Outcome {
    match args.command {
        Command::Apply(args) => apply::run(&args, console),
        Command::List(args) => show::list(&args, console),
        Command::Show(args) => show::show(&args, console),
        Command::History(args) => show::history(&args, console),
        Command::Rollback(args) => {
            let to = args.to.map(RuleVersion);
            change(
                &args.id,
                &args.target,
                &RuleAction::Rollback { to },
                console,
            )
        }
        Command::Enable(args) => change(&args.id, &args.target, &RuleAction::Enable, console),
        Command::Disable(args) => change(&args.id, &args.target, &RuleAction::Disable, console),
        Command::Remove(args) => change(&args.id, &args.target, &RuleAction::Remove, console),
    }
}

fn change(id: &str, target: &TargetArgs, action: &RuleAction, console: &mut Console) -> Outcome {
    let id = rule_id(id)?;
    let changed = target.open()?.operations().change_rule(&id, action)?;
    let state = match (changed.version, changed.enabled) {
        (None, _) => "removed".to_owned(),
        (Some(version), true) => format!("version {version}, enabled"),
        (Some(version), false) => format!("version {version}, disabled"),
    };
    console.line(format_args!("{}  {state}", changed.id))?;
    Ok(Exit::Fine)
}

/// What cannot be a rule's id names no rule: an input that is wrong.
fn rule_id(id: &str) -> Result<RuleId, Failure> {
    RuleId::try_new(id).ok_or_else(|| ApiError::not_found("rule", id).into())
}
