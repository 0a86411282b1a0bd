//! What came back from a guest, checked against `record findings` before anybody reads it.

use std::fmt;

use super::{
    bindings::exports::betrace::rules::pack::{Batch, Findings},
    pack::PackPre,
};

use crate::verdict::Verdict;

/// What findings say of one rule and one trace, in words that do not hang on the batch.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Said {
    verdict: u8,
    clause: Option<u8>,
    /// Counted from the first row of the trace.
    witnesses: Vec<u32>,
}

/// Returns what checked findings say of the rule at a place of the call and the trace at a place of the batch.
pub fn said_of(findings: &Findings, batch: &Batch, rule: usize, trace: usize) -> Said {
    let n_traces = batch.traces as usize;
    let verdict = findings.verdicts.get(rule * n_traces + trace).copied();
    let (rules, traces) = (&findings.violation_rule, &findings.violation_trace);
    let from = rules.partition_point(|of| (*of as usize) < rule);
    let end = rules.partition_point(|of| (*of as usize) <= rule);
    let of_rule = traces.get(from..end).unwrap_or_default();
    let violation = of_rule.binary_search(&(trace as u32)).ok();
    let mut said = Said {
        verdict: verdict.unwrap_or(UNDECIDED),
        clause: None,
        witnesses: Vec::new(),
    };
    if let Some(at) = violation.map(|at| from + at) {
        let end_of = |at: usize| findings.witness_ends.get(at).map_or(0, |end| *end as usize);
        let start = at.checked_sub(1).map_or(0, end_of);
        let witnesses = findings
            .witnesses
            .get(start..end_of(at))
            .unwrap_or_default();
        let before = trace.checked_sub(1).and_then(|at| batch.trace_ends.get(at));
        let first_row = before.copied().unwrap_or(0);
        said.clause = findings.clause.get(at).copied();
        said.witnesses = witnesses
            .iter()
            .map(|row| row.saturating_sub(first_row))
            .collect();
    }
    said
}

impl fmt::Display for Said {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let verdict = Verdict::from_number(self.verdict).map_or("nothing", Verdict::name);
        f.write_str(verdict)?;
        match self.witnesses.first() {
            Some(first) => write!(f, " at span {}", first + 1),
            None => Ok(()),
        }
    }
}

const VIOLATED: u8 = 2;
const UNDECIDED: u8 = 3;

/// Says what is out of range in `findings`, if anything is.
pub(super) fn check(
    findings: &Findings,
    pack: &PackPre,
    rules: &[u32],
    batch: &Batch,
) -> Result<(), String> {
    let n_traces = batch.traces as usize;
    if findings.verdicts.len() != rules.len() * n_traces {
        return Err(format!(
            "{} verdicts for {} rules and {n_traces} traces",
            findings.verdicts.len(),
            rules.len()
        ));
    }
    let worst = findings.verdicts.iter().copied().max().unwrap_or(0);
    if worst > UNDECIDED {
        return Err(format!("a verdict of {worst}"));
    }
    if worst == UNDECIDED {
        check_undecided(findings, pack, rules, batch)?;
    }
    check_violations(findings, n_traces)?;
    check_witnesses(findings, batch)
}

/// Only a rule that says so may leave a trace undecided, and only an incomplete one.
fn check_undecided(
    findings: &Findings,
    pack: &PackPre,
    rules: &[u32],
    batch: &Batch,
) -> Result<(), String> {
    let by_rule = findings.verdicts.chunks_exact(batch.facts.len().max(1));
    for (rule, verdicts) in rules.iter().zip(by_rule) {
        let Some(description) = pack.rules().get(*rule as usize) else {
            continue;
        };
        for (verdict, facts) in verdicts.iter().zip(&batch.facts) {
            if *verdict != UNDECIDED {
                continue;
            }
            if !description.facts {
                return Err("a trace is undecided, though the rule does not say `facts`".into());
            }
            if *facts == 0 {
                return Err("a complete trace is undecided".into());
            }
        }
    }
    Ok(())
}

/// Every verdict 2 has one violation, in order of rule, then trace.
fn check_violations(findings: &Findings, n_traces: usize) -> Result<(), String> {
    let n = findings.violation_rule.len();
    let lengths = [
        findings.violation_trace.len(),
        findings.clause.len(),
        findings.witness_ends.len(),
    ];
    if lengths.iter().any(|length| *length != n) {
        return Err(format!(
            "{n} violations with {} traces, {} clauses and {} ends of witnesses",
            findings.violation_trace.len(),
            findings.clause.len(),
            findings.witness_ends.len()
        ));
    }
    let mut violations = findings
        .violation_rule
        .iter()
        .zip(&findings.violation_trace);
    for cell in memchr::memchr_iter(VIOLATED, &findings.verdicts) {
        // A verdict exists, so there is a trace.
        let (rule, trace) = (cell / n_traces, cell % n_traces);
        let next = violations.next().map(|(r, t)| (*r as usize, *t as usize));
        if next != Some((rule, trace)) {
            return Err(format!(
                "trace {trace} is violated by rule {rule}, and the next violation is {next:?}"
            ));
        }
    }
    if violations.next().is_some() {
        return Err("more violations than verdicts say so".into());
    }
    if let Some(clause) = findings.clause.iter().find(|clause| **clause > 2) {
        return Err(format!("a clause of {clause}"));
    }
    Ok(())
}

/// The witnesses of a violation are rows of its trace, ascending.
fn check_witnesses(findings: &Findings, batch: &Batch) -> Result<(), String> {
    let mut start = 0;
    for (trace, end) in findings.violation_trace.iter().zip(&findings.witness_ends) {
        let end = *end as usize;
        let Some(witnesses) = findings.witnesses.get(start..end) else {
            return Err(format!(
                "witnesses from {start} to {end} of {}",
                findings.witnesses.len()
            ));
        };
        let trace = *trace as usize;
        let rows_end = batch.trace_ends.get(trace).copied().unwrap_or(0);
        let rows_start = match trace.checked_sub(1) {
            Some(before) => batch.trace_ends.get(before).copied().unwrap_or(0),
            None => 0,
        };
        let within = witnesses
            .iter()
            .all(|row| (rows_start..rows_end).contains(row));
        if !within {
            return Err(format!(
                "a witness that is none of the rows {rows_start} to {rows_end} of its trace"
            ));
        }
        if !witnesses.is_sorted_by(|a, b| a < b) {
            return Err("witnesses that do not ascend".into());
        }
        start = end;
    }
    if start != findings.witnesses.len() {
        return Err("witnesses that belong to no violation".into());
    }
    Ok(())
}
