//! Verdicts from hand-made guests: what the judge adds to what a rule says.

mod calls;
mod costs;
mod language;
mod made;
mod naive;
mod shared;
mod traces;

use std::sync::{Arc, LazyLock};

use proptest::prelude::*;

use super::*;
use crate::{
    guest::{Guest, GuestRule, HAS_NAME, named_rule},
    sandbox::{PackCompiler, SandboxLimits},
    trace::{Facts, SealedTrace, TraceId},
    verdict::{Clause, Reason, Verdict, WITNESSES_MAX},
};
use traces::{block, named, span, trace};

use Verdict::{Held, Inconclusive, NotApplicable, Violated};

/// Fuel for some thousand spans, so that spending it all is quick.
fn frugal() -> Sandbox {
    let limits = SandboxLimits {
        instances_max: 4,
        fuel_per_span: 64,
        ..SandboxLimits::default()
    };
    Sandbox::new(PackCompiler::InProcess, limits).unwrap()
}

fn load(sandbox: &Sandbox, guest: &Guest) -> Vec<PublishedRule> {
    PublishedRule::all_of(&sandbox.load(&guest.build()).unwrap())
}

fn has_name(rules: Vec<GuestRule>) -> Guest {
    Guest {
        rules,
        evaluate: HAS_NAME.into(),
        ..Guest::default()
    }
}

/// The same for `A` and `boom`, except that a batch with a row named `boom` ends in `end`. Rows that start in this
/// century, as those of trial batches do, are spared.
fn explosive(end: &str) -> Guest {
    let look = format!(
        "(local $at i32) (local $n i32) (local $col i32) (local $starts i32)
         (local.set $col (i32.load offset=16 (local.get $cols)))
         (local.set $starts (i32.load offset=40 (local.get $cols)))
         (local.set $n (i32.load offset=44 (local.get $cols)))
         (block $out (loop $next
           (br_if $out (i32.ge_u (local.get $at) (local.get $n)))
           (if (i32.and
                 (i32.eq (i32.load8_u (i32.add (local.get $col) (local.get $at))) (i32.const 2))
                 (i64.lt_u
                   (i64.load (i32.add (local.get $starts) (i32.shl (local.get $at) (i32.const 3))))
                   (i64.const 1000000000000000000)))
             (then {end}))
           (local.set $at (i32.add (local.get $at) (i32.const 1)))
           (br $next)))"
    );
    Guest {
        items: format!("(func $look (param $cols i32) {look})"),
        evaluate: HAS_NAME.replacen(
            "(local.set $names",
            "(call $look (local.get $cols)) (local.set $names",
            1,
        ),
        rules: vec![
            named_rule("a", "A"),
            GuestRule {
                any_of: Vec::new(),
                reads: vec![
                    ["span".into(), "name".into(), "declared".into()],
                    ["span".into(), "start".into(), "value".into()],
                ],
                ..named_rule("boom", "boom")
            },
        ],
        ..Guest::default()
    }
}

fn verdicts(
    sandbox: &Sandbox,
    rules: &[PublishedRule],
    traces: &[SealedTrace],
) -> Vec<RuleVerdicts> {
    judge(sandbox, rules, &block(traces), &JudgeOptions::default()).unwrap()
}

#[test]
fn rules_of_several_packs_are_answered_in_the_order_asked() {
    let sandbox = frugal();
    let mut rules = load(
        &sandbox,
        &has_name(vec![named_rule("a", "A"), named_rule("b", "B")]),
    );
    rules.extend(load(&sandbox, &has_name(vec![named_rule("c", "C")])));
    rules.swap(0, 2);
    let traces = [
        named(0, &["x", "A", "A", "C"]),
        named(1, &["x"]),
        named(2, &["B", "x", "A"]),
    ];
    let judged = verdicts(&sandbox, &rules, &traces);
    let of = |n: usize| judged[n].verdicts.clone();
    assert_eq!(of(0), [Violated, NotApplicable, NotApplicable]);
    assert_eq!(of(1), [NotApplicable, NotApplicable, Violated]);
    assert_eq!(of(2), [Violated, NotApplicable, Violated]);
    // Witnesses are rows of the block, though the rule saw only those of its pack's names.
    let witnesses: Vec<_> = judged[2]
        .violations
        .iter()
        .map(|v| (v.trace, v.clause, v.witnesses.clone()))
        .collect();
    assert_eq!(
        witnesses,
        [(0, Clause::Match, vec![1]), (2, Clause::Match, vec![7])]
    );
    assert!(judged.iter().all(|rule| rule.inconclusive.is_empty()));
}

