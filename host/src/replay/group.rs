//! A few blocks of a replay, judged together.

use std::sync::atomic::{AtomicU64, Ordering};

use super::{ReplayError, ReplayOptions, ReplayViolation, Replaying, Shortcuts, either};
use crate::{
    block::{Block, BlockError, Postings},
    clock::UnixNanos,
    judge::{
        Allowance, BlockToJudge, BlockVerdicts, Costs, JudgeError, JudgePlan, Messages,
        judge_within,
    },
    store::{ListedBlock, StoreError},
    trace::{SpanId, TraceId},
    verdict::{RuleVerdicts, Violation},
};

/// The most blocks of a group.
const GROUP_BLOCKS_MAX: usize = 64;

/// About how much memory the decoded columns of a group may take: little enough to stay in the processor's caches and to
/// be used again by the next group.
const GROUP_BYTES_MAX: usize = 8 << 20;

/// Where so few traces have the names that the rules require, a few rows of a block are read and not its columns.
const FEW_TRACES: usize = 32;

/// What is read of such a block, as a part of it.
const FEW_TRACES_PART: usize = 16;

/// What every group of a replay needs.
pub(super) struct Replay<'a> {
    pub(super) with: Replaying<'a>,
    pub(super) plan: &'a JudgePlan<'a>,
    pub(super) shortcuts: &'a Shortcuts,
    pub(super) options: &'a ReplayOptions,
    /// By rule, the time after which a violation is counted and not described.
    pub(super) described_until: &'a [AtomicU64],
}

/// What a group adds to the report.
#[derive(Debug, Default)]
pub(super) struct Tally {
    /// Stored traces that are done with, whether they were judged or not.
    pub(super) traces_done: u64,
    /// Traces that were judged.
    pub(super) traces: u64,
    /// Their spans.
    pub(super) spans: u64,
    /// Of rules that had something to see, by their position.
    pub(super) rules: Vec<(u32, RuleTally)>,
    /// Why blocks could not be read, naming them.
    pub(super) unreadable: Vec<String>,
}

/// What was found of one rule, of the traces of those blocks where it had something to see.
#[derive(Debug, Default)]
pub(super) struct RuleTally {
    /// By the number of the verdict.
    pub(super) counts: [u64; 4],
    pub(super) first_violation: Option<UnixNanos>,
    pub(super) last_violation: Option<UnixNanos>,
    /// Those that the report may hold.
    pub(super) violations: Vec<ReplayViolation>,
}

/// Puts blocks into groups: small enough for memory, and for all threads to have some.
pub(super) fn groups<'a>(
    plan: &JudgePlan<'_>,
    shortcuts: &Shortcuts,
    blocks: &[&'a ListedBlock],
    threads: usize,
) -> Vec<Vec<&'a ListedBlock>> {
    let blocks_max = blocks.len().div_ceil(threads.max(1) * 4);
    let blocks_max = blocks_max.clamp(1, GROUP_BLOCKS_MAX);
    let mut groups: Vec<Vec<&ListedBlock>> = Vec::new();
    let mut size_bytes = 0;
    for &block in blocks {
        let mut block_bytes = plan.bytes_per_span() * block.meta().n_spans as usize;
        if shortcuts
            .traces_known(block.meta().id)
            .is_some_and(|n| n <= FEW_TRACES)
        {
            block_bytes /= FEW_TRACES_PART;
        }
        match groups.last_mut() {
            Some(group)
                if group.len() < blocks_max && size_bytes + block_bytes <= GROUP_BYTES_MAX =>
            {
                group.push(block);
                size_bytes += block_bytes;
            }
            Some(_) | None => {
                groups.push(vec![block]);
                size_bytes = block_bytes;
            }
        }
    }
    groups
}

/// A block of the group that could be opened.
struct Opened<'a> {
    listed: &'a ListedBlock,
    block: Block,
    /// The traces that are not judged.
    skip: Postings,
}

