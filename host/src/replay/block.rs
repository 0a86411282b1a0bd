//! One block of a replay.

use std::collections::BTreeMap;

use hashbrown::HashSet;

use super::{ReplayError, ReplayOptions, ReplayViolation, Replaying};
use crate::{
    block::{Block, BlockError, BlockId, Postings},
    clock::UnixNanos,
    judge::{JudgeError, JudgeOptions, judge, message},
    rules::PublishedRule,
    store::{Candidates, ListedBlock, Store, StoreError},
    tenant::TenantId,
    trace::{SpanId, TraceId},
    verdict::{RuleVerdicts, Violation},
};

/// What one block adds to the report.
#[derive(Debug, Default)]
pub(super) struct BlockReplay {
    pub(super) n_traces: u64,
    pub(super) n_spans: u64,
    /// In the order of the rules.
    pub(super) rules: Vec<([u64; 4], Vec<ReplayViolation>)>,
    /// Why the block could not be read, naming it.
    pub(super) unreadable: Option<String>,
}

/// The blocks that some rule has to look at, by the store's postings alone.
#[derive(Debug)]
pub(super) struct Shortcuts {
    /// None: all of them.
    busy: Option<HashSet<BlockId>>,
    /// For each rule, the number of the verdict of a trace that its `any-of` rules out.
    otherwise: Vec<u8>,
}

impl Shortcuts {
    /// Asks the store's postings once for each name. `blocks` is the list that is replayed: one of them that was
    /// merged into another since it was taken is no longer known to the store, and is read.
    pub(super) fn of(
        store: &Store,
        tenant: &TenantId,
        rules: &[PublishedRule],
        blocks: &[ListedBlock],
    ) -> Result<Self, StoreError> {
        let otherwise = rules
            .iter()
            .map(|rule| rule.description().otherwise as u8)
            .collect();
        let any_of = |rule: &PublishedRule| !rule.description().any_of.is_empty();
        if rules.is_empty() || !rules.iter().all(any_of) {
            return Ok(Self {
                busy: None,
                otherwise,
            });
        }
        let mut names: BTreeMap<&str, BTreeMap<BlockId, Candidates>> = BTreeMap::new();
        for name in rules
            .iter()
            .flat_map(|rule| rule.description().any_of.iter().flatten())
        {
            if !names.contains_key(name.as_str()) {
                let found = store.blocks_with_name(tenant, name)?;
                names.insert(
                    name,
                    found
                        .into_iter()
                        .map(|(block, found)| (block.meta().id, found))
                        .collect(),
                );
            }
        }
        let is_busy = |block: &&ListedBlock| {
            block.meta().incomplete > 0
                || !block.superseded().is_empty()
                || rules.iter().any(|rule| {
                    may_have_candidates(&rule.description().any_of, block.meta().id, &names)
                })
        };
        let busy = blocks
            .iter()
            .filter(is_busy)
            .map(|block| block.meta().id)
            .collect();
        Ok(Self {
            busy: Some(busy),
            otherwise,
        })
    }

    fn skips(&self, block: BlockId) -> bool {
        self.busy
            .as_ref()
            .is_some_and(|busy| !busy.contains(&block))
    }
}

fn may_have_candidates(
    any_of: &[Vec<String>],
    block: BlockId,
    names: &BTreeMap<&str, BTreeMap<BlockId, Candidates>>,
) -> bool {
    let mut found: Option<Postings> = None;
    for group in any_of {
        let mut of_group = Postings::default();
        let mut is_known = true;
        for name in group {
            match names
                .get(name.as_str())
                .and_then(|blocks| blocks.get(&block))
            {
                Some(Candidates::Traces(traces)) => of_group = of_group.or(traces),
                // Merged since, or not indexed.
                Some(Candidates::Scan) | None => is_known = false,
            }
        }
        if is_known {
            found = Some(found.map_or(of_group.clone(), |before| before.and(&of_group)));
        }
    }
    found.is_none_or(|found| !found.is_empty())
}

