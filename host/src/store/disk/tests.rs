//! Scenario: the disk fails at each of the operations that something takes, one after another; power is lost there; or
//! there is no room.
//!
//! Guarantees: the store opens again, and nothing in it is damaged; what was acknowledged is in it.

use std::sync::{Arc, mpsc};

use super::{
    Disk,
    crash::{CrashDisk, End, Fault, Op},
};
use crate::{
    store::{
        Frame, InboxRefused, Listing, Store, StoreError,
        blocks::tests::{block, trace},
        file,
        tests::{TempStore, tenant},
    },
    trace::TraceId,
};

/// More operations than anything here takes.
const OPS_MAX: u64 = 500;

/// A disk, and a folder with the lock of the store that lies on it.
struct Machine {
    disk: CrashDisk,
    temp: TempStore,
}

impl Machine {
    fn new(seed: u64) -> Self {
        Self {
            disk: CrashDisk::new(seed),
            temp: TempStore::new(),
        }
    }

    fn try_open(&self) -> Result<Store, StoreError> {
        let disk: Arc<dyn Disk> = Arc::new(self.disk.clone());
        let clock = Arc::new(self.temp.clock.clone());
        Store::open_on(&disk, &self.temp.path(), clock)
    }

    fn open(&self) -> Store {
        let store = self.try_open().unwrap();
        assert!(store.damaged().is_empty(), "{:?}", store.damaged());
        store
    }
}

/// Submits a frame of so many bytes, and returns whether it was acknowledged.
fn submit(store: &Store, n_bytes: usize) -> bool {
    let frame = Frame {
        tenant: tenant("a"),
        otlp: vec![7; n_bytes].into(),
        arrived: crate::clock::UnixNanos(1),
    };
    let (tx, rx) = mpsc::channel();
    let done = Box::new(move |outcome: Result<_, _>| tx.send(outcome.is_ok()).unwrap());
    match store.inbox().submit(frame, done) {
        Ok(()) => rx.recv().unwrap(),
        Err(InboxRefused::Stopped { .. }) => false,
        Err(refused @ InboxRefused::Full) => panic!("{refused}"),
    }
}

/// The sizes of the frames that are kept.
fn kept(store: &Store) -> Vec<usize> {
    let frames = store.inbox().scan();
    frames.map(|frame| frame.unwrap().1.otlp.len()).collect()
}

#[test]
fn a_store_that_is_cut_short_at_any_operation_while_it_is_made_can_be_made() {
    for n in 0..OPS_MAX {
        let machine = Machine::new(n);
        machine.disk.plan(Fault::Death, n);
        let made = machine.try_open();
        let is_made = !machine.disk.is_dead();
        assert_eq!(made.is_ok(), is_made);
        machine.disk.end(End::PowerLoss);
        drop(made);
        assert!(submit(&machine.open(), 10));
        if is_made {
            assert!(n > 30, "making a store takes more than {n} operations");
            return;
        }
    }
    panic!("a store is never made");
}

#[test]
fn power_that_is_lost_at_any_operation_of_a_commit_takes_nothing_acknowledged() {
    let mut n_acknowledged = 0;
    for n in 0..OPS_MAX {
        let machine = Machine::new(n);
        let store = machine.open();
        assert!(submit(&store, 100_000));
        machine.disk.plan(Fault::Death, n);
        let acknowledged = submit(&store, 200_000);
        n_acknowledged += u64::from(acknowledged);
        machine.disk.end(End::PowerLoss);
        drop(store);
        let kept = kept(&machine.open());
        assert!(kept.starts_with(&[100_000]), "{kept:?}");
        assert!(!acknowledged || kept.ends_with(&[200_000]), "{kept:?}");
        if n_acknowledged == 3 {
            assert!(n > 8, "a commit takes more than {n} operations");
            return;
        }
    }
    panic!("nothing is ever acknowledged");
}

