//! What is done with what came of a group: verdicts are stored, costs are counted, and a rule that failed too often is
//! quarantined.

use std::{sync::Arc, time::Duration};

use super::{
    Judging,
    faults::{Batches, TooOften},
    verdicts::{Judged, Unjudged},
};
use crate::{
    block::Postings,
    judge::{BatchFault, Costs, JudgeError},
    rules::{PublishedRule, RuleSet},
    signal::Severity,
    store::{CostRecord, Judgement, ListedBlock, Quarantine, StoreError},
    telemetry::{RuleLabel, UNKNOWN_SEVERITY, spans},
    tenant::TenantId,
    verdict::{Reason, Verdict},
};

/// A group whose verdicts are to be stored.
struct Group {
    tenant: TenantId,
    rule_set: Arc<RuleSet>,
    costs: Costs,
    /// As many as it has judgements, in their order.
    blocks: Vec<ListedBlock>,
}

impl Judging {
    /// Records what came of groups, in one commit. Returns how many blocks have their verdicts afterwards.
    ///
    /// # Errors
    ///
    /// Where the verdicts, or a quarantine, cannot be stored.
    pub(super) fn record(&mut self, judged: Vec<Judged>) -> Result<usize, StoreError> {
        let _span = spans::record(judged.len()).entered();
        let (mut groups, mut judgements) = (Vec::new(), Vec::new());
        for judged in judged {
            groups.extend(self.sort_out(judged, &mut judgements));
        }
        self.put(&groups, &judgements)?;
        for group in &groups {
            self.quarantine(&group.tenant, group.rule_set.rules(), &group.costs)?;
        }
        Ok(judgements.len())
    }

    /// Counts what a group cost, notes which of its blocks cannot be judged, and adds what is to be stored of the others.
    fn sort_out(&mut self, judged: Judged, put: &mut Vec<Judgement>) -> Option<Group> {
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
        if let (Some(first), Some(rule_set)) = (blocks.first(), &rule_set) {
            self.count_costs(&first.meta().tenant, rule_set.rules(), &costs, processor);
        }
        let judgements = match judgements {
            Ok(judgements) => judgements,
            // Whoever did not allow more asks again.
            Err(Unjudged::Judge(JudgeError::GivenUp)) => return None,
            Err(error) => {
                for listed in &blocks {
                    self.cannot_judge(listed, &error);
                }
                return None;
            }
        };
        let mut group = Group {
            tenant: blocks.first()?.meta().tenant.clone(),
            rule_set: rule_set?,
            costs,
            blocks: Vec::with_capacity(blocks.len()),
        };
        let n_before = put.len();
        for (listed, judgement) in blocks.into_iter().zip(judgements) {
            match judgement {
                Ok(judgement) => {
                    group.blocks.push(listed);
                    put.push(judgement);
                }
                Err(error) => self.cannot_judge(&listed, &error),
            }
        }
        if let Some(first) = put.get_mut(n_before) {
            first.costs = self.owed.remove(&group.tenant).unwrap_or_default();
        }
        Some(group)
    }

    /// Stores the verdicts of groups, in one commit.
    fn put(&mut self, groups: &[Group], judgements: &[Judgement]) -> Result<(), StoreError> {
        let changed = match self.judges.store.put_judged(judgements) {
            // A tenant was removed while its blocks were judged: the others' verdicts count.
            Err(StoreError::UnknownBlock { .. }) => return self.put_each(groups, judgements),
            put => put?,
        };
        let now = self.now();
        let mut judgements = judgements.iter();
        for group in groups {
            for (listed, judgement) in group.blocks.iter().zip(judgements.by_ref()) {
                let id = listed.meta().id;
                self.put_off.remove(&id);
                self.again.remove(&id);
                self.count(judgement, group.rule_set.rules(), listed.superseded());
                let waited = now.saturating_sub(listed.since());
                self.telemetry
                    .seal_to_verdict(&judgement.tenant, waited.as_secs_f64());
            }
        }
        for signal in &changed {
            tracing::debug!(
                rule = %signal.rule, signal = signal.signal, severity = signal.severity.name(),
                trace = %signal.trace_id, status = signal.status.name(), "{}", signal.message
            );
        }
        Ok(())
    }

    /// Stores the verdicts of each group that has all of its blocks.
    fn put_each(&mut self, groups: &[Group], judgements: &[Judgement]) -> Result<(), StoreError> {
        if groups.len() < 2 {
            return Ok(());
        }
        let mut rest = judgements;
        for group in groups {
            let (of_group, later) = rest.split_at(group.blocks.len().min(rest.len()));
            rest = later;
            self.put(std::slice::from_ref(group), of_group)?;
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

fn label<'a>(tenant: &'a TenantId, rule: &'a PublishedRule) -> RuleLabel<'a> {
    let loaded = rule.unloadable().is_none();
    let severity = loaded.then(|| rule.description().severity);
    RuleLabel {
        mode: rule.mode,
        tenant,
        rule: &rule.id,
        severity: severity.map_or(UNKNOWN_SEVERITY, Severity::name),
    }
}
