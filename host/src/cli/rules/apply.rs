//! `betrace rules apply`.

use std::io;

use serde::Serialize;

use super::{
    ApplyArgs,
    compare::{Comparison, compared},
};
use crate::{
    api::wire::{AppliedChange, ApplyReport, ApplyRequest, ReplayRequest},
    cli::{
        console::Console,
        exit::{Exit, Failure, Outcome},
        interrupt::Interrupt,
        packs, replay,
        table::Table,
        target::{Format, Target},
    },
    clock::{Clock, SystemClock},
    rule_id::RuleMode,
    time::{TimeArg, rfc3339},
};

/// How far back a dry run looks where it is not said.
const DRY_RUN_FROM: &str = "24h";

/// What a command that publishes, or would, has to say.
#[derive(Serialize)]
struct Said<'a> {
    #[serde(flatten)]
    report: &'a ApplyReport,
    /// What would fire and what would stop firing; of a dry run alone.
    #[serde(skip_serializing_if = "Option::is_none")]
    comparison: Option<&'a Comparison>,
}

pub(super) fn run(args: &ApplyArgs, console: &mut Console) -> Outcome {
    let packs = packs::read_or_pull(&args.paths, args.deny, &args.registry, console)?;
    let target = args.target.open_or_make()?;
    let request = ApplyRequest {
        packs,
        dry_run: args.dry_run,
        take_over: args.take_over,
        mode: if args.shadow {
            RuleMode::Shadow
        } else {
            RuleMode::Live
        },
    };
    let report = target.operations().apply(&request)?;
    let mut comparison = None;
    if args.dry_run {
        let Some(compared) = compare(args.from, request, &report, &target, console)? else {
            return Ok(Exit::Interrupted);
        };
        comparison = Some(compared);
    }
    match args.output {
        Format::Json => console.json(&Said {
            report: &report,
            comparison: comparison.as_ref(),
        })?,
        Format::Ndjson => report
            .rules
            .iter()
            .try_for_each(|rule| console.json_line(rule))?,
        Format::Human => {
            print(&report, console)?;
            if let Some(comparison) = &comparison {
                comparison.print(console)?;
                console.note("dry run: nothing was published");
            }
        }
    }
    match comparison {
        Some(comparison) if comparison.partial => Ok(Exit::Interrupted),
        Some(_) | None => Ok(Exit::Fine),
    }
}

/// Replays what would be published beside what is; returns nothing where the user ended it.
fn compare(
    from: Option<TimeArg>,
    request: ApplyRequest,
    report: &ApplyReport,
    target: &Target,
    console: &Console,
) -> Result<Option<Comparison>, Failure> {
    let default: Result<TimeArg, _> = DRY_RUN_FROM.parse();
    let now = SystemClock::new().unix_nanos();
    let from = from.or(default.ok()).map(|from| from.resolve(now));
    let request = ReplayRequest {
        rules: Vec::new(),
        packs: request.packs,
        beside_published: true,
        from: from.map(rfc3339),
        to: None,
    };
    let interrupt = Interrupt::listen(console, "stopping; a dry run changes nothing");
    let replayed = replay::ask(target.operations(), &request, &interrupt, console)?;
    Ok(replayed.map(|replayed| compared(report, request.from, replayed)))
}

fn print(report: &ApplyReport, console: &mut Console) -> io::Result<()> {
    let mut table = Table::new(&["ID", "VERSION", "CHANGE", "DIGEST"]);
    for rule in &report.rules {
        let change = match rule.change {
            AppliedChange::Added => "added",
            AppliedChange::Updated => "updated",
            AppliedChange::Unchanged => "unchanged",
        };
        table.row(vec![
            rule.id.clone(),
            rule.version.to_string(),
            change.to_owned(),
            rule.digest.clone(),
        ]);
    }
    table.print(console)
}
