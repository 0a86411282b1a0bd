//! Small blocks to one large one, with their verdicts in its order. Reads and computes; writes nothing, and holds no lock.

use hashbrown::HashSet;

use super::super::{
    Store,
    error::StoreError,
    file::Fault,
    index::ListedBlock,
    judged::{Hours, JUDGED, JudgedBlock, RuleOutcome, judged_block},
};
use crate::{
    block::{Block, EncodedBlock, Postings, Stored, merge},
    rule_id::{RuleId, RuleVersion},
    tenant::TenantId,
    trace::TraceId,
};

/// Small blocks that are to become one, and what is known of them.
#[derive(Debug)]
pub(super) struct Group {
    pub(super) blocks: Vec<ListedBlock>,
    judged: Vec<JudgedBlock>,
}

/// What small blocks become.
#[derive(Debug)]
pub struct Merged {
    pub(super) tenant: TenantId,
    pub(super) group: Group,
    pub(super) block: EncodedBlock,
    pub(super) judged: JudgedBlock,
}

/// A trace that is kept: its id, which block of the group it is from, its number there.
type Kept = (TraceId, usize, u32);

impl Store {
    /// Reads the verdicts of a group; nothing where they are not by the same versions of the same rules.
    pub(super) fn readable(&self, blocks: &[ListedBlock]) -> Result<Option<Group>, StoreError> {
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
    /// block that cannot be read, or that has a trace which another of the group has too, stays out; nothing where fewer
    /// than so many are left.
    pub(super) fn merge(&self, tenant: &TenantId, group: Group, n_min: usize) -> Option<Merged> {
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
        if merged.blocks.len() < n_min || kept.is_empty() {
            return None;
        }
        // A block's traces are in order of their ids.
        kept.sort_unstable();
        let traces: Vec<(usize, u32)> = kept.iter().map(|(_, block, n)| (*block, *n)).collect();
        Some(Merged {
            tenant: tenant.clone(),
            judged: merge_judged(&merged.judged, &kept),
            block: merge(tenant, &from, &traces),
            group: merged,
        })
    }
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