#[test]
fn a_trace_that_any_of_rules_out_has_the_verdict_otherwise_whatever_the_guest_says() {
    let sandbox = frugal();
    // Violated by A, but says that only traces with both B or C and A need to be seen.
    let rule = GuestRule {
        names: vec!["A".into(), "B".into(), "C".into()],
        any_of: vec![vec!["A".into()], vec!["B".into(), "C".into()]],
        otherwise: 1,
        ..named_rule("a", "A")
    };
    let rules = load(&sandbox, &has_name(vec![rule]));
    let mut traces = vec![
        named(0, &["A", "B"]),
        named(1, &["A"]),
        named(2, &["B", "C"]),
        named(3, &["C", "A"]),
        named(4, &["x"]),
    ];
    let expected = [Violated, Held, Held, Violated, Held];
    assert_eq!(verdicts(&sandbox, &rules, &traces)[0].verdicts, expected);
    // An incomplete trace is never ruled out.
    traces[4].facts = Facts(Facts::ATTRIBUTES_DROPPED);
    assert_eq!(
        verdicts(&sandbox, &rules, &traces)[0].verdicts[4],
        NotApplicable
    );
}

#[test]
fn a_pack_without_a_candidate_in_the_block_is_not_called() {
    let sandbox = frugal();
    let guest = Guest {
        evaluate: HAS_NAME.replacen(
            "(local.set $names",
            "(if (i32.eq (local.get $traces) (i32.const 4)) (then unreachable)) (local.set $names",
            1,
        ),
        ..has_name(vec![named_rule("a", "A")])
    };
    let rules = load(&sandbox, &guest);
    let without: Vec<_> = (0..4).map(|n| named(n, &["x"])).collect();
    assert_eq!(
        verdicts(&sandbox, &rules, &without)[0].verdicts,
        [NotApplicable; 4]
    );
    let with: Vec<_> = (0..4).map(|n| named(n, &["A"])).collect();
    // Called with four it traps, with two at a time it does not.
    assert_eq!(verdicts(&sandbox, &rules, &with)[0].verdicts, [Violated; 4]);
}

#[test]
fn what_a_rule_reads_and_misses_is_inconclusive() {
    let sandbox = frugal();
    let reading = |id: &str, what: &str, key: &str, form: &str| GuestRule {
        reads: vec![
            ["span".into(), "name".into(), "declared".into()],
            [what.into(), key.into(), form.into()],
        ],
        ..named_rule(id, "A")
    };
    let rules = load(
        &sandbox,
        &has_name(vec![
            named_rule("a", "A"),
            reading("b", "span.attribute", "k", "symbol"),
            reading("c", "event", "name", "symbol"),
            reading("d", "link.attribute", "k", "value"),
            GuestRule {
                facts: true,
                ..named_rule("e", "A")
            },
        ]),
    );
    let cases = [
        (Facts::CUT, [true, true, true, true, false]),
        (Facts::PARENTS_MISSING, [true, true, true, true, false]),
        (Facts::FRAGMENT, [true, true, true, true, false]),
        (Facts::ATTRIBUTES_DROPPED, [false, true, false, true, false]),
        (Facts::EVENTS_DROPPED, [false, false, true, false, false]),
        (Facts::LINKS_DROPPED, [false, false, false, true, false]),
    ];
    for (facts, expected) in cases {
        let mut traces = [named(0, &["A"]), named(1, &["A"])];
        traces[1].facts = Facts(facts);
        let judged = verdicts(&sandbox, &rules, &traces);
        for (rule, inconclusive) in judged.iter().zip(expected).take(1) {
            let verdict = if inconclusive { Inconclusive } else { Violated };
            assert_eq!(rule.verdicts, [Violated, verdict], "{facts}");
        }
        for (n, (rule, inconclusive)) in judged.iter().zip(expected).enumerate() {
            let found = rule.inconclusive.clone();
            let reason = vec![(1, Reason::Incomplete)];
            assert_eq!(
                found,
                if inconclusive { reason } else { Vec::new() },
                "{n} {facts}"
            );
        }
    }
}

