//! Listed blocks get their verdicts.
//!
//! The list of unjudged blocks in the catalog is the queue: what a crash leaves is taken up again by the same loop.
//! A block is judged by the rule set under which it was listed, and in the order of listing, so that a reopened trace
//! is judged after the block that it supersedes.
//!
//! Here is what is done with what came of a group: verdicts are stored, costs are counted, and a rule that failed too
//! often is quarantined.

use std::{sync::Arc, time::Duration};

use hashbrown::{HashMap, HashSet};

use super::{
    Chain,
    faults::{Batches, Faults, TooOften},
    limits::{GROUP_BLOCKS_MAX, GROUP_SPANS_MAX, QuarantineLimits},
    verdicts::{Judged, Judges, Unjudged},
};
use crate::{
    block::{BlockId, Postings},
    clock::Clock,
    judge::{Allowance, BatchFault, Costs, JudgeError},
    rules::{PublishedRule, Registry},
    sandbox::Sandbox,
    store::{CostRecord, Judgement, ListedBlock, Quarantine, RuleCosts, Store, StoreError},
    telemetry::{RuleLabel, Telemetry},
    tenant::{Limit, TenantId},
    verdict::{Reason, Verdict},
};

/// Judges blocks, and records what came of it. One thread owns it.
#[derive(Debug)]
pub struct Judging {
    judges: Judges,
    clock: Arc<dyn Clock>,
    telemetry: Arc<Telemetry>,
    faults: Faults,
    /// Blocks that cannot be read: named once, and left for whoever repairs the store.
    given_up: HashSet<BlockId>,
    /// Blocks for which the host had no rules or no sandbox: named once, and tried again.
    put_off: HashSet<BlockId>,
    /// Those of them that are to be tried again.
    again: HashSet<BlockId>,
    /// What judgings cost that led to no verdicts, by tenant: recorded with the next that does.
    owed: HashMap<TenantId, RuleCosts>,
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
                n_judged += self.record(judged)?;
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

