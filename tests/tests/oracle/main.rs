//! The truth of the compiler: generated rules on generated traces, judged by the component and by the oracle.
//!
//! Guarantees: for every rule and trace the two agree on verdict, clause and witnesses; and the component's answer is the
//! same whichever other traces, rules and unread rows are beside it, and wherever `any-of` rules a trace out.
#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "a test stops at the first surprise"
)]

use betrace_dsl::oracle::{Judged, Trace, Verdict};
use betrace_tests::{
    agreement::{Size, build, compare},
    contract::{Pack, Trim},
    generated::plain_trace,
};

mod c;
mod decimals;
mod host;
mod joins;
mod large;
mod rust;

const SIZE: Size = Size {
    packs: 25,
    rules: 8,
    traces: 64,
};

fn judge(pack: &Pack, asked: &[u32], traces: &[&Trace], trim: Trim) -> Vec<Vec<Judged>> {
    betrace_tests::contract::judge(pack, asked, traces, trim).unwrap()
}

/// Eight tests, so that they run beside each other: 102,400 pairs in all.
fn component_and_oracle_agree(seed: u64) {
    let tally = compare(seed, SIZE);
    assert_eq!(tally.pairs, SIZE.packs * SIZE.rules * SIZE.traces);
    // What is generated says something: few rules are refused, and no verdict is rare.
    assert!(tally.refused_percent() <= 25, "{tally:?}");
    for verdict in [
        Verdict::NotApplicable,
        Verdict::Held,
        Verdict::Violated,
        Verdict::Undecided,
    ] {
        assert!(tally.percent_of(verdict) >= 5, "{verdict:?}: {tally:?}");
    }
}

#[test]
fn component_and_oracle_agree_1() {
    component_and_oracle_agree(1);
}

#[test]
fn component_and_oracle_agree_2() {
    component_and_oracle_agree(2);
}

#[test]
fn component_and_oracle_agree_3() {
    component_and_oracle_agree(3);
}

#[test]
fn component_and_oracle_agree_4() {
    component_and_oracle_agree(4);
}

#[test]
fn component_and_oracle_agree_5() {
    component_and_oracle_agree(5);
}

#[test]
fn component_and_oracle_agree_6() {
    component_and_oracle_agree(6);
}

#[test]
fn component_and_oracle_agree_7() {
    component_and_oracle_agree(7);
}

#[test]
fn component_and_oracle_agree_8() {
    component_and_oracle_agree(8);
}

#[test]
fn a_pack_of_more_names_than_a_byte_and_a_mask_hold_judges_the_same() {
    for names in [62, 63, 64, 254, 255, 256, 300] {
        let text = (0..names).fold(String::new(), |text, n| {
            text + &format!("rule r{n} {{ match {{ n{n} and count(any.where(k == {n})) < 1 }} }}\n")
        });
        let (pack, rules) = build(&text);
        let traces: Vec<Trace> = (0..8)
            .map(|n| plain_trace(&[&format!("n{}", n * names / 8), "n0", "other"]))
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
    let trace = plain_trace(&["a"; 150]);
    let judged = judge(&pack, &[0], &[&trace, &trace], Trim::Nothing).remove(0);
    assert_eq!(judged[0].witnesses, (0..100).collect::<Vec<_>>());
    assert_eq!(judged[1], rules.judge(0, &trace).unwrap());
}

#[test]
fn lists_of_findings_grow_beyond_their_first_room() {
    let (pack, _) = build("rule a { match { a } } rule b { match { b } }");
    let trace = plain_trace(&["a", "b", "a", "b", "a"]);
    let traces = vec![&trace; 700];
    let judged = judge(&pack, &[0, 1], &traces, Trim::Nothing);
    assert!(judged[0].iter().all(|judged| judged.witnesses == [0, 2, 4]));
    assert!(judged[1].iter().all(|judged| judged.witnesses == [1, 3]));
}
