use super::*;
use crate::{
    block::EncodedBlock,
    signal::SignalStatus,
    store::{
        CoverageCell, Listing, SignalFilter,
        blocks::tests::{block, take_place, trace},
        signals::tests::raised,
        tests::{TempStore, rule, tenant},
    },
    verdict::{
        Clause, Reason,
        Verdict::{Held, Inconclusive, NotApplicable, Violated},
        Violation,
    },
};

const HOUR: u64 = HOUR_NS;

/// The judgement of a block by version 1 of each rule, with a signal for each violation.
pub(in crate::store) fn judgement(block: &EncodedBlock, rules: &[(&str, &[Verdict])]) -> Judgement {
    let mut judgement = Judgement::of(&block.to_block()).unwrap();
    for (id, verdicts) in rules {
        let rows = || (0..).zip(verdicts.iter().copied());
        let violated = |(row, verdict): &(u32, Verdict)| (*verdict == Violated).then_some(*row);
        let violations = rows()
            .filter_map(|row| violated(&row))
            .map(|trace| Violation {
                trace,
                clause: Clause::Never,
                witnesses: vec![trace],
            });
        let outcome = RuleVerdicts {
            verdicts: verdicts.to_vec(),
            inconclusive: rows()
                .filter(|(_, verdict)| *verdict == Inconclusive)
                .map(|(row, _)| (row, Reason::Trapped))
                .collect(),
            violations: violations.collect(),
        };
        for violation in &outcome.violations {
            let row = violation.trace as usize;
            let trace = judgement.trace_ids[row].0[0];
            judgement
                .raised
                .push(raised(id, trace, judgement.trace_starts[row].0));
        }
        judgement.rules.push((rule(id), RuleVersion(1), outcome));
    }
    judgement
}

fn put(store: &Store, block: &EncodedBlock, supersedes: Vec<crate::store::Superseded>) {
    let listing = Listing {
        rule_set: 1,
        supersedes,
    };
    store.put_block(block, &listing).unwrap();
}

fn coverage(store: &Store) -> Vec<(String, u64, [u64; 4])> {
    let cells = store.coverage_cells(&tenant("a"), None).unwrap();
    let cell = |c: CoverageCell| (c.rule.to_string(), c.hour, c.traces);
    cells.into_iter().map(cell).collect()
}

fn signals(store: &Store) -> Vec<(String, u8, SignalStatus)> {
    let all = store
        .signals(&tenant("a"), &SignalFilter::default())
        .unwrap();
    let mut all: Vec<_> = all
        .into_iter()
        .map(|s| (s.rule.to_string(), s.trace_id.0[0], s.status))
        .collect();
    all.sort();
    all
}

#[test]
fn verdicts_signals_and_coverage_come_together_and_survive_a_kill() {
    let temp = TempStore::new();
    let store = temp.open();
    let encoded = block(
        "a",
        &[
            trace(1, HOUR, &["x"]),
            trace(2, 2 * HOUR, &["x"]),
            trace(3, HOUR, &["y"]),
        ],
    );
    put(&store, &encoded, vec![]);
    let rules: [(&str, &[Verdict]); 2] = [
        ("p", &[Violated, Held, NotApplicable]),
        ("q", &[Held, Inconclusive, Violated]),
    ];
    let judged = judgement(&encoded, &rules);
    let changed = store.put_judged(std::slice::from_ref(&judged)).unwrap();
    assert_eq!(changed.len(), 2);
    assert_eq!(*store.signal_changes().borrow(), 2);
    let store = temp.killed().open();
    assert!(store.unjudged().is_empty());
    assert!(store.blocks(&tenant("a"))[0].judged());
    assert_eq!(
        coverage(&store),
        [
            ("p".into(), 1, [1, 0, 1, 0]),
            ("p".into(), 2, [0, 1, 0, 0]),
            ("q".into(), 1, [0, 1, 1, 0]),
            ("q".into(), 2, [0, 0, 0, 1]),
        ]
    );
    let of_q = store
        .coverage_cells(&tenant("a"), Some(&rule("q")))
        .unwrap();
    assert_eq!((of_q.len(), of_q[0].version), (2, RuleVersion(1)));
    let open = SignalStatus::Open;
    assert_eq!(
        signals(&store),
        [("p".into(), 1, open), ("q".into(), 3, open)]
    );
    let verdicts = store.verdicts(&tenant("a"), encoded.meta.id).unwrap();
    for ((id, version, read), (_, _, put)) in verdicts.iter().zip(&judged.rules) {
        assert_eq!(
            (&read.verdicts, &read.inconclusive),
            (&put.verdicts, &put.inconclusive),
            "{id} {version:?}"
        );
    }
    assert_eq!(verdicts.len(), 2);
}

