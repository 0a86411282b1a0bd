//! `betrace tenants`.

use std::io::{self, IsTerminal};

use anyhow::{Context, anyhow};
use clap::Subcommand;

use super::{
    console::Console,
    exit::{Exit, Failure, Outcome},
    target::{Format, TargetArgs},
};
use crate::{
    api::{
        error::ApiError,
        wire::{ChangeLimits, CreateTenant, RotateToken, TokenIssued},
    },
    tenant::{LimitArg, TenantId, TenantLimits},
    time::DurationArg,
};

mod show;
mod trust;

/// Create tenants, give them tokens and limits, and remove them.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
As soon as there is one token, a server asks for tokens: a tenant's stands for its traces, rules and
signals, an operator's (`admin-token`) for these commands. The first is made on the machine of the
store, while no server has it open; with an operator's token the rest can be done over --server.

Examples:
  betrace tenants create acme --data ./betrace-data
  betrace tenants admin-token --data ./betrace-data
  BETRACE_TOKEN=btr_admin_... betrace tenants create globex --server http://127.0.0.1:4320")]
pub struct Args {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    Create(CreateArgs),
    List(ListArgs),
    RotateToken(RotateArgs),
    Limit(LimitArgs),
    Trust(trust::TrustArgs),
    Distrust(trust::DistrustArgs),
    Remove(RemoveArgs),
    AdminToken(AdminTokenArgs),
}

/// Create a tenant, and print its first token.
///
/// The token is printed this once, alone on stdout; the store keeps a hash of it.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Limits: spans-per-second, open-traces, open-spans, open-bytes, stored-bytes, retained-bytes,
stored-age, signals-age, rules, judge-percent. Blocks older than stored-age go, signals that
have not changed for signals-age, and over retained-bytes the blocks that arrived first; over
stored-bytes spans are refused.
The tenant `default` is whose everything was while there were no tokens; creating it gives it one.

Examples:
  betrace tenants create acme --data ./betrace-data
  betrace tenants create acme --limit spans-per-second=5000 --limit stored-bytes=20GiB
  export BETRACE_TOKEN=$(betrace tenants create acme --data ./betrace-data)
  export OTEL_EXPORTER_OTLP_HEADERS=\"authorization=Bearer%20$BETRACE_TOKEN\"")]
pub struct CreateArgs {
    /// The tenant's name: of a-z, 0-9, `-` and `_`.
    #[arg(value_name = "NAME")]
    name: String,
    /// The token's name, by which histories say who did something. [default: default]
    #[arg(long, value_name = "NAME")]
    token_name: Option<String>,
    /// A limit, like spans-per-second=5000; may be given several times.
    #[arg(long, value_name = "NAME=NUMBER")]
    limit: Vec<LimitArg>,
    /// How to print.
    #[arg(short, long, value_enum, default_value_t, value_name = "FORMAT")]
    output: Format,
    #[command(flatten)]
    target: TargetArgs,
}

/// List the tenants, their limits and the names of their tokens.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  betrace tenants list
  betrace tenants list -o json --data ./betrace-data | jq '.tenants[].stored_bytes'")]
pub struct ListArgs {
    /// How to print.
    #[arg(short, long, value_enum, default_value_t, value_name = "FORMAT")]
    output: Format,
    #[command(flatten)]
    target: TargetArgs,
}

/// Give a tenant another token in the place of an earlier one, and print it.
///
/// A name that the tenant has no token of is given one; tokens of other names stay.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  betrace tenants rotate-token acme --grace 1h    the old one holds for another hour
  betrace tenants rotate-token acme               it leaked: it ends at once
  betrace tenants rotate-token acme --token-name ci")]
pub struct RotateArgs {
    /// The tenant's name.
    #[arg(value_name = "NAME")]
    name: String,
    /// Which of its tokens. [default: default]
    #[arg(long, value_name = "NAME")]
    token_name: Option<String>,
    /// How long the earlier token of that name holds on. [default: 0s]
    #[arg(long, value_name = "DURATION")]
    grace: Option<DurationArg>,
    /// How to print.
    #[arg(short, long, value_enum, default_value_t, value_name = "FORMAT")]
    output: Format,
    #[command(flatten)]
    target: TargetArgs,
}

/// Change what a tenant may.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Limits: spans-per-second, open-traces, open-spans, open-bytes, stored-bytes, retained-bytes,
stored-age, signals-age, rules, judge-percent. Blocks older than stored-age go, signals that
have not changed for signals-age, and over retained-bytes the blocks that arrived first; over
stored-bytes spans are refused.
Bytes may be written in KiB, MiB, GiB and TiB, ages like 12h and 30d; `default` goes back to the default.

Examples:
  betrace tenants limit acme spans-per-second=5000 stored-bytes=20GiB
  betrace tenants limit acme stored-age=90d retained-bytes=100GiB
  betrace tenants limit acme rules=default")]
pub struct LimitArgs {
    /// The tenant's name.
    #[arg(value_name = "NAME")]
    name: String,
    /// The limits.
    #[arg(value_name = "LIMIT=NUMBER", required = true)]
    limits: Vec<LimitArg>,
    /// How to print.
    #[arg(short, long, value_enum, default_value_t, value_name = "FORMAT")]
    output: Format,
    #[command(flatten)]
    target: TargetArgs,
}

/// Remove a tenant, with its traces, rules, signals and tokens.
///
/// It cannot be undone. Entries leave the store's tables; the pages that held them are used again by what is stored later,
/// and are not overwritten before.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  betrace tenants remove acme
  betrace tenants remove acme --yes --data ./betrace-data")]
