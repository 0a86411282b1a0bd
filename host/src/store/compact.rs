//! Merges small blocks into blocks of about 16,000 spans, which have postings and are read by column.
//!
//! ```text
//! chunks of the merged block -> one transaction of the catalog: the merged entry and its verdicts come,
//!   the small entries and theirs go, and are noted as retired -> the index -> chunks of the retired go
//! ```
//!
//! Traces, verdicts, coverage and signals stay what they are; superseded traces are left behind. Chunks of
//! retired blocks go only once nobody holds a snapshot that names them, so a replay reads on.

use std::sync::{Arc, PoisonError};

use hashbrown::HashSet;
use redb::{ReadableTable as _, TableDefinition};

use super::{
    Store,
    blocks::{BLOCKS, BlockFiles, CHUNKS, Entry, Layout, Put, write_puts},
    error::StoreError,
    file::{DbFile, Fault, open_if_there},
    index::ListedBlock,
    judged::{Hours, JUDGED, JudgedBlock, RuleOutcome, judged_block},
    limits::{
        COMPACTED_BLOCK_SPANS, COMPACTED_BLOCKS, COMPACTED_BLOCKS_MAX, DROPPED_PER_COMMIT,
        INDEXED_BLOCK_SPANS_MIN, REMOVED_PER_COMMIT,
    },
};
use crate::{
    block::{Block, BlockId, EncodedBlock, Postings, Stored, merge},
    rule_id::{RuleId, RuleVersion},
    tenant::TenantId,
    trace::TraceId,
};

/// Sequence number of a block that was merged into another -> the file that has its chunks.
const RETIRED: TableDefinition<'_, u64, u32> = TableDefinition::new("retired");

/// Small blocks that are to become one, and what is known of them.
struct Group {
    blocks: Vec<ListedBlock>,
    judged: Vec<JudgedBlock>,
}

/// What they become.
struct Merged {
    group: Group,
    block: EncodedBlock,
    judged: JudgedBlock,
}

/// A trace that is kept: its id, which block of the group it is from, its number there.
type Kept = (TraceId, usize, u32);

impl Store {
    /// Merges one group of small judged blocks and returns how many blocks it had; 0 where there is
    /// nothing to do. Takes about 100 ms of one core; meant to be called, again and again, while
    /// nothing else is to be done.
    ///
    /// # Errors
    ///
    /// What reading the catalog and writing may show; the blocks stay as they are then.
    pub fn compact(&self) -> Result<usize, StoreError> {
        self.drop_unread()?;
        for tenant in self.inner.index.tenants() {
            for blocks in self.worth_merging(&tenant) {
                let Some(group) = self.readable(&blocks)? else {
                    continue;
                };
                if let Some(merged) = self.merge(&tenant, group)
                    && self.replace(&tenant, &merged)?
                {
                    return Ok(merged.group.blocks.len());
                }
            }
        }
        Ok(0)
    }

    /// Returns the groups of a tenant that are worth merging, oldest first. They lie in the file that is
    /// written, since a file goes as a whole once it is old; they are of one rule set; and no block
    /// that is to be judged has a claim on their verdicts.
    fn worth_merging(&self, tenant: &TenantId) -> Vec<Vec<ListedBlock>> {
        let inner = &*self.inner;
        let mut small = inner.index.blocks(tenant);
        let claimed = claimed(&small);
        let current = inner.block_files.current();
        small.retain(|block| {
            block.judged()
                && block.entry.layout == Layout::Whole
                && Some(block.entry.file) == current
                && !claimed.contains(&block.meta().id)
        });
        let mut groups = Vec::new();
        for run in small.chunk_by(|a, b| a.rule_set() == b.rule_set()) {
            let mut rest = run;
            while !rest.is_empty() {
                let (group, later) = rest.split_at(n_together(rest));
                rest = later;
                let n_spans: u32 = group.iter().map(|block| block.meta().n_spans).sum();
                let full = COMPACTED_BLOCK_SPANS - INDEXED_BLOCK_SPANS_MIN;
                if group.len() > 1 && (n_spans >= full || group.len() >= COMPACTED_BLOCKS) {
                    groups.push(group.to_vec());
                }
            }
        }
        groups
    }

