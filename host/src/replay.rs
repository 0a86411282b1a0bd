//! Rules over stored history, by the same [`judge`](crate::judge::judge) as live traffic, changing nothing.
//!
//! The list of blocks is taken once, at the start: what is sealed later is not part of the replay. Blocks are
//! judged on as many threads as asked for and counted in any order: verdicts depend on neither.
//! A block in which no rule can have anything to look at is counted without being read.

mod group;
mod shortcuts;
mod threads;

use std::{
    ops::ControlFlow,
    sync::atomic::{AtomicU64, Ordering},
    time::Duration,
};

use crate::{
    clock::{Clock, UnixNanos},
    judge::{JudgeError, JudgePlan},
    rule_id::RuleId,
    rules::PublishedRule,
    sandbox::Sandbox,
    store::{ListedBlock, Store, StoreError},
    tenant::TenantId,
    trace::{SpanId, TraceId},
    verdict::{Clause, Verdict},
};

use group::{Replay, Tally, groups};
use shortcuts::Shortcuts;
use threads::judge_all;

/// The most violations of one rule that a report holds; it counts the rest.
pub const VIOLATIONS_MAX: usize = 100_000;

/// What to replay over, and how.
#[derive(Clone, Copy, Debug)]
pub struct ReplayOptions {
    /// Only traces that start at this time or later.
    pub from: Option<UnixNanos>,
    /// Only traces that start before this time.
    pub to: Option<UnixNanos>,
    /// How many threads judge; at least one does.
    pub threads: usize,
}

impl ReplayOptions {
    fn holds(&self, time: UnixNanos) -> bool {
        self.from.is_none_or(|from| from <= time) && self.to.is_none_or(|to| time < to)
    }

    fn may_hold_some_of(&self, block: &ListedBlock) -> bool {
        let meta = block.meta();
        self.from.is_none_or(|from| from <= meta.start_max)
            && self.to.is_none_or(|to| meta.start_min < to)
    }

    fn holds_all_of(&self, block: &ListedBlock) -> bool {
        self.holds(block.meta().start_min) && self.holds(block.meta().start_max)
    }
}

/// What a replay works with.
#[derive(Clone, Copy, Debug)]
pub struct Replaying<'a> {
    /// Where the history is.
    pub store: &'a Store,
    /// Where the rules run.
    pub sandbox: &'a Sandbox,
    /// How long it takes is measured with this.
    pub clock: &'a dyn Clock,
}

/// How far a replay is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Progress {
    /// Stored traces that are done.
    pub traces: u64,
    /// Stored traces in all blocks that reach into the range.
    pub traces_total: u64,
}

/// What a replay found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Replayed {
    /// By rule, in the order asked for.
    pub rules: Vec<RuleReplay>,
    /// Traces that were judged.
    pub traces: u64,
    /// Their spans.
    pub spans: u64,
    /// How long it took.
    pub elapsed: Duration,
    /// Whether it was stopped before the end: then the counts are of a part.
    pub partial: bool,
    /// The blocks that could not be read, and why: their traces are not counted.
    pub unreadable: Vec<String>,
}

/// What a replay found of one rule.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RuleReplay {
    /// The rule.
    pub id: RuleId,
    /// Traces by the number of their verdict.
    pub counts: [u64; 4],
    /// Its violations in order of time, then trace id: the first [`VIOLATIONS_MAX`] of them.
    pub violations: Vec<ReplayViolation>,
    /// When the first violating trace began.
    pub first_violation: Option<UnixNanos>,
    /// When the last one did.
    pub last_violation: Option<UnixNanos>,
}

impl RuleReplay {
    fn new(id: RuleId) -> Self {
        Self {
            id,
            counts: [0; 4],
            violations: Vec::new(),
            first_violation: None,
            last_violation: None,
        }
    }

    /// Returns how many traces had a verdict.
    pub fn count(&self, verdict: Verdict) -> u64 {
        let [not_applicable, held, violated, inconclusive] = self.counts;
        match verdict {
            Verdict::NotApplicable => not_applicable,
            Verdict::Held => held,
            Verdict::Violated => violated,
            Verdict::Inconclusive => inconclusive,
        }
    }

    /// Adds what was found of the rule in some blocks. Returns after which time no violation is among the first any
    /// more, once there are more than a report holds.
    fn add(&mut self, tally: group::RuleTally) -> Option<UnixNanos> {
        for (sum, count) in self.counts.iter_mut().zip(tally.counts) {
            *sum += count;
        }
        self.first_violation = either(self.first_violation, tally.first_violation, UnixNanos::min);
        self.last_violation = either(self.last_violation, tally.last_violation, UnixNanos::max);
        self.violations.extend(tally.violations);
        if self.violations.len() < 2 * VIOLATIONS_MAX {
            return None;
        }
        self.keep_the_first();
        self.violations.last().map(|last| last.time)
    }

    /// All other traces of the `n_traces` that were judged are those that the rule did not have to see.
    fn finish(&mut self, rule: &PublishedRule, n_traces: u64) {
        self.keep_the_first();
        let seen: u64 = self.counts.iter().sum();
        if let Some(unseen) = self.counts.get_mut(rule.description().otherwise as usize) {
            *unseen += n_traces.saturating_sub(seen);
        }
    }

