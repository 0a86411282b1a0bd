//! Listed blocks get their verdicts.
//!
//! The list of unjudged blocks in the catalog is the queue: what a crash leaves is taken up again by the same loop.
//! A block is judged by the rule set under which it was listed, and in the order of listing, so that a reopened trace
//! is judged after the block that it supersedes.
//!
//! What is done with what came of it is in `recording`.

use std::{sync::Arc, time::Duration};

use hashbrown::{HashMap, HashSet};

use super::{
    Chain,
    faults::Faults,
    limits::{GROUP_BLOCKS_MAX, GROUP_BYTES_MAX, GROUP_SPANS_MAX, QuarantineLimits},
    verdicts::{Judges, Unjudged},
};
use crate::{
    block::BlockId,
    clock::Clock,
    judge::Allowance,
    rules::Registry,
    sandbox::Sandbox,
    store::{ListedBlock, RuleCosts, Store, StoreError},
    telemetry::Telemetry,
    tenant::{Limit, TenantId},
};

/// Judges blocks, and records what came of it. One thread owns it.
#[derive(Debug)]
pub struct Judging {
    pub(super) judges: Judges,
    pub(super) clock: Arc<dyn Clock>,
    pub(super) telemetry: Arc<Telemetry>,
    pub(super) faults: Faults,
    /// Blocks that cannot be read: named once, and left for whoever repairs the store.
    given_up: HashSet<BlockId>,
    /// Blocks for which the host had no rules or no sandbox: named once, and tried again.
    pub(super) put_off: HashSet<BlockId>,
    /// Those of them that are to be tried again.
    pub(super) again: HashSet<BlockId>,
    /// What judgings cost that led to no verdicts, by tenant: recorded with the next that does.
    pub(super) owed: HashMap<TenantId, RuleCosts>,
}

/// After how long a block that was put off is tried again, where nothing else comes to be judged.
pub(super) const TRIED_AGAIN_AFTER: Duration = Duration::from_secs(10);

impl Judging {
    /// Starts over a store.
    pub fn new(
        store: Store,
        registry: Arc<Registry>,
        sandbox: Arc<Sandbox>,
        clock: Arc<dyn Clock>,
        telemetry: Arc<Telemetry>,
    ) -> Self {
        Self {
            judges: Judges {
                store,
                registry,
                sandbox,
            },
            clock,
            telemetry,
            faults: Faults::new(QuarantineLimits::default()),
            given_up: HashSet::new(),
            put_off: HashSet::new(),
            again: HashSet::new(),
            owed: HashMap::new(),
        }
    }

    /// Whether a block was put off, and is to be tried again.
    pub fn puts_off(&self) -> bool {
        !self.put_off.is_empty()
    }

    /// Judges all that is listed and unjudged, unless it is told to stop between two blocks. Returns how many blocks
    /// that were.
    ///
    /// # Errors
    ///
    /// Where the verdicts cannot be stored.
    pub fn drain(&mut self, is_stopped: impl Fn() -> bool) -> Result<usize, StoreError> {
        let mut n_judged = 0;
        // A block is tried once a call, or one that is put off would be tried without end.
        let mut tried = HashSet::new();
        loop {
            let mut unjudged = self.judges.store.unjudged();
            unjudged.retain(|listed| !self.given_up.contains(&listed.meta().id));
            self.show_how_many_wait();
            unjudged.retain(|listed| tried.insert(listed.meta().id));
            if unjudged.is_empty() {
                return Ok(n_judged);
            }
            for group in groups(&unjudged) {
                if is_stopped() {
                    return Ok(n_judged);
                }
                let judged = self.judges.judge(group, Allowance::NO_END);
                n_judged += self.record(vec![judged])?;
            }
        }
    }

    /// Forgets what was noted of blocks that are not listed any more, since their tenant was removed.
    fn forget_unlisted(&mut self) {
        if self.put_off.is_empty() && self.given_up.is_empty() {
            return;
        }
        let unjudged = self.judges.store.unjudged();
        let listed: HashSet<BlockId> = unjudged.iter().map(|block| block.meta().id).collect();
        self.put_off.retain(|id| listed.contains(id));
        self.again.retain(|id| listed.contains(id));
        self.given_up.retain(|id| listed.contains(id));
    }

    /// Returns what groups are judged with.
    pub(super) fn judges(&self) -> Judges {
        self.judges.clone()
    }

