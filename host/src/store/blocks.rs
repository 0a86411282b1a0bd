//! Blocks: their chunks in the files of blocks, their list in the catalog and in memory.
//!
//! A block is listed only once its chunks are durable, and it is there for everyone only once it is
//! listed. A block of an id that is listed already is the same block, and putting it changes nothing.

mod chunks;
mod examine;
mod files;
mod listing;
mod named;
mod open;

use std::{collections::BTreeMap, sync::PoisonError, time::Duration};

use hashbrown::HashSet;
use redb::{ReadableTable as _, TableDefinition, WriteTransaction};

pub(super) use self::{
    chunks::Put,
    examine::{examine_file, examine_list},
    files::{BlockFiles, write_puts},
    listing::{Entry, Layout},
};
pub use self::{
    listing::{Listing, Superseded},
    open::LastOpened,
};
use super::{
    Store,
    codec::Place,
    error::StoreError,
    file::{DbFile, Fault, open_if_there},
    index::{Index, ListedBlock},
    limits::NUMBER_MAX,
    tenants::{end_of, note_tenant, remove_some_in},
};
use crate::{
    block::{BlockId, EncodedBlock, Postings},
    tenant::TenantId,
    trace::TraceId,
};

/// Sequence number of a block, number of the chunk -> the chunk, as the block made it.
pub(super) const CHUNKS: TableDefinition<'_, (u64, u32), &[u8]> = TableDefinition::new("chunks");

/// Tenant, span name, sequence number of a block -> the traces that have such a span.
pub(super) const POSTINGS: TableDefinition<'_, (&str, &str, u64), &[u8]> =
    TableDefinition::new("postings");

/// Tenant, sequence number of a block -> the traces that have a span of a name without postings.
pub(super) const OTHER_NAMES: TableDefinition<'_, (&str, u64), &[u8]> =
    TableDefinition::new("other_names");

/// In the catalog: sequence number -> the block's entry.
pub(super) const BLOCKS: TableDefinition<'_, u64, &[u8]> = TableDefinition::new("blocks");

/// Which traces of a block may have a span of some name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Candidates {
    /// These and no others. May be empty.
    Traces(Postings),
    /// The block is not indexed, or many have one: ask the block itself.
    Scan,
}

impl Store {
    /// Puts one block; see [`Self::put_blocks`].
    ///
    /// # Errors
    ///
    /// As [`Self::put_blocks`].
    pub fn put_block(&self, block: &EncodedBlock, listing: &Listing) -> Result<(), StoreError> {
        self.put_blocks(&[(block, listing)])
    }

    /// Commits the chunks of blocks, then lists the blocks: two commits for all of them.
    ///
    /// # Errors
    ///
    /// [`StoreError::UnknownBlock`] and [`StoreError::Unfit`] where a listing supersedes what is not there;
    /// nothing is listed then. Else what writing may show.
    pub fn put_blocks(&self, blocks: &[(&EncodedBlock, &Listing)]) -> Result<(), StoreError> {
        let inner = &*self.inner;
        let _one_at_a_time = inner.lock_blocks();
        let mut seen = HashSet::new();
        let fresh: Vec<_> = blocks
            .iter()
            .filter(|(block, _)| {
                let meta = &block.meta;
                inner.index.get(&meta.tenant, meta.id).is_none()
                    && seen.insert((&meta.tenant, meta.id))
            })
            .collect();
        if fresh.is_empty() {
            return Ok(());
        }
        let mut supersedes = Vec::with_capacity(fresh.len());
        for (block, listing) in &fresh {
            supersedes.push(self.resolve_superseded(&block.meta.tenant, listing)?);
        }
        let now = inner.clock.unix_nanos();
        let n_blocks = fresh.len() as u64;
        let (number, file, first_seq) = inner.block_files.for_writing(n_blocks, now)?;
        let mut puts = Vec::new();
        let mut layouts = Vec::with_capacity(fresh.len());
        for ((block, _), seq) in fresh.iter().zip(first_seq..) {
            let (layout, indexed, of_block) = Put::of(seq, block);
            layouts.push((layout, indexed));
            puts.extend(of_block);
        }
        write_puts(&file, first_seq + n_blocks, &puts)?;

        let _no_judging = inner.lock_catalog();
        let mut taken = HashSet::new();
        let mut entries = Vec::with_capacity(fresh.len());
        let laid_out = fresh.iter().zip(supersedes).zip(layouts);
        for ((((block, listing), supersedes), (layout, indexed)), seq) in laid_out.zip(first_seq..)
        {
            let tenant = &block.meta.tenant;
            let mut first = |row: &Superseded| {
                let older = inner.index.get(tenant, row.block);
                older.is_some_and(|older| !older.superseded().contains(row.trace))
                    && taken.insert((tenant, row.block, row.trace))
            };
            entries.push(Entry {
                seq,
                file: number,
                layout,
                indexed,
                rule_set: listing.rule_set,
                supersedes: supersedes.into_iter().map(|r| (r, first(&r))).collect(),
                meta: block.meta.clone(),
                filter: block.filter.clone(),
            });
        }
        inner.catalog.write(|txn| {
            let mut list = txn.open_table(BLOCKS)?;
            for entry in &entries {
                note_tenant(txn, &entry.meta.tenant, now)?;
                list.insert(entry.seq, entry.to_value().as_slice())?;
            }
            Ok(())
        })?;
        let since = inner.clock.monotonic();
        for entry in entries {
            inner.index.insert(entry, false, since);
        }
        Ok(())
    }

