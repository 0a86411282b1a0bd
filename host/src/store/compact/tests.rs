use std::time::Duration;

use super::*;
use crate::{
    block::{BlockError, EncodedBlock},
    signal::SignalStatus,
    store::{
        Candidates, CoverageCell, Judgement, Listing, SignalFilter,
        blocks::{
            CHUNKS,
            tests::{block, take_place, trace},
        },
        judged::tests::judgement,
        limits::PINNED_MAX,
        tests::{TempStore, rule, tenant},
    },
    trace::TraceId,
    verdict::{
        Reason,
        Verdict::{self, Held, Inconclusive, NotApplicable, Violated},
    },
};

const N_BLOCKS: u8 = 100;
const HOUR: u64 = 3_600_000_000_000;

fn verdict_of(trace: u8) -> Verdict {
    [Held, Violated, NotApplicable, Inconclusive][usize::from(trace % 4)]
}

/// One trace of 60 spans, of its own hour.
fn small(id: u8) -> EncodedBlock {
    let names = vec![if id.is_multiple_of(2) { "even" } else { "odd" }; 60];
    block("a", &[trace(id, u64::from(id) * HOUR, &names)])
}

fn judge(block: &EncodedBlock, verdict: Verdict) -> Judgement {
    judgement(block, &[("p", &[verdict])])
}

/// A store of many small blocks, each judged.
fn store_of_small(temp: &TempStore) -> (Store, Vec<EncodedBlock>) {
    let store = temp.open();
    let blocks: Vec<_> = (1..=N_BLOCKS).map(small).collect();
    let listing = Listing::default();
    let listed: Vec<_> = blocks.iter().map(|block| (block, &listing)).collect();
    store.put_blocks(&listed).unwrap();
    let judged: Vec<_> = blocks
        .iter()
        .zip(1..)
        .map(|(b, id)| judge(b, verdict_of(id)))
        .collect();
    store.put_judged(&judged).unwrap();
    (store, blocks)
}

fn coverage(store: &Store) -> Vec<CoverageCell> {
    store.coverage_cells(&tenant("a"), None).unwrap()
}

fn n_chunks(store: &Store, seqs: std::ops::RangeInclusive<u64>) -> usize {
    let file = store.inner.block_files.file(1).unwrap();
    let counted = file.read(|txn| {
        let range = (*seqs.start(), 0)..=(*seqs.end(), u32::MAX);
        Ok(txn.open_table(CHUNKS)?.range(range)?.count())
    });
    counted.unwrap()
}

#[test]
fn traces_verdicts_coverage_and_signals_stay_what_they_are() {
    let temp = TempStore::new();
    let (store, blocks) = store_of_small(&temp);
    let (cells, signals) = (
        coverage(&store),
        store
            .signals(&tenant("a"), &SignalFilter::default())
            .unwrap(),
    );
    assert_eq!(store.compact().unwrap(), usize::from(N_BLOCKS));
    assert_eq!(store.compact().unwrap(), 0);
    drop(store);
    let store = temp.open();
    assert_eq!(coverage(&store), cells);
    assert_eq!(
        store
            .signals(&tenant("a"), &SignalFilter::default())
            .unwrap(),
        signals
    );
    let [merged] = &store.blocks(&tenant("a"))[..] else {
        panic!("there is one block");
    };
    assert!(merged.judged());
    let read = store.open_block(merged).unwrap();
    for (id, old) in (1..).zip(&blocks) {
        let (found, number) = store
            .find_trace(&tenant("a"), TraceId([id; 16]))
            .unwrap()
            .unwrap();
        assert_eq!(found.meta().id, merged.meta().id);
        assert_eq!(
            read.spans(number).unwrap(),
            old.to_block().spans(0).unwrap()
        );
        let (of_rule, _, outcome) = &store.verdicts(&tenant("a"), merged.meta().id).unwrap()[0];
        assert_eq!(
            (of_rule, outcome.verdicts[number as usize]),
            (&rule("p"), verdict_of(id))
        );
        let inconclusive = outcome.inconclusive.contains(&(number, Reason::Trapped));
        assert_eq!(inconclusive, verdict_of(id) == Inconclusive);
    }
    let of_name = store.blocks_with_name(&tenant("a"), "even");
    let Candidates::Traces(even) = &of_name[0].1 else {
        panic!("the merged block is indexed");
    };
    assert_eq!(even.len(), usize::from(N_BLOCKS) / 2);
}

