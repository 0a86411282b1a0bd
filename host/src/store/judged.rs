//! What judging leads to, in one transaction: verdicts, signals, coverage and the mark `judged`, which is
//! that the verdicts are there.
//!
//! A block whose verdicts are there is passed over, so that judging may be repeated after a crash.

mod value;

use std::sync::Arc;

use hashbrown::HashMap;
use redb::{ReadableTable as _, Table, TableDefinition, WriteTransaction};

pub(super) use self::value::{Hours, JudgedBlock, RuleOutcome};
use super::{
    Store,
    amend::CoverageChange,
    blocks::Entry,
    codec::Place,
    costs::{self, RuleCosts},
    coverage,
    doctor::{Area, Findings},
    error::StoreError,
    file::{DbFile, Fault, each_row, open_if_there},
    index::ListedBlock,
    signals::SignalTables,
};
use crate::{
    block::{Block, BlockId},
    clock::UnixNanos,
    rule_id::{RuleId, RuleVersion},
    signal::{Raised, Signal, SignalId},
    tenant::TenantId,
    trace::TraceId,
    verdict::{RuleVerdicts, Verdict},
};

/// Sequence number of a block -> the verdicts on it.
pub(super) const JUDGED: TableDefinition<'_, u64, &[u8]> = TableDefinition::new("judged");

/// The hours that coverage counts by.
pub(crate) const HOUR_NS: u64 = 3_600_000_000_000;

/// Everything that was judged of one block.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Judgement {
    /// Whose block.
    pub tenant: TenantId,
    /// The block.
    pub block: BlockId,
    /// The ids of its traces, in the block's order, which is ascending.
    pub trace_ids: Vec<TraceId>,
    /// T of each: the start of its first span.
    pub trace_starts: Vec<UnixNanos>,
    /// Of each rule of the rule set, a verdict for each trace.
    pub rules: Vec<(RuleId, RuleVersion, RuleVerdicts)>,
    /// What judging cost, of this block and of what was judged with it.
    pub costs: RuleCosts,
    /// Each violation. Those of superseded traces may be left out and are not looked at.
    pub raised: Vec<Raised>,
}

impl Judgement {
    /// Begins the judgement of a block, without rules.
    ///
    /// # Errors
    ///
    /// [`StoreError::Block`] where the block cannot be read.
    pub fn of(block: &Block) -> Result<Self, StoreError> {
        let meta = block.meta();
        Ok(Self {
            tenant: meta.tenant.clone(),
            block: meta.id,
            trace_ids: block.trace_ids()?.to_vec(),
            trace_starts: block
                .trace_starts()?
                .iter()
                .map(|t| UnixNanos(*t))
                .collect(),
            rules: Vec::new(),
            costs: RuleCosts::new(),
            raised: Vec::new(),
        })
    }

    fn unfit(&self, what: impl Into<String>) -> StoreError {
        StoreError::Unfit {
            block: self.block,
            what: what.into(),
        }
    }

    /// Checks that the judgement is one of this block, and that violations and verdicts agree.
    fn check(&self, listed: &ListedBlock) -> Result<(), StoreError> {
        let n_traces = listed.meta().n_traces as usize;
        let ascending = self.trace_ids.is_sorted_by(|a, b| a < b);
        if self.trace_ids.len() != n_traces || self.trace_starts.len() != n_traces || !ascending {
            return Err(self.unfit(format!("it has {n_traces} traces")));
        }
        let mut violations = 0;
        for (rule, _, outcome) in &self.rules {
            if outcome.verdicts.len() != n_traces {
                return Err(self.unfit(format!("rule `{rule}` has another number of verdicts")));
            }
            let rows = outcome.verdicts.iter().zip(0..);
            violations += rows
                .filter(|(verdict, row)| {
                    **verdict == Verdict::Violated && !listed.superseded().contains(*row)
                })
                .count();
        }
        let mut raised_ids = Vec::with_capacity(self.raised.len());
        for raised in &self.raised {
            let row = self.row_of(raised.trace_id);
            let row = row.ok_or_else(|| self.unfit("a violation is of another trace"))?;
            if listed.superseded().contains(row) {
                continue;
            }
            let agrees = self.rules.iter().any(|(rule, version, outcome)| {
                (rule, *version) == (&raised.rule, raised.version)
                    && outcome.verdicts.get(row as usize) == Some(&Verdict::Violated)
            });
            if !agrees {
                return Err(self.unfit(format!("rule `{}` has another verdict", raised.rule)));
            }
            raised_ids.push((&raised.rule, row));
        }
        raised_ids.sort_unstable();
        raised_ids.dedup();
        if raised_ids.len() != violations {
            return Err(self.unfit("a violation has no signal, or two"));
        }
        Ok(())
    }