    /// Reads the verdicts of a group; nothing where they are not by the same versions of the same rules.
    fn readable(&self, blocks: &[ListedBlock]) -> Result<Option<Group>, StoreError> {
        let catalog = &self.inner.catalog;
        let judged = catalog.read(|txn| {
            let table = txn.open_table(JUDGED)?;
            let read = |block: &ListedBlock| judged_block(&table, catalog.name(), &block.entry);
            let of_each = blocks.iter().map(read);
            of_each.collect::<Result<Option<Vec<JudgedBlock>>, Fault>>()
        })?;
        let group = judged.map(|judged| Group {
            blocks: blocks.to_vec(),
            judged,
        });
        Ok(group.filter(|group| {
            let rules = |of: &JudgedBlock| -> Vec<(RuleId, RuleVersion)> {
                let rules = of.rules.iter();
                rules.map(|r| (r.rule.clone(), r.version)).collect()
            };
            let mut of_each = group.judged.iter().map(rules);
            let first = of_each.next();
            of_each.all(|of_other| Some(of_other) == first)
        }))
    }

    /// Copies the traces that are not superseded into one block, and puts their verdicts in its order. A
    /// block that cannot be read, or that has a trace which another of the group has too, stays out.
    fn merge(&self, tenant: &TenantId, group: Group) -> Option<Merged> {
        // What is wrong with a block is told to whoever asks for its traces.
        let open = |listed: &ListedBlock| self.open_block(listed).ok();
        let opened: Vec<Option<Block>> = group.blocks.iter().map(open).collect();
        let mut seen = HashSet::new();
        let mut kept: Vec<Kept> = Vec::new();
        let mut from = Vec::new();
        let mut merged = Group {
            blocks: Vec::new(),
            judged: Vec::new(),
        };
        for ((listed, judged), block) in group.blocks.into_iter().zip(group.judged).zip(&opened) {
            let Some(stored) = block.as_ref().and_then(|block| Stored::read(block).ok()) else {
                continue;
            };
            let live: Vec<Kept> = (0..)
                .zip(stored.trace_ids())
                .filter(|(number, _)| !listed.superseded().contains(*number))
                .map(|(number, trace_id)| (*trace_id, from.len(), number))
                .collect();
            if live.iter().any(|(trace_id, ..)| seen.contains(trace_id)) {
                continue;
            }
            seen.extend(live.iter().map(|(trace_id, ..)| *trace_id));
            kept.extend(live);
            from.push(stored);
            merged.blocks.push(listed);
            merged.judged.push(judged);
        }
        if merged.blocks.len() < 2 || kept.is_empty() {
            return None;
        }
        // A block's traces are in order of their ids.
        kept.sort_unstable();
        let traces: Vec<(usize, u32)> = kept.iter().map(|(_, block, n)| (*block, *n)).collect();
        Some(Merged {
            judged: merge_judged(&merged.judged, &kept),
            block: merge(tenant, &from, &traces),
            group: merged,
        })
    }