#[test]
fn a_snapshot_reads_on_and_chunks_go_when_it_does() {
    let temp = TempStore::new();
    let (store, blocks) = store_of_small(&temp);
    let snapshot = store.blocks(&tenant("a"));
    let old = 1..=u64::from(N_BLOCKS);
    store.compact().unwrap();
    assert_eq!(store.compact().unwrap(), 0);
    assert_eq!(n_chunks(&store, old.clone()), usize::from(N_BLOCKS));
    let opened = store.open_block(&snapshot[7]).unwrap();
    drop(snapshot);
    store.compact().unwrap();
    assert_eq!(n_chunks(&store, old.clone()), 1);
    assert_eq!(
        opened.spans(0).unwrap(),
        blocks[7].to_block().spans(0).unwrap()
    );
    drop(opened);
    store.compact().unwrap();
    assert_eq!(n_chunks(&store, old), 0);
}

#[test]
fn nobody_keeps_the_chunks_of_merged_blocks_for_ever() {
    let temp = TempStore::new();
    let (store, _) = store_of_small(&temp);
    let snapshot = store.blocks(&tenant("a"));
    let old = 1..=u64::from(N_BLOCKS);
    store.compact().unwrap();
    temp.clock
        .advance(PINNED_MAX.saturating_sub(Duration::from_nanos(1)));
    store.compact().unwrap();
    assert_eq!(n_chunks(&store, old.clone()), usize::from(N_BLOCKS));
    temp.clock.advance(Duration::from_nanos(1));
    store.compact().unwrap();
    assert_eq!(n_chunks(&store, old), 0);
    let error = store
        .open_block(&snapshot[7])
        .unwrap()
        .spans(0)
        .unwrap_err();
    assert!(matches!(error, BlockError::Missing { .. }), "{error}");
}

#[test]
fn what_a_kill_leaves_of_merged_blocks_is_dropped_at_open() {
    let temp = TempStore::new();
    let (store, _) = store_of_small(&temp);
    let _pin = store.blocks(&tenant("a"));
    store.compact().unwrap();
    let killed = temp.killed();
    let store = killed.open();
    assert_eq!(n_chunks(&store, 1..=u64::from(N_BLOCKS)), 0);
    assert_eq!(store.blocks(&tenant("a")).len(), 1);
    assert!(
        store
            .find_trace(&tenant("a"), TraceId([9; 16]))
            .unwrap()
            .is_some()
    );
}

#[test]
fn a_late_span_finds_its_trace_though_its_block_was_merged() {
    let temp = TempStore::new();
    let (store, blocks) = store_of_small(&temp);
    store.compact().unwrap();
    // Trace 5 was violated. Whoever puts this looked before the blocks were merged.
    let late = block("a", &[trace(5, 5 * HOUR, &["odd", "late"])]);
    let listing = Listing {
        rule_set: 0,
        supersedes: vec![take_place(5, &blocks[4], 0)],
    };
    store.put_block(&late, &listing).unwrap();
    let changed = store.put_judged(&[judge(&late, Held)]).unwrap();
    assert_eq!(changed[0].status, SignalStatus::Retracted);
    let of_hour: Vec<_> = coverage(&store)
        .into_iter()
        .filter(|c| c.hour == 5)
        .collect();
    assert_eq!((of_hour.len(), of_hour[0].traces), (1, [0, 1, 0, 0]));
    drop(store);
    let store = temp.open();
    let (found, _) = store
        .find_trace(&tenant("a"), TraceId([5; 16]))
        .unwrap()
        .unwrap();
    assert_eq!(found.meta().id, late.meta.id);
}

