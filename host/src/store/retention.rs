//! What of stored traces goes, and when.
//!
//! ```text
//! due blocks -> one transaction of the catalog: they and their verdicts go, and are noted as retired -> the index
//!   -> a file without a listed block is unlinked; of others the chunks go -> neither before who reads them is done
//! ```
//!
//! Age counts from arrival, and a block goes when its last span is old enough. Over `retained_bytes` the blocks that
//! arrived first go, whatever their age. A hold keeps the blocks that have a trace whose T lies in its range. A block that
//! is to be judged stays, and one that took the place of rows of an older block goes no sooner than that block, whose rows
//! would count again. Coverage and costs stay, and signals until they have not changed for long (`signals/expire.rs`): what
//! was found outlives what it was found in.
//!
//! What is due is looked for in order of arrival, so that it costs what is due and held, however many blocks there are, and
//! without a lock; it is looked at again, alone, while nothing can change.

use std::{
    sync::{Arc, PoisonError},
    time::Duration,
};

use hashbrown::HashSet;

use super::{
    Store,
    blocks::Entry,
    compact::claimed,
    error::StoreError,
    index::ListedBlock,
    limits::{GONE_BLOCKS_KEPT, RETIRED_PER_COMMIT},
};
use crate::{
    clock::UnixNanos,
    tenant::{Limit, TenantId},
};

/// What one call of [`Store::retain`] took.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Retired {
    /// Blocks.
    pub blocks: u64,
    /// Traces of theirs that no newer block has.
    pub traces: u64,
    /// Their bytes, as they are counted of a tenant.
    pub bytes: u64,
    /// Files that were unlinked.
    pub files: u64,
}

/// What holds for one tenant.
#[derive(Clone, Copy, Debug)]
struct Keeping {
    /// What arrived before is old.
    old: UnixNanos,
    /// How many bytes there are too many.
    over_bytes: u64,
}

impl Keeping {
    /// What arrived before may go.
    fn before(&self) -> UnixNanos {
        if self.over_bytes > 0 {
            UnixNanos(u64::MAX)
        } else {
            self.old
        }
    }
}

impl Store {
    /// Takes off the list what is due: one commit of bounded size, for all tenants. Then gives back the space of what nobody
    /// reads any more. `age` is how long traces are kept of tenants that have no `stored_age`; none is for ever. Meant to be
    /// called, again and again, until it takes nothing.
    ///
    /// # Errors
    ///
    /// What reading the catalog and writing may show.
    pub fn retain(&self, age: Option<Duration>) -> Result<Retired, StoreError> {
        let mut retired = Retired::default();
        for block in self.retire_due(age)? {
            let n_superseded = block.superseded().as_slice().len() as u64;
            retired.blocks += 1;
            retired.bytes += block.meta().size_bytes;
            retired.traces += u64::from(block.meta().n_traces).saturating_sub(n_superseded);
        }
        retired.files = self.unlink_unused()?;
        self.drop_unread()?;
        Ok(retired)
    }

    fn retire_due(&self, age: Option<Duration>) -> Result<Vec<ListedBlock>, StoreError> {
        let inner = &*self.inner;
        let mut n_left = RETIRED_PER_COMMIT;
        let mut found = Vec::new();
        for tenant in inner.index.tenants() {
            let keeping = self.keeping(&tenant, age);
            let by_arrival = inner.index.by_arrival(&tenant, keeping.before());
            let due = self.due(&tenant, keeping, by_arrival, n_left)?;
            n_left -= due.len();
            if !due.is_empty() {
                found.push((tenant, due));
            }
            if n_left == 0 {
                break;
            }
        }
        if found.is_empty() {
            return Ok(Vec::new());
        }
        // Nothing is listed, judged or held meanwhile.
        let _no_putting = inner.lock_blocks();
        let _no_judging = inner.lock_catalog();
        let mut going = Vec::new();
        for (tenant, due) in found {
            let ids = due.iter().map(|block| block.meta().id);
            let as_they_stand = ids.filter_map(|id| inner.index.get(&tenant, id));
            let keeping = self.keeping(&tenant, age);
            going.extend(self.due(&tenant, keeping, as_they_stand, RETIRED_PER_COMMIT)?);
        }
        if going.is_empty() {
            return Ok(going);
        }
        let entries: Vec<Arc<Entry>> = going.iter().map(|b| Arc::clone(&b.entry)).collect();
        self.retire(&entries)?;
        inner.index.remove(&going);
        let mut gone = inner.gone.lock().unwrap_or_else(PoisonError::into_inner);
        gone.extend(going.iter().map(|block| block.meta().id));
        while gone.len() > GONE_BLOCKS_KEPT {
            gone.pop_front();
        }
        Ok(going)
    }

