//! Merges small blocks into blocks of about 16,000 spans, which have postings and are read by column.
//!
//! ```text
//! chunks of the merged block -> one transaction of the catalog: the merged entry and its verdicts come,
//!   the small entries and theirs go, and are noted as retired -> the index -> chunks of the retired go
//! ```
//!
//! Traces, verdicts, coverage and signals stay what they are; superseded traces are left behind. [`merge`] computes, and
//! takes nearly all of the time; what is here chooses before it, and writes after it.

mod merge;
mod retired;

use std::sync::PoisonError;

use hashbrown::HashSet;

pub use self::merge::Merged;
use self::retired::RETIRED;
pub(super) use self::retired::{RetiredBlock, drop_retired};
use super::{
    Store,
    blocks::{BLOCKS, Entry, Put, write_puts},
    error::StoreError,
    index::ListedBlock,
    judged::JUDGED,
    limits::{
        COMPACTED_BLOCK_BYTES_MAX, COMPACTED_BLOCK_SPANS, COMPACTED_BLOCKS, COMPACTED_BLOCKS_MAX,
        INDEXED_BLOCK_SPANS_MIN, SPARSE_FILE_BYTES_MIN, SPARSE_FILE_FACTOR,
    },
};
use crate::{block::BlockId, tenant::TenantId};

impl Store {
    /// Merges one group of small judged blocks and returns how many blocks it had; 0 where there is
    /// nothing to do. Takes about 100 ms of one core; meant to be called, again and again, while
    /// nothing else is to be done.
    ///
    /// # Errors
    ///
    /// As [`Self::merge_small`] and [`Self::put_merged`].
    pub fn compact(&self) -> Result<usize, StoreError> {
        self.drop_unread()?;
        match self.merge_small()? {
            Some(merged) => self.put_merged(&merged),
            None => Ok(0),
        }
    }

    /// Merges one group of small judged blocks in memory; nothing where none is worth it. Nearly all that compaction
    /// takes of a processor is taken here, and no lock is held, so that a thread of low priority may do it.
    ///
    /// # Errors
    ///
    /// What reading the catalog may show.
    pub fn merge_small(&self) -> Result<Option<Merged>, StoreError> {
        for tenant in self.inner.index.tenants() {
            let groups = self.worth_merging(&tenant);
            let merged = self.merge_first(&tenant, groups, 2)?;
            if merged.is_some() {
                return Ok(merged);
            }
        }
        Ok(None)
    }

    /// Merges, in memory, blocks of a file that holds little beside what has gone, so that they come to the file that is
    /// written; nothing where there is no such file. Once all have, the file is unlinked by [`Self::retain`].
    ///
    /// # Errors
    ///
    /// What reading the catalog and the sizes of the files may show.
    pub fn merge_sparse(&self) -> Result<Option<Merged>, StoreError> {
        self.merge_sparse_of(SPARSE_FILE_BYTES_MIN)
    }

    pub(super) fn merge_sparse_of(
        &self,
        file_bytes_min: u64,
    ) -> Result<Option<Merged>, StoreError> {
        let inner = &*self.inner;
        let live = inner.index.live_bytes();
        let mut sparse = HashSet::new();
        for (number, size) in inner.block_files.closed()? {
            let live = live.get(&number).copied().unwrap_or(0);
            if live > 0 && size >= file_bytes_min && live <= size / SPARSE_FILE_FACTOR {
                sparse.insert(number);
            }
        }
        if sparse.is_empty() {
            return Ok(None);
        }
        for tenant in inner.index.tenants() {
            let mut blocks = inner.index.blocks(&tenant);
            blocks.retain(|block| block.judged() && sparse.contains(&block.entry.file));
            let groups = self.together(&tenant, blocks);
            let merged = self.merge_first(&tenant, groups, 1)?;
            if merged.is_some() {
                return Ok(merged);
            }
        }
        Ok(None)
    }

    /// Merges the first group of which so many blocks can be merged.
    fn merge_first(
        &self,
        tenant: &TenantId,
        groups: Vec<Vec<ListedBlock>>,
        n_min: usize,
    ) -> Result<Option<Merged>, StoreError> {
        for blocks in groups {
            let Some(group) = self.readable(&blocks)? else {
                continue;
            };
            let merged = self.merge(tenant, group, n_min);
            if let Some(merged) = merged.filter(|merged| self.is_new(merged)) {
                return Ok(Some(merged));
            }
        }
        Ok(None)
    }

    /// Whether no other block is listed under the id of the merged one. One that moves alone keeps its id.
    fn is_new(&self, merged: &Merged) -> bool {
        let id = merged.block.meta.id;
        let mut ids = merged.group.blocks.iter().map(|block| block.meta().id);
        ids.any(|of_group| of_group == id) || self.inner.index.get(&merged.tenant, id).is_none()
    }

    /// Returns the groups of small blocks of a tenant that are worth merging, oldest first. They lie in the file that is
    /// written, since a file goes as a whole once it is old.
    fn worth_merging(&self, tenant: &TenantId) -> Vec<Vec<ListedBlock>> {
        let Some(current) = self.inner.block_files.current() else {
            return Vec::new();
        };
        let small = self.inner.index.small(tenant, current);
        if small.len() < 2 {
            return Vec::new();
        }
        let mut groups = self.together(tenant, small);
        groups.retain(|group| {
            let n_spans: u32 = group.iter().map(|block| block.meta().n_spans).sum();
            let full = COMPACTED_BLOCK_SPANS - INDEXED_BLOCK_SPANS_MIN;
            let sizes = || group.iter().map(|block| block.meta().size_bytes);
            // The largest may be what was merged before: it is not written again for the sake of a few bytes.
            let added = sizes().sum::<u64>() - sizes().max().unwrap_or(0);
            let is_worth = n_spans >= full
                || group.len() >= COMPACTED_BLOCKS
                || added >= COMPACTED_BLOCK_BYTES_MAX / 4;
            group.len() > 1 && is_worth
        });
        groups
    }