/// Judges the traces of a block that are in the range and not superseded.
pub(super) fn replay_block(
    with: Replaying<'_>,
    rules: &[PublishedRule],
    listed: &ListedBlock,
    options: &ReplayOptions,
    shortcuts: &Shortcuts,
) -> Result<BlockReplay, ReplayError> {
    let meta = listed.meta();
    if options.holds_all_of(listed) && shortcuts.skips(meta.id) {
        let counts = |&otherwise: &u8| {
            let mut counts = [0; 4];
            if let Some(count) = counts.get_mut(usize::from(otherwise)) {
                *count = u64::from(meta.n_traces);
            }
            (counts, Vec::new())
        };
        return Ok(BlockReplay {
            n_traces: u64::from(meta.n_traces),
            n_spans: u64::from(meta.n_spans),
            rules: shortcuts.otherwise.iter().map(counts).collect(),
            unreadable: None,
        });
    }
    let unreadable = |what: String| BlockReplay {
        rules: vec![([0; 4], Vec::new()); rules.len()],
        unreadable: Some(what),
        ..BlockReplay::default()
    };
    let block = match with.store.open_block(listed) {
        Ok(block) => block,
        Err(error) => return Ok(unreadable(error.to_string())),
    };
    match judge_block(with, rules, listed, &block, options) {
        Ok(of_block) => Ok(of_block),
        Err(JudgeError::Block(error)) => Ok(unreadable(error.to_string())),
        Err(error @ JudgeError::Sandbox { .. }) => Err(ReplayError::Judge(error)),
    }
}

fn judge_block(
    with: Replaying<'_>,
    rules: &[PublishedRule],
    listed: &ListedBlock,
    block: &Block,
    options: &ReplayOptions,
) -> Result<BlockReplay, JudgeError> {
    let skip = if options.holds_all_of(listed) {
        Postings::clone(listed.superseded())
    } else {
        listed.superseded().or(&outside(block, options)?)
    };
    let judge_options = JudgeOptions { skip };
    let verdicts = judge(with.sandbox, rules, block, &judge_options)?;
    let JudgeOptions { skip } = judge_options;
    let mut n_spans = u64::from(listed.meta().n_spans);
    if !skip.is_empty() {
        for trace in skip.iter() {
            n_spans -= block.span_rows(trace)?.len() as u64;
        }
    }
    let of_rule = |(rule, verdicts): (&PublishedRule, RuleVerdicts)| -> Result<_, BlockError> {
        let counts = verdicts.counts(skip.as_slice());
        let violations: Result<Vec<_>, _> = verdicts
            .violations
            .iter()
            .map(|violation| describe(rule, block, violation))
            .collect();
        Ok((counts, violations?))
    };
    let rules: Result<_, BlockError> = rules.iter().zip(verdicts).map(of_rule).collect();
    Ok(BlockReplay {
        n_traces: u64::from(listed.meta().n_traces) - skip.len() as u64,
        n_spans,
        rules: rules?,
        unreadable: None,
    })
}

/// The traces that begin outside the range.
fn outside(block: &Block, options: &ReplayOptions) -> Result<Postings, BlockError> {
    let starts = (0..).zip(block.trace_starts()?);
    let outside = starts.filter(|(_, start)| !options.holds(UnixNanos(**start)));
    Ok(Postings::new(outside.map(|(trace, _)| trace).collect()))
}

fn describe(
    rule: &PublishedRule,
    block: &Block,
    violation: &Violation,
) -> Result<ReplayViolation, BlockError> {
    let (ids, spans) = (block.trace_ids()?, block.span_ids()?);
    let start = block.trace_starts()?.get(violation.trace as usize).copied();
    Ok(ReplayViolation {
        trace_id: ids
            .get(violation.trace as usize)
            .copied()
            .unwrap_or(TraceId([0; 16])),
        time: UnixNanos(start.unwrap_or_default()),
        clause: violation.clause,
        witnesses: violation
            .witnesses
            .iter()
            .filter_map(|row| spans.get(*row as usize))
            .map(|id| SpanId(*id))
            .collect(),
        message: message(rule.description(), block, violation)?,
    })
}