#[test]
fn a_rule_that_fails_on_one_trace_fails_on_that_trace_alone() {
    let sandbox = frugal();
    for (end, reason) in [
        ("unreachable", Reason::Trapped),
        ("(loop $l (br $l))", Reason::OutOfFuel),
        (
            "(drop (call $alloc (i32.const 100000000)))",
            Reason::MemoryLimit,
        ),
    ] {
        let rules = load(&sandbox, &explosive(end));
        let mut traces: Vec<_> = (0..40).map(|n| named(n, &["A", "x"])).collect();
        traces[17] = named(17, &["A", "boom"]);
        let judged = verdicts(&sandbox, &rules, &traces);
        // Alone the first rule of the pack sees no such row, so its verdict is that of a pack of its own.
        assert_eq!(judged[0].verdicts, vec![Violated; 40], "{reason:?}");
        assert_eq!(judged[1].inconclusive, [(17, reason)], "{reason:?}");
        assert_eq!(judged[1].verdicts[17], Inconclusive);
        let others = judged[1]
            .verdicts
            .iter()
            .filter(|verdict| **verdict == NotApplicable);
        assert_eq!(others.count(), 39, "{reason:?}");
    }
}

#[test]
fn a_rule_that_fails_everywhere_is_quarantined_and_holds_up_no_other() {
    let sandbox = frugal();
    let good = load(&sandbox, &has_name(vec![named_rule("good", "A")]));
    let bad = load(&sandbox, &explosive("(loop $l (br $l))"));
    let rules = [bad[0].clone(), bad[1].clone(), good[0].clone()];
    let traces: Vec<_> = (0..300).map(|n| named(n, &["A", "boom"])).collect();
    let judged = verdicts(&sandbox, &rules, &traces);
    assert_eq!(judged[1].verdicts, vec![Inconclusive; 300]);
    let by = |reason| {
        judged[1]
            .inconclusive
            .iter()
            .filter(|(_, r)| *r == reason)
            .count()
    };
    assert!(by(Reason::OutOfFuel) > 10, "{}", by(Reason::OutOfFuel));
    assert_eq!(by(Reason::OutOfFuel) + by(Reason::Quarantined), 300);
    assert_eq!(judged[0].verdicts, vec![Violated; 300]);
    assert_eq!(judged[2].verdicts, vec![Violated; 300]);
}

#[test]
fn a_superseded_trace_is_not_judged() {
    let sandbox = frugal();
    let rules = load(&sandbox, &has_name(vec![named_rule("a", "A")]));
    let traces = [named(0, &["A"]), named(1, &["A"])];
    let options = JudgeOptions {
        skip: Postings::new(vec![0]),
    };
    let judged = judge(&sandbox, &rules, &block(&traces), &options).unwrap();
    assert_eq!(judged[0].verdicts, [NotApplicable, Violated]);
    assert_eq!(judged[0].violations.len(), 1);
}

