//! What outlives the process. The sole user of redb.
//!
//! ```text
//! DIR/LOCK            held while the store is open, names the process
//! DIR/inbox.redb      frames that were acknowledged and are not in blocks yet     [inbox]
//! DIR/catalog.redb    tenants, packs, rules, rule sets, the list of blocks,
//!                     verdicts, coverage, signals, costs, quarantines, holds      [rules blocks judged signals]
//! DIR/blocks-N.redb   chunks of blocks and postings; N counts up, the last is written [blocks]
//! ```
//!
//! Sealing is three steps, each of which may be repeated: [`Store::put_block`] commits the chunks and then
//! lists the block; [`Store::put_judged`] is one transaction of verdicts, signals, coverage and the mark
//! `judged`; [`Inbox::release`] gives up the frames. What a crash leaves between them is cleared up by
//! [`Store::open`] (chunks that are not listed are dropped) and by whoever judges [`Store::unjudged`] and
//! reads [`Inbox::scan`] again.
//!
//! Everything is keyed by tenant. Calls block; none may be made from an async task. What is asked for
//! often (the blocks of a tenant, their filters, which of their rows are superseded) is kept in memory
//! and rebuilt at open from the catalog alone.

mod amend;
mod blocks;
mod codec;
mod compact;
mod costs;
mod coverage;
pub(crate) mod disk;
mod doctor;
mod error;
mod file;
mod ground;
mod holds;
mod inbox;
mod index;
mod judged;
mod limits;
mod lock;
mod opening;
mod overlay;
mod quarantines;
mod retention;
mod room;
mod rules;
mod signals;
mod standing;
mod tenants;

use std::{
    collections::VecDeque,
    fmt, fs,
    path::{Path, PathBuf},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use tokio::sync::watch;

use self::{
    blocks::BlockFiles,
    disk::{Disk, FileSystem},
    file::{DbFile, TEMPORARY},
    ground::Ground,
    index::Index,
    lock::DirLock,
    opening::{damaged_pages, refuse_what_is_no_store, remove_temporary, small_files},
};
pub use self::{
    blocks::{Candidates, LastOpened, Listing, Superseded},
    compact::Merged,
    costs::{CostRecord, RuleCosts},
    doctor::{Area, Attending, Counts, Examination, ExaminedFile, Finding, Findings, examine},
    error::StoreError,
    holds::Hold,
    inbox::{Done, Frame, FrameId, Inbox, InboxRefused},
    index::ListedBlock,
    judged::Judgement,
    opening::Found,
    quarantines::Quarantine,
    retention::Retired,
    room::Room,
    rules::{
        NewVersion, Provenance, Published, RuleChange, RuleRecord, RuleSetRecord, RuleVersionRecord,
    },
    signals::{SignalCursor, SignalFilter},
    standing::Standing,
    tenants::{TenantRecord, TokenRecord},
};
#[cfg(test)]
pub(crate) use self::{coverage::CoverageCell, doctor::examine_on};
pub(crate) use self::{error::is_of_disk, judged::HOUR_NS};
use crate::{
    block::BlockId,
    clock::{Clock, UnixNanos},
};

const INBOX_FILE: &str = "inbox.redb";
const CATALOG_FILE: &str = "catalog.redb";

/// An open store. Clones are the same store; it is closed when the last is dropped.
#[derive(Clone)]
pub struct Store {
    inner: Arc<Inner>,
}

struct Inner {
    dir: PathBuf,
    ground: Ground,
    clock: Arc<dyn Clock>,
    inbox: Inbox,
    catalog: DbFile,
    block_files: BlockFiles,
    index: Index,
    directory: tenants::SharedDirectory,
    damaged: Vec<StoreError>,
    found: Found,
    /// Entries of blocks that were merged, whose chunks are still in their file.
    retired: Mutex<Vec<compact::RetiredBlock>>,
    /// The blocks that retention took last.
    gone: Mutex<VecDeque<BlockId>>,
    /// Held while blocks are put.
    blocks_lock: Mutex<()>,
    /// Held while blocks are listed or marked judged, so that catalog and index agree. Taken after
    /// `blocks_lock`, never before.
    catalog_lock: Mutex<()>,
    /// Held while tenants, their limits or their tokens change, so that catalog and directory agree. Taken before the
    /// others.
    tenants_lock: Mutex<()>,
    /// Held while a tenant's data go. Taken before all others.
    removal_lock: Mutex<()>,
    signal_changes: watch::Sender<u64>,
    // Given up last.
    lock: DirLock,
}

impl Drop for Inner {
    fn drop(&mut self) {
        // A file that failed is not closed, but left to the next who opens it.
        if self.ground.failed().borrow().is_none() {
            self.lock.close();
        }
    }
}

impl Inner {
    fn lock_blocks(&self) -> MutexGuard<'_, ()> {
        // Guards no data of its own.
        self.blocks_lock
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }

    fn lock_removal(&self) -> MutexGuard<'_, ()> {
        self.removal_lock
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }

    fn lock_tenants(&self) -> MutexGuard<'_, ()> {
        self.tenants_lock
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }

    fn lock_catalog(&self) -> MutexGuard<'_, ()> {
        self.catalog_lock
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }
}

