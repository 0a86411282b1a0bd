//! The list of blocks in memory: what is asked for too often to be read from the catalog.
//!
//! A reader gets a snapshot, which stays as it was whatever is listed or judged later.

use std::{
    collections::{BTreeMap, BTreeSet},
    iter,
    ops::Bound,
    sync::{Arc, OnceLock, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard},
    time::Duration,
};

mod places;

use hashbrown::HashMap;

use self::places::Places;
use super::blocks::{Entry, Layout};
use crate::{
    block::{BlockId, BlockMeta, Postings, TraceFilter},
    clock::UnixNanos,
    tenant::TenantId,
    trace::TraceId,
};

/// So many blocks are read, or taken out, while others wait for the list: some hundred microseconds.
const READ_TOGETHER: usize = 64;

/// A listed block, as it stood when it was asked for. Cheap to clone.
#[derive(Clone, Debug)]
pub struct ListedBlock {
    pub(super) entry: Arc<Entry>,
    judged: bool,
    superseded: Arc<Postings>,
    since: Duration,
}

impl ListedBlock {
    /// Returns what is known of the block without reading it.
    pub fn meta(&self) -> &BlockMeta {
        &self.entry.meta
    }

    /// Returns the number of the rule set that is to judge it, or did.
    pub fn rule_set(&self) -> u64 {
        self.entry.rule_set
    }

    /// Whether its verdicts are stored.
    pub fn judged(&self) -> bool {
        self.judged
    }

    /// Returns when it was listed, by the monotonic clock; zero where it was when the store was opened.
    pub fn since(&self) -> Duration {
        self.since
    }

    /// Returns the traces whose place a newer block has taken: they are passed over wherever traces
    /// are read, judged or counted.
    pub fn superseded(&self) -> &Arc<Postings> {
        &self.superseded
    }

    /// Whether the block may have a trace. Of one that it has, always true.
    pub fn may_contain(&self, trace: TraceId) -> bool {
        self.entry.filter.may_contain(trace)
    }
}

/// Every listed block.
#[derive(Debug, Default)]
pub(super) struct Index {
    lists: RwLock<Lists>,
}

#[derive(Debug, Default)]
struct Lists {
    tenants: BTreeMap<TenantId, OfTenant>,
    /// What lies in each file: how many blocks, and their bytes. A file that has none is not here.
    files: BTreeMap<u32, (u64, u64)>,
    /// By tenant the blocks that are not judged; a tenant that has none is not here.
    unjudged: BTreeMap<TenantId, BTreeSet<u64>>,
}

#[derive(Debug, Default)]
struct OfTenant {
    blocks: BTreeMap<u64, ListedBlock>,
    by_id: HashMap<BlockId, u64>,
    /// The judged blocks that are one value, by the file that they lie in.
    small: BTreeSet<(u32, u64)>,
    /// By when their last span arrived: what goes first.
    by_arrival: BTreeSet<(UnixNanos, u64)>,
    /// The bytes of all blocks.
    bytes: u64,
    /// Where each trace stands, so that a lookup costs the same however many blocks there are. Made when first asked for:
    /// a replay looks nothing up.
    places: OnceLock<Places>,
}

impl OfTenant {
    fn get_mut(&mut self, id: BlockId) -> Option<&mut ListedBlock> {
        self.blocks.get_mut(self.by_id.get(&id)?)
    }
}

impl OfTenant {
    fn places(&self) -> &Places {
        self.places.get_or_init(|| {
            let n_traces = self.blocks.values().map(|b| b.meta().n_traces as usize);
            let mut places = Places::with_room_for(n_traces.sum());
            for block in self.blocks.values() {
                places.add(block.entry.filter.hashes(), block.entry.seq);
            }
            places
        })
    }
}