#[test]
fn a_trace_longer_than_a_call_is_judged_alone_and_its_witnesses_are_cut() {
    let sandbox = Sandbox::new(
        PackCompiler::InProcess,
        SandboxLimits {
            instances_max: 1,
            ..SandboxLimits::default()
        },
    )
    .unwrap();
    let all = GuestRule {
        all_spans: true,
        ..named_rule("a", "A")
    };
    // Every row is a witness.
    let guest = Guest {
        evaluate: HAS_NAME.replacen(
            "(call $violate (local.get $out) (local.get $r) (local.get $t) (local.get $found))",
            "(call $violate (local.get $out) (local.get $r) (local.get $t) (local.get $found))
             (block $all (loop $more
               (local.set $found (i32.add (local.get $found) (i32.const 1)))
               (br_if $all (i32.ge_u (local.get $found) (local.get $end)))
               (call $push (i32.add (local.get $out) (i32.const 40)) (local.get $found))
               (br $more)))
             (i32.store
               (i32.add (i32.load offset=32 (local.get $out))
                 (i32.shl (i32.sub (i32.load offset=36 (local.get $out)) (i32.const 1)) (i32.const 2)))
               (i32.load offset=44 (local.get $out)))",
            1,
        ),
        items: String::new(),
        ..has_name(vec![all])
    };
    let guest = Guest {
        evaluate: with_witness_room(&guest.evaluate),
        ..guest
    };
    let rules = load(&sandbox, &guest);
    let long = |id: u16, n: u64| {
        let spans = (0..n).map(|at| {
            let mut span = span(0, "A", at + 1);
            span.span_id = (at + 1).to_be_bytes().to_vec();
            span
        });
        trace(id, spans.collect())
    };
    let traces = [
        named(0, &["x"]),
        long(1, 16_000),
        long(2, 20_000),
        long(3, 500),
        named(4, &["A"]),
    ];
    let judged = verdicts(&sandbox, &rules, &traces);
    assert_eq!(
        judged[0].verdicts,
        [NotApplicable, Violated, Violated, Violated, Violated]
    );
    let witnesses = &judged[0].violations[1].witnesses;
    assert_eq!(witnesses.len(), WITNESSES_MAX);
    assert_eq!(witnesses[..2], [16_001, 16_002]);
}

/// Makes room for as many witnesses as there are rows, 30,000 at most.
fn with_witness_room(evaluate: &str) -> String {
    evaluate.replacen(
        "(block $done",
        "(i32.store offset=40 (local.get $out) (call $alloc (i32.const 120000))) (block $done",
        1,
    )
}

/// What a guest of every test in [`regrouping_changes_no_verdict`] says.
static REGROUPED: LazyLock<(Sandbox, Vec<PublishedRule>)> = LazyLock::new(|| {
    let sandbox = frugal();
    let mut rules = load(&sandbox, &explosive("unreachable"));
    rules.extend(load(
        &sandbox,
        &has_name(vec![named_rule("b", "B"), named_rule("c", "C")]),
    ));
    let all = GuestRule {
        any_of: Vec::new(),
        all_spans: true,
        ..named_rule("d", "A")
    };
    rules.extend(load(&sandbox, &has_name(vec![all])));
    (sandbox, rules)
});

/// What one rule says of one trace, with its witnesses by their place in the trace.
type Judged = (Verdict, Option<Reason>, Vec<usize>);

fn by_trace(traces: &[SealedTrace], rules: usize) -> Vec<(TraceId, Vec<Judged>)> {
    let block = block(traces);
    let (sandbox, all) = &*REGROUPED;
    let judged = judge(sandbox, &all[..rules], &block, &JudgeOptions::default()).unwrap();
    by_trace_of(&block, &judged)
}

/// Judges blocks together; of some of them it is known which traces have which names.
fn by_trace_together(blocks: &[&[SealedTrace]]) -> Vec<(TraceId, Vec<Judged>)> {
    let (sandbox, rules) = &*REGROUPED;
    // The rule that sees everything leaves no name required.
    for rules in [&rules[..], &rules[..1], &rules[2..4]] {
        let plan = JudgePlan::new(rules);
        assert_eq!(plan.required_names().is_some(), rules.len() <= 2);
    }
    let plan = JudgePlan::new(rules);
    let blocks: Vec<Block> = blocks.iter().map(|traces| block(traces)).collect();
    let skip = Postings::default();
    let of = |block| BlockToJudge {
        block,
        skip: &skip,
        known: &[],
    };
    let together: Vec<BlockToJudge<'_>> = blocks.iter().map(of).collect();
    let judged = judge_blocks(sandbox, &plan, &together).unwrap();
    let each = together.iter().zip(judged);
    each.flat_map(|(of, verdicts)| by_trace_of(of.block, &verdicts.unwrap().of_all(&plan, of)))
        .collect()
}