    /// Returns the rows that a listing supersedes, where they lie. A block that was merged into another
    /// since the caller looked is not listed any more: its trace is then found by its id. Of one that retention took since,
    /// there is no row whose place could be taken.
    fn resolve_superseded(
        &self,
        tenant: &TenantId,
        listing: &Listing,
    ) -> Result<Vec<Superseded>, StoreError> {
        let resolve = |row: &Superseded| {
            let block = row.block;
            let Some(older) = self.inner.index.get(tenant, block) else {
                let found = self.find_trace(tenant, row.trace_id)?;
                let Some((older, trace)) = found else {
                    let gone = self.inner.gone.lock();
                    let gone = gone.unwrap_or_else(PoisonError::into_inner);
                    let is_gone = gone.contains(&block);
                    return is_gone
                        .then_some(None)
                        .ok_or(StoreError::UnknownBlock { block });
                };
                return Ok(Some(Superseded {
                    block: older.meta().id,
                    trace,
                    ..*row
                }));
            };
            if row.trace >= older.meta().n_traces {
                return Err(StoreError::Unfit {
                    block,
                    what: format!("it has no trace {}", row.trace),
                });
            }
            Ok(Some(*row))
        };
        let resolved = listing.supersedes.iter().map(resolve);
        resolved.filter_map(Result::transpose).collect()
    }

    /// Returns the blocks of a tenant as they stand, oldest first.
    pub fn blocks(&self, tenant: &TenantId) -> Vec<ListedBlock> {
        self.inner.index.blocks(tenant)
    }

    /// Returns a block as it stands.
    pub fn block(&self, tenant: &TenantId, id: BlockId) -> Option<ListedBlock> {
        self.inner.index.get(tenant, id)
    }

    /// Returns the blocks of all tenants that are to be judged, oldest first.
    pub fn unjudged(&self) -> Vec<ListedBlock> {
        self.inner.index.unjudged()
    }

    /// Returns of each tenant the oldest blocks that are to be judged and that are asked for, oldest first and at most
    /// so many. No tenant's list is empty. Costs what it returns, however many wait.
    pub fn oldest_unjudged(
        &self,
        n_max: usize,
        is_asked_for: impl Fn(BlockId) -> bool,
    ) -> Vec<Vec<ListedBlock>> {
        self.inner.index.oldest_unjudged(n_max, is_asked_for)
    }

    /// Returns how many blocks are to be judged.
    pub fn n_unjudged(&self) -> usize {
        self.inner.index.n_unjudged()
    }

    /// Returns where a trace stands: the block, and its number there.
    ///
    /// # Errors
    ///
    /// Where the trace is found in no block and some block cannot be read, why not.
    pub fn find_trace(
        &self,
        tenant: &TenantId,
        trace: TraceId,
    ) -> Result<Option<(ListedBlock, u32)>, StoreError> {
        self.find_trace_by(tenant, trace, &mut LastOpened::default())
    }

