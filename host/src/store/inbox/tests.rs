use std::sync::mpsc;

use super::*;
use crate::{
    clock::UnixNanos,
    store::{
        disk::{
            Disk,
            crash::{CrashDisk, Fault, Op},
        },
        file::FileKind,
        ground::Ground,
        tests::{TempStore, file_system, tenant},
    },
};

fn frame(tenant_name: &str, n: usize) -> Frame {
    Frame {
        tenant: tenant(tenant_name),
        otlp: (0..n).map(|i| (i * 7 % 251) as u8).collect(),
        arrived: UnixNanos(n as u64),
    }
}

/// Submits frames and waits until each is durable.
fn submit(inbox: &Inbox, frames: &[Frame]) -> Vec<FrameId> {
    let (tx, rx) = mpsc::channel();
    for frame in frames {
        let tx = tx.clone();
        let done: Done = Box::new(move |outcome| tx.send(outcome).unwrap());
        inbox.submit(frame.clone(), done).unwrap();
    }
    frames.iter().map(|_| rx.recv().unwrap().unwrap()).collect()
}

fn scan(inbox: &Inbox) -> Vec<(FrameId, Frame)> {
    inbox.scan().map(Result::unwrap).collect()
}

#[test]
fn what_was_acknowledged_is_there_after_a_kill() {
    let temp = TempStore::new();
    let store = temp.open();
    let frames = [frame("a", 10), frame("b", 300_000), frame("a", 2_000_000)];
    let ids = submit(store.inbox(), &frames);
    let kept: Vec<_> = ids.iter().copied().zip(frames.clone()).collect();
    let killed = temp.killed();
    let reopened = killed.open();
    assert_eq!(scan(reopened.inbox()), kept);
    assert_eq!(reopened.inbox().bytes(), store.inbox().bytes());
    let next = submit(reopened.inbox(), &frames[..1]);
    assert!(next[0] > ids[2]);
    assert_eq!(scan(reopened.inbox()).len(), 4);
}

#[test]
fn what_was_given_up_is_gone_and_what_was_not_stays() {
    let temp = TempStore::new();
    let store = temp.open();
    let ids: Vec<_> = (1..=4)
        .flat_map(|n| submit(store.inbox(), &[frame("a", n)]))
        .collect();
    store
        .inbox()
        .release(&[ids[0], ids[2], ids[2], FrameId(999)]);
    // The next commit takes the release along; dropping writes what is left.
    drop(store);
    let store = temp.open();
    let left: Vec<_> = scan(store.inbox()).into_iter().map(|(id, _)| id).collect();
    assert_eq!(left, [ids[1], ids[3]]);
    store.inbox().release(&left);
    drop(store);
    let store = temp.open();
    assert_eq!((scan(store.inbox()).len(), store.inbox().bytes()), (0, 0));
}

#[test]
fn a_full_queue_refuses_and_keeps_what_it_took() {
    let temp = TempStore::new();
    let store = temp.open();
    let (gate_tx, gate_rx) = mpsc::channel::<()>();
    let (at_gate_tx, at_gate_rx) = mpsc::channel();
    let (tx, rx) = mpsc::channel();
    let gate: Done = Box::new(move |outcome| {
        outcome.unwrap();
        at_gate_tx.send(()).unwrap();
        gate_rx.recv().unwrap();
    });
    store.inbox().submit(frame("a", 1), gate).unwrap();
    at_gate_rx.recv().unwrap();
    // The writer stands still. Bytes fill the queue before frames do.
    let large = frame("a", 20 << 20);
    let mut taken = 0;
    let refused = loop {
        let tx = tx.clone();
        let done: Done = Box::new(move |outcome| tx.send(outcome.is_ok()).unwrap());
        match store.inbox().submit(large.clone(), done) {
            Ok(()) => taken += 1,
            Err(refused) => break refused,
        }
    };
    assert_eq!((taken, refused), (3, InboxRefused::Full));
    let mut small = 0;
    while store.inbox().submit(frame("a", 1), Box::new(drop)).is_ok() {
        small += 1;
    }
    assert_eq!(small + taken, INBOX_QUEUE_FRAMES_MAX);
    gate_tx.send(()).unwrap();
    for _ in 0..taken {
        assert!(rx.recv().unwrap());
    }
    drop(store);
    assert_eq!(
        temp.open().inbox().scan().count(),
        1 + INBOX_QUEUE_FRAMES_MAX
    );
}

