//! What judging costs, by tenant and rule, and what follows from it.

use std::sync::{Mutex, PoisonError, atomic::AtomicU64};

use prometheus_client::{
    encoding::EncodeLabelSet,
    metrics::{counter::Counter, family::Family, gauge::Gauge},
    registry::{Registry, Unit},
};

use super::{ReasonLabels, RuleLabel, Telemetry, TenantLabels, labels, names};
use crate::{
    judge::RuleCost, rule_id::RuleId, rules::QuarantinedRule, tenant::TenantId, verdict::Reason,
};

type Seconds = Counter<f64, AtomicU64>;

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct RuleLabels {
    tenant: String,
    rule: String,
}

/// The metrics of costs.
#[derive(Debug, Default)]
pub(super) struct CostMetrics {
    fuel: Family<RuleLabels, Counter>,
    processor: Family<RuleLabels, Seconds>,
    tenant_processor: Family<TenantLabels, Seconds>,
    batches: Family<RuleLabels, Counter>,
    batches_failed: Family<ReasonLabels, Counter>,
    quarantined: Family<ReasonLabels, Gauge>,
    slowed: Family<TenantLabels, Gauge>,
    /// Held while the quarantined are replaced and shown.
    showing: Mutex<()>,
}

impl CostMetrics {
    pub(super) fn register(&self, registry: &mut Registry) {
        registry.register(
            names::JUDGE_FUEL,
            "Fuel that calls of a rule spent",
            self.fuel.clone(),
        );
        registry.register_with_unit(
            names::JUDGE_PROCESSOR,
            "Processor time of the calls of a rule",
            Unit::Seconds,
            self.processor.clone(),
        );
        registry.register_with_unit(
            names::JUDGE_TENANT_PROCESSOR,
            "Processor time of judging the blocks of a tenant",
            Unit::Seconds,
            self.tenant_processor.clone(),
        );
        registry.register(
            names::JUDGE_BATCHES,
            "Batches judged by a rule",
            self.batches.clone(),
        );
        registry.register(
            names::JUDGE_BATCHES_FAILED,
            "Batches that a rule failed on, by reason",
            self.batches_failed.clone(),
        );
        registry.register(
            names::JUDGE_QUARANTINED,
            "Live rules that are quarantined, 1 each",
            self.quarantined.clone(),
        );
        registry.register(
            names::JUDGE_SLOWED,
            "Whether a tenant is over its budget and judged in the slow lane",
            self.slowed.clone(),
        );
    }
}

impl CostMetrics {
    /// Drops the series of a tenant that was removed, of which these were the rules.
    pub(super) fn forget(&self, tenant: &TenantId, rules: &[RuleId]) {
        self.tenant_processor.remove(&labels(tenant));
        self.slowed.remove(&labels(tenant));
        for rule in rules {
            let labels = RuleLabels {
                tenant: tenant.to_string(),
                rule: rule.to_string(),
            };
            self.fuel.remove(&labels);
            self.processor.remove(&labels);
            self.batches.remove(&labels);
            for reason in Reason::ALL {
                self.batches_failed
                    .remove(&ReasonLabels::of(tenant, rule, reason.name()));
            }
        }
    }
}

impl Telemetry {
    /// Counts what a rule cost.
    pub fn cost(&self, rule: RuleLabel<'_>, of: &RuleCost) {
        if of.is_none() {
            return;
        }
        let metrics = &self.costs;
        let labels = RuleLabels {
            tenant: rule.tenant.to_string(),
            rule: rule.rule.to_string(),
        };
        metrics.fuel.get_or_create(&labels).inc_by(of.cost.fuel);
        let seconds = of.cost.processor.as_secs_f64();
        metrics.processor.get_or_create(&labels).inc_by(seconds);
        metrics.batches.get_or_create(&labels).inc_by(of.batches);
        for reason in Reason::ALL {
            let n_failed = of.failed_by(reason);
            if n_failed > 0 {
                let labels = ReasonLabels::of(rule.tenant, rule.rule, reason.name());
                let failed = metrics.batches_failed.get_or_create(&labels);
                failed.inc_by(n_failed);
            }
        }
    }

    /// Counts the processor time of judging blocks of a tenant.
    pub fn tenant_cost(&self, tenant: &TenantId, seconds: f64) {
        let of_tenant = self.costs.tenant_processor.get_or_create(&labels(tenant));
        of_tenant.inc_by(seconds);
    }

    /// Says whether a tenant is slowed.
    pub fn slowed(&self, tenant: &TenantId, is_slowed: bool) {
        let slowed = self.costs.slowed.get_or_create(&labels(tenant));
        slowed.set(is_slowed.into());
    }

    /// Returns all metrics as [`Telemetry::render`] does, with what is quarantined at the moment.
    pub fn render_with(&self, quarantined: &[QuarantinedRule]) -> String {
        let showing = self.costs.showing.lock();
        let _showing = showing.unwrap_or_else(PoisonError::into_inner);
        self.costs.quarantined.clear();
        for of in quarantined {
            let labels = ReasonLabels::of(&of.tenant, &of.rule, of.reason);
            self.costs.quarantined.get_or_create(&labels).set(1);
        }
        self.render()
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::{
        judge::{BatchFault, Cost},
        rule_id::RuleMode,
    };

    #[test]
    fn costs_faults_and_quarantines_are_shown_by_tenant_and_rule() {
        let telemetry = Telemetry::new();
        let tenant = TenantId::default_tenant();
        let rule = RuleId::try_new("burns").unwrap();
        let label = RuleLabel {
            mode: RuleMode::Live,
            tenant: &tenant,
            rule: &rule,
            severity: "low",
        };
        let mut cost = RuleCost::default();
        cost.cost = Cost {
            fuel: 5,
            processor: Duration::from_millis(1_500),
        };
        cost.add_batch(None);
        cost.add_batch(Some(BatchFault {
            reason: Reason::OutOfFuel,
            detail: String::new(),
        }));
        telemetry.cost(label, &cost);
        telemetry.tenant_cost(&tenant, 2.5);
        telemetry.slowed(&tenant, true);
        let quarantined = QuarantinedRule {
            tenant: tenant.clone(),
            rule: rule.clone(),
            reason: Reason::OutOfFuel.name(),
        };
        let text = telemetry.render_with(&[quarantined]);
        let of_rule = "tenant=\"default\",rule=\"burns\"";
        let quarantined =
            format!("betrace_judge_quarantined{{{of_rule},reason=\"out_of_fuel\"}} 1");
        for line in [
            format!("betrace_judge_fuel_total{{{of_rule}}} 5"),
            format!("betrace_judge_processor_seconds_total{{{of_rule}}} 1.5"),
            format!("betrace_judge_batches_total{{{of_rule}}} 2"),
            format!("betrace_judge_batches_failed_total{{{of_rule},reason=\"out_of_fuel\"}} 1"),
            "betrace_judge_tenant_processor_seconds_total{tenant=\"default\"} 2.5".to_owned(),
            "betrace_judge_slowed{tenant=\"default\"} 1".to_owned(),
            quarantined.clone(),
        ] {
            assert!(text.contains(&line), "{line} in\n{text}");
        }
        let lifted = telemetry.render_with(&[]);
        assert!(!lifted.contains(&quarantined), "{lifted}");
    }
}