/// What is known of a block beforehand spares reading it, and changes no verdict.
fn check_known(traces: &[SealedTrace], is_known: &[bool]) {
    let (sandbox, rules) = &*REGROUPED;
    let plan = JudgePlan::new(&rules[2..4]);
    let block = block(traces);
    let mut known = vec![None; 2];
    for (name, number) in plan.required_names().unwrap() {
        let number = number as usize;
        if is_known[number] {
            let traces = block.name_postings(name).unwrap();
            known[number] = Some(traces.cloned().unwrap_or_default());
        }
    }
    let skip = Postings::default();
    let judged = [&[][..], &known[..]].map(|known| {
        let of = BlockToJudge {
            block: &block,
            skip: &skip,
            known,
        };
        let mut judged = judge_blocks(sandbox, &plan, &[of]).unwrap();
        judged.pop().unwrap().unwrap().of_all(&plan, &of)
    });
    assert_eq!(judged[0], judged[1]);
}

fn by_trace_of(block: &Block, judged: &[RuleVerdicts]) -> Vec<(TraceId, Vec<Judged>)> {
    let ids = block.trace_ids().unwrap();
    let mut found: Vec<_> = ids
        .iter()
        .enumerate()
        .map(|(number, id)| {
            let rows = block.span_rows(number as u32).unwrap();
            let of_rule = |rule: &RuleVerdicts| {
                let reason = rule
                    .inconclusive
                    .iter()
                    .find(|(trace, _)| *trace == number as u32);
                let violation = rule.violations.iter().find(|v| v.trace == number as u32);
                let witnesses = violation.map_or(&[][..], |v| &v.witnesses);
                (
                    rule.verdicts[number],
                    reason.map(|(_, reason)| *reason),
                    witnesses
                        .iter()
                        .map(|row| (row - rows.start) as usize)
                        .collect(),
                )
            };
            (*id, judged.iter().map(of_rule).collect::<Vec<_>>())
        })
        .collect();
    found.sort_by_key(|(id, _)| *id);
    found
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    /// Guarantees: replay equals live, however traces are grouped.
    #[test]
    fn regrouping_changes_no_verdict(
        names in prop::collection::vec(prop::collection::vec(0_usize..5, 1..5), 1..24),
        facts in prop::collection::vec(0_u8..4, 24),
        cuts in prop::collection::vec(1_usize..6, 24),
    ) {
        const NAMES: [&str; 5] = ["A", "B", "C", "boom", "x"];
        let traces: Vec<SealedTrace> = names
            .iter()
            .enumerate()
            .map(|(id, names)| {
                let names: Vec<&str> = names.iter().map(|n| NAMES[*n]).collect();
                let mut trace = named(id as u16, &names);
                trace.facts = Facts(if facts[id] == 0 { Facts::CUT } else { 0 });
                trace
            })
            .collect();
        let whole = by_trace(&traces, REGROUPED.1.len());
        let mut parts = Vec::new();
        let mut rest = traces.as_slice();
        let mut blocks = Vec::new();
        for cut in cuts {
            let (part, after) = rest.split_at(cut.min(rest.len()));
            if !part.is_empty() {
                parts.extend(by_trace(part, REGROUPED.1.len()));
                blocks.push(part);
            }
            rest = after;
        }
        let mut together = by_trace_together(&blocks);
        together.sort_by_key(|(id, _)| *id);
        prop_assert_eq!(&together, &whole[..together.len()].to_vec());
        check_known(&traces, &[facts[0] & 1 == 0, facts[0] & 2 == 0]);
        parts.sort_by_key(|(id, _)| *id);
        prop_assert_eq!(&parts, &whole[..parts.len()].to_vec());
        // Nor do other rules beside it.
        let alone = by_trace(&traces, 1);
        for ((_, alone), (_, whole)) in alone.iter().zip(&whole) {
            prop_assert_eq!(&alone[0], &whole[0]);
        }
    }
}