    /// As [`Self::find_trace`], for whoever asks for many traces: ordered by [`Self::newest_block_of`], each block is opened
    /// once.
    ///
    /// # Errors
    ///
    /// As [`Self::find_trace`].
    pub fn find_trace_by(
        &self,
        tenant: &TenantId,
        trace: TraceId,
        last: &mut LastOpened,
    ) -> Result<Option<(ListedBlock, u32)>, StoreError> {
        let (mut pieces, unreadable) = self.pieces(tenant, trace, 1, last);
        match pieces.pop() {
            Some(found) => Ok(Some(found)),
            None => unreadable.map_or(Ok(None), Err),
        }
    }

    /// Returns where the newest pieces of a trace stand that was cut, `n_max` at most, newest first. Blocks that cannot
    /// be read are passed over.
    pub fn find_pieces(
        &self,
        tenant: &TenantId,
        trace: TraceId,
        n_max: usize,
    ) -> Vec<(ListedBlock, u32)> {
        self.pieces(tenant, trace, n_max, &mut LastOpened::default())
            .0
    }

    /// Returns in which order blocks are to be asked for a trace: the sequence number of the newest that may have it.
    /// Reads nothing.
    pub fn newest_block_of(&self, tenant: &TenantId, trace: TraceId) -> Option<u64> {
        self.inner.index.newest_that_may_contain(tenant, trace)
    }

    fn pieces(
        &self,
        tenant: &TenantId,
        trace: TraceId,
        n_max: usize,
        last: &mut LastOpened,
    ) -> (Vec<(ListedBlock, u32)>, Option<StoreError>) {
        let mut pieces = Vec::new();
        let mut unreadable = None;
        for listed in self.inner.index.may_contain(tenant, trace) {
            if pieces.len() == n_max {
                break;
            }
            let found = self
                .open_block_once(&listed, last)
                .and_then(|block| Ok(block.find(trace)?));
            match found {
                Ok(Some(row)) if !listed.superseded().contains(row) => {
                    pieces.push((listed, row));
                }
                Ok(_) => {}
                Err(error) => unreadable = unreadable.or(Some(error)),
            }
        }
        (pieces, unreadable)
    }
}

/// Removes some of a tenant's postings in a file of blocks, and returns how many.
pub(super) fn remove_some_postings(txn: &WriteTransaction, tenant: &str) -> Result<usize, Fault> {
    let end = end_of(tenant);
    let mut postings = txn.open_table(POSTINGS)?;
    let mut others = txn.open_table(OTHER_NAMES)?;
    let n = remove_some_in(&mut postings, (tenant, "", 0)..(end.as_str(), "", 0))?;
    Ok(n + remove_some_in(&mut others, (tenant, 0)..(end.as_str(), 0))?)
}

/// The list of blocks, as it was read at open.
pub(super) struct List {
    pub(super) index: Index,
    /// The highest sequence number of a listed block in each file.
    pub(super) last_in_file: BTreeMap<u32, u64>,
    /// The highest sequence number of the list, damaged entries too.
    pub(super) last: u64,
    pub(super) damaged: Vec<StoreError>,
}

/// Reads the list of blocks. An entry that is damaged is passed over and told of.
pub(super) fn read_list(catalog: &DbFile, judged: &HashSet<u64>) -> Result<List, StoreError> {
    let mut read = List {
        index: Index::default(),
        last_in_file: BTreeMap::new(),
        last: 0,
        damaged: Vec::new(),
    };
    catalog.read(|txn| {
        let Some(list) = open_if_there(txn, BLOCKS)? else {
            return Ok(());
        };
        for row in list.iter()? {
            let (seq, value) = row?;
            let seq = seq.value();
            let place = Place {
                file: catalog.name(),
                table: "blocks",
                key: seq,
            };
            if seq > NUMBER_MAX {
                let error = place.corrupt("no block has so high a number");
                read.damaged.push(error);
                continue;
            }
            read.last = seq;
            match place.decode(value.value(), |reader| Entry::read(reader, seq)) {
                Ok(entry) => {
                    read.last_in_file.insert(entry.file, seq);
                    let is_judged = judged.contains(&seq);
                    read.index.insert(entry, is_judged, Duration::ZERO);
                }
                Err(error) => read.damaged.push(error),
            }
        }
        Ok(())
    })?;
    Ok(read)
}

#[cfg(test)]
pub(super) mod tests;