pub struct RemoveArgs {
    /// The tenant's name.
    #[arg(value_name = "NAME")]
    name: String,
    /// Do not ask.
    #[arg(long)]
    yes: bool,
    #[command(flatten)]
    target: TargetArgs,
}

/// Make an operator's token, which creates and removes tenants, and print it.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  betrace tenants admin-token --data ./betrace-data
  betrace tenants admin-token --token-name ops --grace 1h --server http://127.0.0.1:4320")]
pub struct AdminTokenArgs {
    /// The token's name; an earlier one of that name is replaced. [default: default]
    #[arg(long, value_name = "NAME")]
    token_name: Option<String>,
    /// How long the earlier token of that name holds on. [default: 0s]
    #[arg(long, value_name = "DURATION")]
    grace: Option<DurationArg>,
    /// How to print.
    #[arg(short, long, value_enum, default_value_t, value_name = "FORMAT")]
    output: Format,
    #[command(flatten)]
    target: TargetArgs,
}

/// Runs the subcommand.
pub fn run(args: Args, console: &mut Console) -> Outcome {
    match args.command {
        Command::Create(args) => create(&args, console),
        Command::List(args) => show::list(&args, console),
        Command::RotateToken(args) => rotate(&args, console),
        Command::Limit(args) => limit(&args, console),
        Command::Trust(args) => trust::trust(&args, console),
        Command::Distrust(args) => trust::distrust(&args, console),
        Command::Remove(args) => remove(&args, console),
        Command::AdminToken(args) => admin_token(&args, console),
    }
}

fn create(args: &CreateArgs, console: &mut Console) -> Outcome {
    let mut limits = TenantLimits::default();
    for LimitArg(limit, value) in &args.limit {
        limits.set(*limit, *value);
    }
    let request = CreateTenant {
        name: args.name.clone(),
        token_name: args.token_name.clone(),
        limits,
    };
    // The store is made where there is none: tokens come before the first start of a server.
    let issued = args.target.make_tenants()?.create_tenant(&request)?;
    print_token(&issued, args.output, console)
}

fn rotate(args: &RotateArgs, console: &mut Console) -> Outcome {
    let tenant = tenant(&args.name)?;
    let request = rotation(args.token_name.as_ref(), args.grace);
    let issued = args
        .target
        .open_tenants()?
        .rotate_token(&tenant, &request)?;
    print_token(&issued, args.output, console)
}

fn admin_token(args: &AdminTokenArgs, console: &mut Console) -> Outcome {
    let request = rotation(args.token_name.as_ref(), args.grace);
    let issued = args.target.make_tenants()?.admin_token(&request)?;
    print_token(&issued, args.output, console)
}

fn rotation(token_name: Option<&String>, grace: Option<DurationArg>) -> RotateToken {
    let grace_ms = grace.map_or(0, |DurationArg(grace)| grace.as_millis());
    RotateToken {
        token_name: token_name.cloned(),
        grace_ms: u64::try_from(grace_ms).unwrap_or(u64::MAX),
    }
}

fn limit(args: &LimitArgs, console: &mut Console) -> Outcome {
    let tenant = tenant(&args.name)?;
    let limits = args.limits.iter().map(|LimitArg(limit, to)| (*limit, *to));
    let request = ChangeLimits {
        limits: limits.collect(),
    };
    let changed = args
        .target
        .open_tenants()?
        .change_limits(&tenant, &request)?;
    match args.output {
        Format::Human => show::print_limits(&changed, console)?,
        Format::Json => console.json(&changed)?,
        Format::Ndjson => console.json_line(&changed)?,
    }
    Ok(Exit::Fine)
}

fn remove(args: &RemoveArgs, console: &mut Console) -> Outcome {
    let tenant = tenant(&args.name)?;
    let target = args.target.open_tenants()?;
    if !args.yes && !confirmed(&tenant)? {
        console.note("nothing was removed");
        return Ok(Exit::Usage);
    }
    let removed = target.remove_tenant(&tenant)?;
    console.line(format_args!("{}  removed", removed.removed))?;
    Ok(Exit::Fine)
}

/// Asks a person for the name; a script says `--yes`.
fn confirmed(tenant: &TenantId) -> Result<bool, Failure> {
    if !io::stdin().is_terminal() {
        let error = anyhow!("removing a tenant cannot be undone, and there is nobody to ask");
        return Err(Failure::usage(error).help("pass --yes"));
    }
    Console::say(format_args!(
        "this removes all traces, rules and signals of `{tenant}`; type its name to go on:"
    ));
    let mut typed = String::new();
    io::stdin()
        .read_line(&mut typed)
        .context("failed to read the answer")
        .map_err(Failure::usage)?;
    Ok(typed.trim() == tenant.as_str())
}

/// What cannot be a tenant's name names none: an input that is wrong.
fn tenant(name: &str) -> Result<TenantId, Failure> {
    TenantId::try_new(name).ok_or_else(|| ApiError::not_found("tenant", name).into())
}

/// The token alone goes to stdout, so that a shell can take it into a variable.
fn print_token(issued: &TokenIssued, format: Format, console: &mut Console) -> Outcome {
    match format {
        Format::Human => {
            let whose = match &issued.tenant {
                Some(tenant) => format!("tenant {tenant}"),
                None => "operators".to_owned(),
            };
            console.note(format_args!(
                "token `{}` of {whose}; it is shown this once",
                issued.token_name
            ));
            console.line(&issued.token)?;
        }
        Format::Json => console.json(issued)?,
        Format::Ndjson => console.json_line(issued)?,
    }
    Ok(Exit::Fine)
}
