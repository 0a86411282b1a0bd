//! `betrace rules list`, `show` and `history`.

use std::io;

use super::{ListArgs, ShowArgs, rule_id};
use crate::{
    api::wire::{
        CoverageView, QuarantineView, RuleCostView, RuleDetail, RuleVersionView, RuleView,
    },
    cli::{
        console::Console,
        exit::{Exit, Outcome},
        table::{Table, one_line},
        target::Format,
    },
    rule_id::RuleMode,
    rules::NOT_LOADED,
};

pub(super) fn list(args: &ListArgs, console: &mut Console) -> Outcome {
    let rules = args.target.open()?.operations().rules()?;
    match args.output {
        Format::Human if rules.is_empty() => {
            console.note("no rules are published; publish some with `betrace rules apply PATH`");
        }
        Format::Human => print_rules(&rules, console)?,
        Format::Json => console.json(&rules)?,
        Format::Ndjson => rules.iter().try_for_each(|rule| console.json_line(rule))?,
    }
    Ok(Exit::Fine)
}

fn print_rules(rules: &[RuleView], console: &mut Console) -> io::Result<()> {
    let mut table = Table::new(&["ID", "VERSION", "STATE", "SEVERITY", "SIGNAL", "SUMMARY"]);
    for rule in rules {
        table.row(vec![
            rule.id.clone(),
            rule.version.to_string(),
            state(rule),
            rule.severity.clone(),
            rule.signal.clone(),
            rule.summary.clone(),
        ]);
    }
    table.print(console)
}

fn state(rule: &RuleView) -> String {
    let state = match (rule.enabled, &rule.quarantine) {
        (false, _) => "disabled",
        (true, Some(_)) => "quarantined",
        (true, None) => "enabled",
    };
    match rule.mode {
        RuleMode::Live => state.to_owned(),
        RuleMode::Shadow => format!("{state} (shadow)"),
    }
}

pub(super) fn show(args: &ShowArgs, console: &mut Console) -> Outcome {
    let id = rule_id(&args.id)?;
    let rule = args.target.open()?.operations().rule(&id)?;
    match args.output {
        Format::Human => print_rule(&rule, console)?,
        Format::Json => console.json(&rule)?,
        Format::Ndjson => console.json_line(&rule)?,
    }
    Ok(Exit::Fine)
}

fn print_rule(detail: &RuleDetail, console: &mut Console) -> io::Result<()> {
    let RuleDetail {
        rule,
        source,
        versions,
        coverage,
    } = detail;
    let state = if versions.iter().any(|version| version.live) {
        state(rule)
    } else {
        "removed".to_owned()
    };
    let labels: Vec<String> = rule
        .labels
        .iter()
        .map(|(key, value)| format!("{key}={value}"))
        .collect();
    let shown = versions.iter().find(|shown| shown.version == rule.version);
    let lines = [
        ("version", format!("{} ({state})", rule.version)),
        ("signal", signal(rule)),
        ("summary", rule.summary.clone()),
        ("controls", rule.controls.join(", ")),
        ("labels", labels.join(", ")),
        ("digest", rule.digest.clone()),
        ("published", rule.published_at.clone()),
        (
            "signed by",
            shown
                .map(|shown| shown.signed_by.join(", "))
                .unwrap_or_default(),
        ),
        (
            "from",
            shown
                .and_then(|shown| shown.reference.clone())
                .unwrap_or_default(),
        ),
        ("verdicts", verdicts(coverage)),
        ("cost", cost(&rule.cost)),
        (
            "quarantine",
            rule.quarantine.as_ref().map(quarantine).unwrap_or_default(),
        ),
    ];
    let paint = console.paint();
    console.line(paint.bold(&rule.id))?;
    for (name, value) in lines {
        if !value.is_empty() {
            console.line(format_args!("  {name:<10} {}", one_line(&value)))?;
        }
    }
    if let Some(source) = source {
        console.line("")?;
        for line in source.lines() {
            console.line(one_line(line))?;
        }
    }
    Ok(())
}

fn signal(rule: &RuleView) -> String {
    match rule.severity.as_str() {
        // Its pack does not load, and says nothing.
        "" => String::new(),
        severity => format!("{} ({severity})", rule.signal),
    }
}