#[test]
fn a_damaged_piece_hides_only_its_frames_and_is_named() {
    let temp = TempStore::new();
    let store = temp.open();
    let ids: Vec<_> = [5_000_000, 10, 20]
        .iter()
        .flat_map(|n| submit(store.inbox(), &[frame("a", *n)]))
        .collect();
    drop(store);
    let file = DbFile::open(
        &Ground::new(&file_system()),
        &temp.path().join("inbox.redb"),
        FileKind::Inbox,
    )
    .unwrap();
    file.write(|txn| {
        let mut pieces = txn.open_table(PIECES)?;
        let mut piece = pieces.remove((ids[0].0, 2))?.unwrap().value().to_vec();
        piece[77] ^= 1;
        pieces.insert((ids[0].0, 2), piece.as_slice())?;
        Ok(())
    })
    .unwrap();
    drop(file);
    let store = temp.open();
    let (good, bad): (Vec<_>, Vec<_>) = store.inbox().scan().partition(Result::is_ok);
    let good: Vec<_> = good.into_iter().map(|read| read.unwrap().0).collect();
    assert_eq!(good, ids[1..]);
    let error = bad[0].as_ref().unwrap_err().to_string();
    assert!(
        error.contains("inbox.redb` is corrupt: table `pieces`, key 1: "),
        "{error}"
    );
}

#[test]
fn after_a_failed_write_nothing_is_acknowledged_any_more() {
    for op in [Op::Write, Op::Sync] {
        let crash = CrashDisk::new(1);
        let disk: Arc<dyn Disk> = Arc::new(crash.clone());
        let path = "data/inbox.redb".as_ref();
        let file = DbFile::create(&Ground::new(&disk), path, FileKind::Inbox).unwrap();
        let inbox = Inbox::start(file).unwrap();
        submit(&inbox, &[frame("a", 10)]);
        crash.plan(Fault::Lasting(op), 0);
        let syncs = crash.n_tried(Op::Sync);
        let (tx, rx) = mpsc::channel();
        let done: Done = Box::new(move |outcome| tx.send(outcome).unwrap());
        inbox.submit(frame("a", 20), done).unwrap();
        let error = rx.recv().unwrap().unwrap_err();
        assert!(matches!(error, StoreError::Io { .. }), "{error}");
        let syncs = crash.n_tried(Op::Sync) - syncs;
        assert!(syncs <= 1, "fsync is not retried");
        crash.mend();
        let tried = Op::ALL.map(|op| crash.n_tried(op));
        let refused = inbox.submit(frame("a", 30), Box::new(drop)).unwrap_err();
        assert!(
            matches!(&refused, InboxRefused::Stopped { why } if why.contains("os error 5")),
            "{refused}"
        );
        assert_eq!(Op::ALL.map(|op| crash.n_tried(op)), tried);
    }
}

#[test]
fn a_tenant_is_erased_and_the_frames_of_others_keep_their_numbers() {
    let temp = TempStore::new();
    let store = temp.open();
    let inbox = store.inbox();
    // One pack for all of them, which only one commit makes: by hand, while the writer has nothing to do.
    let (tx, rx) = mpsc::channel();
    let group: Vec<_> = [("a", 300_000), ("b", 10), ("a", 20), ("c", 30)]
        .map(|(tenant, n)| {
            let tx = tx.clone();
            let done: Done = Box::new(move |outcome| tx.send(outcome).unwrap());
            Submission {
                frame: frame(tenant, n),
                done,
            }
        })
        .into_iter()
        .collect();
    let queued: usize = group.iter().map(|s| s.frame.otlp.len()).sum();
    let queued_bytes = &inbox.shared.queued_bytes;
    queued_bytes.fetch_add(queued as u64, Ordering::AcqRel);
    writer::commit(&inbox.shared, group);
    let ids: Vec<FrameId> = rx.iter().take(4).map(Result::unwrap).collect();
    submit(inbox, &[frame("a", 40)]);
    let bytes = inbox.bytes();

    inbox.erase(&tenant("a")).unwrap();
    assert!(bytes - inbox.bytes() > 300_000, "{}", inbox.bytes());
    let others = [(ids[1], frame("b", 10)), (ids[3], frame("c", 30))];
    let kept = |inbox: &Inbox| -> Vec<(FrameId, Frame)> {
        let frames = scan(inbox).into_iter();
        frames.filter(|(_, frame)| !frame.otlp.is_empty()).collect()
    };
    assert_eq!(kept(inbox), others);
    assert!(
        scan(inbox)
            .iter()
            .all(|(_, frame)| frame.tenant != tenant("a"))
    );
    inbox.erase(&tenant("a")).unwrap();
    inbox.release(&[ids[1]]);
    inbox.release(&[ids[3]]);
    drop(store);
    let store = temp.open();
    assert_eq!((scan(store.inbox()), store.inbox().bytes()), (vec![], 0));
}
