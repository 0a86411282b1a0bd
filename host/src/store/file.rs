//! One redb file: how it is made, opened, read and written.
//!
//! A file is made under a temporary name and renamed once it is whole. Commits are two-phase, so that
//! nothing that a sender chooses can pass for a commit, and carry what a quick repair needs, so that
//! opening after a crash does not read the file. After a failed write nothing more is written until
//! the file is opened again, and fsync is not retried: after a failed fsync the kernel may have
//! dropped what it could not write. Opening again is safe: what a commit rests on was synced before the
//! header that names it was written, and opening writes the header again.

mod unchanged;

use std::{
    panic::{AssertUnwindSafe, catch_unwind},
    path::{Path, PathBuf},
    sync::{
        Arc, OnceLock,
        atomic::{AtomicBool, Ordering},
    },
};

use redb::{
    Database, DatabaseError, ReadTransaction, ReadableDatabase as _, TableDefinition, TableError,
    WriteTransaction,
};

use super::{
    disk::Disk,
    doctor::{Area, Findings},
    error::StoreError,
    ground::Ground,
    limits::{BLOCKS_CACHE_BYTES, CATALOG_CACHE_BYTES, FORMAT, INBOX_CACHE_BYTES},
};

/// What a file says of itself: its format and its kind.
const META: TableDefinition<'_, &str, u64> = TableDefinition::new("meta");

/// The end of the name of a file that is being made.
pub(super) const TEMPORARY: &str = ".new";

/// The kinds of file, as they are numbered in the files.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u64)]
pub(super) enum FileKind {
    /// Frames that are not yet in blocks.
    Inbox = 1,
    /// Everything that is small.
    Catalog = 2,
    /// Chunks of blocks and postings.
    Blocks = 3,
}

impl FileKind {
    /// Returns what the database may keep in memory of such a file.
    fn cache_bytes(self) -> usize {
        match self {
            Self::Inbox => INBOX_CACHE_BYTES,
            Self::Catalog => CATALOG_CACHE_BYTES,
            Self::Blocks => BLOCKS_CACHE_BYTES,
        }
    }
}

/// What goes wrong within a transaction: ours, or the database's before it is known of which file.
#[derive(Debug)]
pub(super) enum Fault {
    Store(StoreError),
    Db(redb::Error),
}

macro_rules! fault_from {
    ($($ty:ty),*) => {$(
        impl From<$ty> for Fault {
            fn from(error: $ty) -> Self {
                Self::Db(error.into())
            }
        }
    )*};
}

fault_from!(
    redb::StorageError,
    TableError,
    redb::TransactionError,
    redb::CommitError,
    DatabaseError
);

impl From<StoreError> for Fault {
    fn from(error: StoreError) -> Self {
        Self::Store(error)
    }
}

/// An open redb file of the store.
#[derive(Debug)]
pub(super) struct DbFile {
    name: String,
    path: PathBuf,
    kind: FileKind,
    ground: Ground,
    db: Database,
    stopped: OnceLock<String>,
    /// Whether reading failed, after which the database reads nothing more.
    unreadable: AtomicBool,
}

impl DbFile {
    /// Makes a file that does not exist, whole or not at all.
    pub(super) fn create(ground: &Ground, path: &Path, kind: FileKind) -> Result<Self, StoreError> {
        let disk = ground.disk();
        let mut temporary = path.as_os_str().to_owned();
        temporary.push(TEMPORARY);
        let temporary = PathBuf::from(temporary);
        let name = path.display().to_string();
        let io = |doing| {
            let name = name.clone();
            move |source| StoreError::io(&name, doing, source)
        };
        if disk.has(&temporary) {
            disk.remove(&temporary).map_err(io("remove"))?;
        }
        let mut builder = Database::builder();
        builder.set_cache_size(kind.cache_bytes());
        let file = Self::over(ground, path, kind, || {
            disk.database(&builder, &temporary, true)
        })?;
        file.write(|txn| {
            let mut meta = txn.open_table(META)?;
            meta.insert("format", FORMAT)?;
            meta.insert("kind", kind as u64)?;
            Ok(())
        })?;
        disk.rename(&temporary, path).map_err(io("rename"))?;
        path.parent()
            .map_or(Ok(()), |dir| disk.sync_dir(dir))
            .map_err(io("make"))?;
        Ok(file)
    }

