//! The truth of the compiler: generated rules on generated traces, judged by the component and by the oracle.
//!
//! Guarantees: for every rule and trace the two agree on verdict, clause and witnesses; and the component's answer is the
//! same whichever other traces, rules and unread rows are beside it, and wherever `any-of` rules a trace out.
#![expect(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test stops at the first surprise"
)]

use betrace_dsl::{
    Source, compile,
    oracle::{Judged, Rules, Trace, Verdict},
};
use proptest::prelude::*;

use component::Pack;
use projection::{Batched, Trim};

mod component;
mod generate;
mod projection;

fn source(text: &str) -> Source<'_> {
    Source {
        name: "generated.btr",
        text: text.as_bytes(),
    }
}

/// Compiles a text and reads it for the oracle.
fn build(text: &str) -> (Pack, Rules) {
    let (compiled, diagnostics) = compile(&source(text));
    let errors: Vec<_> = diagnostics
        .iter()
        .filter(|diagnostic| diagnostic.is_error())
        .collect();
    assert!(errors.is_empty(), "{text}\n{errors:?}");
    (
        Pack::load(&compiled.unwrap().component),
        Rules::read(&source(text)).unwrap(),
    )
}

/// Judges the traces in one batch, and checks what the contract says of findings.
fn judge(pack: &Pack, asked: &[u32], traces: &[&Trace], trim: Trim) -> Vec<Vec<Judged>> {
    let batched = Batched::project(&pack.rules, asked, traces, trim);
    let findings = pack.evaluate(asked, &batched.batch);
    assert_eq!(findings.verdicts.len(), asked.len() * traces.len());
    let mut judged: Vec<Vec<Judged>> = findings
        .verdicts
        .chunks(traces.len())
        .map(|verdicts| {
            verdicts
                .iter()
                .map(|verdict| Judged {
                    verdict: verdict_of(*verdict),
                    clause: 0,
                    witnesses: Vec::new(),
                })
                .collect()
        })
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
        violation.witnesses = findings.witnesses[before..end]
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
    assert_eq!(
        places.len(),
        judged
            .iter()
            .flatten()
            .filter(|judged| judged.verdict == Verdict::Violated)
            .count()
    );
    judged
}

fn verdict_of(number: u8) -> Verdict {
    match number {
        0 => Verdict::NotApplicable,
        1 => Verdict::Held,
        2 => Verdict::Violated,
        3 => Verdict::Undecided,
        other => panic!("{other} is no verdict"),
    }
}

/// Whether `any-of` rules a trace out.
fn is_ruled_out(pack: &Pack, rule: usize, trace: &Trace) -> bool {
    let lacks = |group: &Vec<String>| !trace.spans.iter().any(|span| group.contains(&span.name));
    trace.facts == 0 && pack.rules[rule].any_of.iter().any(lacks)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, max_shrink_iters: 200, failure_persistence: None, ..ProptestConfig::default() })]

    /// Guarantees: 64 packs of 4 rules on 24 traces each, judged in six groupings, agree with the oracle.
    #[test]
    fn component_and_oracle_agree((bodies, traces) in generate::case(4, 24)) {
        let text = bodies.iter().enumerate().fold(String::new(), |text, (index, body)| text + &format!("rule r{index} {{ {body} }}\n"));
        let (pack, rules) = build(&text);
        let all: Vec<u32> = (0..rules.count() as u32).collect();
        let together: Vec<&Trace> = traces.iter().collect();
        let expected: Vec<Vec<Judged>> = (0..rules.count()).map(|rule| traces.iter().map(|trace| rules.judge(rule, trace).unwrap()).collect()).collect();

        let check = |judged: Vec<Vec<Judged>>, asked: &[u32], first: usize, how: &str| {
            for (position, rule) in asked.iter().enumerate() {
                for (offset, judged) in judged[position].iter().enumerate() {
                    let trace = first + offset;
                    prop_assert_eq!(judged, &expected[*rule as usize][trace], "{}: rule {} on {:#?}\n{}", how, bodies[*rule as usize], &traces[trace], &text);
                }
            }
            Ok(())
        };
        check(judge(&pack, &all, &together, Trim::Nothing), &all, 0, "together")?;
        check(judge(&pack, &all, &together, Trim::Unnamed), &all, 0, "without the rows that are not named")?;
        for (group, few) in together.chunks(5).enumerate() {
            check(judge(&pack, &all, few, Trim::Unnamed), &all, group * 5, "regrouped")?;
        }
        for trace in 0..3 {
            check(judge(&pack, &all, &together[trace..=trace], Trim::Nothing), &all, trace, "alone")?;
        }
        check(judge(&pack, &[1, 3], &together, Trim::Unnamed), &[1, 3], 0, "two rules of the pack")?;

        let (single, _) = build(&bodies[0]);
        check(judge(&single, &[0], &together, Trim::Unnamed), &[0], 0, "in a pack of its own")?;
        for rule in 0..rules.count() {
            let otherwise = verdict_of(pack.rules[rule].otherwise);
            for (trace, expected) in traces.iter().zip(&expected[rule]) {
                if is_ruled_out(&pack, rule, trace) {
                    prop_assert_eq!(expected.verdict, otherwise, "any-of {:?} of {} on {:#?}", &pack.rules[rule].any_of, &bodies[rule], trace);
                }
            }
        }
    }
}

#[test]
fn a_pack_of_more_names_than_a_byte_and_a_mask_hold_judges_the_same() {
    for names in [62, 63, 64, 254, 255, 256, 300] {
        let text = (0..names).fold(String::new(), |text, n| {
            text + &format!("rule r{n} {{ match {{ n{n} and count(any.where(k == {n})) < 1 }} }}\n")
        });
        let (pack, rules) = build(&text);
        let traces: Vec<Trace> = (0..8)
            .map(|n| generate::plain_trace(&[&format!("n{}", n * names / 8), "n0", "other"]))
            .collect();
        let asked: Vec<u32> = (0..names).collect();
        let judged = judge(
            &pack,
            &asked,
            &traces.iter().collect::<Vec<_>>(),
            Trim::Unnamed,
        );
        for (rule, judged) in judged.iter().enumerate() {
            for (trace, judged) in traces.iter().zip(judged) {
                assert_eq!(
                    *judged,
                    rules.judge(rule, trace).unwrap(),
                    "{names} names, rule {rule}"
                );
            }
        }
    }
}

#[test]
fn a_violation_names_its_first_hundred_witnesses() {
    let (pack, rules) = build("a");
    let trace = generate::plain_trace(&["a"; 150]);
    let judged = judge(&pack, &[0], &[&trace, &trace], Trim::Nothing).remove(0);
    assert_eq!(judged[0].witnesses, (0..100).collect::<Vec<_>>());
    assert_eq!(judged[1], rules.judge(0, &trace).unwrap());
}

#[test]
fn lists_of_findings_grow_beyond_their_first_room() {
    let (pack, _) = build("rule a { match { a } } rule b { match { b } }");
    let trace = generate::plain_trace(&["a", "b", "a", "b", "a"]);
    let traces = vec![&trace; 700];
    let judged = judge(&pack, &[0, 1], &traces, Trim::Nothing);
    assert!(judged[0].iter().all(|judged| judged.witnesses == [0, 2, 4]));
    assert!(judged[1].iter().all(|judged| judged.witnesses == [1, 3]));
}