    fn keeping(&self, tenant: &TenantId, age: Option<Duration>) -> Keeping {
        let limits = self.limits(tenant);
        let age = limits
            .value(Limit::StoredAge)
            .map_or(age, |seconds| Some(Duration::from_secs(seconds)));
        let max = limits.value(Limit::RetainedBytes);
        let now = self.inner.clock.unix_nanos();
        let age_ns = age.map_or(u64::MAX, |age| {
            u64::try_from(age.as_nanos()).unwrap_or(u64::MAX)
        });
        Keeping {
            old: UnixNanos(now.0.saturating_sub(age_ns)),
            over_bytes: max.map_or(0, |max| self.stored_bytes(tenant).saturating_sub(max)),
        }
    }

    /// Returns which of the blocks of a tenant go, at most so many. They are in order of their arrival.
    fn due(
        &self,
        tenant: &TenantId,
        keeping: Keeping,
        by_arrival: impl Iterator<Item = ListedBlock>,
        n_max: usize,
    ) -> Result<Vec<ListedBlock>, StoreError> {
        let Keeping {
            old,
            mut over_bytes,
        } = keeping;
        let mut by_arrival = by_arrival.peekable();
        if by_arrival.peek().is_none() {
            return Ok(Vec::new());
        }
        let index = &self.inner.index;
        let holds = self.holds(tenant)?;
        let claimed = claimed(&index.unjudged_of(tenant));
        let mut going = Vec::new();
        let mut going_ids = HashSet::new();
        for block in by_arrival {
            let meta = block.meta();
            if going.len() == n_max || (meta.arrived_max >= old && over_bytes == 0) {
                break;
            }
            let is_held = holds
                .iter()
                .any(|hold| hold.from <= meta.start_max && meta.start_min < hold.to);
            let mut rows = block.entry.supersedes.iter().filter(|(_, first)| *first);
            let takes_place = rows.any(|(row, _)| {
                !going_ids.contains(&row.block) && index.get(tenant, row.block).is_some()
            });
            if is_held || takes_place || !block.judged() || claimed.contains(&meta.id) {
                continue;
            }
            over_bytes = over_bytes.saturating_sub(meta.size_bytes);
            going_ids.insert(meta.id);
            going.push(block);
        }
        Ok(going)
    }

    /// Unlinks the files that have no listed block, that nobody reads and that take no more blocks.
    fn unlink_unused(&self) -> Result<u64, StoreError> {
        let inner = &*self.inner;
        let numbers = inner.block_files.numbers();
        // Of a list that is damaged nobody knows which files it does not name.
        if numbers.len() < 2 || !inner.damaged.is_empty() {
            return Ok(0);
        }
        // No block comes to a file that is not the one that is written.
        let _no_putting = inner.lock_blocks();
        let listed = inner.index.files();
        let current = inner.block_files.current();
        let mut n_unlinked = 0;
        for number in numbers {
            if listed.contains(&number) || Some(number) == current || current.is_none() {
                continue;
            }
            let Some(seqs) = self.take_unread_of(number) else {
                continue;
            };
            // A crash in between leaves a file of nobody, which the next call unlinks.
            self.forget_retired(&seqs)?;
            inner.block_files.unlink(number)?;
            n_unlinked += 1;
        }
        Ok(n_unlinked)
    }

    /// Takes the retired blocks of a file, unless somebody reads one of them.
    fn take_unread_of(&self, number: u32) -> Option<Vec<u64>> {
        let retired = self.inner.retired.lock();
        let mut retired = retired.unwrap_or_else(PoisonError::into_inner);
        let now = self.inner.clock.monotonic();
        let mut of_file = retired.iter().filter(|block| block.entry.file == number);
        if of_file.any(|block| !block.may_go(now)) {
            return None;
        }
        let taken = retired.extract_if(.., |block| block.entry.file == number);
        Some(taken.map(|block| block.entry.seq).collect())
    }
}

#[cfg(test)]
mod tests;