#[test]
fn what_rests_on_a_sync_that_failed_is_not_acknowledged_and_later_commits_do_not_rest_on_it() {
    for n in 0..4 {
        let machine = Machine::new(n);
        let store = machine.open();
        assert!(submit(&store, 100_000));
        machine.disk.plan(Fault::Once(Op::Sync), n);
        let mut expected = vec![100_000];
        while submit(&store, 200_000) {
            expected.push(200_000);
        }
        assert_eq!(machine.disk.n_failed(), 1);
        let failed = store.failed().borrow().clone();
        assert!(matches!(failed, Some(StoreError::Io { .. })), "{failed:?}");
        machine.disk.end(End::Killed);
        drop(store);
        // As the system has it in memory, which is not as it is on the disk.
        let store = machine.open();
        assert!(kept(&store).starts_with(&expected));
        assert!(submit(&store, 300_000));
        let expected = kept(&store);
        assert_eq!(expected.last(), Some(&300_000));
        machine.disk.end(End::PowerLoss);
        drop(store);
        assert_eq!(kept(&machine.open()), expected);
    }
}

#[test]
fn a_full_disk_refuses_and_takes_again_once_there_is_room_and_the_store_was_opened_again() {
    for pages_left in [0, 1, 20] {
        let machine = Machine::new(pages_left);
        let store = machine.open();
        assert!(submit(&store, 100_000));
        machine.disk.fill(pages_left);
        let mut n_acknowledged = 0;
        while submit(&store, 100_000) {
            n_acknowledged += 1;
            assert!(n_acknowledged < OPS_MAX, "the disk is never full");
        }
        let failed = store.failed().borrow().clone().unwrap();
        let StoreError::Io { source, .. } = &failed else {
            panic!("{failed:?}");
        };
        assert_eq!(source.kind(), std::io::ErrorKind::StorageFull);
        drop(store);
        // Opening needs no room.
        let store = machine.open();
        assert_eq!(kept(&store).len() as u64, 1 + n_acknowledged);
        machine.disk.mend();
        assert!(submit(&store, 100_000));
        assert_eq!(kept(&store).len() as u64, 2 + n_acknowledged);
    }
}

#[test]
fn a_read_that_fails_while_a_store_is_opened_fails_the_opening_and_damages_nothing() {
    let machine = Machine::new(1);
    let store = machine.open();
    assert!(submit(&store, 100_000));
    store
        .put_block(&block("a", &[trace(1, 5, &["A"])]), &Listing::default())
        .unwrap();
    drop(store);
    let mut n_refused = 0;
    for n in 0..OPS_MAX {
        let n_failed = machine.disk.n_failed();
        machine.disk.plan(Fault::Once(Op::Read), n);
        let opened = machine.try_open();
        let has_failed = machine.disk.n_failed() > n_failed;
        machine.disk.mend();
        let store = match opened {
            // Of what is only looked at, it does not matter whether it could be closed.
            Ok(store) => store,
            Err(error) => {
                assert!(has_failed && error.is_of_disk(), "{error}");
                n_refused += 1;
                machine.open()
            }
        };
        assert!(store.damaged().is_empty(), "{:?}", store.damaged());
        assert_eq!(kept(&store), [100_000]);
        assert!(
            store
                .find_trace(&tenant("a"), TraceId([1; 16]))
                .unwrap()
                .is_some()
        );
        if !has_failed {
            assert!(n_refused > 20, "opening takes more than {n_refused} reads");
            return;
        }
    }
    panic!("a store never opens");
}

#[test]
fn the_file_that_takes_blocks_is_opened_again_with_the_store_once_it_could_not_be_read() {
    let machine = Machine::new(1);
    let store = machine.open();
    let put = block("a", &[trace(1, 5, &["A"])]);
    store.put_block(&put, &Listing::default()).unwrap();
    let read = |store: &Store| -> Result<usize, StoreError> {
        let listed = store.block(&tenant("a"), put.meta.id).unwrap();
        Ok(store.open_block(&listed)?.spans(0)?.spans.len())
    };
    assert_eq!(read(&store).unwrap(), 1);
    // As the database says it, which has a file this small in memory.
    let file = store.inner.block_files.file(1).unwrap();
    let fails = || file::Fault::Db(redb::Error::PreviousIo);
    let error = file.read::<()>(|_| Err(fails())).unwrap_err();
    assert!(error.is_of_disk(), "{error}");
    assert!(store.failed().borrow().is_none(), "one of many files");
    let error = read(&store).unwrap_err();
    assert!(error.is_of_disk(), "{error}");
    assert!(store.failed().borrow().is_some());
    drop((file, store));
    assert_eq!(read(&machine.open()).unwrap(), 1);
}
