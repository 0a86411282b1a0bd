//! All that is said of traces, in one form whoever says it: the judge, the store or a replay.

use std::{collections::BTreeMap, fmt::Write as _};

use betrace::{
    block::Block,
    judge::{JudgeOptions, judge, message},
    replay::Replayed,
    rules::PublishedRule,
    sandbox::Sandbox,
    trace::{SpanId, TraceId},
    verdict::{Clause, Reason, RuleVerdicts, Verdict},
};
use sha2::{Digest as _, Sha256};

/// What rules say of traces: by rule, then by trace.
pub(crate) type Said = BTreeMap<String, BTreeMap<TraceId, OfTrace>>;

/// What one rule says of one trace.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct OfTrace {
    pub(crate) verdict: Verdict,
    pub(crate) reason: Option<Reason>,
    pub(crate) violation: Option<Violated>,
}

/// How a trace is violated.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Violated {
    pub(crate) clause: Clause,
    pub(crate) witnesses: Vec<SpanId>,
    pub(crate) message: String,
}

/// Judges blocks.
pub(crate) fn judged(
    sandbox: &Sandbox,
    rules: &[PublishedRule],
    blocks: impl Iterator<Item = Block>,
) -> Said {
    let mut said = Said::new();
    for block in blocks {
        let verdicts = judge(sandbox, rules, &block, &JudgeOptions::default()).unwrap();
        assert_eq!(verdicts.len(), rules.len());
        let (traces, spans) = (block.trace_ids().unwrap(), block.span_ids().unwrap());
        for (rule, of_rule) in rules.iter().zip(&verdicts) {
            let all = said.entry(rule.id.to_string()).or_default();
            add(all, traces, of_rule);
            for violation in &of_rule.violations {
                let witnesses = violation.witnesses.iter();
                let trace = all.get_mut(&traces[violation.trace as usize]).unwrap();
                trace.violation = Some(Violated {
                    clause: violation.clause,
                    witnesses: witnesses.map(|row| SpanId(spans[*row as usize])).collect(),
                    message: message(rule.description(), &block, violation).unwrap(),
                });
            }
        }
    }
    check(&said);
    said
}

/// Adds the verdicts and reasons of a block, no trace of which has been added before.
pub(crate) fn add(
    all: &mut BTreeMap<TraceId, OfTrace>,
    traces: &[TraceId],
    of_rule: &RuleVerdicts,
) {
    assert_eq!(traces.len(), of_rule.verdicts.len());
    for (trace, verdict) in traces.iter().zip(&of_rule.verdicts) {
        let of_trace = OfTrace {
            verdict: *verdict,
            reason: None,
            violation: None,
        };
        assert_eq!(
            all.insert(*trace, of_trace),
            None,
            "{trace} is judged twice"
        );
    }
    for (trace, reason) in &of_rule.inconclusive {
        let trace = all.get_mut(&traces[*trace as usize]).unwrap();
        trace.reason = Some(*reason);
    }
}

/// Checks that each verdict has what it is to have.
pub(crate) fn check(said: &Said) {
    for (rule, traces) in said {
        for (trace, of_trace) in traces {
            let has = (of_trace.reason.is_some(), of_trace.violation.is_some());
            let is_to_have = match of_trace.verdict {
                Verdict::NotApplicable | Verdict::Held => (false, false),
                Verdict::Violated => (false, true),
                Verdict::Inconclusive => (true, false),
            };
            assert_eq!(has, is_to_have, "{rule} on {trace}: {of_trace:?}");
        }
    }
}

/// Compares what is said in two ways, and names the first difference.
pub(crate) fn assert_same(one: &Said, other: &Said, what: &str) {
    let rules = |said: &Said| said.keys().cloned().collect::<Vec<_>>();
    assert_eq!(rules(one), rules(other), "{what}");
    for (rule, traces) in one {
        let others = &other[rule];
        for (trace, of_trace) in traces {
            assert_eq!(
                Some(of_trace),
                others.get(trace),
                "{what}: {rule} on {trace}"
            );
        }
        assert_eq!(traces.len(), others.len(), "{what}: {rule}");
    }
}

/// Checks that a replay counts and shows what is said.
pub(crate) fn assert_replayed(said: &Said, replayed: &Replayed, what: &str) {
    assert!(
        !replayed.partial && replayed.unreadable.is_empty(),
        "{what}"
    );
    assert_eq!(replayed.rules.len(), said.len(), "{what}");
    for rule in &replayed.rules {
        let traces = &said[rule.id.as_str()];
        assert_eq!(rule.counts, counts(traces), "{what}: {}", rule.id);
        assert_eq!(replayed.traces, traces.len() as u64, "{what}");
        assert_eq!(
            rule.violations.len() as u64,
            rule.count(Verdict::Violated),
            "{what}"
        );
        for violation in &rule.violations {
            let shown = Violated {
                clause: violation.clause,
                witnesses: violation.witnesses.clone(),
                message: violation.message.clone(),
            };
            let trace = violation.trace_id;
            let expected = &traces[&trace].violation;
            assert_eq!(
                expected.as_ref(),
                Some(&shown),
                "{what}: {} on {trace}",
                rule.id
            );
        }
    }
}

fn counts(traces: &BTreeMap<TraceId, OfTrace>) -> [u64; 4] {
    let mut counts = [0; 4];
    for of_trace in traces.values() {
        counts[of_trace.verdict as usize] += 1;
    }
    counts
}

/// Writes a line for each rule: how many traces have each verdict, and a digest of all that is said of them.
pub(crate) fn digests(input: &str, said: &Said) -> String {
    let mut table = String::new();
    let mut lines = String::new();
    for (rule, traces) in said {
        lines.clear();
        for (trace, of_trace) in traces {
            let reason = of_trace.reason.map_or("-", Reason::name);
            write!(lines, "{trace} {} {reason}", of_trace.verdict.name()).unwrap();
            if let Some(Violated {
                clause,
                witnesses,
                message,
            }) = &of_trace.violation
            {
                write!(lines, " {}", clause.name()).unwrap();
                for span in witnesses {
                    write!(lines, " {span}").unwrap();
                }
                write!(lines, " {message:?}").unwrap();
            }
            lines.push('\n');
        }
        let [not_applicable, held, violated, inconclusive] = counts(traces);
        write!(
            table,
            "{input:<9} {rule:<26} {not_applicable:>6} {held:>6} {violated:>6} {inconclusive:>6} "
        )
        .unwrap();
        for byte in Sha256::digest(&lines) {
            write!(table, "{byte:02x}").unwrap();
        }
        table.push('\n');
    }
    table
}