#[test]
fn superseded_traces_are_left_behind_once_their_successor_is_judged() {
    let temp = TempStore::new();
    let (store, blocks) = store_of_small(&temp);
    let late = block("a", &[trace(5, 5 * HOUR, &["odd", "late"])]);
    let listing = Listing {
        rule_set: 0,
        supersedes: vec![take_place(5, &blocks[4], 0)],
    };
    store.put_block(&late, &listing).unwrap();
    // The verdict to be taken out is in a small block: that one waits.
    assert_eq!(store.compact().unwrap(), usize::from(N_BLOCKS) - 1);
    store.put_judged(&[judge(&late, Held)]).unwrap();
    let of_hour: Vec<_> = coverage(&store)
        .into_iter()
        .filter(|c| c.hour == 5)
        .collect();
    assert_eq!(of_hour[0].traces, [0, 1, 0, 0]);

    let temp = TempStore::new();
    let (store, _) = store_of_small(&temp);
    store.put_block(&late, &listing).unwrap();
    store.put_judged(&[judge(&late, Held)]).unwrap();
    assert_eq!(store.compact().unwrap(), usize::from(N_BLOCKS) + 1);
    let merged = &store.blocks(&tenant("a"))[0];
    assert_eq!(merged.meta().n_traces, u32::from(N_BLOCKS));
    let (_, number) = store
        .find_trace(&tenant("a"), TraceId([5; 16]))
        .unwrap()
        .unwrap();
    let read = store.open_block(merged).unwrap();
    assert_eq!(read.spans(number).unwrap().spans.len(), 2);
}

#[test]
fn what_happened_since_a_merge_was_made_is_not_lost_by_it() {
    let temp = TempStore::new();
    let (store, blocks) = store_of_small(&temp);
    let out_of_date = store.merge_small().unwrap().unwrap();
    let late = block("a", &[trace(5, 5 * HOUR, &["odd", "late"])]);
    let listing = Listing {
        rule_set: 0,
        supersedes: vec![take_place(5, &blocks[4], 0)],
    };
    store.put_block(&late, &listing).unwrap();
    let listed = store.blocks(&tenant("a")).len();
    assert_eq!(store.put_merged(&out_of_date).unwrap(), 0);
    store.put_judged(&[judge(&late, Held)]).unwrap();
    assert_eq!(store.put_merged(&out_of_date).unwrap(), 0);
    assert_eq!(store.blocks(&tenant("a")).len(), listed);

    let merged = store.merge_small().unwrap().unwrap();
    assert_eq!(
        store.put_merged(&merged).unwrap(),
        usize::from(N_BLOCKS) + 1
    );
    assert_eq!(store.put_merged(&merged).unwrap(), 0, "it is listed");
    assert_eq!(store.blocks(&tenant("a")).len(), 1);
}

#[test]
fn blocks_that_share_a_trace_are_not_merged_with_each_other() {
    let temp = TempStore::new();
    let (store, _) = store_of_small(&temp);
    let overflow = block("a", &[trace(5, 5 * HOUR, &["more"])]);
    store.put_block(&overflow, &Listing::default()).unwrap();
    store
        .put_judged(&[judge(&overflow, NotApplicable)])
        .unwrap();
    assert_eq!(store.compact().unwrap(), usize::from(N_BLOCKS));
    let ids: Vec<_> = store
        .blocks(&tenant("a"))
        .iter()
        .map(|b| b.meta().id)
        .collect();
    assert!(ids.len() == 2 && ids.contains(&overflow.meta.id));
}

#[test]
fn few_blocks_and_blocks_that_are_not_judged_are_let_be() {
    let temp = TempStore::new();
    let store = temp.open();
    for id in 1..=N_BLOCKS {
        let block = small(id);
        store.put_block(&block, &Listing::default()).unwrap();
        if id <= 10 {
            store.put_judged(&[judge(&block, Held)]).unwrap();
        }
    }
    assert_eq!(store.compact().unwrap(), 0);
    assert_eq!(store.blocks(&tenant("a")).len(), usize::from(N_BLOCKS));
}

#[test]
fn what_is_merged_is_bounded_in_blocks_spans_and_bytes() {
    let fitting = |block: (u32, u64)| n_fitting(std::iter::repeat_n(block, 1_000));
    assert_eq!(fitting((1, 1)), COMPACTED_BLOCKS_MAX);
    assert_eq!(fitting((COMPACTED_BLOCK_SPANS / 3, 1)), 3);
    assert_eq!(fitting((1, COMPACTED_BLOCK_BYTES_MAX / 3)), 3);
    assert_eq!(fitting((1, COMPACTED_BLOCK_BYTES_MAX + 1)), 1);
}
