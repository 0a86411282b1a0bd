//! `betrace signals`.

use std::io;

use anyhow::anyhow;
use clap::{Subcommand, ValueEnum};

use super::{
    console::Console,
    exit::{Exit, Failure, Outcome},
    table::{Table, one_line},
    target::{Format, TargetArgs},
};
use crate::{
    api::{
        Operations,
        error::{ApiError, ErrorCode},
        limits::{SIGNALS_PER_PAGE_MAX, WAIT_MS_MAX},
        wire::{ChangesQuery, SignalQuery, SignalView},
    },
    clock::{Clock, SystemClock},
    rule_id::{RuleId, RuleMode},
    signal::SignalId,
    time::{TimeArg, rfc3339},
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
#[command(after_help = "\
Examples:
  betrace signals list --from 24h
  betrace signals list --rule hipaa-phi-audit --status open -o ndjson")]
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
    /// Only those of versions in this mode: on trial (`rules apply --shadow`), or not.
    #[arg(long, value_enum, value_name = "MODE")]
    mode: Option<Mode>,
    /// At most so many; 0 lists all.
    #[arg(long, value_name = "N", default_value_t = 100)]
    limit: u64,
    /// How to print.
    #[arg(short, long, value_enum, default_value_t, value_name = "FORMAT")]
    output: Format,
    #[command(flatten)]
    target: TargetArgs,
}

/// What comes of a version's violations.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Mode {
    /// Signals, which are delivered.
    Live,
    /// Signals that are marked, and not delivered.
    Shadow,
}

impl From<Mode> for RuleMode {
    fn from(mode: Mode) -> Self {
        match mode {
            Mode::Live => Self::Live,
            Mode::Shadow => Self::Shadow,
        }
    }
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

impl Status {
    fn name(self) -> &'static str {
        match self {
            Self::Open => "open",
            Self::Amended => "amended",
            Self::Retracted => "retracted",
        }
    }
}

/// Show one signal, with its witnesses and history.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  betrace signals show 2c6ac0d954890eca9f5cfd151a5ff1d7")]
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
#[command(after_help = "\
Examples:
  betrace signals watch
  betrace signals watch --rule hipaa-phi-audit -o ndjson | jq .message")]
pub struct WatchArgs {
    /// Only of this rule.
    #[arg(long, value_name = "ID")]
    rule: Option<String>,
    /// How to print.
    #[arg(short, long, value_enum, default_value_t, value_name = "FORMAT")]
    output: WatchFormat,
    #[command(flatten)]
    target: TargetArgs,
}

/// How to print what has no end.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub enum WatchFormat {
    /// For people.
    #[default]
    Human,
    /// One JSON document a line.
    #[value(alias = "json")]
    Ndjson,
}

/// Runs the subcommand.
pub fn run(args: Args, console: &mut Console) -> Outcome {
    match args.command {
        Command::List(args) => list(&args, console),
        Command::Show(args) => show(&args, console),
        Command::Watch(args) => watch(&args, console),
    }
}

fn list(args: &ListArgs, console: &mut Console) -> Outcome {
    check_rule(args.rule.as_deref())?;
    let now = SystemClock::new().unix_nanos();
    let target = args.target.open()?;
    let mut query = SignalQuery {
        rule: args.rule.clone(),
        from: args.from.map(|from| rfc3339(from.resolve(now))),
        to: args.to.map(|to| rfc3339(to.resolve(now))),
        status: args.status.map(|status| status.name().to_owned()),
        mode: args.mode.map(RuleMode::from),
        limit: None,
        after: None,
    };
    let mut left = match args.limit {
        0 => usize::MAX,
        limit => usize::try_from(limit).unwrap_or(usize::MAX),
    };
    let mut listed: Vec<SignalView> = Vec::new();
    while left > 0 {
        query.limit = Some(left.min(SIGNALS_PER_PAGE_MAX));
        let page = target.operations().signals(&query)?;
        left = left.saturating_sub(page.signals.len());
        match args.output {
            // A page at a time: all of history may be more than fits.
            Format::Ndjson => page
                .signals
                .iter()
                .try_for_each(|signal| console.json_line(signal))?,
            Format::Human | Format::Json => listed.extend(page.signals),
        }
        query.after = page.next;
        if query.after.is_none() {
            break;
        }
    }
    match args.output {
        Format::Human if listed.is_empty() => {
            console.note("no signals");
            note_unknown(args.rule.as_deref(), target.operations(), console);
        }
        Format::Human => print_signals(&listed, console)?,
        Format::Json => console.json(&listed)?,
        Format::Ndjson => {}
    }
    if query.after.is_some() && args.output == Format::Human {
        console.note(format_args!(
            "there are more; --limit {} was reached",
            args.limit
        ));
    }
    Ok(Exit::Fine)
}

