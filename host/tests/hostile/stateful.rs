//! Packs whose verdict on a trace hangs on more than the trace.

use betrace::{
    judge::{JudgeOptions, judge},
    rules::PublishedRule,
    sandbox::Sandbox,
    verdict::{
        Reason,
        Verdict::{Inconclusive, NotApplicable, Violated},
    },
};

use crate::{
    Refused, check_refused,
    guest::{ALWAYS_0, Guest, HAS_NAME, named_rule, rule},
    judging::{block, named},
    refused, sandbox,
};

/// Says `verdict` of each trace: an expression over `$t`, its place, and `$end`, the end of its rows.
fn each(verdict: &str) -> Guest {
    Guest {
        rules: vec![named_rule("r", "A")],
        evaluate: format!(
            "(local $out i32) (local $t i32) (local $end i32) (local $kept i32)
             (local.set $out {ALWAYS_0})
             (block $done (loop $next
               (br_if $done (i32.ge_u (local.get $t) (local.get $traces)))
               (local.set $end (i32.load (i32.add (local.get $trace_ends) (i32.shl (local.get $t) (i32.const 2)))))
               (i32.store8 (i32.add (i32.load (local.get $out)) (local.get $t)) {verdict})
               (local.set $t (i32.add (local.get $t) (i32.const 1)))
               (br $next)))
             (local.get $out)"
        ),
        ..Guest::default()
    }
}

pub(crate) fn refused_cases() -> Vec<Refused> {
    let said = "is stateful: of one trial trace it says";
    let remembers = Guest {
        items: "(global $seen (mut i32) (i32.const 0))".into(),
        ..each("(global.get $seen) (global.set $seen (i32.const 1))")
    };
    let by_symbol = Guest {
        rules: vec![crate::guest::GuestRule {
            reads: vec![["span".into(), "id".into(), "symbol".into()]],
            all_spans: true,
            ..named_rule("r", "A")
        }],
        ..each(
            "(if (result i32) (i32.ge_u (i32.load offset=20 (local.get $cols)) (i32.const 1))
               (then (i32.gt_u (i32.load (i32.load offset=16 (local.get $cols))) (i32.const 60000)))
               (else (i32.const 0)))",
        )
    };
    // The witness of a violation is the row after the one that the rule means, if the next trace has one.
    let witness = Guest {
        rules: vec![named_rule("r", "A")],
        evaluate: HAS_NAME.replacen(
            "(if (i32.ne (local.get $found) (i32.const -1)) (then",
            "(if (i32.and (i32.gt_u (local.get $traces) (i32.const 1)) (i32.lt_u (i32.add (local.get $found) (i32.const 1)) (local.get $end)))
               (then (local.set $found (i32.add (local.get $found) (i32.const 1)))))
             (if (i32.and (i32.ne (local.get $found) (i32.const -1)) (i32.lt_u (local.get $found) (local.get $end))) (then",
            1,
        ),
        ..Guest::default()
    };
    let company = Guest {
        rules: vec![rule("a"), rule("b"), rule("c")],
        evaluate: "(call $answer (local.get $n_rules) (local.get $traces) (i32.eq (local.get $n_rules) (i32.const 3)))"
            .into(),
        ..Guest::default()
    };
    let fails_in_company = Guest {
        evaluate: format!(
            "(if (i32.gt_u (local.get $n_rules) (i32.const 1)) (then unreachable)) {ALWAYS_0}"
        ),
        ..company.clone()
    };
    let hides = Guest {
        rules: vec![rule("a"), rule("b")],
        evaluate: "(if (i32.gt_u (local.get $n_rules) (i32.const 1)) (then (loop $l (br $l))))
            (call $answer (local.get $n_rules) (local.get $traces) (i32.gt_u (local.get $traces) (i32.const 1)))"
            .into(),
        ..Guest::default()
    };
    vec![
        refused(
            "rules that spend too much in company and hide behind it",
            hides.build(),
            said,
        ),
        refused(
            "a rule that remembers the trace before",
            remembers.build(),
            said,
        ),
        refused(
            "a rule that counts the traces",
            each("(i32.gt_u (local.get $traces) (i32.const 2))").build(),
            said,
        ),
        refused(
            "a rule that goes by a trace's place",
            each("(i32.and (local.get $t) (i32.const 1))").build(),
            said,
        ),
        refused(
            "a rule that goes by the rows before a trace",
            each("(i32.gt_u (local.get $end) (i32.const 9))").build(),
            said,
        ),
        refused(
            "a rule that adds up all traces",
            each("(i32.gt_u (i32.load offset=20 (local.get $cols)) (i32.const 6))").build(),
            said,
        ),
        refused(
            "a rule that keeps the longest trace",
            each("(i32.gt_u (local.get $kept) (i32.const 3)) (local.set $kept (local.get $end))")
                .build(),
            said,
        ),
        refused(
            "a rule that goes by the numbers of symbols",
            by_symbol.build(),
            said,
        ),
        refused(
            "a rule whose witness hangs on the company",
            witness.build(),
            said,
        ),
        refused("rules that hang on each other", company.build(), said),
        refused(
            "rules that fail in company alone",
            fails_in_company.build(),
            "is stateful: beside other rules of its pack it fails",
        ),
    ]
}