#[test]
fn judging_a_block_again_changes_nothing() {
    let temp = TempStore::new();
    let store = temp.open();
    let encoded = block("a", &[trace(1, HOUR, &["x"])]);
    put(&store, &encoded, vec![]);
    let first = judgement(&encoded, &[("p", &[Violated])]);
    store.put_judged(&[first.clone(), first.clone()]).unwrap();
    let (cells, listed) = (coverage(&store), signals(&store));
    assert_eq!((cells.len(), listed.len()), (1, 1));
    let other = judgement(&encoded, &[("p", &[Held])]);
    assert_eq!(store.put_judged(std::slice::from_ref(&other)).unwrap(), []);
    drop(store);
    let store = temp.open();
    assert_eq!(store.put_judged(&[first, other]).unwrap(), []);
    assert_eq!((coverage(&store), signals(&store)), (cells, listed));
}

#[test]
fn a_late_span_moves_verdicts_and_retracts_or_amends_signals() {
    let temp = TempStore::new();
    let store = temp.open();
    let old = block(
        "a",
        &[trace(1, 2 * HOUR, &["x"]), trace(2, 2 * HOUR, &["x"])],
    );
    put(&store, &old, vec![]);
    let rules: [(&str, &[Verdict]); 3] = [
        ("p", &[Violated, Violated]),
        ("q", &[Violated, Held]),
        ("r", &[Violated, Held]),
    ];
    store.put_judged(&[judgement(&old, &rules)]).unwrap();
    // The late span came first in its trace, so T moves to the hour before.
    let new = block("a", &[trace(1, HOUR, &["x", "late"])]);
    put(&store, &new, vec![take_place(1, &old, 0)]);
    // Until it is judged again, what was judged stands.
    assert_eq!(coverage(&store)[0], ("p".into(), 2, [0, 0, 2, 0]));
    // Rule r is not live any more.
    let again: [(&str, &[Verdict]); 2] = [("p", &[Violated]), ("q", &[Held])];
    let changed = store.put_judged(&[judgement(&new, &again)]).unwrap();
    assert_eq!(changed.len(), 2);
    assert_eq!(
        coverage(&store),
        [
            ("p".into(), 1, [0, 0, 1, 0]),
            ("p".into(), 2, [0, 0, 1, 0]),
            ("q".into(), 1, [0, 1, 0, 0]),
            ("q".into(), 2, [0, 1, 0, 0]),
            ("r".into(), 2, [0, 1, 0, 0]),
        ]
    );
    assert_eq!(
        signals(&store),
        [
            ("p".into(), 1, SignalStatus::Amended),
            ("p".into(), 2, SignalStatus::Open),
            ("q".into(), 1, SignalStatus::Retracted),
            // Nobody judged it again, so it stands.
            ("r".into(), 1, SignalStatus::Open),
        ]
    );
    let id = SignalId::of(&tenant("a"), &rule("q"), TraceId([1; 16]));
    let verdicts: Vec<_> = store
        .signal(&tenant("a"), id)
        .unwrap()
        .unwrap()
        .history
        .iter()
        .map(|e| e.verdict)
        .collect();
    assert_eq!(verdicts, [Violated, Held]);
}

#[test]
fn a_trace_that_was_superseded_before_its_block_was_judged_counts_once() {
    for old_first in [true, false] {
        let temp = TempStore::new();
        let store = temp.open();
        let old = block("a", &[trace(1, HOUR, &["x"]), trace(2, HOUR, &["x"])]);
        let new = block("a", &[trace(1, HOUR, &["x", "late"])]);
        put(&store, &old, vec![]);
        put(&store, &new, vec![take_place(1, &old, 0)]);
        let of_old = judgement(&old, &[("p", &[Violated, Held])]);
        let of_new = judgement(&new, &[("p", &[Held])]);
        let both = if old_first {
            [of_old, of_new]
        } else {
            [of_new, of_old]
        };
        for judged in &both {
            store.put_judged(std::slice::from_ref(judged)).unwrap();
        }
        assert_eq!(coverage(&store), [("p".into(), 1, [0, 2, 0, 0])]);
        assert_eq!(signals(&store), []);
    }
}

