use std::{fs, sync::Arc, time::Duration};

use opentelemetry_proto::tonic::trace::v1::Span;

use super::*;
use crate::{
    block::BlockBuilder,
    clock::UnixNanos,
    store::{
        Judgement,
        tests::{TempStore, tenant},
    },
    trace::{Facts, SealedTrace, SpanRecord},
};

/// A trace of one span for each name, all of them starting at `start`.
pub(in crate::store) fn trace(id: u8, start: u64, names: &[&str]) -> SealedTrace {
    let span = |(name, number): (&&str, u8)| SpanRecord {
        span: Span {
            trace_id: vec![id; 16],
            span_id: vec![number; 8],
            name: (*name).to_owned(),
            start_time_unix_nano: start,
            end_time_unix_nano: start + 1,
            ..Span::default()
        },
        resource: Arc::default(),
        scope: Arc::default(),
    };
    SealedTrace {
        trace_id: TraceId([id; 16]),
        spans: names.iter().zip(1..).map(span).collect(),
        facts: Facts(0),
        arrived_first: UnixNanos(start),
        arrived_last: UnixNanos(start),
    }
}

pub(in crate::store) fn block(tenant_name: &str, traces: &[SealedTrace]) -> EncodedBlock {
    let mut builder = BlockBuilder::new(tenant(tenant_name));
    for trace in traces {
        builder.push(trace.clone());
    }
    builder.finish()
}

/// A block that is large enough to be indexed: one span of `common`, many of `filler`, in each trace.
fn large(tenant_name: &str, common: &str) -> EncodedBlock {
    let filler = vec!["filler"; 70];
    let traces: Vec<SealedTrace> = (1..=64)
        .map(|id| trace(id, 1_000, &[&[common], filler.as_slice()].concat()))
        .collect();
    block(tenant_name, &traces)
}

pub(in crate::store) fn take_place(trace: u8, of: &EncodedBlock, number: u32) -> Superseded {
    Superseded {
        trace_id: TraceId([trace; 16]),
        block: of.meta.id,
        trace: number,
    }
}

fn listing(rule_set: u64, supersedes: Vec<Superseded>) -> Listing {
    Listing {
        rule_set,
        supersedes,
    }
}

fn listed(store: &Store, name: &str) -> Vec<BlockId> {
    store
        .blocks(&tenant(name))
        .iter()
        .map(|b| b.meta().id)
        .collect()
}

#[test]
fn a_small_and_a_large_block_are_read_back_after_a_kill() {
    let temp = TempStore::new();
    let store = temp.open();
    let blocks = [
        block("a", &[trace(1, 5, &["x", "y"])]),
        large("a", "phi.access"),
    ];
    for (block, rule_set) in blocks.iter().zip(7..) {
        store.put_block(block, &listing(rule_set, vec![])).unwrap();
    }
    let killed = temp.killed();
    let store = killed.open();
    let all = store.blocks(&tenant("a"));
    assert_eq!(all.len(), 2);
    for ((listed, encoded), rule_set) in all.iter().zip(&blocks).zip(7..) {
        assert_eq!(listed.meta(), &encoded.meta);
        assert_eq!((listed.rule_set(), listed.judged()), (rule_set, false));
        let block = store.open_block(listed).unwrap();
        assert_eq!(
            block.spans(0).unwrap(),
            encoded.to_block().spans(0).unwrap()
        );
    }
    let unjudged: Vec<_> = store.unjudged().iter().map(|b| b.meta().id).collect();
    assert_eq!(unjudged, [blocks[0].meta.id, blocks[1].meta.id]);
    assert_eq!(store.tenants().unwrap(), [tenant("a")]);
}

#[test]
fn a_group_of_blocks_reads_as_each_alone() {
    let temp = TempStore::new();
    let store = temp.open();
    let blocks = [
        block("a", &[trace(1, 5, &["x", "y"])]),
        large("a", "phi.access"),
        block("a", &[trace(2, 5, &["z"])]),
    ];
    for block in &blocks {
        store.put_block(block, &listing(1, vec![])).unwrap();
    }
    let all = store.blocks(&tenant("a"));
    let group = store.open_blocks(&all);
    assert_eq!(group.len(), blocks.len());
    for (opened, encoded) in group.iter().zip(&blocks) {
        let opened = opened.as_ref().unwrap();
        assert_eq!(opened.meta(), &encoded.meta);
        let expected = encoded.to_block().spans(0).unwrap();
        assert_eq!(opened.spans(0).unwrap(), expected);
    }
    // What was read stays readable while more is written.
    let later = block("a", &[trace(3, 5, &["later"])]);
    store.put_block(&later, &listing(1, vec![])).unwrap();
    let first = group[0].as_ref().unwrap();
    assert_eq!(first.name_postings("y").unwrap().unwrap().len(), 1);
    assert!(store.open_blocks(&[]).is_empty());
}