fn verdicts(coverage: &CoverageView) -> String {
    let share = match coverage.coverage {
        Some(share) => format!("{:.2} %", share * 100.0),
        None => "none".to_owned(),
    };
    format!(
        "{} held, {} violated, {} not applicable, {} inconclusive; coverage {share}",
        coverage.held, coverage.violated, coverage.not_applicable, coverage.inconclusive
    )
}

fn cost(cost: &RuleCostView) -> String {
    let RuleCostView {
        fuel,
        processor_seconds,
        batches,
        failed_batches,
    } = cost;
    format!(
        "{fuel} units of fuel, {processor_seconds:.3} s of a processor, {}, {failed_batches} failed",
        counted_batches(*batches)
    )
}

fn quarantine(quarantine: &QuarantineView) -> String {
    let QuarantineView {
        since,
        reason,
        detail,
        failed_batches,
        batches,
    } = quarantine;
    if reason == NOT_LOADED {
        return format!(
            "since {since}: its pack does not load ({detail}); it is not called until a version that loads is \
             published or `betrace rules enable` loads it"
        );
    }
    format!(
        "since {since}: failed on {failed_batches} of {} ({reason}: {detail}); it is not called until \
         a new version is published or `betrace rules enable` lifts it",
        counted_batches(*batches)
    )
}

fn counted_batches(n_batches: u64) -> String {
    let plural = if n_batches == 1 { "" } else { "es" };
    format!("{n_batches} batch{plural}")
}

pub(super) fn history(args: &ShowArgs, console: &mut Console) -> Outcome {
    let id = rule_id(&args.id)?;
    let versions = args.target.open()?.operations().rule(&id)?.versions;
    match args.output {
        Format::Human => print_versions(&versions, console)?,
        Format::Json => console.json(&versions)?,
        Format::Ndjson => versions
            .iter()
            .try_for_each(|version| console.json_line(version))?,
    }
    Ok(Exit::Fine)
}

fn print_versions(versions: &[RuleVersionView], console: &mut Console) -> io::Result<()> {
    let mut table = Table::new(&[
        "VERSION",
        "LIVE",
        "MODE",
        "PUBLISHED",
        "BY",
        "SIGNED BY",
        "DIGEST",
        "FROM",
    ]);
    for version in versions {
        table.row(vec![
            version.version.to_string(),
            if version.live { "live" } else { "" }.to_owned(),
            version.mode.name().to_owned(),
            version.published_at.clone(),
            version.published_by.clone(),
            version.signed_by.join(", "),
            version.digest.clone(),
            version.reference.clone().unwrap_or_default(),
        ]);
    }
    table.print(console)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_quarantine_says_why_it_is_and_what_ends_it() {
        let text = quarantine(&QuarantineView {
            since: "2026-03-01T12:00:00Z".to_owned(),
            reason: "out_of_fuel".to_owned(),
            detail: "spent all of its 67108864 units of fuel".to_owned(),
            failed_batches: 11,
            batches: 12,
        });
        for part in [
            "since 2026-03-01T12:00:00Z",
            "failed on 11 of 12 batches",
            "out_of_fuel: spent all of its 67108864 units",
            "a new version is published",
            "`betrace rules enable`",
        ] {
            assert!(text.contains(part), "{part} in {text}");
        }
        let text = quarantine(&QuarantineView {
            since: "2026-03-01T12:00:00Z".to_owned(),
            reason: NOT_LOADED.to_owned(),
            detail: "imports a clock: rules have no imports".to_owned(),
            failed_batches: 0,
            batches: 0,
        });
        for part in [
            "since 2026-03-01T12:00:00Z",
            "its pack does not load (imports a clock: rules have no imports)",
            "a version that loads is published",
            "`betrace rules enable`",
        ] {
            assert!(text.contains(part), "{part} in {text}");
        }
        let text = cost(&RuleCostView {
            fuel: 5,
            processor_seconds: 0.25,
            batches: 1,
            failed_batches: 0,
        });
        assert_eq!(
            text,
            "5 units of fuel, 0.250 s of a processor, 1 batch, 0 failed"
        );
    }
}
