//! One process per store, and how the last one left it.

use std::{
    fs::{File, OpenOptions, TryLockError},
    io::{Read as _, Seek as _, Write as _},
    path::Path,
    process,
};

use super::error::StoreError;

/// The name of the lock's file.
pub(super) const LOCK_FILE: &str = "LOCK";

/// What the file says once the store was closed.
const CLOSED: &str = "closed";

/// More than the file ever says.
const SAID_BYTES_MAX: u64 = 32;

/// Holds the store's directory for this process, by `flock`, until it is dropped or the process dies
/// in whatever way. The file names the process, for people, and for the next to see that it did not close the store;
/// the lock does not rest on what it says.
#[derive(Debug)]
pub(super) struct DirLock {
    file: File,
    /// What the file said before.
    before: String,
    /// What it is to say afterwards.
    after: After,
}

/// How a process leaves a store.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum After {
    AsItWas,
    Closed,
    NotClosed,
}

impl DirLock {
    /// Takes the lock. The store is left as it was, unless that is changed.
    pub(super) fn take(dir: &Path) -> Result<Self, StoreError> {
        let path = dir.join(LOCK_FILE);
        let name = path.display().to_string();
        let io = |doing| {
            let name = name.clone();
            move |source| StoreError::io(&name, doing, source)
        };
        let file = OpenOptions::new()
            .read(true)
            .write(true)
            .create(true)
            .truncate(false)
            .open(&path)
            .map_err(io("open"))?;
        let said = || {
            let mut text = String::new();
            let read = (&file).take(SAID_BYTES_MAX).read_to_string(&mut text);
            read.map_or_else(|_| String::new(), |_| text.trim().to_owned())
        };
        match file.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => {
                return Err(StoreError::InUse {
                    dir: dir.to_owned(),
                    pid: said().parse().ok(),
                });
            }
            Err(TryLockError::Error(source)) => return Err(io("lock")(source)),
        }
        let before = said();
        let lock = Self {
            file,
            before,
            after: After::AsItWas,
        };
        lock.say(&process::id().to_string());
        // Or a machine that loses power would say that the store was closed.
        let _not_written = lock.file.sync_data();
        Ok(lock)
    }

    /// Whether somebody had the store and did not close it.
    pub(super) fn was_left_open(&self) -> bool {
        !self.before.is_empty() && self.before != CLOSED
    }

    /// From now on the store is not closed, until it is said that it is.
    pub(super) fn open(&mut self) {
        self.after = After::NotClosed;
    }

    /// The store is closed, as far as who has the lock knows.
    pub(super) fn close(&mut self) {
        self.after = After::Closed;
    }

    /// Writes over what the file says. It never becomes shorter, so that a full disk has room for it; where it cannot be
    /// written, a message names nobody.
    fn say(&self, text: &str) {
        let mut file = &self.file;
        let line = format!("{text:<15}\n");
        let _not_written = file.rewind().and_then(|()| file.write_all(line.as_bytes()));
    }
}

impl Drop for DirLock {
    fn drop(&mut self) {
        match self.after {
            After::AsItWas => self.say(&self.before),
            After::Closed => self.say(CLOSED),
            After::NotClosed => {}
        }
    }
}