#[test]
fn the_same_block_again_changes_nothing() {
    let temp = TempStore::new();
    let store = temp.open();
    let (one, two) = (
        block("a", &[trace(1, 5, &["x"])]),
        block("a", &[trace(2, 5, &["x"])]),
    );
    store.put_block(&one, &listing(1, vec![])).unwrap();
    let again = listing(2, vec![]);
    store
        .put_blocks(&[(&one, &again), (&two, &again), (&two, &again)])
        .unwrap();
    assert_eq!(listed(&store, "a"), [one.meta.id, two.meta.id]);
    assert_eq!(store.blocks(&tenant("a"))[0].rule_set(), 1);
    drop(store);
    assert_eq!(listed(&temp.open(), "a"), [one.meta.id, two.meta.id]);
}

#[test]
fn traces_are_found_in_the_order_of_their_blocks_by_opening_each_once() {
    let temp = TempStore::new();
    let store = temp.open();
    let a = tenant("a");
    for ids in [[1, 3], [2, 4], [5, 6]] {
        let traces = ids.map(|id| trace(id, 5, &["x"]));
        store
            .put_block(&block("a", &traces), &listing(1, vec![]))
            .unwrap();
    }
    let mut ids: Vec<u8> = (1..8).collect();
    ids.sort_by_cached_key(|id| store.newest_block_of(&a, TraceId([*id; 16])));
    assert_eq!(ids, [7, 1, 3, 2, 4, 5, 6]);
    let (mut last, mut opened) = (LastOpened::default(), Vec::new());
    for id in ids {
        let id = TraceId([id; 16]);
        let Some((listed, row)) = store.find_trace_by(&a, id, &mut last).unwrap() else {
            continue;
        };
        let block = store.open_block_once(&listed, &mut last).unwrap();
        assert_eq!(block.find(id).unwrap(), Some(row));
        opened.push(block);
    }
    assert_eq!(opened.len(), 6);
    opened.dedup_by(|a, b| Arc::ptr_eq(a, b));
    assert_eq!(opened.len(), 3);
}

#[test]
fn a_trace_is_found_where_it_stands() {
    let temp = TempStore::new();
    let store = temp.open();
    let old = block("a", &[trace(1, 5, &["x"]), trace(2, 5, &["x"])]);
    let new = block("a", &[trace(2, 5, &["x", "late"])]);
    store.put_block(&old, &listing(1, vec![])).unwrap();
    let find = |store: &Store, name: &str, id: u8| {
        let found = store.find_trace(&tenant(name), TraceId([id; 16])).unwrap();
        found.map(|(listed, number)| (listed.meta().id, number))
    };
    assert_eq!(find(&store, "a", 2), Some((old.meta.id, 1)));
    let before = store.blocks(&tenant("a"));
    store
        .put_block(&new, &listing(1, vec![take_place(2, &old, 1)]))
        .unwrap();
    assert!(
        before[0].superseded().is_empty(),
        "a snapshot stays as it was"
    );
    drop(store);
    let store = temp.open();
    assert_eq!(find(&store, "a", 1), Some((old.meta.id, 0)));
    assert_eq!(find(&store, "a", 2), Some((new.meta.id, 0)));
    assert_eq!((find(&store, "a", 3), find(&store, "b", 1)), (None, None));
    assert_eq!(store.blocks(&tenant("a"))[0].superseded().as_slice(), [1]);
}

#[test]
fn only_rows_that_are_there_can_be_superseded() {
    let temp = TempStore::new();
    let store = temp.open();
    let old = block("a", &[trace(1, 5, &["x"])]);
    let new = block("a", &[trace(1, 5, &["x", "late"])]);
    let bad = listing(1, vec![take_place(1, &old, 0)]);
    let error = store.put_block(&new, &bad).unwrap_err();
    assert!(matches!(error, StoreError::UnknownBlock { .. }), "{error}");
    store.put_block(&old, &listing(1, vec![])).unwrap();
    let bad = listing(1, vec![take_place(1, &old, 1)]);
    let error = store.put_block(&new, &bad).unwrap_err();
    assert!(error.to_string().contains("has no trace 1"), "{error}");
    assert_eq!(listed(&store, "a"), [old.meta.id]);
    store
        .put_block(&new, &listing(1, vec![take_place(1, &old, 0)]))
        .unwrap();
}