    /// Returns of each tenant the oldest blocks that are to be judged, at most so many.
    pub(super) fn oldest(&self, n_max: usize) -> Vec<Vec<ListedBlock>> {
        self.judges.store.oldest_unjudged(n_max, |id| {
            let is_put_off = self.put_off.contains(&id) && !self.again.contains(&id);
            !is_put_off && !self.given_up.contains(&id)
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

    fn show_how_many_wait(&mut self) {
        self.forget_unlisted();
        let n_unjudged = self.judges.store.n_unjudged();
        let n_waiting = n_unjudged.saturating_sub(self.given_up.len());
        self.telemetry.unjudged_blocks.set(n_waiting as i64);
    }

    /// Records what came of a group. Returns how many blocks have their verdicts afterwards.
    ///
    /// # Errors
    ///
    /// Where the verdicts, or a quarantine, cannot be stored.
    pub(super) fn record(&mut self, judged: Judged) -> Result<usize, StoreError> {
        let n_judged = self.record_group(judged)?;
        self.show_how_many_wait();
        Ok(n_judged)
    }

    fn record_group(&mut self, judged: Judged) -> Result<usize, StoreError> {
        let Judged {
            unopened,
            blocks,
            judgements,
            rule_set,
            costs,
            processor,
        } = judged;
        for (listed, error) in &unopened {
            self.cannot_judge(listed, error);
        }
        let (Some(first), Some(rule_set)) = (blocks.first(), rule_set) else {
            if let Err(error) = judgements {
                for listed in &blocks {
                    self.cannot_judge(listed, &error);
                }
            }
            return Ok(0);
        };
        let (tenant, rules) = (first.meta().tenant.clone(), rule_set.rules());
        self.count_costs(&tenant, rules, &costs, processor);
        let judgements = match judgements {
            Ok(judgements) => judgements,
            // Whoever did not allow more asks again.
            Err(Unjudged::Judge(JudgeError::GivenUp)) => return Ok(0),
            Err(error) => {
                for listed in &blocks {
                    self.cannot_judge(listed, &error);
                }
                return Ok(0);
            }
        };
        let (mut put, mut of_blocks) = (Vec::new(), Vec::new());
        for (listed, judgement) in blocks.iter().zip(judgements) {
            match judgement {
                Ok(judgement) => {
                    of_blocks.push(listed);
                    put.push(judgement);
                }
                Err(error) => self.cannot_judge(listed, &error),
            }
        }
        if let Some(first) = put.first_mut() {
            first.costs = self.owed.remove(&tenant).unwrap_or_default();
        }
        self.put(&of_blocks, &put, rules)?;
        self.quarantine(&tenant, rules, &costs)?;
        Ok(put.len())
    }

    fn cannot_judge(&mut self, listed: &ListedBlock, error: &Unjudged) {
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

    /// Stores the verdicts of blocks, in one commit.
    fn put(
        &mut self,
        blocks: &[&ListedBlock],
        judgements: &[Judgement],
        rules: &[PublishedRule],
    ) -> Result<(), StoreError> {
        let changed = match self.judges.store.put_judged(judgements) {
            // Their tenant was removed while they were judged.
            Err(StoreError::UnknownBlock { .. }) => return Ok(()),
            put => put?,
        };
        let now = self.now();
        for (listed, judgement) in blocks.iter().zip(judgements) {
            let id = listed.meta().id;
            self.put_off.remove(&id);
            self.again.remove(&id);
            self.count(judgement, rules, listed.superseded());
            let waited = now.saturating_sub(listed.since());
            self.telemetry
                .seal_to_verdict(&judgement.tenant, waited.as_secs_f64());
        }
        for signal in &changed {
            tracing::debug!(
                rule = %signal.rule, signal = signal.signal, severity = signal.severity.name(),
                trace = %signal.trace_id, status = signal.status.name(), "{}", signal.message
            );
        }
        Ok(())
    }

    /// Counts what judging cost, and notes it to be recorded with the next verdicts.
    fn count_costs(
        &mut self,
        tenant: &TenantId,
        rules: &[PublishedRule],
        costs: &Costs,
        processor: Duration,
    ) {
        self.telemetry.tenant_cost(tenant, processor.as_secs_f64());
        let owed = self.owed.entry(tenant.clone()).or_default();
        for (rule, cost) in rules.iter().zip(costs.rules()) {
            if cost.is_none() {
                continue;
            }
            self.telemetry.cost(label(tenant, rule), cost);
            *owed.entry((rule.id.clone(), rule.version)).or_default() += CostRecord {
                fuel: cost.cost.fuel,
                processor: cost.cost.processor,
                batches: cost.batches,
                failed: cost.failed(),
            };
        }
    }

    /// Quarantines the rules that failed too often.
    fn quarantine(
        &mut self,
        tenant: &TenantId,
        rules: &[PublishedRule],
        costs: &Costs,
    ) -> Result<(), StoreError> {
        let now = self.clock.monotonic();
        for (rule, cost) in rules.iter().zip(costs.rules()) {
            if cost.batches == 0 {
                continue;
            }
            let too_often = self.faults.count(tenant, &rule.id, rule.version, cost, now);
            if let Some(too_often) = too_often {
                self.quarantine_rule(tenant, rule, too_often)?;
            }
        }
        Ok(())
    }

    fn quarantine_rule(
        &self,
        tenant: &TenantId,
        rule: &PublishedRule,
        too_often: TooOften,
    ) -> Result<(), StoreError> {
        let TooOften {
            batches: Batches { all, failed },
            fault: BatchFault { reason, detail },
        } = too_often;
        let quarantine = Quarantine {
            rule: rule.id.clone(),
            version: rule.version,
            reason,
            detail,
            failed,
            batches: all,
            since: self.clock.unix_nanos(),
        };
        self.judges.registry.quarantine(tenant, &quarantine)?;
        tracing::warn!(
            tenant = %tenant, rule = %rule.id, version = rule.version.0, reason = reason.name(),
            detail = quarantine.detail, failed, batches = all,
            "a rule is quarantined: publish a version that does not fail, or `betrace rules enable` it"
        );
        Ok(())
    }

    fn count(&self, judgement: &Judgement, rules: &[PublishedRule], skip: &Postings) {
        for (rule, (_, _, verdicts)) in rules.iter().zip(&judgement.rules) {
            let label = label(&judgement.tenant, rule);
            for (verdict, n_traces) in Verdict::ALL
                .into_iter()
                .zip(verdicts.counts(skip.as_slice()))
            {
                if n_traces > 0 {
                    self.telemetry.judged(label, verdict, n_traces);
                }
            }
            for reason in Reason::ALL {
                let n_traces = verdicts
                    .inconclusive
                    .iter()
                    .filter(|(_, why)| *why == reason)
                    .count();
                if n_traces > 0 {
                    self.telemetry.inconclusive(label, reason, n_traces as u64);
                }
            }
            if !verdicts.violations.is_empty() {
                self.telemetry
                    .signalled(label, verdicts.violations.len() as u64);
            }
        }
    }
}

/// Returns how many of the blocks of a tenant, from the first on, are judged together.
pub(super) fn group_len(blocks: &[ListedBlock]) -> usize {
    let rule_set = blocks.first().map(ListedBlock::rule_set);
    let mut n_spans = 0_usize;
    let of_group = blocks.iter().take(GROUP_BLOCKS_MAX).take_while(|listed| {
        n_spans = n_spans.saturating_add(listed.meta().n_spans as usize);
        Some(listed.rule_set()) == rule_set && n_spans <= GROUP_SPANS_MAX
    });
    of_group.count().max(1)
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

fn label<'a>(tenant: &'a TenantId, rule: &'a PublishedRule) -> RuleLabel<'a> {
    RuleLabel {
        mode: rule.mode,
        tenant,
        rule: &rule.id,
        severity: rule.description().severity.name(),
    }
}
