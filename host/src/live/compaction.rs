//! What is stored is kept in shape, in time that nothing else wants: small blocks become large ones, and what is older than
//! its tenant keeps goes.
//!
//! Live traffic is sealed a few times a second, in blocks of whatever settled. This thread is woken when judging has
//! nothing left to do, and merges until it is told to stop or there is nothing worth merging. Retention comes first, so that
//! nothing is merged that goes, and wakes by itself: traces grow old when nothing comes in too.
//!
//! ```text
//! compaction: asks -> merging, of low priority: reads, merges in memory -> compaction: writes
//!             not answered in time: merges by itself, until the thread answers
//! ```
//!
//! A merge takes some ten milliseconds of a processor, for which nobody who judges is to wait; what writes holds a lock of
//! the store, and is not to wait for a processor. Nor is the store to grow without end where the processors are never idle,
//! so the patience with the thread that gives way has an end.

use std::time::Duration;

use crossbeam_channel::{Receiver, RecvTimeoutError, Sender, TryRecvError, bounded};

use super::{Chain, RetentionOptions, Shared, filling::Filling, limits::MERGE_PATIENCE, priority};
use crate::store::{Merged, Retired, Store, StoreError};

/// How often it is looked for what is too old, and at the disk, by the clock of the pipeline.
const RETAIN_EVERY: Duration = Duration::from_secs(10);

/// How often it is looked for signals that are too old: their ages are days.
const EXPIRE_EVERY: Duration = Duration::from_hours(1);

/// How long the thread sleeps where nobody wakes it.
const AWAKE_EVERY: Duration = Duration::from_mins(1);

/// Which blocks are merged.
#[derive(Clone, Copy, Debug)]
enum Which {
    /// Small ones of the file that is written.
    Small,
    /// Those of a file that holds little.
    Sparse,
}

/// The thread that merges in memory.
#[derive(Debug)]
pub(super) struct Merging {
    store: Store,
    ask: Sender<Which>,
    merged: Receiver<Result<Option<Merged>, StoreError>>,
    patience: Duration,
    /// Whether the thread has not answered, and nobody waits for it.
    is_late: bool,
}

impl Merging {
    /// Returns the way to the thread, and what it is to run: until it is asked by nobody any more.
    pub(super) fn new(store: Store) -> (Self, impl FnOnce() + Send + 'static) {
        let (ask, asked) = bounded(1);
        let (done, merged) = bounded(1);
        let merging = Self {
            store: store.clone(),
            ask,
            merged,
            patience: MERGE_PATIENCE,
            is_late: false,
        };
        let run = move || {
            if let Err(error) = priority::lower() {
                tracing::warn!(error = %error, "the thread that merges blocks has no low priority");
            }
            for which in asked {
                if done.send(merge(&store, which)).is_err() {
                    return;
                }
            }
        };
        (merging, run)
    }

    /// Returns blocks as one; nothing where there is nothing to merge, or the thread has ended.
    fn merge(&mut self, which: Which) -> Result<Option<Merged>, StoreError> {
        if self.is_late {
            match self.merged.try_recv() {
                // What it found is of the past: it may be merged since, or have gone.
                Ok(_late) => self.is_late = false,
                Err(TryRecvError::Empty) => return merge(&self.store, which),
                Err(TryRecvError::Disconnected) => return Ok(None),
            }
        }
        if self.ask.send(which).is_err() {
            return Ok(None);
        }
        match self.merged.recv_timeout(self.patience) {
            Ok(merged) => merged,
            Err(RecvTimeoutError::Timeout) => {
                self.is_late = true;
                merge(&self.store, which)
            }
            Err(RecvTimeoutError::Disconnected) => Ok(None),
        }
    }
}

fn merge(store: &Store, which: Which) -> Result<Option<Merged>, StoreError> {
    match which {
        Which::Small => store.merge_small(),
        Which::Sparse => store.merge_sparse(),
    }
}

/// Works whenever it is woken. Ends when nobody can wake it any more.
pub(super) fn compact_until_stopped(
    shared: &Shared,
    woken: &Receiver<()>,
    merging: &mut Merging,
    retention: &RetentionOptions,
) {
    let (mut next, mut next_expiry) = (Duration::ZERO, Duration::ZERO);
    let mut filling = Filling::default();
    loop {
        match woken.recv_timeout(AWAKE_EVERY) {
            Ok(()) | Err(RecvTimeoutError::Timeout) => {}
            Err(RecvTimeoutError::Disconnected) => return,
        }
        let now = shared.clock.monotonic();
        if now >= next {
            next = now.saturating_add(RETAIN_EVERY);
            retain(shared, retention);
            if let Some(room) = shared.store.room() {
                let full_after = filling.note(now, room).as_secs_f64();
                shared.telemetry.standing.full_after.set(full_after);
            }
            compact(shared, merging, Which::Sparse);
        }
        if now >= next_expiry {
            next_expiry = now.saturating_add(EXPIRE_EVERY);
            expire_signals(shared, retention);
        }
        compact(shared, merging, Which::Small);
    }
}

fn compact(shared: &Shared, merging: &mut Merging, which: Which) {
    // It gives room back later, and takes it now.
    while !shared.is_stopping() && shared.store.lacks_room().is_none() {
        match compact_once(&shared.store, merging, which) {
            Ok(0) => return,
            Ok(n_blocks) => tracing::debug!(blocks = n_blocks, ?which, "merged blocks"),
            Err(error) => {
                // The blocks stay as they are, and are tried again with the next.
                tracing::warn!(error = %Chain(&error), ?which, "blocks cannot be merged");
                return;
            }
        }
    }
}

/// Returns how many blocks became one.
fn compact_once(store: &Store, merging: &mut Merging, which: Which) -> Result<usize, StoreError> {
    store.drop_unread()?;
    match merging.merge(which)? {
        Some(merged) => store.put_merged(&merged),
        None => Ok(0),
    }
}

fn retain(shared: &Shared, retention: &RetentionOptions) {
    let RetentionOptions {
        age,
        signals_age: _,
    } = retention;
    while !shared.is_stopping() {
        let Retired {
            blocks,
            traces,
            bytes,
            files,
        } = match shared.store.retain(*age) {
            Ok(retired) => retired,
            Err(error) => {
                // What is too old stays, and is tried again with the next.
                tracing::warn!(error = %Chain(&error), "what is too old cannot be removed");
                return;
            }
        };
        shared.telemetry.retired_traces.inc_by(traces);
        shared.telemetry.retired_bytes.inc_by(bytes);
        shared.telemetry.retired_files.inc_by(files);
        if blocks == 0 && files == 0 {
            return;
        }
        tracing::info!(
            blocks,
            traces,
            bytes,
            files,
            "removed what is too old, or too much"
        );
    }
}

fn expire_signals(shared: &Shared, retention: &RetentionOptions) {
    while !shared.is_stopping() {
        match shared.store.expire_signals(retention.signals_age) {
            Ok(0) => return,
            Ok(n_signals) => {
                shared.telemetry.expired_signals.inc_by(n_signals as u64);
                tracing::info!(signals = n_signals, "removed signals that are too old");
            }
            Err(error) => {
                tracing::warn!(error = %Chain(&error), "signals that are too old cannot be removed");
                return;
            }
        }
    }
}

#[cfg(test)]
mod tests;