    /// Lists the merged block in place of the group, unless something happened to the group meanwhile.
    fn replace(&self, tenant: &TenantId, merged: &Merged) -> Result<bool, StoreError> {
        let Merged {
            group,
            block,
            judged,
        } = merged;
        let inner = &*self.inner;
        let _no_putting = inner.lock_blocks();
        let _no_judging = inner.lock_catalog();
        let claimed = claimed(&inner.index.blocks(tenant));
        let unchanged = |block: &ListedBlock| {
            let id = block.meta().id;
            let found = inner.index.get(tenant, id);
            !claimed.contains(&id)
                && found.is_some_and(|found| {
                    found.entry.seq == block.entry.seq
                        && found.superseded().as_slice() == block.superseded().as_slice()
                })
        };
        let is_new = inner.index.get(tenant, block.meta.id).is_none();
        if !is_new || !group.blocks.iter().all(unchanged) {
            return Ok(false);
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
        let entries = group.blocks.iter().map(|block| Arc::clone(&block.entry));
        inner
            .retired
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .extend(entries);
        Ok(true)
    }

    /// Takes entries that the index has no longer off the list, with their verdicts. Their chunks go once nobody reads
    /// them.
    pub(super) fn retire(&self, entries: &[Arc<Entry>]) -> Result<(), StoreError> {
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
        retired.extend(entries.iter().map(Arc::clone));
        Ok(())
    }

    /// Forgets retired blocks whose file goes as a whole.
    pub(super) fn forget_retired(&self, seqs: &[u64]) -> Result<(), StoreError> {
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
    pub(super) fn drop_unread(&self) -> Result<(), StoreError> {
        let inner = &*self.inner;
        let mut retired = inner.retired.lock().unwrap_or_else(PoisonError::into_inner);
        // No snapshot made from here on names them, so one owner stays one owner.
        let (unread, read): (Vec<_>, Vec<_>) = retired
            .drain(..)
            .partition(|entry| Arc::strong_count(entry) == 1);
        *retired = read;
        drop(retired);
        let seqs: Vec<_> = unread.iter().map(|entry| (entry.seq, entry.file)).collect();
        drop_chunks(&inner.catalog, &inner.block_files, &seqs)
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
    let mut n_spans = 0u32;
    let fits = |block: &&ListedBlock| {
        n_spans = n_spans.saturating_add(block.meta().n_spans);
        n_spans <= COMPACTED_BLOCK_SPANS
    };
    let n = blocks.iter().take(COMPACTED_BLOCKS_MAX).take_while(fits);
    n.count().max(1)
}

/// Puts verdicts in the order of the merged block.
fn merge_judged(judged: &[JudgedBlock], kept: &[Kept]) -> JudgedBlock {
    let hour = |(_, of_group, trace): &Kept| {
        let hours = &judged.get(*of_group)?.hours;
        let hour = hours.of_trace.get(*trace as usize)?;
        hours.distinct.get(*hour as usize).copied()
    };
    let hours: Vec<u64> = kept.iter().filter_map(hour).collect();
    let of_rule = |(number, first): (usize, &RuleOutcome)| {
        let mut outcome = RuleOutcome {
            rule: first.rule.clone(),
            version: first.version,
            verdicts: Vec::with_capacity(kept.len()),
            inconclusive: Vec::new(),
        };
        for (_, of_group, trace) in kept {
            let rules = judged.get(*of_group).map(|judged| &judged.rules);
            let Some(from) = rules.and_then(|rules| rules.get(number)) else {
                continue;
            };
            let row = outcome.verdicts.len() as u32;
            outcome.verdicts.extend(from.verdicts.get(*trace as usize));
            let reason = from.inconclusive.binary_search_by_key(trace, |(t, _)| *t);
            let reason = reason.ok().and_then(|at| from.inconclusive.get(at));
            outcome
                .inconclusive
                .extend(reason.map(|(_, reason)| (row, *reason)));
        }
        outcome
    };
    let rules = judged.first().map_or(&[][..], |first| &first.rules);
    JudgedBlock {
        hours: Hours::of(&hours),
        uncounted: Postings::new(Vec::new()),
        rules: rules.iter().enumerate().map(of_rule).collect(),
    }
}

/// Drops what a crash left of retired blocks. At open: nobody reads them.
pub(super) fn drop_retired(catalog: &DbFile, files: &BlockFiles) -> Result<(), StoreError> {
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

#[cfg(test)]
mod tests;