impl Lists {
    fn take_out(&mut self, block: &ListedBlock) {
        if let Some(of_tenant) = self.tenants.get_mut(&block.meta().tenant) {
            of_tenant.blocks.remove(&block.entry.seq);
            of_tenant.small.remove(&(block.entry.file, block.entry.seq));
            of_tenant
                .by_arrival
                .remove(&(block.meta().arrived_max, block.entry.seq));
            if let Some(places) = of_tenant.places.get_mut() {
                places.remove(block.entry.filter.hashes(), block.entry.seq);
            }
            of_tenant.by_id.remove(&block.meta().id);
            let gone = block.meta().size_bytes;
            of_tenant.bytes = of_tenant.bytes.saturating_sub(gone);
            self.count_out(&block.entry);
        }
    }

    fn count_out(&mut self, entry: &Entry) {
        if let Some((blocks, bytes)) = self.files.get_mut(&entry.file) {
            *blocks -= 1;
            *bytes = bytes.saturating_sub(entry.meta.size_bytes);
            if *blocks == 0 {
                self.files.remove(&entry.file);
            }
        }
    }

    fn insert(&mut self, entry: Entry, judged: bool, since: Duration) {
        let tenant = entry.meta.tenant.clone();
        if !judged {
            let unjudged = self.unjudged.entry(tenant.clone()).or_default();
            unjudged.insert(entry.seq);
        }
        let (blocks, bytes) = self.files.entry(entry.file).or_default();
        *blocks += 1;
        *bytes = bytes.saturating_add(entry.meta.size_bytes);
        let of_tenant = self.tenants.entry(tenant).or_default();
        let mut by_block: BTreeMap<BlockId, Vec<u32>> = BTreeMap::new();
        for (row, _) in entry.supersedes.iter().filter(|(_, first)| *first) {
            by_block.entry(row.block).or_default().push(row.trace);
        }
        for (block, traces) in by_block {
            if let Some(older) = of_tenant.get_mut(block) {
                older.superseded = Arc::new(older.superseded.or(&Postings::new(traces)));
            }
        }
        if judged && entry.layout == Layout::Whole {
            of_tenant.small.insert((entry.file, entry.seq));
        }
        of_tenant.by_id.insert(entry.meta.id, entry.seq);
        of_tenant
            .by_arrival
            .insert((entry.meta.arrived_max, entry.seq));
        of_tenant.bytes = of_tenant.bytes.saturating_add(entry.meta.size_bytes);
        if let Some(places) = of_tenant.places.get_mut() {
            places.add(entry.filter.hashes(), entry.seq);
        }
        let listed = ListedBlock {
            judged,
            superseded: Arc::new(Postings::new(Vec::new())),
            since,
            entry: Arc::new(entry),
        };
        of_tenant.blocks.insert(listed.entry.seq, listed);
    }
}

impl Index {
    /// Adds a block, and marks the rows that it takes the place of.
    pub(super) fn insert(&self, entry: Entry, judged: bool, since: Duration) {
        self.write().insert(entry, judged, since);
    }

    /// Puts one judged block in the place of others, at once for every reader.
    pub(super) fn replace(&self, merged: &[ListedBlock], entry: Entry) {
        let mut lists = self.write();
        for block in merged {
            lists.take_out(block);
        }
        // It is judged: nobody asks how long it waits.
        lists.insert(entry, true, Duration::ZERO);
    }

    /// Takes judged blocks off the list.
    pub(super) fn remove(&self, blocks: &[ListedBlock]) {
        // The places of thousands of traces may go with each.
        for blocks in blocks.chunks(READ_TOGETHER) {
            let mut lists = self.write();
            for block in blocks {
                lists.take_out(block);
            }
        }
    }

    /// Returns the files that have a listed block.
    pub(super) fn files(&self) -> BTreeSet<u32> {
        self.read().files.keys().copied().collect()
    }

    /// Returns the bytes of the listed blocks of each file that has one.
    pub(super) fn live_bytes(&self) -> BTreeMap<u32, u64> {
        let lists = self.read();
        let files = lists.files.iter();
        files
            .map(|(number, (_, bytes))| (*number, *bytes))
            .collect()
    }

