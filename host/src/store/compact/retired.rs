//! Blocks that are on no list any more, of which the chunks go once nobody holds a snapshot that names them: a replay
//! reads on. Not for ever: who holds one for longer than [`PINNED_MAX`] finds the block gone, and says so.

use std::{
    sync::{Arc, PoisonError},
    time::Duration,
};

use redb::{ReadableTable as _, TableDefinition};

use super::super::{
    Store,
    blocks::{BLOCKS, BlockFiles, CHUNKS, Entry},
    error::StoreError,
    file::{DbFile, open_if_there},
    judged::JUDGED,
    limits::{DROPPED_PER_COMMIT, PINNED_MAX, REMOVED_PER_COMMIT},
};

/// Sequence number of a block that was merged into another -> the file that has its chunks.
pub(super) const RETIRED: TableDefinition<'_, u64, u32> = TableDefinition::new("retired");

/// A retired block of which the chunks are still in their file.
#[derive(Debug)]
pub(in crate::store) struct RetiredBlock {
    pub(in crate::store) entry: Arc<Entry>,
    /// Since when it is on no list.
    since: Duration,
}

impl RetiredBlock {
    pub(in crate::store) fn new(entry: &Arc<Entry>, now: Duration) -> Self {
        Self {
            entry: Arc::clone(entry),
            since: now,
        }
    }

    /// Whether its chunks may go. No snapshot made from here on names it, so one owner stays one owner.
    pub(in crate::store) fn may_go(&self, now: Duration) -> bool {
        Arc::strong_count(&self.entry) == 1 || now.saturating_sub(self.since) >= PINNED_MAX
    }
}

impl Store {
    /// Takes entries that the index has no longer off the list, with their verdicts. Their chunks go once nobody reads
    /// them.
    pub(in crate::store) fn retire(&self, entries: &[Arc<Entry>]) -> Result<(), StoreError> {
        let inner = &*self.inner;
        inner.catalog.write(|txn| {
            let mut list = txn.open_table(BLOCKS)?;
            let mut verdicts = txn.open_table(JUDGED)?;
            let mut retired = txn.open_table(RETIRED)?;
            for entry in entries {
                list.remove(entry.seq)?;
                verdicts.remove(entry.seq)?;
                retired.insert(entry.seq, entry.file)?;
            }
            Ok(())
        })?;
        let mut retired = inner.retired.lock().unwrap_or_else(PoisonError::into_inner);
        let now = inner.clock.monotonic();
        retired.extend(entries.iter().map(|entry| RetiredBlock::new(entry, now)));
        Ok(())
    }

    /// Forgets retired blocks whose file goes as a whole.
    pub(in crate::store) fn forget_retired(&self, seqs: &[u64]) -> Result<(), StoreError> {
        for seqs in seqs.chunks(REMOVED_PER_COMMIT) {
            self.inner.catalog.write(|txn| {
                let mut retired = txn.open_table(RETIRED)?;
                for seq in seqs {
                    retired.remove(seq)?;
                }
                Ok(())
            })?;
        }
        Ok(())
    }

    /// Drops the chunks of retired blocks that nobody reads any more.
    pub(crate) fn drop_unread(&self) -> Result<(), StoreError> {
        let inner = &*self.inner;
        let mut retired = inner.retired.lock().unwrap_or_else(PoisonError::into_inner);
        let now = inner.clock.monotonic();
        let going: Vec<_> = retired.extract_if(.., |block| block.may_go(now)).collect();
        drop(retired);
        let entries = going.iter().map(|block| &block.entry);
        let seqs: Vec<_> = entries.map(|entry| (entry.seq, entry.file)).collect();
        drop_chunks(&inner.catalog, &inner.block_files, &seqs)
    }
}

/// Drops what a crash left of retired blocks. At open: nobody reads them.
pub(in crate::store) fn drop_retired(
    catalog: &DbFile,
    files: &BlockFiles,
) -> Result<(), StoreError> {
    let seqs = catalog.read(|txn| {
        let mut seqs = Vec::new();
        if let Some(retired) = open_if_there(txn, RETIRED)? {
            for row in retired.iter()? {
                let (seq, file) = row?;
                seqs.push((seq.value(), file.value()));
            }
        }
        Ok(seqs)
    })?;
    drop_chunks(catalog, files, &seqs)
}

fn drop_chunks(
    catalog: &DbFile,
    files: &BlockFiles,
    seqs: &[(u64, u32)],
) -> Result<(), StoreError> {
    let of_files = seqs.chunk_by(|a, b| a.1 == b.1);
    for of_file in of_files.flat_map(|of_file| of_file.chunks(DROPPED_PER_COMMIT)) {
        let Some((_, number)) = of_file.first() else {
            continue;
        };
        files.file(*number)?.write(|txn| {
            let mut chunks = txn.open_table(CHUNKS)?;
            for (seq, _) in of_file {
                chunks.retain_in((*seq, 0)..=(*seq, u32::MAX), |_, _| false)?;
            }
            Ok(())
        })?;
    }
    if seqs.is_empty() {
        return Ok(());
    }
    catalog.write(|txn| {
        let mut retired = txn.open_table(RETIRED)?;
        for (seq, _) in seqs {
            retired.remove(seq)?;
        }
        Ok(())
    })
}
