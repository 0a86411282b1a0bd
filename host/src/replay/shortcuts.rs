//! What the store's postings say before a block is read.

use hashbrown::HashMap;

use crate::{
    block::{BlockId, Postings},
    judge::JudgePlan,
    store::{Candidates, ListedBlock, Store},
    tenant::TenantId,
};

/// Of more names than this the blocks are asked: each tells all of its names at once, in a few microseconds, where the
/// store's postings are looked through name by name.
const NAMES_ASKED_MAX: usize = 64;

/// Which traces of which block have a span of which name, as far as the rules ask for it and the store knows.
#[derive(Debug, Default)]
pub(super) struct Shortcuts {
    /// By block, then by name of the plan. Nothing where some rule has to see every trace.
    known: HashMap<BlockId, Vec<Option<Postings>>>,
    /// The names that were asked for.
    required: Vec<u32>,
}

impl Shortcuts {
    /// Asks the store's postings once for each name. `blocks` is the list that is replayed: one of them that was
    /// merged into another since it was taken is no longer known to the store, and is read.
    pub(super) fn of(
        store: &Store,
        tenant: &TenantId,
        plan: &JudgePlan<'_>,
        blocks: &[ListedBlock],
    ) -> Self {
        let mut shortcuts = Self::default();
        let Some(names) = plan.required_names() else {
            return shortcuts;
        };
        let names: Vec<_> = names.collect();
        if names.len() > NAMES_ASKED_MAX {
            return shortcuts;
        }
        for (name, number) in names {
            shortcuts.required.push(number);
            for (block, found) in store.blocks_with_name(tenant, name) {
                let Candidates::Traces(traces) = found else {
                    continue;
                };
                let known = shortcuts.known.entry(block.meta().id).or_default();
                let number = number as usize;
                if known.len() <= number {
                    known.resize(number + 1, None);
                }
                if let Some(slot) = known.get_mut(number) {
                    *slot = Some(traces);
                }
            }
        }
        // What was sealed meanwhile is not replayed.
        let listed: hashbrown::HashSet<BlockId> = blocks.iter().map(|b| b.meta().id).collect();
        shortcuts.known.retain(|block, _| listed.contains(block));
        shortcuts
    }

    /// Returns what is known of a block, by name of the plan.
    pub(super) fn of_block(&self, block: BlockId) -> &[Option<Postings>] {
        self.known.get(&block).map_or(&[], Vec::as_slice)
    }

    /// Returns how many traces have the names that rules require, at most; `None` where that is not known of each name.
    pub(super) fn traces_known(&self, block: BlockId) -> Option<usize> {
        let known = self.known.get(&block)?;
        let of_name = |name: &u32| known.get(*name as usize)?.as_ref().map(Postings::len);
        self.required.iter().map(of_name).sum()
    }

    /// Whether no rule has anything to look at in a block.
    pub(super) fn skips(&self, plan: &JudgePlan<'_>, block: &ListedBlock) -> bool {
        if block.meta().incomplete > 0 || !block.superseded().is_empty() {
            return false;
        }
        let known = self.of_block(block.meta().id);
        let may_have = |name: u32| {
            let known = known.get(name as usize).and_then(Option::as_ref);
            known.is_none_or(|traces| !traces.is_empty())
        };
        !known.is_empty() && !plan.may_have_candidates(may_have)
    }
}
