//! What a disk that fails, or is nearly full, does to the pipeline and to who sends.

use super::*;
use crate::store::disk::crash::{Fault, Op};

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
