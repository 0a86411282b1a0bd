//! The files that hold chunks: the last is written, the others are read.

use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use redb::TableDefinition;

use super::{CHUNKS, chunks::Put};
use crate::{
    clock::UnixNanos,
    store::{
        error::StoreError,
        file::{DbFile, Fault, FileKind, open_if_there},
        ground::Ground,
        limits::{BLOCKS_COMMIT_BYTES_MAX, BLOCKS_FILE_AGE_MAX, BLOCKS_FILE_BYTES_MAX, NUMBER_MAX},
    },
};

/// What a file of blocks says of itself.
const NOTES: TableDefinition<'_, &str, u64> = TableDefinition::new("notes");
/// When the file was made.
const MADE_AT: &str = "made_at";
/// The least sequence number that was never used.
const NEXT_SEQ: &str = "next_seq";

/// The files of blocks of a store.
#[derive(Debug)]
pub(in crate::store) struct BlockFiles {
    ground: Ground,
    dir: PathBuf,
    state: Mutex<State>,
}

#[derive(Debug)]
struct State {
    open: BTreeMap<u32, Arc<DbFile>>,
    current: Option<Current>,
    last_number: u32,
    next_seq: u64,
}

#[derive(Clone, Debug)]
struct Current {
    number: u32,
    file: Arc<DbFile>,
    made_at: UnixNanos,
}

impl BlockFiles {
    /// Opens the newest file and drops from it what was never listed: what has a sequence number above the last of the
    /// list, unless that is in doubt (`last_listed` is none then). `listed` has the files that hold listed blocks.
    pub(in crate::store) fn open(
        ground: &Ground,
        dir: &Path,
        numbers: &[u32],
        listed: &BTreeMap<u32, u64>,
        last: u64,
        last_listed: Option<u64>,
    ) -> Result<Self, StoreError> {
        if let Some(gone) = listed.keys().find(|number| !numbers.contains(number)) {
            return Err(StoreError::Missing {
                file: path_of(dir, *gone).display().to_string(),
            });
        }
        let mut state = State {
            open: BTreeMap::new(),
            current: None,
            last_number: numbers.iter().copied().max().unwrap_or(0),
            next_seq: last + 1,
        };
        if state.last_number > 0 {
            let path = path_of(dir, state.last_number);
            let file = DbFile::open(ground, &path, FileKind::Blocks)?;
            let (made_at, next_seq) = file.read(|txn| {
                let notes = open_if_there(txn, NOTES)?;
                let note = |key| -> Result<u64, Fault> {
                    match &notes {
                        Some(notes) => Ok(notes.get(key)?.map_or(0, |note| note.value())),
                        None => Ok(0),
                    }
                };
                Ok((note(MADE_AT)?, note(NEXT_SEQ)?))
            })?;
            if next_seq > state.next_seq
                && let Some(last_listed) = last_listed
            {
                drop_unlisted(&file, last_listed)?;
            }
            if next_seq > NUMBER_MAX {
                return Err(StoreError::Database {
                    file: file.name().to_owned(),
                    what: "its notes are damaged".to_owned(),
                });
            }
            // Postings of what was dropped stay, under numbers that are not used again.
            state.next_seq = state.next_seq.max(next_seq);
            state.current = Some(Current {
                number: state.last_number,
                file: Arc::new(file),
                made_at: UnixNanos(made_at),
            });
        }
        Ok(Self {
            ground: ground.clone(),
            dir: dir.to_owned(),
            state: Mutex::new(state),
        })
    }

    /// Returns a file for reading.
    pub(in crate::store) fn file(&self, number: u32) -> Result<Arc<DbFile>, StoreError> {
        let mut state = self.state();
        if let Some(current) = &state.current
            && current.number == number
        {
            if !current.file.is_unreadable() {
                return Ok(Arc::clone(&current.file));
            }
            // It is written too, so it is not opened again by itself.
            let error = StoreError::failed_before(current.file.name(), "read");
            self.ground.fail(&error);
            return Err(error);
        }
        if let Some(file) = state.open.get(&number) {
            if !file.is_unreadable() {
                return Ok(Arc::clone(file));
            }
            state.open.remove(&number);
        }
        let path = path_of(&self.dir, number);
        let file = DbFile::open(&self.ground, &path, FileKind::Blocks)?;
        let file = Arc::new(file);
        state.open.insert(number, Arc::clone(&file));
        Ok(file)
    }

