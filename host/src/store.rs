//! What outlives the process. The sole user of redb.
//!
//! ```text
//! DIR/LOCK            held while the store is open, names the process
//! DIR/inbox.redb      frames that were acknowledged and are not in blocks yet     [inbox]
//! DIR/catalog.redb    tenants, packs, rules, rule sets, the list of blocks,
//!                     verdicts, coverage, signals                                 [rules blocks judged signals]
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

mod codec;
mod error;
mod file;
mod inbox;
mod limits;
mod lock;
mod rules;
mod signals;
mod tenants;

use std::{
    fmt, fs,
    path::{Path, PathBuf},
    sync::Arc,
};

use tokio::sync::watch;

pub use self::{
    error::StoreError,
    inbox::{Done, Frame, FrameId, Inbox, InboxRefused},
    rules::{NewVersion, Published, RuleChange, RuleRecord, RuleSetRecord, RuleVersionRecord},
    signals::{SignalCursor, SignalFilter},
};
use self::{
    file::{DbFile, FileKind, TEMPORARY},
    limits::{CATALOG_CACHE_BYTES, INBOX_CACHE_BYTES},
    lock::{DirLock, LOCK_FILE},
};
use crate::clock::Clock;

const INBOX_FILE: &str = "inbox.redb";
const CATALOG_FILE: &str = "catalog.redb";

/// An open store. Clones are the same store; it is closed when the last is dropped.
#[derive(Clone)]
pub struct Store {
    inner: Arc<Inner>,
}

struct Inner {
    dir: PathBuf,
    clock: Arc<dyn Clock>,
    inbox: Inbox,
    catalog: DbFile,
    signal_changes: watch::Sender<u64>,
    // Given up last.
    _lock: DirLock,
}

impl Store {
    /// Opens the store in `dir`; makes it where there is nothing.
    ///
    /// # Errors
    ///
    /// [`StoreError::InUse`], [`StoreError::OtherVersion`], [`StoreError::NotAStore`],
    /// [`StoreError::Missing`], and what reading the catalog may show.
    pub fn open(dir: &Path, clock: Arc<dyn Clock>) -> Result<Self, StoreError> {
        let name = dir.display().to_string();
        fs::create_dir_all(dir).map_err(|e| StoreError::io(&name, "make", e))?;
        refuse_what_is_no_store(dir)?;
        let lock = DirLock::take(dir)?;
        remove_temporary(dir)?;
        let catalog_path = dir.join(CATALOG_FILE);
        let inbox_path = dir.join(INBOX_FILE);
        // The catalog is made last: once it is there, so is everything else.
        let (inbox, catalog) = if catalog_path.exists() {
            let catalog = DbFile::open(&catalog_path, FileKind::Catalog, CATALOG_CACHE_BYTES)?;
            let inbox = DbFile::open(&inbox_path, FileKind::Inbox, INBOX_CACHE_BYTES)?;
            (inbox, catalog)
        } else {
            let inbox = if inbox_path.exists() {
                DbFile::open(&inbox_path, FileKind::Inbox, INBOX_CACHE_BYTES)?
            } else {
                DbFile::create(&inbox_path, FileKind::Inbox, INBOX_CACHE_BYTES)?
            };
            let catalog = DbFile::create(&catalog_path, FileKind::Catalog, CATALOG_CACHE_BYTES)?;
            (inbox, catalog)
        };
        let last_change = signals::last_change(&catalog)?;
        Ok(Self {
            inner: Arc::new(Inner {
                dir: dir.to_owned(),
                clock,
                inbox: Inbox::start(inbox)?,
                catalog,
                signal_changes: watch::Sender::new(last_change),
                _lock: lock,
            }),
        })
    }

    /// Returns the directory of the store.
    pub fn dir(&self) -> &Path {
        &self.inner.dir
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

/// A mistyped directory is not to be written to.
fn refuse_what_is_no_store(dir: &Path) -> Result<(), StoreError> {
    if dir.join(CATALOG_FILE).exists() {
        return Ok(());
    }
    for name in names(dir)? {
        if is_blocks_file(&name) {
            return Err(StoreError::Missing {
                file: dir.join(CATALOG_FILE).display().to_string(),
            });
        }
        // Every new file system has a `lost+found`.
        let known = [LOCK_FILE, INBOX_FILE, "lost+found"].contains(&name.as_str());
        if !known && !is_temporary(&name) {
            return Err(StoreError::NotAStore {
                dir: dir.to_owned(),
                found: name,
            });
        }
    }
    Ok(())
}

/// Removes files that a crash left half made.
fn remove_temporary(dir: &Path) -> Result<(), StoreError> {
    for name in names(dir)?.into_iter().filter(|name| is_temporary(name)) {
        let path = dir.join(&name);
        fs::remove_file(&path)
            .map_err(|e| StoreError::io(&path.display().to_string(), "remove", e))?;
    }
    Ok(())
}

fn is_blocks_file(name: &str) -> bool {
    let number = name
        .strip_prefix("blocks-")
        .and_then(|rest| rest.strip_suffix(".redb"));
    number.is_some_and(|number| number.parse::<u32>().is_ok())
}

fn is_temporary(name: &str) -> bool {
    name.strip_suffix(TEMPORARY)
        .is_some_and(|name| name == INBOX_FILE || name == CATALOG_FILE || is_blocks_file(name))
}

fn names(dir: &Path) -> Result<Vec<String>, StoreError> {
    let io = |e| StoreError::io(&dir.display().to_string(), "list", e);
    let mut names = Vec::new();
    for entry in fs::read_dir(dir).map_err(io)? {
        names.push(
            entry
                .map_err(io)?
                .file_name()
                .to_string_lossy()
                .into_owned(),
        );
    }
    names.sort_unstable();
    Ok(names)
}

#[cfg(test)]
mod tests;
