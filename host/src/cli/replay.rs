//! `betrace replay`.

use std::{
    io,
    ops::ControlFlow,
    path::{Path, PathBuf},
    time::Duration,
};

use clap::ValueEnum;

use super::{
    console::Console,
    exit::{Exit, Failure, Outcome},
    interrupt::Interrupt,
    packs,
    source::DenyArgs,
    table::{Table, counted, one_line},
    target::{Format, TargetArgs},
};
use crate::{
    api::{
        Operations,
        error::ApiError,
        wire::{ReplayReport, ReplayRequest, ReplayedRule},
    },
    clock::{Clock, SystemClock},
    rule_id::RuleId,
    time::{TimeArg, rfc3339, took},
};

/// How many violations of a rule people are shown.
const VIOLATIONS_SHOWN_MAX: usize = 5;

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
pub fn run(args: &Args, console: &mut Console) -> Outcome {
    let now = SystemClock::new().unix_nanos();
    let (ids, files) = split(&args.rules)?;
    let request = ReplayRequest {
        rules: ids,
        packs: packs::read(&files, DenyArgs::default(), console)?,
        beside_published: false,
        from: args.from.map(|from| rfc3339(from.resolve(now))),
        to: args.to.map(|to| rfc3339(to.resolve(now))),
    };
    let target = args.target.open()?;
    let interrupt = Interrupt::listen(console, "stopping; a replay changes nothing");
    let Some(report) = ask(target.operations(), &request, &interrupt, console)? else {
        return Ok(Exit::Interrupted);
    };
    match args.output {
        Format::Human => print(&report, console)?,
        Format::Json => console.json(&report)?,
        Format::Ndjson => report
            .rules
            .iter()
            .try_for_each(|rule| console.json_line(rule))?,
    }
    if report.partial && interrupt.asked() {
        return Ok(Exit::Interrupted);
    }
    Ok(exit(&report, &args.fail_on))
}

/// Replays, and shows how far it is; returns nothing where the user ended it before there was anything to say.
pub(super) fn ask(
    operations: &dyn Operations,
    request: &ReplayRequest,
    interrupt: &Interrupt,
    console: &Console,
) -> Result<Option<ReplayReport>, Failure> {
    let bar = console.progress_count("replay", "traces", Some(0));
    let result = operations.replay(request, &mut |progress| {
        bar.set_length(progress.traces_total);
        bar.set_position(progress.traces);
        if interrupt.asked() {
            ControlFlow::Break(())
        } else {
            ControlFlow::Continue(())
        }
    });
    bar.finish_and_clear();
    match result {
        // A server keeps a report that nobody waits for to itself.
        Err(_) if interrupt.asked() => Ok(None),
        result => Ok(Some(result?)),
    }
}

/// Tells files from ids: what is there, or is spelled like a file, is a file.
fn split(rules: &[String]) -> Result<(Vec<String>, Vec<PathBuf>), Failure> {
    let mut ids = Vec::new();
    let mut files = Vec::new();
    for rule in rules {
        let path = Path::new(rule);
        let spelled = rule == "-"
            || rule.contains('/')
            || packs::RULE_ENDINGS
                .iter()
                .any(|ending| rule.ends_with(ending));
        if spelled || path.exists() {
            files.push(path.to_owned());
        } else if RuleId::try_new(rule).is_some() {
            ids.push(rule.clone());
        } else {
            return Err(ApiError::not_found("rule", rule).into());
        }
    }
    Ok((ids, files))
}

fn exit(report: &ReplayReport, fail_on: &[FailOn]) -> Exit {
    let any = |count: fn(&ReplayedRule) -> u64| report.rules.iter().any(|rule| count(rule) > 0);
    if fail_on.contains(&FailOn::Violated) && any(|rule| rule.violated) {
        Exit::Findings
    } else if fail_on.contains(&FailOn::Inconclusive) && any(|rule| rule.inconclusive) {
        Exit::Inconclusive
    } else {
        Exit::Fine
    }
}

fn print(report: &ReplayReport, console: &mut Console) -> io::Result<()> {
    let mut table = Table::new(&[
        "RULE",
        "HELD",
        "VIOLATED",
        "NOT APPLICABLE",
        "INCONCLUSIVE",
        "FIRST",
        "LAST",
    ]);
    for rule in &report.rules {
        table.row(vec![
            rule.id.clone(),
            rule.held.to_string(),
            rule.violated.to_string(),
            rule.not_applicable.to_string(),
            rule.inconclusive.to_string(),
            rule.first_violation.clone().unwrap_or_default(),
            rule.last_violation.clone().unwrap_or_default(),
        ]);
    }
    table.print(console)?;
    for rule in &report.rules {
        print_violations(rule, console)?;
    }
    for block in &report.unreadable {
        console.warn(format_args!("a block is left out: {block}"));
    }
    if report.partial {
        console.warn("the replay ended early: these are the counts of a part");
    }
    console.line(format_args!(
        "\n{}, {} in {}",
        counted(report.traces, "trace"),
        counted(report.spans, "span"),
        took(Duration::from_millis(report.elapsed_ms))
    ))
}

fn print_violations(rule: &ReplayedRule, console: &mut Console) -> io::Result<()> {
    if rule.violations.is_empty() {
        return Ok(());
    }
    let paint = console.paint();
    console.line(format_args!("\n{}", paint.bold(&rule.id)))?;
    for violation in rule.violations.iter().take(VIOLATIONS_SHOWN_MAX) {
        console.line(format_args!(
            "  {}  trace {}  {}: {}",
            violation.time,
            violation.trace_id,
            violation.clause,
            one_line(&violation.message)
        ))?;
        console.line(paint.dim(format_args!("    spans {}", violation.witnesses.join(" "))))?;
    }
    let more = rule.violated.saturating_sub(VIOLATIONS_SHOWN_MAX as u64);
    if more > 0 {
        console.line(paint.dim(format_args!(
            "  ... and {more} more; -o json lists them all"
        )))?;
    }
    Ok(())
}
