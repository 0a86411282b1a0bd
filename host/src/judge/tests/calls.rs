//! What one call holds at most.

use super::*;
use crate::{
    guest::rule,
    sandbox::limits::{RULES_PER_CALL_MAX, SPANS_PER_CALL_MAX, TRACES_PER_CALL_MAX},
};

/// Says of every trace of a call that it held, where `condition` is true of the call, else that it does not apply.
///
/// No trial batch is so large that the conditions here are true of one.
fn holds_where(condition: &str, rules: Vec<GuestRule>) -> Guest {
    Guest {
        evaluate: format!("(call $answer (local.get $n_rules) (local.get $traces) {condition})"),
        rules,
        ..Guest::default()
    }
}

/// What the first rule says of the first trace, of `n` traces with a span each.
fn said_of(condition: &str, n: usize, names: &[&str]) -> Verdict {
    let sandbox = frugal();
    let of_rule = if names.is_empty() {
        rule("r")
    } else {
        named_rule("r", "A")
    };
    let rules = load(&sandbox, &holds_where(condition, vec![of_rule]));
    let traces: Vec<_> = (0..n).map(|id| named(id as u16, names)).collect();
    // What a rule says of a batch, and not of a trace alone, is what is asked here: it must not be found out.
    rules[0].in_pack().unwrap().pack().is_sampled(1);
    verdicts(&sandbox, &rules, &traces)[0].verdicts[0]
}

fn rows_are(n: usize) -> String {
    format!(
        "(i32.eq (i32.load (i32.add (local.get $trace_ends) (i32.shl (i32.sub (local.get $traces) (i32.const 1)) (i32.const 2)))) (i32.const {n}))"
    )
}

#[test]
fn spans_per_call_max_obeyed() {
    let n = SPANS_PER_CALL_MAX;
    assert_eq!(said_of(&rows_are(n), n / 2, &["A", "A"]), Held);
}

#[test]
fn spans_per_call_max_exceeded() {
    // A trace more: the call of the first trace holds what a call may, and not all.
    let n = SPANS_PER_CALL_MAX;
    assert_eq!(
        said_of(&rows_are(n + 2), n / 2 + 1, &["A", "A"]),
        NotApplicable
    );
    assert_eq!(said_of(&rows_are(n), n / 2 + 1, &["A", "A"]), Held);
}

#[test]
fn traces_per_call_max_obeyed() {
    let n = TRACES_PER_CALL_MAX;
    let condition = format!("(i32.eq (local.get $traces) (i32.const {n}))");
    assert_eq!(said_of(&condition, n, &[]), Held);
}

#[test]
fn traces_per_call_max_exceeded() {
    let n = TRACES_PER_CALL_MAX;
    let condition = format!("(i32.gt_u (local.get $traces) (i32.const {n}))");
    assert_eq!(said_of(&condition, n + 1, &[]), NotApplicable);
}

/// How many rules the calls of a pack of `n` rules hold that read the same rows.
fn rules_of_calls(n: usize) -> usize {
    let rules: Vec<GuestRule> = (0..n).map(|n| rule(&format!("r{n}"))).collect();
    let sandbox = frugal();
    let rules = load(&sandbox, &holds_where("(i32.const 0)", rules));
    JudgePlan::new(&rules).clusters.len()
}

#[test]
fn rules_per_call_max_obeyed() {
    assert_eq!(rules_of_calls(RULES_PER_CALL_MAX), 1);
}

#[test]
fn rules_per_call_max_exceeded() {
    assert_eq!(rules_of_calls(RULES_PER_CALL_MAX + 1), 2);
}