    /// Takes all blocks of a tenant off the list, at once for every reader.
    pub(super) fn remove_tenant(&self, tenant: &TenantId) -> Vec<Arc<Entry>> {
        let mut lists = self.write();
        lists.unjudged.remove(tenant);
        let of_tenant = lists.tenants.remove(tenant).unwrap_or_default();
        let blocks = of_tenant.blocks.into_values();
        let entries: Vec<Arc<Entry>> = blocks.map(|block| block.entry).collect();
        for entry in &entries {
            lists.count_out(entry);
        }
        entries
    }

    pub(super) fn mark_judged(&self, tenant: &TenantId, id: BlockId) {
        let mut lists = self.write();
        let Some(of_tenant) = lists.tenants.get_mut(tenant) else {
            return;
        };
        let Some(block) = of_tenant.get_mut(id) else {
            return;
        };
        block.judged = true;
        let entry = &block.entry;
        let (file, seq, is_small) = (entry.file, entry.seq, entry.layout == Layout::Whole);
        if is_small {
            of_tenant.small.insert((file, seq));
        }
        if let Some(unjudged) = lists.unjudged.get_mut(tenant) {
            unjudged.remove(&seq);
            if unjudged.is_empty() {
                lists.unjudged.remove(tenant);
            }
        }
    }

    pub(super) fn get(&self, tenant: &TenantId, id: BlockId) -> Option<ListedBlock> {
        let lists = self.read();
        let of_tenant = lists.tenants.get(tenant)?;
        of_tenant.blocks.get(of_tenant.by_id.get(&id)?).cloned()
    }

    /// Returns the blocks of a tenant, oldest first.
    pub(super) fn blocks(&self, tenant: &TenantId) -> Vec<ListedBlock> {
        let lists = self.read();
        let of_tenant = lists.tenants.get(tenant);
        of_tenant.map_or_else(Vec::new, |t| t.blocks.values().cloned().collect())
    }

    /// Goes through the blocks of a tenant whose last span arrived before some time, those that arrived first at first. No
    /// lock is held in between, and of what is listed meanwhile some may be missed.
    pub(super) fn by_arrival(
        &self,
        tenant: &TenantId,
        before: UnixNanos,
    ) -> impl Iterator<Item = ListedBlock> {
        let mut from = Bound::Unbounded;
        let pages = iter::from_fn(move || {
            let lists = self.read();
            let of_tenant = lists.tenants.get(tenant)?;
            let range = (from, Bound::Excluded((before, 0)));
            let page = of_tenant.by_arrival.range(range).take(READ_TOGETHER);
            let page: Vec<ListedBlock> = page
                .filter_map(|(_, seq)| of_tenant.blocks.get(seq).cloned())
                .collect();
            let last = page.last()?;
            from = Bound::Excluded((last.meta().arrived_max, last.entry.seq));
            Some(page)
        });
        pages.flatten()
    }

    /// Returns the judged blocks of a tenant that are one value and lie in a file, oldest first.
    pub(super) fn small(&self, tenant: &TenantId, file: u32) -> Vec<ListedBlock> {
        let lists = self.read();
        let of_tenant = lists.tenants.get(tenant);
        of_tenant.map_or_else(Vec::new, |t| {
            let seqs = t.small.range((file, 0)..=(file, u64::MAX));
            seqs.filter_map(|(_, seq)| t.blocks.get(seq).cloned())
                .collect()
        })
    }

    /// Returns the blocks of a tenant that are not judged, oldest first.
    pub(super) fn unjudged_of(&self, tenant: &TenantId) -> Vec<ListedBlock> {
        let lists = self.read();
        let blocks = lists.tenants.get(tenant).map(|t| &t.blocks);
        let seqs = lists.unjudged.get(tenant).into_iter().flatten();
        seqs.filter_map(|seq| blocks?.get(seq).cloned()).collect()
    }