    /// Cuts blocks of a tenant into groups that may become one: they are of one rule set, and no block that is to be judged
    /// has a claim on their verdicts.
    fn together(&self, tenant: &TenantId, mut blocks: Vec<ListedBlock>) -> Vec<Vec<ListedBlock>> {
        let claimed = claimed(&self.inner.index.unjudged_of(tenant));
        blocks.retain(|block| !claimed.contains(&block.meta().id));
        let mut groups = Vec::new();
        for run in blocks.chunk_by(|a, b| a.rule_set() == b.rule_set()) {
            let mut rest = run;
            while !rest.is_empty() {
                let (group, later) = rest.split_at(n_together(rest));
                rest = later;
                groups.push(group.to_vec());
            }
        }
        groups
    }

    /// Lists a merged block in place of those that it was made of, and returns how many they were; 0 where something
    /// happened to them since.
    ///
    /// # Errors
    ///
    /// What writing may show; the blocks stay as they are then.
    pub fn put_merged(&self, merged: &Merged) -> Result<usize, StoreError> {
        let Merged {
            tenant,
            group,
            block,
            judged,
        } = merged;
        let inner = &*self.inner;
        // Nothing is listed, superseded or taken off the list meanwhile: what holds here holds to the end.
        let _no_putting = inner.lock_blocks();
        let claimed = claimed(&inner.index.unjudged_of(tenant));
        let unchanged = |block: &ListedBlock| {
            let id = block.meta().id;
            let found = inner.index.get(tenant, id);
            !claimed.contains(&id)
                && found.is_some_and(|found| {
                    found.entry.seq == block.entry.seq
                        && found.superseded().as_slice() == block.superseded().as_slice()
                })
        };
        if !self.is_new(merged) || !group.blocks.iter().all(unchanged) {
            return Ok(0);
        }
        let (file_number, file, seq) =
            inner.block_files.for_writing(1, inner.clock.unix_nanos())?;
        let (layout, indexed, puts) = Put::of(seq, block);
        write_puts(&file, seq + 1, &puts)?;
        let is_merged = |row: &super::Superseded| {
            let mut ids = group.blocks.iter().map(|block| block.meta().id);
            ids.any(|id| id == row.block)
        };
        let supersedes = group
            .blocks
            .iter()
            .flat_map(|block| &block.entry.supersedes);
        let entry = Entry {
            seq,
            file: file_number,
            layout,
            indexed,
            rule_set: group.blocks.first().map_or(0, ListedBlock::rule_set),
            supersedes: supersedes
                .filter(|(row, _)| !is_merged(row))
                .copied()
                .collect(),
            meta: block.meta.clone(),
            filter: block.filter.clone(),
        };
        let _no_judging = inner.lock_catalog();
        inner.catalog.write(|txn| {
            let mut list = txn.open_table(BLOCKS)?;
            let mut verdicts = txn.open_table(JUDGED)?;
            let mut retired = txn.open_table(RETIRED)?;
            list.insert(seq, entry.to_value().as_slice())?;
            verdicts.insert(seq, judged.to_value().as_slice())?;
            for block in &group.blocks {
                list.remove(block.entry.seq)?;
                verdicts.remove(block.entry.seq)?;
                retired.insert(block.entry.seq, block.entry.file)?;
            }
            Ok(())
        })?;
        inner.index.replace(&group.blocks, entry);
        let now = inner.clock.monotonic();
        let entries = group.blocks.iter();
        let retired = entries.map(|block| RetiredBlock::new(&block.entry, now));
        inner
            .retired
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .extend(retired);
        Ok(group.blocks.len())
    }
}

/// Returns the blocks of which a block that is to be judged takes a row's place: it will look for that
/// row's verdicts, to take them out of the coverage.
pub(super) fn claimed(blocks: &[ListedBlock]) -> HashSet<BlockId> {
    let unjudged = blocks.iter().filter(|block| !block.judged());
    let rows = unjudged.flat_map(|block| &block.entry.supersedes);
    rows.map(|(row, _)| row.block).collect()
}

/// Returns how many of the first blocks make one, at least one.
fn n_together(blocks: &[ListedBlock]) -> usize {
    n_fitting(
        blocks
            .iter()
            .map(|block| (block.meta().n_spans, block.meta().size_bytes)),
    )
}

/// Returns how many of the first blocks, of so many spans and bytes, make one, at least one.
fn n_fitting(blocks: impl Iterator<Item = (u32, u64)>) -> usize {
    let (mut n_spans, mut bytes) = (0_u32, 0_u64);
    let fits = |(more_spans, more_bytes): &(u32, u64)| {
        n_spans = n_spans.saturating_add(*more_spans);
        bytes = bytes.saturating_add(*more_bytes);
        n_spans <= COMPACTED_BLOCK_SPANS && bytes <= COMPACTED_BLOCK_BYTES_MAX
    };
    let n = blocks.take(COMPACTED_BLOCKS_MAX).take_while(fits);
    n.count().max(1)
}

#[cfg(test)]
mod tests;
