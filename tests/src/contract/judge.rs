//! A call of `evaluate`, and what the contract says of its answer.

use betrace_dsl::oracle::{Judged, Trace, Verdict};

use super::{Batched, Pack, Trim};

/// Judges traces by some rules of a pack in one batch: for each rule, what it found of each trace.
///
/// # Errors
///
/// The trap, where the pack traps.
pub fn judge(
    pack: &Pack,
    asked: &[u32],
    traces: &[&Trace],
    trim: Trim,
) -> Result<Vec<Vec<Judged>>, String> {
    let batched = Batched::project(&pack.rules, asked, traces, trim);
    let findings = pack.evaluate(asked, &batched.batch)?;
    assert_eq!(findings.verdicts.len(), asked.len() * traces.len());
    let judged = |verdict: &u8| Judged {
        verdict: verdict_of(*verdict),
        clause: 0,
        witnesses: Vec::new(),
    };
    let of_rule = |verdicts: &[u8]| verdicts.iter().map(judged).collect();
    let mut judged: Vec<Vec<Judged>> = findings
        .verdicts
        .chunks(traces.len())
        .map(of_rule)
        .collect();
    let mut before = 0;
    let mut places = Vec::new();
    for (index, clause) in findings.clause.iter().enumerate() {
        let (rule, trace) = (
            findings.violation_rule[index] as usize,
            findings.violation_trace[index] as usize,
        );
        let end = findings.witness_ends[index] as usize;
        let violation = &mut judged[rule][trace];
        assert_eq!(violation.verdict, Verdict::Violated);
        violation.clause = *clause;
        let rows = &findings.witnesses[before..end];
        assert!(rows.is_sorted_by(|a, b| a < b), "witnesses ascend");
        violation.witnesses = rows
            .iter()
            .map(|row| batched.span_of(*row, trace))
            .collect();
        before = end;
        places.push((rule, trace));
    }
    assert_eq!(before, findings.witnesses.len());
    assert!(
        places.is_sorted_by(|a, b| a < b),
        "violations are in order of rule, then trace"
    );
    let violated = judged.iter().flatten();
    let violated = violated.filter(|judged| judged.verdict == Verdict::Violated);
    assert_eq!(places.len(), violated.count());
    Ok(judged)
}

/// A verdict of the contract.
pub fn verdict_of(number: u8) -> Verdict {
    match number {
        0 => Verdict::NotApplicable,
        1 => Verdict::Held,
        2 => Verdict::Violated,
        3 => Verdict::Undecided,
        other => panic!("{other} is no verdict"),
    }
}

/// Whether `any-of` rules a trace out.
pub fn is_ruled_out(pack: &Pack, rule: usize, trace: &Trace) -> bool {
    let lacks = |group: &Vec<String>| !trace.spans.iter().any(|span| group.contains(&span.name));
    trace.facts == 0 && pack.rules[rule].any_of.iter().any(lacks)
}