/// Says that a rule was never published: a mistyped id looks like a system that behaves.
fn note_unknown(rule: Option<&str>, operations: &dyn Operations, console: &Console) {
    let Some(id) = rule.and_then(RuleId::try_new) else {
        return;
    };
    if let Err(error) = operations.rule(&id)
        && error.code == ErrorCode::NotFound
    {
        console.warn(format_args!(
            "{error}; `betrace rules list` lists those that are published"
        ));
    }
}

fn print_signals(signals: &[SignalView], console: &mut Console) -> io::Result<()> {
    let mut table = Table::new(&["TIME", "SEVERITY", "RULE", "STATUS", "ID", "MESSAGE"]);
    for signal in signals {
        table.row(vec![
            signal.time.clone(),
            signal.severity.clone(),
            signal.rule.clone(),
            status(signal),
            signal.id.clone(),
            signal.message.clone(),
        ]);
    }
    table.print(console)
}

/// Says where a signal stands, and whether it is one of a version on trial.
fn status(signal: &SignalView) -> String {
    match signal.mode {
        RuleMode::Live => signal.status.clone(),
        RuleMode::Shadow => format!("{} (shadow)", signal.status),
    }
}

fn show(args: &ShowArgs, console: &mut Console) -> Outcome {
    let id = SignalId::from_hex(&args.id).ok_or_else(|| ApiError::not_found("signal", &args.id))?;
    let signal = args.target.open()?.operations().signal(id)?;
    match args.output {
        Format::Human => print_signal(&signal, console)?,
        Format::Json => console.json(&signal)?,
        Format::Ndjson => console.json_line(&signal)?,
    }
    Ok(Exit::Fine)
}

fn print_signal(signal: &SignalView, console: &mut Console) -> io::Result<()> {
    let paint = console.paint();
    console.line(paint.bold(one_line(&signal.message)))?;
    let lines = [
        ("id", &signal.id),
        ("signal", &signal.signal),
        ("severity", &signal.severity),
        (
            "rule",
            &format!("{} version {}", signal.rule, signal.version),
        ),
        ("clause", &signal.clause),
        ("status", &status(signal)),
        ("trace", &signal.trace_id),
        ("time", &signal.time),
        ("raised", &signal.opened),
    ];
    for (name, value) in lines {
        console.line(format_args!("  {name:<9} {}", one_line(value)))?;
    }
    console.line("\nwitnesses")?;
    let mut witnesses = Table::new(&["SPAN", "START", "DURATION", "SERVICE", "NAME"]);
    for witness in &signal.witnesses {
        witnesses.row(vec![
            witness.span_id.clone(),
            witness.start.clone(),
            format!("{:.3} ms", witness.duration_ns as f64 / 1e6),
            witness.service.clone(),
            witness.name.clone(),
        ]);
    }
    witnesses.print(console)?;
    console.line("\nhistory")?;
    let mut history = Table::new(&["WHEN", "VERSION", "VERDICT"]);
    for event in &signal.history {
        history.row(vec![
            event.when.clone(),
            event.version.to_string(),
            event.verdict.name().to_owned(),
        ]);
    }
    history.print(console)
}

fn watch(args: &WatchArgs, console: &mut Console) -> Outcome {
    check_rule(args.rule.as_deref())?;
    let target = args.target.open()?;
    if !target.is_server() {
        return Err(
            Failure::usage(anyhow!("a store that no server has open does not change")).help(
                "watch a server with --server URL; list what is stored with `betrace signals list`",
            ),
        );
    }
    watch_from(args, target.operations(), console)
}

fn watch_from(args: &WatchArgs, operations: &dyn Operations, console: &mut Console) -> Outcome {
    let mut query = ChangesQuery {
        since: None,
        wait_ms: Some(0),
        rule: args.rule.clone(),
    };
    loop {
        let changes = operations.signal_changes(&query)?;
        for signal in &changes.signals {
            match args.output {
                WatchFormat::Human => print_change(signal, console)?,
                WatchFormat::Ndjson => console.json_line(signal)?,
            }
        }
        query.since = Some(changes.next);
        query.wait_ms = Some(WAIT_MS_MAX);
    }
}

fn print_change(signal: &SignalView, console: &mut Console) -> io::Result<()> {
    let paint = console.paint();
    let severity = match signal.severity.as_str() {
        "critical" | "high" => paint.red(&signal.severity),
        "medium" => paint.yellow(&signal.severity),
        _ => signal.severity.clone(),
    };
    console.line(format_args!(
        "{}  {severity}  {}  {}  trace {}  {}",
        signal.updated,
        signal.rule,
        status(signal),
        signal.trace_id,
        one_line(&signal.message),
    ))?;
    console.flush()
}

fn check_rule(rule: Option<&str>) -> Result<(), Failure> {
    match rule {
        Some(id) if RuleId::try_new(id).is_none() => Err(ApiError::not_found("rule", id).into()),
        Some(_) | None => Ok(()),
    }
}