#[test]
fn rules_that_hang_on_the_company_are_refused() {
    check_refused(refused_cases());
}

/// Violated by what follows a span of the name `secret`: no trial trace has one.
fn carries() -> Guest {
    Guest {
        rules: vec![crate::guest::GuestRule {
            names: vec!["A".into()],
            any_of: Vec::new(),
            all_spans: true,
            reads: vec![["span".into(), "start".into(), "value".into()]],
            ..rule("carries")
        }],
        evaluate: format!(
            "(local $out i32) (local $t i32) (local $row i32) (local $end i32) (local $leak i32)
             (local.set $out {ALWAYS_0})
             (block $done (loop $next
               (br_if $done (i32.ge_u (local.get $t) (local.get $traces)))
               (local.set $end (i32.load (i32.add (local.get $trace_ends) (i32.shl (local.get $t) (i32.const 2)))))
               (if (i32.and (local.get $leak) (i32.lt_u (local.get $row) (local.get $end))) (then
                 (i32.store8 (i32.add (i32.load (local.get $out)) (local.get $t)) (i32.const 2))
                 (call $violate (local.get $out) (i32.const 0) (local.get $t) (local.get $row))))
               (block $rowed (loop $rows
                 (br_if $rowed (i32.ge_u (local.get $row) (local.get $end)))
                 (if (i64.lt_u
                       (i64.load (i32.add (i32.load offset=16 (local.get $cols)) (i32.shl (local.get $row) (i32.const 3))))
                       (i64.const 1000000))
                   (then (local.set $leak (i32.const 1))))
                 (local.set $row (i32.add (local.get $row) (i32.const 1)))
                 (br $rows)))
               (local.set $t (i32.add (local.get $t) (i32.const 1)))
               (br $next)))
             (local.get $out)"
        ),
        ..Guest::default()
    }
}

/// A rule that passes its trial and carries one trace's data to the next is found out by the first live batch, and
/// from then on is inconclusive, in whatever batch; others are not.
#[test]
fn a_rule_that_carries_data_from_trace_to_trace_is_found_out_when_it_judges() {
    let sandbox: &Sandbox = sandbox();
    let good = Guest {
        rules: vec![named_rule("good", "A")],
        evaluate: HAS_NAME.into(),
        ..Guest::default()
    };
    let mut rules = Vec::new();
    for guest in [carries(), good] {
        rules.extend(PublishedRule::all_of(
            &sandbox.load(&guest.build()).unwrap(),
        ));
    }
    let options = JudgeOptions::default();
    let traces = || (0..20).map(|n| named(n, &["A", "x"])).collect();
    let judged = judge(sandbox, &rules, &block(traces()), &options).unwrap();
    assert_eq!(judged[0].verdicts, [Inconclusive; 20]);
    let stateful: Vec<_> = (0..20).map(|trace| (trace, Reason::Stateful)).collect();
    assert_eq!(judged[0].inconclusive, stateful);
    assert!(judged[0].violations.is_empty());
    assert_eq!(judged[1].verdicts, [Violated; 20]);
    // Alone it would say something, and it is known by now.
    let alone = judge(sandbox, &rules, &block(vec![named(1, &["A"])]), &options).unwrap();
    assert_eq!(alone[0].inconclusive, [(0, Reason::Stateful)]);
    assert_eq!(alone[1].verdicts, [Violated]);
}

/// An honest pack is judged again as often, and nothing comes of it.
#[test]
fn an_honest_rule_is_judged_again_without_harm() {
    let honest = Guest {
        rules: vec![named_rule("a", "A"), named_rule("b", "B")],
        evaluate: HAS_NAME.into(),
        ..Guest::default()
    };
    let rules = PublishedRule::all_of(&sandbox().load(&honest.build()).unwrap());
    let traces = || (0..9).map(|n| named(n, &["A", "x"])).collect();
    for _ in 0..70 {
        let judged = judge(
            sandbox(),
            &rules,
            &block(traces()),
            &JudgeOptions::default(),
        )
        .unwrap();
        assert_eq!(judged[0].verdicts, [Violated; 9]);
        assert_eq!(judged[1].verdicts, [NotApplicable; 9]);
    }
}