#[test]
fn chunks_that_a_crash_left_unlisted_are_dropped() {
    let temp = TempStore::new();
    let store = temp.open();
    let kept = large("a", "kept");
    store.put_block(&kept, &listing(1, vec![])).unwrap();
    // What a kill leaves between the chunks' commit and the list's.
    let catalog = fs::read(temp.path().join("catalog.redb")).unwrap();
    let lost = large("a", "lost");
    store.put_block(&lost, &listing(1, vec![])).unwrap();
    let killed = temp.killed();
    fs::write(killed.path().join("catalog.redb"), catalog).unwrap();
    let store = killed.open();
    assert_eq!(listed(&store, "a"), [kept.meta.id]);
    let n_chunks = |store: &Store| {
        let file = store.inner.block_files.file(1).unwrap();
        let of_all = file.read(|txn| Ok(txn.open_table(CHUNKS)?.iter()?.count()));
        of_all.unwrap()
    };
    assert_eq!(n_chunks(&store), kept.chunks.len());
    // The number of what was dropped is not used again, so its postings mean nothing.
    let other = large("a", "other");
    store.put_block(&other, &listing(1, vec![])).unwrap();
    for (_, candidates) in store.blocks_with_name(&tenant("a"), "lost") {
        assert_eq!(candidates, Candidates::Traces(Postings::new(vec![])));
    }
    assert_eq!(n_chunks(&store), kept.chunks.len() + other.chunks.len());
}

#[test]
fn postings_say_which_traces_may_have_a_name() {
    let temp = TempStore::new();
    let store = temp.open();
    let long_name = "n".repeat(10_000);
    let blocks = [
        large("a", "phi.access"),
        block("a", &[trace(1, 5, &["x"])]),
        large("a", ""),
        large("a", &long_name),
        large("b", "phi.access"),
    ];
    for block in &blocks {
        store.put_block(block, &listing(1, vec![])).unwrap();
    }
    let counts = |name: &str| -> Vec<Option<usize>> {
        let of_blocks = store.blocks_with_name(&tenant("a"), name);
        let count = |(_, candidates)| match candidates {
            Candidates::Traces(traces) => Some(traces.len()),
            Candidates::Scan => None,
        };
        of_blocks.into_iter().map(count).collect()
    };
    // A name without postings of its own may be any of those of its block.
    assert_eq!(counts("phi.access"), [Some(64), None, Some(0), Some(64)]);
    assert_eq!(counts(""), [Some(0), None, Some(64), Some(64)]);
    assert_eq!(counts(&long_name), [Some(0), None, Some(0), Some(64)]);
    assert_eq!(counts("phi"), [Some(0), None, Some(0), Some(64)]);
}

#[test]
fn tenants_may_have_blocks_of_the_same_id() {
    let temp = TempStore::new();
    let store = temp.open();
    let mut of_a = block("a", &[trace(1, 5, &["x"])]);
    let of_b = block("b", &[trace(1, 5, &["x", "y"])]);
    of_a.meta.id = of_b.meta.id;
    store.put_block(&of_a, &listing(1, vec![])).unwrap();
    store.put_block(&of_b, &listing(2, vec![])).unwrap();
    assert_eq!(store.blocks(&tenant("a"))[0].meta().n_spans, 1);
    assert_eq!(store.blocks(&tenant("b"))[0].meta().n_spans, 2);
}

#[test]
fn a_day_closes_a_file_and_its_blocks_stay_readable() {
    let temp = TempStore::new();
    let store = temp.open();
    let blocks: Vec<_> = (1..=3)
        .map(|id| block("a", &[trace(id, 5, &["x"])]))
        .collect();
    for block in &blocks {
        store.put_block(block, &listing(1, vec![])).unwrap();
        temp.clock.advance(Duration::from_hours(13));
    }
    let files = |store: &Store| -> Vec<u32> {
        let blocks = store.blocks(&tenant("a"));
        blocks.iter().map(|b| b.entry.file).collect()
    };
    assert_eq!(files(&store), [1, 1, 2]);
    drop(store);
    let store = temp.open();
    assert_eq!(files(&store), [1, 1, 2]);
    for id in 1..=3 {
        assert!(
            store
                .find_trace(&tenant("a"), TraceId([id; 16]))
                .unwrap()
                .is_some()
        );
    }
    drop(store);
    fs::remove_file(temp.path().join("blocks-1.redb")).unwrap();
    let error = temp.try_open().unwrap_err().to_string();
    assert!(error.contains("blocks-1.redb` is missing"), "{error}");
}