    fn keep_the_first(&mut self) {
        self.violations
            .sort_by_key(|violation| (violation.time, violation.trace_id));
        self.violations.truncate(VIOLATIONS_MAX);
    }
}

/// A violation that a replay found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ReplayViolation {
    /// The trace.
    pub trace_id: TraceId,
    /// When its first span began.
    pub time: UnixNanos,
    /// What broke.
    pub clause: Clause,
    /// The spans that prove it.
    pub witnesses: Vec<SpanId>,
    /// What it says.
    pub message: String,
}

/// Why a replay found nothing.
#[derive(Debug, thiserror::Error)]
pub enum ReplayError {
    /// The store's catalog cannot be read.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The sandbox has no room.
    #[error(transparent)]
    Judge(JudgeError),
}

/// Judges the stored traces of a tenant by `rules`. `progress` hears of it after each few blocks, and every
/// 100 ms, and may end it.
///
/// # Errors
///
/// [`ReplayError`] where nothing can be told. A block that cannot be read is named in the report, not an error.
pub fn replay(
    with: Replaying<'_>,
    tenant: &TenantId,
    rules: &[PublishedRule],
    options: ReplayOptions,
    progress: &mut dyn FnMut(Progress) -> ControlFlow<()>,
) -> Result<Replayed, ReplayError> {
    let blocks = with.store.blocks(tenant);
    replay_blocks(with, tenant, blocks, rules, options, progress)
}

/// Replays over a list of blocks, whatever has become of them since it was taken.
pub(crate) fn replay_blocks(
    with: Replaying<'_>,
    tenant: &TenantId,
    mut blocks: Vec<ListedBlock>,
    rules: &[PublishedRule],
    options: ReplayOptions,
    progress: &mut dyn FnMut(Progress) -> ControlFlow<()>,
) -> Result<Replayed, ReplayError> {
    let started = with.clock.monotonic();
    blocks.retain(|block| options.may_hold_some_of(block));
    let plan = JudgePlan::new(rules);
    let shortcuts = Shortcuts::of(with.store, tenant, &plan, &blocks);
    let mut told = Progress {
        traces: 0,
        traces_total: blocks
            .iter()
            .map(|block| u64::from(block.meta().n_traces))
            .sum(),
    };
    let mut report = Replayed::new(rules);
    // By rule: what is violated later is counted and not described, since the report is full.
    let described_until: Vec<_> = rules.iter().map(|_| AtomicU64::new(u64::MAX)).collect();
    let (idle, busy): (Vec<_>, Vec<_>) = blocks
        .iter()
        .partition(|block| options.holds_all_of(block) && shortcuts.skips(&plan, block));
    for block in idle {
        let meta = block.meta();
        told.traces += u64::from(meta.n_traces);
        report.traces += u64::from(meta.n_traces);
        report.spans += u64::from(meta.n_spans);
    }
    let groups = groups(&plan, &shortcuts, &busy, options.threads);
    let replay = Replay {
        with,
        plan: &plan,
        shortcuts: &shortcuts,
        options: &options,
        described_until: &described_until,
    };
    // Where every block was passed over, that is all that is heard of it.
    if progress(told).is_continue() {
        judge_all(&replay, &groups, options.threads, &mut |tally| {
            told.traces += tally.traces_done;
            report.add(tally, &described_until);
            progress(told)
        })?;
    }
    for (rule, of_rule) in rules.iter().zip(&mut report.rules) {
        of_rule.finish(rule, report.traces);
    }
    report.partial = told.traces < told.traces_total;
    report.elapsed = with.clock.monotonic().saturating_sub(started);
    Ok(report)
}

impl Replayed {
    fn new(rules: &[PublishedRule]) -> Self {
        let of_rule = |rule: &PublishedRule| RuleReplay::new(rule.id.clone());
        Self {
            rules: rules.iter().map(of_rule).collect(),
            traces: 0,
            spans: 0,
            elapsed: Duration::ZERO,
            partial: false,
            unreadable: Vec::new(),
        }
    }

    fn add(&mut self, tally: Tally, described_until: &[AtomicU64]) {
        let Tally {
            traces_done: _,
            traces,
            spans,
            rules,
            unreadable,
        } = tally;
        self.traces += traces;
        self.spans += spans;
        self.unreadable.extend(unreadable);
        for (position, tally) in rules {
            let position = position as usize;
            let until = self
                .rules
                .get_mut(position)
                .and_then(|rule| rule.add(tally));
            if let (Some(until), Some(bound)) = (until, described_until.get(position)) {
                bound.store(until.0, Ordering::Relaxed);
            }
        }
    }
}

fn either<T: Copy>(a: Option<T>, b: Option<T>, both: impl FnOnce(T, T) -> T) -> Option<T> {
    match (a, b) {
        (Some(a), Some(b)) => Some(both(a, b)),
        (a, b) => a.or(b),
    }
}
