//! What rules cost, and which are quarantined.

use std::sync::Arc;

use super::{ApiError, Local};
use crate::{
    api::wire::{QuarantineView, RuleCostView},
    rule_id::{RuleId, RuleVersion},
    rules::{NOT_LOADED, PublishedRule, Quarantined},
    store::{CostRecord, RuleCosts},
    time::rfc3339,
};

/// How the rules of a tenant fare.
pub(super) struct Standing {
    costs: RuleCosts,
    quarantined: Arc<Quarantined>,
}

impl Local {
    pub(super) fn standing(&self) -> Result<Standing, ApiError> {
        Ok(Standing {
            costs: self.rooms.store.costs(&self.tenant)?,
            quarantined: self.rooms.registry.quarantined(&self.tenant)?,
        })
    }
}

impl Standing {
    pub(super) fn cost(&self, rule: &RuleId, version: RuleVersion) -> RuleCostView {
        let cost = self.costs.get(&(rule.clone(), version));
        let CostRecord {
            fuel,
            processor,
            batches,
            failed,
        } = cost.copied().unwrap_or_default();
        RuleCostView {
            fuel,
            processor_seconds: processor.as_secs_f64(),
            batches,
            failed_batches: failed,
        }
    }

    pub(super) fn quarantine(&self, rule: &PublishedRule) -> Option<QuarantineView> {
        if let Some(unloadable) = rule.unloadable() {
            return Some(QuarantineView {
                since: rfc3339(unloadable.since),
                reason: NOT_LOADED.to_owned(),
                detail: unloadable.why.clone(),
                failed_batches: 0,
                batches: 0,
            });
        }
        let quarantine = self.quarantined.get(&rule.id, rule.version)?;
        Some(QuarantineView {
            since: rfc3339(quarantine.since),
            reason: quarantine.reason.name().to_owned(),
            detail: quarantine.detail.clone(),
            failed_batches: quarantine.failed,
            batches: quarantine.batches,
        })
    }
}