    fn row_of(&self, trace: TraceId) -> Option<u32> {
        self.trace_ids
            .binary_search(&trace)
            .ok()
            .map(|row| row as u32)
    }

    fn value(&self, listed: &ListedBlock) -> JudgedBlock {
        let hours: Vec<u64> = self.trace_starts.iter().map(|t| t.0 / HOUR_NS).collect();
        let outcome =
            |(rule, version, outcome): &(RuleId, RuleVersion, RuleVerdicts)| RuleOutcome {
                rule: rule.clone(),
                version: *version,
                verdicts: outcome.verdicts.clone(),
                inconclusive: outcome.inconclusive.clone(),
            };
        JudgedBlock {
            hours: Hours::of(&hours),
            uncounted: (**listed.superseded()).clone(),
            rules: self.rules.iter().map(outcome).collect(),
        }
    }
}

impl Store {
    /// Stores what was judged of blocks, and returns the signals that came or changed by it. A block
    /// whose verdicts are stored already is passed over.
    ///
    /// # Errors
    ///
    /// [`StoreError::UnknownBlock`] and [`StoreError::Unfit`], and what writing the catalog may show;
    /// nothing is stored then.
    pub fn put_judged(&self, judgements: &[Judgement]) -> Result<Vec<Signal>, StoreError> {
        let inner = &*self.inner;
        let _one_at_a_time = inner.lock_catalog();
        let mut listed: Vec<(&Judgement, ListedBlock)> = Vec::with_capacity(judgements.len());
        for judgement in judgements {
            let block = inner.index.get(&judgement.tenant, judgement.block);
            let block = block.ok_or(StoreError::UnknownBlock {
                block: judgement.block,
            })?;
            let again = |(_, other): &(_, ListedBlock)| other.entry.seq == block.entry.seq;
            if !block.judged() && !listed.iter().any(again) {
                judgement.check(&block)?;
                listed.push((judgement, block));
            }
        }
        if listed.is_empty() {
            return Ok(Vec::new());
        }
        let now = inner.clock.unix_nanos();
        let (changed, last_change) = inner.catalog.write(|txn| {
            let mut judging = Judging {
                txn,
                file: inner.catalog.name(),
                judged: txn.open_table(JUDGED)?,
                signals: SignalTables::open(txn, inner.catalog.name())?,
                now,
                changed: Vec::new(),
                last_change: None,
            };
            for (judgement, block) in &listed {
                judging.put(judgement, block, |id| {
                    inner.index.get(&judgement.tenant, id)
                })?;
            }
            Ok((judging.changed, judging.last_change))
        })?;
        for (judgement, _) in &listed {
            inner.index.mark_judged(&judgement.tenant, judgement.block);
        }
        if let Some(last_change) = last_change {
            inner.signal_changes.send_replace(last_change);
        }
        Ok(changed)
    }

    /// Returns the verdicts on a block, without the violations' witnesses; nothing where it is not
    /// judged. What is said of superseded traces does not count.
    ///
    /// # Errors
    ///
    /// [`StoreError::UnknownBlock`], and what reading the catalog may show.
    pub fn verdicts(
        &self,
        tenant: &TenantId,
        block: BlockId,
    ) -> Result<Vec<(RuleId, RuleVersion, RuleVerdicts)>, StoreError> {
        let listed = self.inner.index.get(tenant, block);
        let listed = listed.ok_or(StoreError::UnknownBlock { block })?;
        let catalog = &self.inner.catalog;
        let judged = catalog.read(|txn| match open_if_there(txn, JUDGED)? {
            Some(judged) => judged_block(&judged, catalog.name(), &listed.entry),
            None => Ok(None),
        })?;
        let rules = judged.map_or_else(Vec::new, |judged| judged.rules);
        Ok(rules
            .into_iter()
            .map(|outcome| {
                let verdicts = RuleVerdicts {
                    verdicts: outcome.verdicts,
                    inconclusive: outcome.inconclusive,
                    violations: Vec::new(),
                };
                (outcome.rule, outcome.version, verdicts)
            })
            .collect())
    }
}

/// Reads which blocks are judged.
pub(super) fn judged_blocks(catalog: &DbFile) -> Result<hashbrown::HashSet<u64>, StoreError> {
    catalog.read(|txn| {
        let mut seqs = hashbrown::HashSet::new();
        if let Some(judged) = open_if_there(txn, JUDGED)? {
            for row in judged.iter()? {
                seqs.insert(row?.0.value());
            }
        }
        Ok(seqs)
    })
}