impl Store {
    /// Opens the store in `dir`; makes it where there is nothing.
    ///
    /// # Errors
    ///
    /// [`StoreError::InUse`], [`StoreError::OtherVersion`], [`StoreError::NotAStore`],
    /// [`StoreError::Missing`], and what reading the catalog may show.
    pub fn open(dir: &Path, clock: Arc<dyn Clock>) -> Result<Self, StoreError> {
        let disk: Arc<dyn Disk> = Arc::new(FileSystem);
        Self::open_on(&disk, dir, clock)
    }

    /// As [`Self::open`], with the files on a disk. The folder itself and its lock are the operating system's in any case.
    pub(crate) fn open_on(
        disk: &Arc<dyn Disk>,
        dir: &Path,
        clock: Arc<dyn Clock>,
    ) -> Result<Self, StoreError> {
        let name = dir.display().to_string();
        fs::create_dir_all(dir).map_err(|e| StoreError::io(&name, "make", e))?;
        refuse_what_is_no_store(disk, dir)?;
        let mut lock = DirLock::take(dir)?;
        let half_made = remove_temporary(disk, dir)?;
        let catalog_path = dir.join(CATALOG_FILE);
        let inbox_path = dir.join(INBOX_FILE);
        let mut damaged = damaged_pages(disk, &[&catalog_path, &inbox_path])?;
        let ground = Ground::new(disk);
        let (inbox, catalog) = small_files(&ground, &inbox_path, &catalog_path)?;
        let last_change = signals::last_change(&catalog)?;
        let directory = tenants::SharedDirectory::open(&catalog)?;
        let judged = judged::judged_blocks(&catalog)?;
        let list = blocks::read_list(&catalog, &judged)?;
        let numbers: Vec<u32> = names(disk, dir)?
            .iter()
            .filter_map(|n| blocks_file(n))
            .collect();
        damaged.extend(list.damaged);
        for error in &damaged {
            tracing::error!(error = %error, "the store is damaged: `betrace doctor` says more");
        }
        // What a damaged catalog does not name may be what it lost: then nothing is dropped as never listed, or retired.
        let last_listed = damaged.is_empty().then_some(list.last);
        let block_files = BlockFiles::open(
            &ground,
            dir,
            &numbers,
            &list.last_in_file,
            list.last,
            last_listed,
        )?;
        if damaged.is_empty() {
            compact::drop_retired(&catalog, &block_files)?;
        }
        let found = Found {
            left_open: lock.was_left_open(),
            half_made,
            repaired: ground.repaired(),
        };
        lock.open();
        let store = Self {
            inner: Arc::new(Inner {
                dir: dir.to_owned(),
                ground,
                clock,
                inbox: Inbox::start(inbox)?,
                catalog,
                block_files,
                index: list.index,
                directory,
                damaged,
                found,
                retired: Mutex::default(),
                gone: Mutex::default(),
                blocks_lock: Mutex::new(()),
                catalog_lock: Mutex::new(()),
                tenants_lock: Mutex::new(()),
                removal_lock: Mutex::new(()),
                signal_changes: watch::Sender::new(last_change),
                lock,
            }),
        };
        if store.inner.damaged.is_empty() {
            store.finish_removals()?;
        }
        Ok(store)
    }

    /// Whether there is a store in `dir`, which opening would not have to make.
    pub fn is_in(dir: &Path) -> bool {
        dir.join(CATALOG_FILE).exists()
    }

    /// Returns the directory of the store.
    pub fn dir(&self) -> &Path {
        &self.inner.dir
    }

    /// Returns what was found to be damaged when the store was opened: pages of the catalog and the inbox, and entries
    /// of the list of blocks, which are passed over.
    pub fn damaged(&self) -> &[StoreError] {
        &self.inner.damaged
    }

    /// Returns how the store was found when it was opened.
    pub fn found(&self) -> &Found {
        &self.inner.found
    }

    /// Returns why the store has to be opened again, as soon as it has: an operation on one of its files failed. Nothing is
    /// written to that file any more, and it may not be possible to read it.
    pub fn failed(&self) -> watch::Receiver<Option<StoreError>> {
        self.inner.ground.failed()
    }

    /// Returns the time by the clock that tells the store when something was put.
    pub(crate) fn unix_nanos(&self) -> UnixNanos {
        self.inner.clock.unix_nanos()
    }

    /// Returns what was acknowledged and is not yet in blocks.
    pub fn inbox(&self) -> &Inbox {
        &self.inner.inbox
    }
}

impl fmt::Debug for Store {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Store")
            .field("dir", &self.inner.dir)
            .finish_non_exhaustive()
    }
}

/// Returns the number of a file of blocks.
fn blocks_file(name: &str) -> Option<u32> {
    let number = name.strip_prefix("blocks-")?.strip_suffix(".redb")?;
    number.parse().ok()
}

fn is_temporary(name: &str) -> bool {
    name.strip_suffix(TEMPORARY).is_some_and(|name| {
        name == INBOX_FILE || name == CATALOG_FILE || blocks_file(name).is_some()
    })
}

fn names(disk: &Arc<dyn Disk>, dir: &Path) -> Result<Vec<String>, StoreError> {
    let names = disk.names(dir);
    let mut names = names.map_err(|e| StoreError::io(&dir.display().to_string(), "list", e))?;
    names.sort_unstable();
    Ok(names)
}

#[cfg(test)]
pub(crate) mod tests;
