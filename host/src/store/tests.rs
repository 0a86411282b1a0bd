//! Opening, and what the tests of the rooms share.

use std::{fs, path::PathBuf, sync::Arc};

use redb::TableDefinition;

use super::{lock::LOCK_FILE, *};
use crate::{
    clock::{ManualClock, UnixNanos},
    rule_id::RuleId,
    tenant::TenantId,
};

/// A directory that goes with the test, and a clock that stands still.
pub(super) struct TempStore {
    pub(super) dir: tempfile::TempDir,
    pub(super) clock: ManualClock,
}

impl TempStore {
    pub(super) fn new() -> Self {
        Self {
            dir: tempfile::tempdir().unwrap(),
            clock: ManualClock::new(UnixNanos(1_700_000_000_000_000_000)),
        }
    }

    pub(super) fn path(&self) -> PathBuf {
        self.dir.path().join("data")
    }

    pub(super) fn try_open(&self) -> Result<Store, StoreError> {
        Store::open(&self.path(), Arc::new(self.clock.clone()))
    }

    pub(super) fn open(&self) -> Store {
        self.try_open().unwrap()
    }

    /// What a process that is killed at this moment leaves: what is durable, and no shutdown.
    pub(super) fn killed(&self) -> Self {
        let copy = Self {
            dir: tempfile::tempdir().unwrap(),
            clock: self.clock.clone(),
        };
        fs::create_dir(copy.path()).unwrap();
        for name in names_in(&self.path()) {
            fs::copy(self.path().join(&name), copy.path().join(&name)).unwrap();
        }
        copy
    }
}

fn names_in(dir: &Path) -> Vec<String> {
    names(&file_system(), dir).unwrap()
}

pub(super) fn file_system() -> Arc<dyn Disk> {
    Arc::new(FileSystem)
}

pub(super) fn tenant(name: &str) -> TenantId {
    TenantId::try_new(name).unwrap()
}

pub(super) fn rule(id: &str) -> RuleId {
    RuleId::try_new(id).unwrap()
}

#[test]
fn a_store_that_is_open_is_in_use_and_says_by_whom() {
    let temp = TempStore::new();
    let store = temp.open();
    let error = temp.try_open().unwrap_err();
    assert!(
        matches!(error, StoreError::InUse { pid: Some(pid), .. } if pid == std::process::id()),
        "{error}"
    );
    drop(store);
    temp.open();
}

#[test]
fn what_a_killed_process_leaves_opens() {
    let temp = TempStore::new();
    let _open = temp.open();
    temp.killed().open();
}

#[test]
fn the_next_to_open_a_store_knows_whether_it_was_closed() {
    let temp = TempStore::new();
    assert_eq!(*temp.open().found(), Found::default(), "it was made");
    let store = temp.open();
    assert_eq!(*store.found(), Found::default(), "it was closed");
    let killed = temp.killed();
    fs::write(killed.path().join("blocks-1.redb.new"), "half").unwrap();
    // Whoever only looks at it leaves it as it is.
    let counts = examine(&killed.path(), &mut Nobody).unwrap().counts;
    assert_eq!(counts.blocks, 0);
    let expected = Found {
        left_open: true,
        half_made: vec!["blocks-1.redb.new".to_owned()],
        repaired: Vec::new(),
    };
    assert_eq!(*killed.open().found(), expected);
    assert_eq!(*killed.open().found(), Found::default());
    drop(store);
    assert_eq!(*temp.open().found(), Found::default());
}

/// Who examines looks at what came of it alone.
pub(crate) struct Nobody;

impl Attending for Nobody {
    fn progress(&mut self, _done: u64, _total: u64) {}

    fn pack(&mut self, _digest: crate::rule_id::Digest, _pack: &[u8]) -> Option<String> {
        None
    }
}

/// Writes what a file says its format is.
fn set_format(path: &Path, format: u64) {
    let db = redb::Database::open(path).unwrap();
    let txn = db.begin_write().unwrap();
    let meta: TableDefinition<'_, &str, u64> = TableDefinition::new("meta");
    let mut table = txn.open_table(meta).unwrap();
    table.insert("format", format).unwrap();
    drop(table);
    txn.commit().unwrap();
}

