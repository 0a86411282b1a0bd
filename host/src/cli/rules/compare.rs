//! What rules that might be published would say of stored traces, beside those that are.

use std::{collections::HashSet, io, time::Duration};

use serde::Serialize;

use crate::{
    api::wire::{AppliedChange, ApplyReport, ReplayReport, ReplayedRule, ReplayedViolation},
    cli::{
        console::Console,
        table::{Table, counted},
    },
    time::took,
};

/// How many traces of a rule people are shown, of those that would fire and of those that would stop.
const TRACES_SHOWN_MAX: usize = 5;

/// What would be different.
#[derive(Debug, Serialize)]
pub(super) struct Comparison {
    /// Only traces that start at this time or later were judged.
    pub(super) from: Option<String>,
    /// How many those are.
    traces: u64,
    spans: u64,
    elapsed_ms: u64,
    /// Whether the replay ended early: this is of a part of the traces.
    pub(super) partial: bool,
    /// Blocks that cannot be read, and why.
    unreadable: Vec<String>,
    /// Of the rules that would change.
    rules: Vec<RuleComparison>,
}

/// What would be different of one rule.
#[derive(Debug, PartialEq, Serialize)]
struct RuleComparison {
    id: String,
    /// Traces that violate the rule as it would be.
    violated: u64,
    /// Traces that violate the version that is live; nothing where none is.
    violated_live: Option<u64>,
    /// Violations of the rule as it would be, of traces that do not violate the live version.
    fires: Vec<ReplayedViolation>,
    /// Violations of the live version, of traces that would not violate the rule any more.
    stops: Vec<ReplayedViolation>,
    /// Whether there are more violations than a replay lists: the two lists above are of the first ones.
    truncated: bool,
}

/// Compares, rule by rule, what a replay found of the packs with what it found of the published versions beside them.
pub(super) fn compared(
    applied: &ApplyReport,
    from: Option<String>,
    replayed: ReplayReport,
) -> Comparison {
    let ReplayReport {
        rules,
        traces,
        spans,
        elapsed_ms,
        partial,
        unreadable,
    } = replayed;
    let is_changed = |rule: &ReplayedRule| {
        let mut applied = applied.rules.iter();
        applied.any(|of| of.id == rule.id && of.change != AppliedChange::Unchanged)
    };
    let (published, new): (Vec<_>, Vec<_>) = rules
        .into_iter()
        .filter(is_changed)
        .partition(|rule| rule.version.is_some());
    let rules = new.into_iter().map(|new| {
        let live = published.iter().find(|live| live.id == new.id);
        compare(new, live)
    });
    Comparison {
        from,
        traces,
        spans,
        elapsed_ms,
        partial,
        unreadable,
        rules: rules.collect(),
    }
}

fn compare(new: ReplayedRule, live: Option<&ReplayedRule>) -> RuleComparison {
    let is_whole = |rule: &ReplayedRule| rule.violations.len() as u64 == rule.violated;
    let truncated = !is_whole(&new) || !live.is_none_or(is_whole);
    let of_live = live.map_or(&[][..], |live| &live.violations);
    let (before, after) = (traces_of(of_live), traces_of(&new.violations));
    let stops = of_live.iter().filter(|of| !after.contains(&*of.trace_id));
    let fires = new.violations.iter();
    let fires = fires.filter(|of| !before.contains(&*of.trace_id));
    RuleComparison {
        fires: fires.cloned().collect(),
        stops: stops.cloned().collect(),
        violated: new.violated,
        violated_live: live.map(|live| live.violated),
        truncated,
        id: new.id,
    }
}

fn traces_of(violations: &[ReplayedViolation]) -> HashSet<&str> {
    violations.iter().map(|of| &*of.trace_id).collect()
}

impl Comparison {
    pub(super) fn print(&self, console: &mut Console) -> io::Result<()> {
        for rule in &self.rules {
            rule.print(console)?;
        }
        for block in &self.unreadable {
            console.warn(format_args!("a block is left out: {block}"));
        }
        if self.partial {
            console.warn("the replay ended early: this is of a part of the traces");
        }
        let since = self.from.as_deref().unwrap_or("the beginning");
        console.line(format_args!(
            "\nreplayed {} since {since} in {}",
            counted(self.traces, "trace"),
            took(Duration::from_millis(self.elapsed_ms))
        ))
    }
}

impl RuleComparison {
    fn print(&self, console: &mut Console) -> io::Result<()> {
        let paint = console.paint();
        console.line(format_args!("\n{}", paint.bold(&self.id)))?;
        let live = self
            .violated_live
            .map_or("not live".to_owned(), |n| format!("live: {n} violated"));
        console.line(format_args!(
            "  would be: {} violated; {live}; {} newly, {} no longer",
            self.violated,
            self.fires.len(),
            self.stops.len()
        ))?;
        let mut table = Table::new(&["", "TIME", "TRACE", "MESSAGE"]);
        for (what, violations) in [("+", &self.fires), ("-", &self.stops)] {
            for violation in violations.iter().take(TRACES_SHOWN_MAX) {
                table.row(vec![
                    what.to_owned(),
                    violation.time.clone(),
                    violation.trace_id.clone(),
                    violation.message.clone(),
                ]);
            }
        }
        table.print(console)?;
        let is_cut = |violations: &Vec<_>| violations.len() > TRACES_SHOWN_MAX;
        if is_cut(&self.fires) || is_cut(&self.stops) {
            console.line(paint.dim("  ... and more; -o json lists them all"))?;
        }
        if self.truncated {
            console
                .warn("there are more violations than a replay lists; only the first are compared");
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rule(version: Option<u32>, violated: u64, traces: &[&str]) -> ReplayedRule {
        let violation = |trace: &&str| ReplayedViolation {
            trace_id: (*trace).to_owned(),
            time: String::new(),
            clause: String::new(),
            witnesses: Vec::new(),
            message: String::new(),
        };
        ReplayedRule {
            id: "r".into(),
            version,
            held: 0,
            violated,
            not_applicable: 0,
            inconclusive: 0,
            first_violation: None,
            last_violation: None,
            violations: traces.iter().map(violation).collect(),
        }
    }

    #[test]
    fn what_fires_and_what_stops_is_told_by_trace() {
        let compared = compare(
            rule(None, 2, &["a", "b"]),
            Some(&rule(Some(1), 2, &["b", "c"])),
        );
        let ids =
            |of: &[ReplayedViolation]| of.iter().map(|of| of.trace_id.clone()).collect::<Vec<_>>();
        assert_eq!(ids(&compared.fires), ["a"]);
        assert_eq!(ids(&compared.stops), ["c"]);
        assert!(!compared.truncated);
    }

    #[test]
    fn without_a_live_version_everything_is_new_and_a_cut_list_is_said_to_be() {
        let compared = compare(rule(None, 3, &["a", "b"]), None);
        assert_eq!((compared.fires.len(), compared.stops.len()), (2, 0));
        assert_eq!(compared.violated_live, None);
        assert!(compared.truncated);
    }
}