    /// Returns the file that takes blocks, a new one where the last is full or old, and the first of
    /// `n_blocks` sequence numbers that are the caller's.
    pub(in crate::store) fn for_writing(
        &self,
        n_blocks: u64,
        now: UnixNanos,
    ) -> Result<(u32, Arc<DbFile>, u64), StoreError> {
        let mut state = self.state();
        let current = match state.current.take() {
            Some(current) if !is_closed(&current, now)? => current,
            past => {
                if let Some(past) = past {
                    state.open.insert(past.number, past.file);
                }
                let number = state.last_number + 1;
                let path = path_of(&self.dir, number);
                let file = DbFile::create(&self.ground, &path, FileKind::Blocks)?;
                file.write(|txn| {
                    txn.open_table(NOTES)?.insert(MADE_AT, now.0)?;
                    Ok(())
                })?;
                state.last_number = number;
                Current {
                    number,
                    file: Arc::new(file),
                    made_at: now,
                }
            }
        };
        let answer = (current.number, Arc::clone(&current.file), state.next_seq);
        state.current = Some(current);
        state.next_seq += n_blocks;
        Ok(answer)
    }

    /// Unlinks a file that takes no blocks and has none.
    pub(in crate::store) fn unlink(&self, number: u32) -> Result<(), StoreError> {
        let mut state = self.state();
        state.open.remove(&number);
        let path = path_of(&self.dir, number);
        let name = path.display().to_string();
        let removed = self.ground.disk().remove(&path);
        removed
            .and_then(|()| self.ground.disk().sync_dir(&self.dir))
            .map_err(|e| StoreError::io(&name, "remove", e))
    }

    /// Returns the numbers of all files that are there.
    pub(in crate::store) fn numbers(&self) -> Vec<u32> {
        let last = self.state().last_number;
        let is_there = |number: &u32| self.ground.disk().has(&path_of(&self.dir, *number));
        (1..=last).filter(is_there).collect()
    }

    /// Returns the files that take no more blocks, with their sizes in bytes.
    ///
    /// # Errors
    ///
    /// Where the system does not tell a size.
    pub(in crate::store) fn closed(&self) -> Result<Vec<(u32, u64)>, StoreError> {
        let current = self.current();
        let closed = self.numbers().into_iter().filter(|n| Some(*n) != current);
        let size = |number| {
            let path = path_of(&self.dir, number);
            let name = path.display().to_string();
            let size = self.ground.disk().size_bytes(&path);
            Ok((
                number,
                size.map_err(|e| StoreError::io(&name, "measure", e))?,
            ))
        };
        closed.map(size).collect()
    }

    /// Returns the number of the file that takes blocks.
    pub(in crate::store) fn current(&self) -> Option<u32> {
        Some(self.state().current.as_ref()?.number)
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn is_closed(current: &Current, now: UnixNanos) -> Result<bool, StoreError> {
    let age_ns = u128::from(now.0.saturating_sub(current.made_at.0));
    Ok(age_ns >= BLOCKS_FILE_AGE_MAX.as_nanos()
        || current.file.size_bytes()? >= BLOCKS_FILE_BYTES_MAX)
}

fn path_of(dir: &Path, number: u32) -> PathBuf {
    dir.join(format!("blocks-{number}.redb"))
}

/// Writes what blocks consist of, in commits of bounded size. They are not listed yet, so it does not
/// matter if only some of the commits are made.
pub(in crate::store) fn write_puts(
    file: &DbFile,
    next_seq: u64,
    puts: &[Put<'_>],
) -> Result<(), StoreError> {
    let mut rest = puts;
    while !rest.is_empty() {
        let mut n_bytes = 0;
        let n = rest
            .iter()
            .take_while(|put| {
                let fits = n_bytes == 0 || n_bytes + put.n_bytes() <= BLOCKS_COMMIT_BYTES_MAX;
                n_bytes += put.n_bytes();
                fits
            })
            .count();
        let (group, later) = rest.split_at(n);
        rest = later;
        file.write(|txn| {
            txn.open_table(NOTES)?.insert(NEXT_SEQ, next_seq)?;
            Put::write(group, txn)
        })?;
    }
    Ok(())
}

fn drop_unlisted(file: &DbFile, last_listed: u64) -> Result<(), StoreError> {
    file.write(|txn| {
        let mut chunks = txn.open_table(CHUNKS)?;
        chunks.retain_in((last_listed + 1, 0)..=(u64::MAX, u32::MAX), |_, _| false)?;
        Ok(())
    })
}