#[test]
fn an_older_and_a_newer_format_of_each_file_are_refused_by_name_with_what_to_do() {
    let temp = TempStore::new();
    crate::live::tests::format::unpack(&temp.path());
    for file in [INBOX_FILE, CATALOG_FILE, "blocks-1.redb"] {
        for (format, what_to_do) in [
            (0, "an older betrace wrote it, so run that one"),
            (2, "a newer betrace wrote it, so install that one"),
        ] {
            set_format(&temp.path().join(file), format);
            let error = temp.try_open().unwrap_err();
            let (is_other, text) = (
                matches!(&error, StoreError::OtherVersion { found, expected: 1, .. } if *found == format),
                error.to_string(),
            );
            assert!(is_other, "{text}");
            let says = format!("{file}` has store format {format} and this betrace reads format 1");
            assert!(text.contains(&says) && text.contains(what_to_do), "{text}");
        }
        set_format(&temp.path().join(file), 1);
        drop(temp.open());
    }
}

#[test]
fn a_closed_file_of_blocks_of_another_format_is_refused_when_it_is_read() {
    let temp = TempStore::new();
    crate::live::tests::format::unpack(&temp.path());
    set_format(&temp.path().join("blocks-1.redb"), 2);
    // With a file after it, this one is not opened until somebody reads a block of it.
    fs::copy(
        temp.path().join("blocks-1.redb"),
        temp.path().join("blocks-2.redb"),
    )
    .unwrap();
    set_format(&temp.path().join("blocks-2.redb"), 1);
    let store = temp.open();
    let listed = store.blocks(&tenant("acme"));
    let error = store.open_block(&listed[0]).unwrap_err().to_string();
    assert!(
        error.contains("blocks-1.redb` has store format 2"),
        "{error}"
    );
}

#[test]
fn a_directory_of_something_else_is_left_alone() {
    let temp = TempStore::new();
    fs::create_dir(temp.path()).unwrap();
    fs::write(temp.path().join("thesis.tex"), "x").unwrap();
    let error = temp.try_open().unwrap_err();
    assert!(error.to_string().contains("it has `thesis.tex`"), "{error}");
    assert_eq!(names_in(&temp.path()), ["thesis.tex"]);
}

#[test]
fn files_that_are_missing_misnamed_or_no_database_are_named() {
    let temp = TempStore::new();
    drop(temp.open());
    let (inbox, catalog) = (temp.path().join(INBOX_FILE), temp.path().join(CATALOG_FILE));
    let kept = fs::read(&inbox).unwrap();
    fs::remove_file(&inbox).unwrap();
    let error = temp.try_open().unwrap_err();
    assert!(
        matches!(&error, StoreError::Missing { file } if file.ends_with(INBOX_FILE)),
        "{error}"
    );
    fs::copy(&catalog, &inbox).unwrap();
    let error = temp.try_open().unwrap_err().to_string();
    assert!(
        error.contains("inbox.redb") && error.contains("wrong name"),
        "{error}"
    );
    fs::write(&inbox, b"not a database at all").unwrap();
    let error = temp.try_open().unwrap_err().to_string();
    assert!(error.contains("inbox.redb"), "{error}");
    fs::write(&inbox, kept).unwrap();
    temp.open();
}

#[test]
fn a_store_whose_making_was_cut_short_is_made_anew() {
    let temp = TempStore::new();
    drop(temp.open());
    fs::rename(
        temp.path().join(CATALOG_FILE),
        temp.path().join(format!("{CATALOG_FILE}{TEMPORARY}")),
    )
    .unwrap();
    drop(temp.open());
    assert_eq!(
        names_in(&temp.path()),
        [LOCK_FILE, CATALOG_FILE, INBOX_FILE]
    );
}

#[test]
fn a_damaged_page_is_an_error_and_never_a_panic() {
    let temp = TempStore::new();
    let store = temp.open();
    store
        .put_pack(crate::rule_id::Digest([1; 32]), &[7; 5000])
        .unwrap();
    drop(store);
    let path = temp.path().join(CATALOG_FILE);
    let good = fs::read(&path).unwrap();
    for at in (0..good.len()).step_by(good.len() / 40 + 1) {
        let mut bad = good.clone();
        for byte in bad.iter_mut().skip(at).take(64) {
            *byte ^= 0xa5;
        }
        fs::write(&path, &bad).unwrap();
        // Either the damage is noticed, or it is nowhere that is read.
        if let Ok(store) = temp.try_open()
            && let Ok(Some(pack)) = store.pack(crate::rule_id::Digest([1; 32]))
        {
            assert_eq!(pack, vec![7; 5000]);
        }
    }
}