    /// Opens a file that exists.
    pub(super) fn open(ground: &Ground, path: &Path, kind: FileKind) -> Result<Self, StoreError> {
        let disk = ground.disk();
        refuse_missing(disk, path)?;
        let mut builder = Database::builder();
        builder.set_cache_size(kind.cache_bytes());
        let (of_callback, name) = (ground.clone(), path.display().to_string());
        // Not called where the last commit has what a quick repair needs, as all of ours have.
        builder.set_repair_callback(move |_| of_callback.note_repaired(&name));
        let file = Self::over(ground, path, kind, || disk.database(&builder, path, false))?;
        file.check_kind()?;
        Ok(file)
    }

    /// Refuses what is of another format or kind.
    fn check_kind(&self) -> Result<(), StoreError> {
        let found = self.read(|txn| {
            let meta = match txn.open_table(META) {
                Ok(meta) => meta,
                Err(TableError::TableDoesNotExist(_)) => return Ok(None),
                Err(error) => return Err(error.into()),
            };
            let number = |key| -> Result<Option<u64>, Fault> {
                Ok(meta.get(key)?.map(|value| value.value()))
            };
            Ok(number("format")?.zip(number("kind")?))
        })?;
        let other = |what: &str| StoreError::Database {
            file: self.name.clone(),
            what: what.to_owned(),
        };
        match found {
            None => Err(other("a redb file, but not of betrace")),
            Some((format, _)) if format != FORMAT => Err(StoreError::OtherVersion {
                file: self.name.clone(),
                found: format,
                expected: FORMAT,
            }),
            Some((_, found)) if found != self.kind as u64 => {
                Err(other("another file of a store, under a wrong name"))
            }
            Some(_) => Ok(()),
        }
    }

    fn over(
        ground: &Ground,
        path: &Path,
        kind: FileKind,
        open: impl FnOnce() -> Result<Database, DatabaseError>,
    ) -> Result<Self, StoreError> {
        let name = path.display().to_string();
        match no_panic(|| Ok(open()?)) {
            Ok(db) => Ok(Self {
                name,
                path: path.to_owned(),
                kind,
                ground: ground.clone(),
                db,
                stopped: OnceLock::new(),
                unreadable: AtomicBool::new(false),
            }),
            Err(fault) => Err(store_error(&name, "open", fault)),
        }
    }

    /// Returns the file's name, for messages.
    pub(super) fn name(&self) -> &str {
        &self.name
    }

    /// Returns the size of the file.
    pub(super) fn size_bytes(&self) -> Result<u64, StoreError> {
        self.ground
            .disk()
            .size_bytes(&self.path)
            .map_err(|e| StoreError::io(&self.name, "look at", e))
    }

    /// Reads within one transaction, which is to be short: while it lives, no space that commits give
    /// up is used again.
    pub(super) fn read<T>(
        &self,
        read: impl FnOnce(&ReadTransaction) -> Result<T, Fault>,
    ) -> Result<T, StoreError> {
        self.read_on(|| read(&self.db.begin_read()?))
    }

    /// Reads on by a table that was opened within [`Self::read`] and holds its transaction.
    pub(super) fn read_on<T>(
        &self,
        read: impl FnOnce() -> Result<T, Fault>,
    ) -> Result<T, StoreError> {
        no_panic(read).map_err(|fault| {
            let is_last = matches!(
                fault,
                Fault::Db(redb::Error::Io(_) | redb::Error::PreviousIo)
            );
            let error = store_error(&self.name, "read", fault);
            if is_last {
                self.unreadable.store(true, Ordering::Release);
                match self.kind {
                    FileKind::Inbox | FileKind::Catalog => self.ground.fail(&error),
                    // One of many, which is opened again when it is asked for next.
                    FileKind::Blocks => {}
                }
            }
            error
        })
    }

    /// Writes within one transaction. Returns once it is durable. After an error of the database nobody knows whether it is
    /// before the file is opened again: the last fsync may have failed half way.
    pub(super) fn write<T>(
        &self,
        write: impl FnOnce(&WriteTransaction) -> Result<T, Fault>,
    ) -> Result<T, StoreError> {
        if let Some(why) = self.stopped.get() {
            return Err(StoreError::Stopped {
                file: self.name.clone(),
                why: why.clone(),
            });
        }
        let committed = no_panic(|| {
            let mut txn = self.db.begin_write()?;
            txn.set_two_phase_commit(true);
            txn.set_quick_repair(true);
            let written = write(&txn)?;
            txn.commit()?;
            Ok(written)
        });
        committed.map_err(|fault| {
            let stops = matches!(fault, Fault::Db(_));
            let error = store_error(&self.name, "write", fault);
            if stops {
                // The first failure is the one to tell of; a second caller may have told it.
                self.stopped.get_or_init(|| error_text(&error));
                self.ground.fail(&error);
            }
            error
        })
    }

