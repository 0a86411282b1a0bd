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
    limits::QuarantineLimits,
    verdicts::{Judged, Judges, Unjudged},
};
use crate::{
    block::{BlockId, Postings},
    clock::Clock,
    judge::{Allowance, BatchFault, Costs},
    rules::{PublishedRule, Registry},
    sandbox::Sandbox,
    store::{CostRecord, Judgement, ListedBlock, Quarantine, RuleCosts, Store, StoreError},
    telemetry::{RuleLabel, Telemetry},
    tenant::TenantId,
    verdict::{Reason, Verdict},
};

/// Judges blocks, and records what came of it. One thread owns it.
#[derive(Debug)]
pub struct Judging {
    judges: Judges,
    clock: Arc<dyn Clock>,
    telemetry: Arc<Telemetry>,
    faults: Faults,
    /// When each block was first seen unjudged.
    waiting: HashMap<BlockId, Duration>,
    /// Blocks that cannot be read: named once, and left for whoever repairs the store.
    given_up: HashSet<BlockId>,
    /// Blocks for which the host had no rules or no sandbox: named once, and tried again.
    put_off: HashSet<BlockId>,
    /// What judgings cost that led to no verdicts, by tenant: recorded with the next that does.
    owed: HashMap<TenantId, RuleCosts>,
}

/// How many blocks are judged together where so many wait. Live blocks are small: calls are then full.
const GROUP_BLOCKS_MAX: usize = 16;

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
            waiting: HashMap::new(),
            given_up: HashSet::new(),
            put_off: HashSet::new(),
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
            self.forget_unlisted(&unjudged);
            unjudged.retain(|listed| !self.given_up.contains(&listed.meta().id));
            let now = self.clock.monotonic();
            for listed in &unjudged {
                self.waiting.entry(listed.meta().id).or_insert(now);
            }
            self.telemetry.unjudged_blocks.set(unjudged.len() as i64);
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
    fn forget_unlisted(&mut self, unjudged: &[ListedBlock]) {
        if self.put_off.is_empty() && self.given_up.is_empty() && self.waiting.is_empty() {
            return;
        }
        let listed: HashSet<BlockId> = unjudged.iter().map(|block| block.meta().id).collect();
        self.put_off.retain(|id| listed.contains(id));
        self.given_up.retain(|id| listed.contains(id));
        self.waiting.retain(|id, _| listed.contains(id));
    }

    /// Records what came of a group. Returns how many blocks have their verdicts afterwards.
    fn record(&mut self, judged: Judged) -> Result<usize, StoreError> {
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
            Err(error) => {
                for listed in &blocks {
                    self.cannot_judge(listed, &error);
                }
                return Ok(0);
            }
        };
        let mut n_judged = 0;
        for (listed, judgement) in blocks.iter().zip(judgements) {
            match judgement {
                Ok(mut judgement) => {
                    judgement.costs = self.owed.remove(&tenant).unwrap_or_default();
                    self.put(listed, &judgement, rules)?;
                    n_judged += 1;
                }
                Err(error) => self.cannot_judge(listed, &error),
            }
        }
        self.quarantine(&tenant, rules, &costs)?;
        Ok(n_judged)
    }

    fn cannot_judge(&mut self, listed: &ListedBlock, error: &Unjudged) {
        let id = listed.meta().id;
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

    fn put(
        &mut self,
        listed: &ListedBlock,
        judgement: &Judgement,
        rules: &[PublishedRule],
    ) -> Result<(), StoreError> {
        let id = listed.meta().id;
        self.put_off.remove(&id);
        let put = self
            .judges
            .store
            .put_judged(std::slice::from_ref(judgement));
        let changed = match put {
            // Its tenant was removed while it was judged.
            Err(StoreError::UnknownBlock { .. }) => return Ok(()),
            put => put?,
        };
        self.count(judgement, rules, listed.superseded());
        for signal in &changed {
            tracing::debug!(
                rule = %signal.rule, signal = signal.signal, severity = signal.severity.name(),
                trace = %signal.trace_id, status = signal.status.name(), "{}", signal.message
            );
        }
        if let Some(since) = self.waiting.remove(&id) {
            let waited = self.clock.monotonic().saturating_sub(since);
            self.telemetry
                .seal_to_verdict(&judgement.tenant, waited.as_secs_f64());
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

/// Cuts blocks, in their order, into groups that are judged together.
fn groups(blocks: &[ListedBlock]) -> impl Iterator<Item = &[ListedBlock]> {
    let alike = |a: &ListedBlock, b: &ListedBlock| {
        (&a.meta().tenant, a.rule_set()) == (&b.meta().tenant, b.rule_set())
    };
    blocks
        .chunk_by(alike)
        .flat_map(|blocks| blocks.chunks(GROUP_BLOCKS_MAX))
}

fn label<'a>(tenant: &'a TenantId, rule: &'a PublishedRule) -> RuleLabel<'a> {
    RuleLabel {
        mode: rule.mode,
        tenant,
        rule: &rule.id,
        severity: rule.description().severity.name(),
    }
}