    /// Returns what of a processor a tenant may have, in percent.
    pub(super) fn share_percent(&self, tenant: &TenantId) -> i64 {
        let limits = self.judges.store.limits(tenant);
        let percent = limits.value(Limit::JudgePercent);
        percent.map_or(100, |percent| i64::try_from(percent).unwrap_or(i64::MAX))
    }

    /// Returns the time that budgets are kept by.
    pub(super) fn now(&self) -> Duration {
        self.clock.monotonic()
    }

    /// Returns of each tenant the oldest blocks that are to be judged, at most so many. Those that are judged, and not
    /// recorded yet, are not among them.
    pub(super) fn oldest(
        &self,
        n_max: usize,
        unrecorded: &HashSet<BlockId>,
    ) -> Vec<Vec<ListedBlock>> {
        self.judges.store.oldest_unjudged(n_max, |id| {
            let is_put_off = self.put_off.contains(&id) && !self.again.contains(&id);
            !is_put_off && !self.given_up.contains(&id) && !unrecorded.contains(&id)
        })
    }

    /// Has the blocks that were put off tried again.
    pub(super) fn try_again(&mut self) {
        self.again.clone_from(&self.put_off);
    }

    /// Says whether a tenant is slowed.
    pub(super) fn slowed(&self, tenant: &TenantId, is_slowed: bool) {
        self.telemetry.slowed(tenant, is_slowed);
        tracing::info!(tenant = %tenant, is_slowed, "a tenant changed the lane in which it is judged");
    }

    pub(super) fn show_how_many_wait(&mut self) {
        self.forget_unlisted();
        let n_unjudged = self.judges.store.n_unjudged();
        let n_waiting = n_unjudged.saturating_sub(self.given_up.len());
        self.telemetry.unjudged_blocks.set(n_waiting as i64);
    }

    pub(super) fn cannot_judge(&mut self, listed: &ListedBlock, error: &Unjudged) {
        let id = listed.meta().id;
        self.again.remove(&id);
        if !self.put_off.contains(&id) {
            tracing::error!(block = %id, error = %Chain(error), "a block cannot be judged");
        }
        if error.passes() {
            self.put_off.insert(id);
        } else {
            self.put_off.remove(&id);
            self.given_up.insert(id);
        }
    }
}

/// Returns how many of the blocks of a tenant, from the first on, are judged together.
pub(super) fn group_len(blocks: &[ListedBlock]) -> usize {
    let rule_set = blocks.first().map(ListedBlock::rule_set);
    let of_set = blocks
        .iter()
        .take_while(|listed| Some(listed.rule_set()) == rule_set);
    n_together(of_set.map(|listed| (listed.meta().n_spans, listed.meta().size_bytes)))
}

/// Returns how many blocks, of so many spans and bytes, are judged together: at least one.
fn n_together(blocks: impl Iterator<Item = (u32, u64)>) -> usize {
    let (mut n_spans, mut bytes) = (0_usize, 0_u64);
    let fits = |(more_spans, more_bytes): &(u32, u64)| {
        n_spans = n_spans.saturating_add(*more_spans as usize);
        bytes = bytes.saturating_add(*more_bytes);
        n_spans <= GROUP_SPANS_MAX && bytes <= GROUP_BYTES_MAX
    };
    blocks
        .take(GROUP_BLOCKS_MAX)
        .take_while(fits)
        .count()
        .max(1)
}

/// Cuts blocks, in their order, into groups that are judged together.
fn groups(mut blocks: &[ListedBlock]) -> Vec<&[ListedBlock]> {
    let mut groups = Vec::new();
    while let Some(first) = blocks.first() {
        let tenant = &first.meta().tenant;
        let other = |listed: &ListedBlock| listed.meta().tenant != *tenant;
        let of_tenant = blocks.iter().position(other).unwrap_or(blocks.len());
        let n_group = blocks.get(..of_tenant).map_or(1, group_len);
        let (group, rest) = blocks.split_at(n_group.min(blocks.len()));
        groups.push(group);
        blocks = rest;
    }
    groups
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_group_is_bounded_in_blocks_spans_and_bytes() {
        let together = |block: (u32, u64)| n_together(std::iter::repeat_n(block, 100));
        assert_eq!(together((1, 1)), GROUP_BLOCKS_MAX);
        assert_eq!(together((GROUP_SPANS_MAX as u32 / 3, 1)), 3);
        assert_eq!(together((1, GROUP_BYTES_MAX / 3)), 3);
        // What is larger than a group is judged alone.
        assert_eq!(together((1, GROUP_BYTES_MAX + 1)), 1);
    }
}