    /// Returns the blocks of a tenant that may have a trace, newest first.
    pub(super) fn may_contain(&self, tenant: &TenantId, trace: TraceId) -> Vec<ListedBlock> {
        let lists = self.read();
        let of_tenant = lists.tenants.get(tenant);
        of_tenant.map_or_else(Vec::new, |t| {
            let mut seqs: Vec<u64> = t.places().find(TraceFilter::hash(trace)).collect();
            seqs.sort_unstable();
            let newest_first = seqs.iter().rev();
            newest_first
                .filter_map(|seq| t.blocks.get(seq))
                .cloned()
                .collect()
        })
    }

    /// Returns the sequence number of the newest block of a tenant that may have a trace.
    pub(super) fn newest_that_may_contain(&self, tenant: &TenantId, trace: TraceId) -> Option<u64> {
        let lists = self.read();
        let places = lists.tenants.get(tenant)?.places();
        places.find(TraceFilter::hash(trace)).max()
    }

    /// Returns the bytes of a tenant's blocks.
    pub(super) fn stored_bytes(&self, tenant: &TenantId) -> u64 {
        self.read().tenants.get(tenant).map_or(0, |t| t.bytes)
    }

    /// Returns the tenants that have blocks.
    pub(super) fn tenants(&self) -> Vec<TenantId> {
        self.read().tenants.keys().cloned().collect()
    }

    /// Returns the blocks that are not judged, of all tenants, oldest first.
    pub(super) fn unjudged(&self) -> Vec<ListedBlock> {
        let lists = self.read();
        let mut unjudged: Vec<ListedBlock> = Vec::new();
        for (tenant, seqs) in &lists.unjudged {
            let blocks = lists.tenants.get(tenant).map(|t| &t.blocks);
            unjudged.extend(seqs.iter().filter_map(|seq| blocks?.get(seq).cloned()));
        }
        unjudged.sort_by_key(|listed| listed.entry.seq);
        unjudged
    }

    /// Returns of each tenant the oldest blocks that are not judged and that are asked for, at most so many.
    pub(super) fn oldest_unjudged(
        &self,
        n_max: usize,
        is_asked_for: impl Fn(BlockId) -> bool,
    ) -> Vec<Vec<ListedBlock>> {
        let lists = self.read();
        let mut of_tenants = Vec::with_capacity(lists.unjudged.len());
        for (tenant, seqs) in &lists.unjudged {
            let blocks = lists.tenants.get(tenant).map(|t| &t.blocks);
            let listed = seqs.iter().filter_map(|seq| blocks?.get(seq));
            let asked_for = listed.filter(|listed| is_asked_for(listed.meta().id));
            let oldest: Vec<ListedBlock> = asked_for.take(n_max).cloned().collect();
            if !oldest.is_empty() {
                of_tenants.push(oldest);
            }
        }
        of_tenants
    }

    /// Returns how many blocks are not judged.
    pub(super) fn n_unjudged(&self) -> usize {
        self.read().unjudged.values().map(BTreeSet::len).sum()
    }

    /// Returns since when the block waits that waits longest for its verdicts.
    pub(super) fn oldest_unjudged_since(&self) -> Option<Duration> {
        let lists = self.read();
        let since = |(tenant, seqs): (&TenantId, &BTreeSet<u64>)| {
            let blocks = &lists.tenants.get(tenant)?.blocks;
            Some(blocks.get(seqs.first()?)?.since)
        };
        lists.unjudged.iter().filter_map(since).min()
    }

    /// Returns how many judged blocks of a file are one value, of all tenants.
    pub(super) fn n_small(&self, file: u32) -> usize {
        let lists = self.read();
        let of_tenants = lists.tenants.values();
        of_tenants
            .map(|t| t.small.range((file, 0)..=(file, u64::MAX)).count())
            .sum()
    }

    fn read(&self) -> RwLockReadGuard<'_, Lists> {
        self.lists.read().unwrap_or_else(PoisonError::into_inner)
    }

    fn write(&self) -> RwLockWriteGuard<'_, Lists> {
        self.lists.write().unwrap_or_else(PoisonError::into_inner)
    }
}
