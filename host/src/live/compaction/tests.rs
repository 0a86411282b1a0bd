//! Merging where the thread that gives way to everybody has no processor.

use std::{path::Path, sync::Arc, thread};

use super::*;
use crate::{
    block::BlockBuilder,
    clock::{ManualClock, UnixNanos},
    live::tests::{span, tenant},
    store::{Judgement, Listing},
    trace::{Facts, SealedTrace, SpanRecord, TraceId},
};

/// As many blocks as are worth merging.
const N_BLOCKS: u8 = 64;

/// A store of small blocks, each judged.
fn store_of_small(folder: &Path) -> Store {
    let store = Store::open(folder, Arc::new(ManualClock::new(UnixNanos(0)))).unwrap();
    for id in 1..=N_BLOCKS {
        let mut builder = BlockBuilder::new(tenant());
        builder.push(SealedTrace {
            trace_id: TraceId([id; 16]),
            spans: vec![SpanRecord {
                span: span(id, 1, "root"),
                resource: Arc::default(),
                scope: Arc::default(),
            }],
            facts: Facts::default(),
            arrived_first: UnixNanos(0),
            arrived_last: UnixNanos(0),
        });
        let block = builder.finish();
        store.put_block(&block, &Listing::default()).unwrap();
        let judgement = Judgement::of(&block.to_block()).unwrap();
        store.put_judged(&[judgement]).unwrap();
    }
    store
}

#[test]
fn blocks_are_merged_though_the_thread_for_it_never_gets_a_processor() {
    let folder = tempfile::tempdir().unwrap();
    let store = store_of_small(folder.path());
    let (mut merging, merge_when_asked) = Merging::new(store.clone());
    merging.patience = Duration::ZERO;
    let mut merge = || compact_once(&store, &mut merging, Which::Small).unwrap();
    assert_eq!(merge(), usize::from(N_BLOCKS));
    assert_eq!((merge(), store.blocks(&tenant()).len()), (0, 1));

    // It gets one after all: what it answers to the first question is of the past, and it is asked again.
    let thread = thread::spawn(merge_when_asked);
    while merging.is_late {
        assert!(merging.merge(Which::Small).unwrap().is_none());
        thread::yield_now();
    }
    merging.patience = Duration::MAX;
    assert!(merging.merge(Which::Small).unwrap().is_none());
    assert!(!merging.is_late);
    drop(merging);
    thread.join().unwrap();
}