    /// Whether reading failed, and will until the file is opened again.
    pub(super) fn is_unreadable(&self) -> bool {
        self.unreadable.load(Ordering::Acquire)
    }

    /// Returns why nothing is written any more, if so.
    pub(super) fn stopped(&self) -> Option<&str> {
        self.stopped.get().map(String::as_str)
    }
}

fn refuse_missing(disk: &Arc<dyn Disk>, path: &Path) -> Result<(), StoreError> {
    if disk.has(path) {
        return Ok(());
    }
    Err(StoreError::Missing {
        file: path.display().to_string(),
    })
}

/// The database answers some damage to its pages by a panic ("may panic if it was corrupted outside
/// redb"), and one damaged file must not take every tenant down.
fn no_panic<T>(run: impl FnOnce() -> Result<T, Fault>) -> Result<T, Fault> {
    catch_unwind(AssertUnwindSafe(run)).unwrap_or_else(|payload| {
        let text = payload
            .downcast_ref::<String>()
            .map(String::as_str)
            .or_else(|| payload.downcast_ref::<&str>().copied())
            .unwrap_or("no reason given");
        Err(Fault::Db(redb::Error::Corrupted(format!(
            "the database panicked: {text}"
        ))))
    })
}

fn store_error(file: &str, doing: &'static str, fault: Fault) -> StoreError {
    match fault {
        Fault::Store(error) => error,
        Fault::Db(redb::Error::Io(source)) => StoreError::io(file, doing, source),
        Fault::Db(redb::Error::PreviousIo) => StoreError::failed_before(file, doing),
        // Not our number, and where a bit of the header flipped no number at all.
        Fault::Db(redb::Error::UpgradeRequired(found)) => StoreError::Database {
            file: file.to_owned(),
            what: format!(
                "it says of itself that it has version {found} of the database's file format, which this betrace does not read: another betrace wrote it, or it is damaged"
            ),
        },
        Fault::Db(error) => StoreError::Database {
            file: file.to_owned(),
            what: error.to_string(),
        },
    }
}

fn error_text(error: &StoreError) -> String {
    match error {
        StoreError::Io { doing, source, .. } => format!("failed to {doing}: {source}"),
        StoreError::InUse { .. }
        | StoreError::OtherVersion { .. }
        | StoreError::NotAStore { .. }
        | StoreError::Missing { .. }
        | StoreError::Stopped { .. }
        | StoreError::Corrupt { .. }
        | StoreError::Database { .. }
        | StoreError::Block(_)
        | StoreError::UnknownBlock { .. }
        | StoreError::Unfit { .. }
        | StoreError::Rule { .. }
        | StoreError::Tenant { .. }
        | StoreError::UnknownTenant { .. }
        | StoreError::Tokens { .. } => error.to_string(),
    }
}

/// Reads a table that may not have been written yet.
pub(super) fn open_if_there<K: redb::Key + 'static, V: redb::Value + 'static>(
    txn: &ReadTransaction,
    table: TableDefinition<'_, K, V>,
) -> Result<Option<redb::ReadOnlyTable<K, V>>, Fault> {
    match txn.open_table(table) {
        Ok(table) => Ok(Some(table)),
        Err(TableError::TableDoesNotExist(_)) => Ok(None),
        Err(error) => Err(error.into()),
    }
}

/// Goes through a table that may not be there, and notes what is wrong with its rows; what of it cannot be read ends it.
pub(super) fn each_row<K: redb::Key + 'static, V: redb::Value + 'static>(
    file: &DbFile,
    table: TableDefinition<'_, K, V>,
    (area, findings): (Area, &mut Findings),
    mut check: impl for<'a> FnMut(K::SelfType<'a>, V::SelfType<'a>) -> Result<(), StoreError>,
) {
    let walked = file.read(|txn| {
        let Some(table) = open_if_there(txn, table)? else {
            return Ok(());
        };
        for row in redb::ReadableTable::iter(&table)? {
            let (key, value) = row?;
            findings.check(area, check(key.value(), value.value()));
        }
        Ok(())
    });
    findings.check(area, walked);
}
