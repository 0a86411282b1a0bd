//! What a disk that fails, or is nearly full, does to the pipeline and to who sends.

use super::*;
use crate::{
    block::BlockBuilder,
    store::{
        Listing,
        disk::crash::{Fault, Op},
    },
    trace::{Facts, SentTrace},
};

fn two_spans(trace: u8) -> Vec<Span> {
    vec![span(trace, 1, "root"), child(trace, 2, "phi.access")]
}

/// A refusal after which clients of OTLP send again, and which names no file.
fn assert_retried(sent: &Result<(), Refused>) {
    let Err(Refused::Unavailable { what, retry_after }) = sent else {
        panic!("{sent:?}");
    };
    assert!(!retry_after.is_zero() && !what.contains("redb"), "{what}");
}

#[test]
fn a_disk_that_is_nearly_full_takes_no_spans_and_what_it_took_is_judged() {
    let folder = tempfile::tempdir().unwrap();
    let disk = CrashDisk::new(1);
    let host = Fixture::open_on(&disk, folder.path());
    host.publish(RULE);
    host.send(two_spans(1)).unwrap();
    disk.tell_free(200 << 20);
    assert_retried(&host.send(two_spans(2)));
    let why = host.live.refuses().unwrap();
    assert!(why.contains("nearly full: 209715200 B"), "{why}");
    assert_eq!(host.live.failed(), None);
    host.settle();
    assert_eq!(host.signals().len(), 1);
    disk.mend();
    assert_eq!(host.live.refuses(), None);
    host.send(two_spans(2)).unwrap();
    host.settle();
    assert_eq!(host.signals().len(), 2);
}

#[test]
fn a_disk_that_fails_refuses_what_comes_until_the_store_is_opened_again() {
    for op in [Op::Write, Op::Sync] {
        let folder = tempfile::tempdir().unwrap();
        let disk = CrashDisk::new(1);
        let host = Fixture::open_on(&disk, folder.path());
        host.publish(RULE);
        host.send(two_spans(1)).unwrap();
        disk.plan(Fault::Once(op), 0);
        assert_retried(&host.send(two_spans(2)));
        host.runtime.block_on(host.live.until_failed());
        let why = host.live.refuses().unwrap();
        assert!(
            why.contains("inbox.redb") && why.contains("os error 5"),
            "{why}"
        );
        assert_retried(&host.send(two_spans(2)));
        drop(host);
        let host = Fixture::open_on(&disk, folder.path());
        assert_eq!(host.live.refuses(), None);
        host.send(two_spans(2)).unwrap();
        host.settle();
        assert_eq!(host.counts(), [0, 0, 2, 0]);
        assert_eq!(host.signals().len(), 2);
    }
}

#[test]
fn a_disk_that_fails_while_rules_are_published_is_noticed_by_the_pipeline() {
    let folder = tempfile::tempdir().unwrap();
    let disk = CrashDisk::new(1);
    let host = Fixture::open_on(&disk, folder.path());
    disk.plan(Fault::Once(Op::Write), 0);
    host.try_publish(RULE).unwrap_err();
    host.runtime.block_on(host.live.until_failed());
    assert_retried(&host.send(two_spans(1)));
    drop(host);
    let host = Fixture::open_on(&disk, folder.path());
    host.publish(RULE);
}

/// A host that has stored a trace in a file that takes no more blocks; whoever opens it again has read nothing of it.
fn store_in_a_closed_file(disk: &CrashDisk, folder: &Path) {
    let host = Fixture::open_on(disk, folder);
    host.publish(RULE);
    host.send(two_spans(1)).unwrap();
    host.settle();
    host.clock.advance(Duration::from_hours(25));
    host.send(two_spans(2)).unwrap();
    host.settle();
    assert_eq!(host.store.blocks(&tenant()).len(), 2);
}

#[test]
fn a_read_that_fails_once_costs_a_trace_neither_its_first_half_nor_its_verdict() {
    for n in 0..100 {
        let folder = tempfile::tempdir().unwrap();
        let disk = CrashDisk::new(1);
        store_in_a_closed_file(&disk, folder.path());
        let mut host = Fixture::open_on(&disk, folder.path());
        disk.plan(Fault::Once(Op::Read), n);
        let sent = host.send(vec![child(1, 3, "audit.log")]);
        if sent.is_err() || !host.settles() {
            drop(host);
            host = Fixture::open_on(&disk, folder.path());
            if sent.is_err() {
                host.send(vec![child(1, 3, "audit.log")]).unwrap();
            }
            host.settle();
        }
        let pieces = host
            .store
            .find_pieces(&tenant(), TraceId([1; 16]), usize::MAX);
        let [(listed, row)] = &pieces[..] else {
            panic!("after {n} reads: {} pieces", pieces.len());
        };
        let stored = host.store.open_block(listed).unwrap().spans(*row).unwrap();
        assert_eq!((stored.spans.len(), stored.facts), (3, Facts::default()));
        assert_eq!(host.counts(), [0, 1, 1, 0]);
        if disk.n_failed() == 0 {
            assert!(n > 5, "{n} reads");
            return;
        }
    }
    panic!("there is no end of reads");
}

#[test]
fn a_block_that_cannot_be_read_has_no_verdict_until_it_can() {
    let folder = tempfile::tempdir().unwrap();
    let disk = CrashDisk::new(1);
    store_in_a_closed_file(&disk, folder.path());
    let clock = ManualClock::new(UnixNanos(1_772_366_400_000_000_000));
    let on: Arc<dyn Disk> = Arc::new(disk.clone());
    let open = || Store::open_on(&on, folder.path(), Arc::new(clock.clone())).unwrap();
    let sandbox =
        Arc::new(Sandbox::new(PackCompiler::InProcess, SandboxLimits::default()).unwrap());
    let judging = |store: &Store| {
        let registry = Arc::new(Registry::open(store.clone(), Arc::clone(&sandbox)).unwrap());
        let clock = Arc::new(clock.clone());
        Judging::new(
            store.clone(),
            registry,
            Arc::clone(&sandbox),
            clock,
            Arc::default(),
        )
    };
    let store = open();
    for (trace, later) in [(3, 0), (4, 60)] {
        clock.advance(Duration::from_hours(later));
        let mut builder = BlockBuilder::new(tenant());
        builder.push(SentTrace {
            trace_id: TraceId([trace; 16]),
            spans: ingest::decode(&otlp(vec![
                span(trace, 1, "root"),
                child(trace, 2, "phi.access"),
            ]))
            .unwrap()
            .records,
            facts: Facts::default(),
            arrived_first: UnixNanos(1),
            arrived_last: UnixNanos(1),
        });
        let listing = Listing {
            rule_set: 1,
            ..Listing::default()
        };
        store.put_block(&builder.finish(), &listing).unwrap();
    }
    drop(store);
    let store = open();
    let mut of_store = judging(&store);
    disk.plan(Fault::Lasting(Op::Read), 0);
    // What was read when the store was opened may be in memory.
    let n_judged = of_store.drain(|| false).unwrap();
    assert!(n_judged < 2 && disk.n_failed() > 0 && of_store.puts_off());
    assert_eq!(store.n_unjudged(), 2 - n_judged);
    disk.mend();
    assert_eq!(of_store.drain(|| false).unwrap(), 2 - n_judged);
    assert!(!of_store.puts_off());
    let signals = store.signals(&tenant(), &SignalFilter::default()).unwrap();
    assert_eq!(signals.len(), 4);
}