/// The transaction that stores judgements.
struct Judging<'t> {
    txn: &'t WriteTransaction,
    file: &'t str,
    judged: Table<'t, u64, &'static [u8]>,
    signals: SignalTables<'t>,
    now: UnixNanos,
    changed: Vec<Signal>,
    last_change: Option<u64>,
}

impl Judging<'_> {
    fn put(
        &mut self,
        judgement: &Judgement,
        listed: &ListedBlock,
        older: impl Fn(BlockId) -> Option<ListedBlock>,
    ) -> Result<(), Fault> {
        let value = judgement.value(listed);
        let mut coverage = CoverageChange::default();
        coverage.add_block(&value);
        for (row, first) in &listed.entry.supersedes {
            if *first
                && let Some(older) = older(row.block)
                && let Some(judged) = judged_block(&self.judged, self.file, &older.entry)?
            {
                coverage.take_out(&judged, row.trace);
            }
        }
        coverage::apply(self.txn, self.file, &judgement.tenant, &coverage)?;
        costs::add(self.txn, self.file, &judgement.tenant, &judgement.costs)?;
        let bytes = value.to_value();
        self.judged.insert(listed.entry.seq, bytes.as_slice())?;
        self.raise(judgement, listed)?;
        self.retract(judgement, listed)
    }

    fn raise(&mut self, judgement: &Judgement, listed: &ListedBlock) -> Result<(), Fault> {
        for raised in &judgement.raised {
            let row = judgement.row_of(raised.trace_id);
            if row.is_none_or(|row| listed.superseded().contains(row)) {
                continue;
            }
            let id = SignalId::of(&judgement.tenant, &raised.rule, raised.trace_id);
            match self.signals.get(&judgement.tenant, id)? {
                None => self.change(Signal::raise(&judgement.tenant, raised.clone(), self.now))?,
                Some(mut signal) => {
                    if signal.judged_again(raised.clone(), self.now) {
                        self.change(signal)?;
                    }
                }
            }
        }
        Ok(())
    }

    /// Looks for signals of the traces that were judged before, and are no violations any more.
    fn retract(&mut self, judgement: &Judgement, listed: &ListedBlock) -> Result<(), Fault> {
        for (superseded, _) in &listed.entry.supersedes {
            let trace_id = superseded.trace_id;
            let row = judgement.row_of(trace_id);
            let Some(row) = row.filter(|row| !listed.superseded().contains(*row)) else {
                continue;
            };
            for (rule, version, outcome) in &judgement.rules {
                let verdict = outcome.verdicts.get(row as usize);
                let Some(verdict) = verdict.filter(|v| **v != Verdict::Violated) else {
                    continue;
                };
                let id = SignalId::of(&judgement.tenant, rule, trace_id);
                if let Some(mut signal) = self.signals.get(&judgement.tenant, id)?
                    && signal.not_violated(*version, *verdict, self.now)
                {
                    self.change(signal)?;
                }
            }
        }
        Ok(())
    }

    fn change(&mut self, signal: Signal) -> Result<(), Fault> {
        self.last_change = Some(self.signals.put(&signal)?);
        self.changed.push(signal);
        Ok(())
    }
}

pub(super) fn judged_block(
    judged: &impl redb::ReadableTable<u64, &'static [u8]>,
    file: &str,
    entry: &Entry,
) -> Result<Option<JudgedBlock>, Fault> {
    let Some(value) = judged.get(entry.seq)? else {
        return Ok(None);
    };
    let place = Place {
        file,
        table: "judged",
        key: entry.seq,
    };
    let n_traces = entry.meta.n_traces;
    Ok(Some(place.decode(value.value(), |reader| {
        JudgedBlock::read(reader, n_traces)
    })?))
}

/// Looks at the verdicts on every block, and returns how many blocks have some.
pub(super) fn examine(catalog: &DbFile, list: &[Arc<Entry>], findings: &mut Findings) -> u64 {
    let listed: HashMap<u64, u32> = list
        .iter()
        .map(|entry| (entry.seq, entry.meta.n_traces))
        .collect();
    let mut n_judged = 0;
    each_row(catalog, JUDGED, (Area::Verdicts, findings), |seq, value| {
        let place = Place {
            file: catalog.name(),
            table: "judged",
            key: seq,
        };
        let n_traces = listed.get(&seq);
        let n_traces = *n_traces.ok_or_else(|| place.corrupt("no such block is listed"))?;
        place.decode(value, |reader| JudgedBlock::read(reader, n_traces))?;
        n_judged += 1;
        Ok(())
    });
    n_judged
}

#[cfg(test)]
pub(super) mod tests;