#[test]
fn a_damaged_entry_hides_its_block_and_no_other() {
    let temp = TempStore::new();
    let store = temp.open();
    let blocks: Vec<_> = (1..=3)
        .map(|id| block("a", &[trace(id, 5, &["x"])]))
        .collect();
    for block in &blocks {
        store.put_block(block, &listing(1, vec![])).unwrap();
    }
    let damage = |seq: u64| {
        let done = store.inner.catalog.write(|txn| {
            let mut list = txn.open_table(BLOCKS)?;
            let mut value = list.get(seq)?.unwrap().value().to_vec();
            value[30] ^= 1;
            list.insert(seq, value.as_slice())?;
            Ok(())
        });
        done.unwrap();
    };
    damage(1);
    damage(3);
    drop(store);
    let store = temp.open();
    assert_eq!(listed(&store, "a"), [blocks[1].meta.id]);
    let damaged: Vec<String> = store.damaged().iter().map(ToString::to_string).collect();
    assert!(damaged[0].contains("table `blocks`, key 1:"), "{damaged:?}");
    assert!(damaged[1].contains("table `blocks`, key 3:"), "{damaged:?}");
    // Its chunks are left as they are, and its number too.
    let new = block("a", &[trace(4, 5, &["x"])]);
    store.put_block(&new, &listing(1, vec![])).unwrap();
    assert_eq!(store.block(&tenant("a"), new.meta.id).unwrap().entry.seq, 4);
}

#[test]
fn an_entry_under_a_number_that_cannot_be_is_damage() {
    let temp = TempStore::new();
    let store = temp.open();
    let encoded = block("a", &[trace(1, 5, &["x"])]);
    store.put_block(&encoded, &listing(1, vec![])).unwrap();
    let copied = store.inner.catalog.write(|txn| {
        let mut list = txn.open_table(BLOCKS)?;
        let value = list.get(1)?.unwrap().value().to_vec();
        list.insert(u64::MAX, value.as_slice())?;
        Ok(())
    });
    copied.unwrap();
    drop(store);
    let store = temp.open();
    assert_eq!(store.damaged().len(), 1);
    let next = block("a", &[trace(2, 5, &["x"])]);
    store.put_block(&next, &listing(1, vec![])).unwrap();
    assert_eq!(listed(&store, "a"), [encoded.meta.id, next.meta.id]);
}

#[test]
fn a_damaged_chunk_is_an_error_that_names_file_and_block() {
    let temp = TempStore::new();
    let store = temp.open();
    let encoded = block("a", &[trace(1, 5, &["x"])]);
    store.put_block(&encoded, &listing(1, vec![])).unwrap();
    let file = store.inner.block_files.file(1).unwrap();
    let damaged = file.write(|txn| {
        let mut chunks = txn.open_table(CHUNKS)?;
        let mut value = chunks.get((1, u32::MAX))?.unwrap().value().to_vec();
        value[20] ^= 1;
        chunks.insert((1, u32::MAX), value.as_slice())?;
        Ok(())
    });
    damaged.unwrap();
    let found = store.find_trace(&tenant("a"), TraceId([1; 16]));
    let error = found.unwrap_err();
    let mut text = error.to_string();
    let mut source = std::error::Error::source(&error);
    while let Some(cause) = source {
        text = format!("{text}: {cause}");
        source = cause.source();
    }
    assert!(text.contains(&encoded.meta.id.to_string()), "{text}");
    assert!(
        text.contains("blocks-1.redb` is corrupt: table `chunks`"),
        "{text}"
    );
}

#[test]
fn the_oldest_unjudged_of_each_tenant_are_found_however_many_others_wait() {
    let temp = TempStore::new();
    let store = temp.open();
    let mut ids = Vec::new();
    for (name, id) in [("b", 1), ("a", 2), ("b", 3), ("b", 4), ("b", 5)] {
        temp.clock.advance(Duration::from_secs(1));
        let block = block(name, &[trace(id, 5, &["x"])]);
        store.put_block(&block, &listing(0, vec![])).unwrap();
        ids.push(block.meta.id);
    }
    let oldest = |n_max, without: Option<BlockId>| -> Vec<Vec<BlockId>> {
        let of_tenants = store.oldest_unjudged(n_max, |id| Some(id) != without);
        let ids = |blocks: &Vec<ListedBlock>| blocks.iter().map(|b| b.meta().id).collect();
        of_tenants.iter().map(ids).collect()
    };
    assert_eq!(oldest(2, None), [vec![ids[1]], vec![ids[0], ids[2]]]);
    assert_eq!(oldest(2, Some(ids[0]))[1], [ids[2], ids[3]]);
    assert_eq!(oldest(9, Some(ids[1])).len(), 1, "none of a is asked for");
    let since = store.oldest_unjudged(9, |_| true)[1][1].since();
    assert_eq!(since, Duration::from_secs(3));
    assert_eq!(store.n_unjudged(), 5);
    let judged = store.block(&tenant("a"), ids[1]).unwrap();
    let judgement = Judgement::of(&store.open_block(&judged).unwrap()).unwrap();
    store.put_judged(&[judgement]).unwrap();
    assert_eq!(store.n_unjudged(), 4);
    assert_eq!(oldest(1, None), [[ids[0]]]);
    drop(store);
    let store = temp.killed().open();
    assert_eq!(store.n_unjudged(), 4);
    assert_eq!(store.unjudged()[0].since(), Duration::ZERO);
}
