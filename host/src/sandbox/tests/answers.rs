//! Answers that lie: about lists, verdicts, violations, witnesses.

use super::*;

/// A guest that says `not_applicable` of the batch of two traces, after `body` has changed `$out`.
fn lie(body: &str) -> Guest {
    Guest {
        evaluate: format!(
            "(local $out i32) (local.set $out {ALWAYS_0})
             (if {IS_LIVE} (then {body}))
             (local.get $out)"
        ),
        ..Guest::default()
    }
}

fn set(offset: u32, value: &str) -> String {
    format!("(i32.store offset={offset} (local.get $out) {value})")
}

fn verdict(trace: u32, verdict: u32) -> String {
    format!("(i32.store8 offset={trace} (i32.load (local.get $out)) (i32.const {verdict}))")
}

fn violate(rule: u32, trace: u32, row: u32) -> String {
    format!(
        "(call $violate (local.get $out) (i32.const {rule}) (i32.const {trace}) (i32.const {row}))"
    )
}

fn assert_bad_output(cases: &[(String, &str)]) {
    for (body, expected) in cases {
        let fault = fault(&lie(body));
        assert_eq!(fault.kind, Reason::BadOutput, "{expected}: {fault}");
        assert!(fault.detail.contains(expected), "{expected}: {fault}");
    }
}

#[test]
fn lists_that_are_not_there_and_verdicts_out_of_range_are_faults() {
    assert_bad_output(&[
        (
            set(4, "(i32.const 1)"),
            "1 verdicts for 1 rules and 2 traces",
        ),
        (set(4, "(i32.const 0x7fffffff)"), "out of bounds"),
        (set(0, "(i32.const 0x7ffffff0)"), "out of bounds"),
        (
            set(4, "(i32.const 60000)"),
            "hands over more than the 4144 bytes that its answer may take",
        ),
        (set(12, "(i32.const 1)"), "1 violations with 0 traces"),
        (verdict(0, 4), "a verdict of 4"),
        (verdict(1, 3), "does not say `facts`"),
    ]);
}

#[test]
fn violations_that_do_not_match_the_verdicts_are_faults() {
    let second = verdict(1, 2);
    assert_bad_output(&[
        (
            second.clone(),
            "trace 1 is violated by rule 0, and the next violation is None",
        ),
        (violate(0, 1, 2), "more violations than verdicts"),
        (
            second.clone() + &violate(0, 0, 0),
            "trace 1 is violated by rule 0",
        ),
        (
            second.clone() + &violate(1, 1, 2),
            "trace 1 is violated by rule 0",
        ),
        (
            verdict(0, 2) + &second + &violate(0, 1, 2) + &violate(0, 0, 0),
            "trace 0 is violated by rule 0",
        ),
        (
            second
                + &violate(0, 1, 2)
                + "(i32.store8 (i32.load offset=24 (local.get $out)) (i32.const 3))",
            "a clause of 3",
        ),
    ]);
}

#[test]
fn witnesses_that_are_not_of_their_trace_are_faults() {
    let second = |row| verdict(1, 2) + &violate(0, 1, row);
    let ends = |end| format!("(i32.store (i32.load offset=32 (local.get $out)) (i32.const {end}))");
    let push = "(call $push (i32.add (local.get $out) (i32.const 40)) (i32.const 2))";
    assert_bad_output(&[
        (second(1), "none of the rows 2 to 4"),
        (second(4), "none of the rows 2 to 4"),
        (second(2) + &ends(2), "witnesses from 0 to 2 of 1"),
        (second(2) + &ends(0), "belong to no violation"),
        (second(3) + push + &ends(2), "do not ascend"),
    ]);
}

#[test]
fn a_rule_with_facts_leaves_only_incomplete_traces_undecided() {
    let undecided = |trace: u32| {
        Guest {
        rules: vec![GuestRule {
            facts: true,
            ..rule("r")
        }],
        evaluate: format!(
            "(local $out i32) (local.set $out (call $answer (local.get $n_rules) (local.get $traces) (i32.const 0)))
             (if {IS_LIVE}
               (then (i32.store8 offset={trace} (i32.load (local.get $out)) (i32.const 3))))
             (local.get $out)"
        ),
        ..Guest::default()
    }
    };
    assert_eq!(call(&undecided(1)).unwrap().findings.verdicts, [0, 3]);
    assert_eq!(fault(&undecided(0)).detail, "a complete trace is undecided");
}