impl Replay<'_> {
    /// Judges the traces of some blocks that are in the range and not superseded; `None` where it was stopped, which is
    /// asked before each call and each block.
    pub(super) fn group(
        &self,
        group: &[&ListedBlock],
        is_stopped: &dyn Fn() -> bool,
    ) -> Result<Option<Tally>, ReplayError> {
        let mut tally = Tally::default();
        let mut opened = Vec::with_capacity(group.len());
        let blocks = self.with.store.open_blocks(group.iter().copied());
        for (listed, block) in group.iter().zip(blocks) {
            tally.traces_done += u64::from(listed.meta().n_traces);
            match self.open(listed, block) {
                Ok(block) => opened.push(block),
                Err(what) => tally.unreadable.push(what),
            }
        }
        let blocks: Vec<BlockToJudge<'_>> = opened
            .iter()
            .map(|of| BlockToJudge {
                block: &of.block,
                skip: &of.skip,
                known: self.shortcuts.of_block(of.listed.meta().id),
            })
            .collect();
        let allowance = Allowance {
            is_stopped,
            ..Allowance::NO_END
        };
        let mut costs = Costs::default();
        let judged = judge_within(self.with.sandbox, self.plan, &blocks, allowance, &mut costs);
        let judged = match judged {
            Err(JudgeError::GivenUp) => return Ok(None),
            judged => judged.map_err(ReplayError::Judge)?,
        };
        let mut rules: Vec<Option<RuleTally>> = Vec::new();
        rules.resize_with(self.plan.rules().len(), || None);
        for (of, verdicts) in opened.iter().zip(judged) {
            if is_stopped() {
                return Ok(None);
            }
            let counted = verdicts.and_then(|verdicts| self.count(of, &verdicts));
            match counted {
                Ok((n_spans, of_rules)) => {
                    tally.traces += u64::from(of.listed.meta().n_traces) - of.skip.len() as u64;
                    tally.spans += n_spans;
                    for (position, of_rule) in of_rules {
                        if let Some(rule) = rules.get_mut(position as usize) {
                            rule.get_or_insert_default().add(of_rule);
                        }
                    }
                }
                Err(error) => tally.unreadable.push(error.to_string()),
            }
        }
        let seen = (0..).zip(rules);
        tally.rules = seen
            .filter_map(|(position, rule)| Some((position, rule?)))
            .collect();
        Ok(Some(tally))
    }

    fn open<'l>(
        &self,
        listed: &'l ListedBlock,
        block: Result<Block, StoreError>,
    ) -> Result<Opened<'l>, String> {
        let block = block.map_err(|error| error.to_string())?;
        let skip = if self.options.holds_all_of(listed) {
            Postings::clone(listed.superseded())
        } else {
            let outside = outside(&block, self.options).map_err(|error| error.to_string())?;
            listed.superseded().or(&outside)
        };
        Ok(Opened {
            listed,
            block,
            skip,
        })
    }

    /// Counts the verdicts on one block, and describes its violations. Nothing of a block that cannot be read counts.
    fn count(
        &self,
        of: &Opened<'_>,
        verdicts: &BlockVerdicts,
    ) -> Result<(u64, Vec<(u32, RuleTally)>), BlockError> {
        let mut n_spans = u64::from(of.listed.meta().n_spans);
        for trace in of.skip.iter() {
            n_spans -= of.block.span_rows(trace)?.len() as u64;
        }
        let seen = verdicts.seen.iter();
        let rules: Result<_, BlockError> = seen
            .map(|(position, verdicts)| Ok((*position, self.count_rule(of, *position, verdicts)?)))
            .collect();
        Ok((n_spans, rules?))
    }

    fn count_rule(
        &self,
        of: &Opened<'_>,
        position: u32,
        verdicts: &RuleVerdicts,
    ) -> Result<RuleTally, BlockError> {
        let mut tally = RuleTally {
            counts: verdicts.counts(of.skip.as_slice()),
            ..RuleTally::default()
        };
        let rule = self.plan.rules().get(position as usize);
        let until = self.described_until.get(position as usize);
        let (Some(rule), Some(until)) = (rule, until) else {
            return Ok(tally);
        };
        if verdicts.violations.is_empty() {
            return Ok(tally);
        }
        let until = until.load(Ordering::Relaxed);
        let starts = of.block.trace_starts()?;
        let mut messages = None;
        for violation in &verdicts.violations {
            let start = starts.get(violation.trace as usize).copied();
            let time = UnixNanos(start.unwrap_or_default());
            tally.saw_violation(time, time);
            if time.0 > until {
                continue;
            }
            let messages = match &messages {
                Some(messages) => messages,
                None => messages.insert(Messages::new(rule.description(), &of.block)?),
            };
            tally
                .violations
                .push(describe(&of.block, messages, violation, time)?);
        }
        Ok(tally)
    }
}

impl RuleTally {
    fn saw_violation(&mut self, first: UnixNanos, last: UnixNanos) {
        self.first_violation = either(self.first_violation, Some(first), UnixNanos::min);
        self.last_violation = either(self.last_violation, Some(last), UnixNanos::max);
    }

    fn add(&mut self, more: Self) {
        for (sum, count) in self.counts.iter_mut().zip(more.counts) {
            *sum += count;
        }
        if let (Some(first), Some(last)) = (more.first_violation, more.last_violation) {
            self.saw_violation(first, last);
        }
        self.violations.extend(more.violations);
    }
}

/// The traces that begin outside the range.
fn outside(block: &Block, options: &ReplayOptions) -> Result<Postings, BlockError> {
    let starts = (0..).zip(block.trace_starts()?);
    let outside = starts.filter(|(_, start)| !options.holds(UnixNanos(**start)));
    Ok(Postings::new(outside.map(|(trace, _)| trace).collect()))
}

fn describe(
    block: &Block,
    messages: &Messages<'_>,
    violation: &Violation,
    time: UnixNanos,
) -> Result<ReplayViolation, BlockError> {
    let ids = block.trace_ids()?;
    let mut witnesses = Vec::with_capacity(violation.witnesses.len());
    for row in &violation.witnesses {
        witnesses.extend(block.span_id(*row)?.map(SpanId));
    }
    Ok(ReplayViolation {
        trace_id: ids
            .get(violation.trace as usize)
            .copied()
            .unwrap_or(TraceId([0; 16])),
        time,
        clause: violation.clause,
        witnesses,
        message: messages.of(violation)?,
    })
}