#[test]
fn a_chain_of_late_spans_and_two_blocks_for_one_row_count_once() {
    let temp = TempStore::new();
    let store = temp.open();
    let names = ["x", "a", "b", "c"];
    let blocks: Vec<_> = (1..=4)
        .map(|n| block("a", &[trace(1, HOUR, &names[..n])]))
        .collect();
    put(&store, &blocks[0], vec![]);
    put(&store, &blocks[1], vec![take_place(1, &blocks[0], 0)]);
    // Both say that they take the place of the first: only one of them takes its verdict out.
    put(
        &store,
        &blocks[2],
        vec![take_place(1, &blocks[0], 0), take_place(1, &blocks[1], 0)],
    );
    drop(store);
    let store = temp.open();
    let verdicts = [Violated, Held, Violated, Inconclusive];
    for (block, verdict) in blocks.iter().zip(verdicts).take(3) {
        store
            .put_judged(&[judgement(block, &[("p", &[verdict])])])
            .unwrap();
    }
    assert_eq!(coverage(&store), [("p".into(), 1, [0, 0, 1, 0])]);
    put(&store, &blocks[3], vec![take_place(1, &blocks[2], 0)]);
    store
        .put_judged(&[judgement(&blocks[3], &[("p", &[verdicts[3]])])])
        .unwrap();
    assert_eq!(coverage(&store), [("p".into(), 1, [0, 0, 0, 1])]);
    assert_eq!(signals(&store), [("p".into(), 1, SignalStatus::Amended)]);
}

#[test]
fn a_judgement_that_does_not_fit_is_refused_whole() {
    let temp = TempStore::new();
    let store = temp.open();
    let encoded = block("a", &[trace(1, HOUR, &["x"]), trace(2, HOUR, &["x"])]);
    let good = judgement(&encoded, &[("p", &[Violated, Held])]);
    let refused = |bad: Judgement, why: &str| {
        let error = store
            .put_judged(&[good.clone(), bad])
            .unwrap_err()
            .to_string();
        assert!(error.contains(why), "{error}");
        assert_eq!(coverage(&store), []);
    };
    refused(good.clone(), "is not listed");
    put(&store, &encoded, vec![]);
    let other = block("a", &[trace(3, HOUR, &["x"]), trace(4, HOUR, &["x"])]);
    put(&store, &other, vec![]);
    let of_other = || judgement(&other, &[("p", &[Violated, Held])]);
    let mut bad = of_other();
    bad.trace_starts.pop();
    refused(bad, "it has 2 traces");
    let mut bad = of_other();
    bad.trace_ids.reverse();
    refused(bad, "it has 2 traces");
    let mut bad = of_other();
    bad.rules[0].2.verdicts.pop();
    refused(bad, "rule `p` has another number of verdicts");
    let mut bad = of_other();
    bad.raised.clear();
    refused(bad, "a violation has no signal");
    let mut bad = of_other();
    bad.raised[0].trace_id = TraceId([9; 16]);
    refused(bad, "a violation is of another trace");
    let mut bad = of_other();
    bad.raised[0].version = RuleVersion(2);
    refused(bad, "rule `p` has another verdict");
    store.put_judged(&[good, of_other()]).unwrap();
}

#[test]
fn tenants_have_their_own_signals_and_coverage() {
    let temp = TempStore::new();
    let store = temp.open();
    for name in ["a", "b"] {
        let encoded = block(name, &[trace(1, HOUR, &["x"])]);
        put(&store, &encoded, vec![]);
        store
            .put_judged(&[judgement(&encoded, &[("p", &[Violated])])])
            .unwrap();
    }
    assert_eq!(signals(&store).len(), 1);
    assert_eq!(coverage(&store), [("p".into(), 1, [0, 0, 1, 0])]);
    let of_b = store
        .signals(&tenant("b"), &SignalFilter::default())
        .unwrap();
    assert_eq!(of_b[0].tenant, tenant("b"));
    assert_ne!(
        of_b[0].id,
        store
            .signals(&tenant("a"), &SignalFilter::default())
            .unwrap()[0]
            .id
    );
}

#[test]
fn damaged_verdicts_are_named_when_they_are_needed() {
    let temp = TempStore::new();
    let store = temp.open();
    let old = block("a", &[trace(1, HOUR, &["x"])]);
    put(&store, &old, vec![]);
    store
        .put_judged(&[judgement(&old, &[("p", &[Violated])])])
        .unwrap();
    let damaged = store.inner.catalog.write(|txn| {
        txn.open_table(JUDGED)?.insert(1, [1, 2, 3].as_slice())?;
        Ok(())
    });
    damaged.unwrap();
    let error = store
        .verdicts(&tenant("a"), old.meta.id)
        .unwrap_err()
        .to_string();
    assert!(
        error.contains("catalog.redb` is corrupt: table `judged`, key 1:"),
        "{error}"
    );
}
