//! Which rules are quarantined: state beside the rule sets, by version.
//!
//! A rule set is what its tenant wants to be judged by, and a block that is listed is judged by its own: a set without
//! the rule would come too late for those that wait, and would leave no trace of the rule where it should say
//! `inconclusive`. So a quarantine changes no set. It is of one version: another version of the rule has none, and
//! `enable` lifts that of the live one. A version whose pack does not load counts as quarantined too; that is found out
//! at each start, and nothing is stored of it (`unloadable`).

use std::{
    collections::{BTreeMap, HashMap},
    sync::{Arc, Mutex},
};

use super::{Registry, registry::lock, set::PublishedRule, unloadable::NOT_LOADED};
use crate::{
    rule_id::{RuleId, RuleVersion},
    store::{Quarantine, StoreError},
    tenant::TenantId,
};

/// What is quarantined of one tenant. Never changed.
#[derive(Clone, Debug, Default)]
pub struct Quarantined {
    by_rule: BTreeMap<RuleId, BTreeMap<RuleVersion, Quarantine>>,
}

impl Quarantined {
    fn of(quarantines: Vec<Quarantine>) -> Self {
        let mut by_rule: BTreeMap<_, BTreeMap<_, _>> = BTreeMap::new();
        for quarantine in quarantines {
            let of_rule = by_rule.entry(quarantine.rule.clone()).or_default();
            of_rule.insert(quarantine.version, quarantine);
        }
        Self { by_rule }
    }

    /// Returns the quarantine of a version of a rule, if it has one.
    pub fn get(&self, rule: &RuleId, version: RuleVersion) -> Option<&Quarantine> {
        self.by_rule.get(rule)?.get(&version)
    }

    /// Whether a rule is not to be called.
    pub fn holds(&self, rule: &PublishedRule) -> bool {
        self.get(&rule.id, rule.version).is_some()
    }
}

/// A live rule that is not called.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct QuarantinedRule {
    /// Whose rule.
    pub tenant: TenantId,
    /// Which rule.
    pub rule: RuleId,
    /// Why not: the name of a reason of inconclusive verdicts, or [`NOT_LOADED`].
    pub reason: &'static str,
}

/// What is quarantined, of the tenants that were asked for.
#[derive(Debug, Default)]
pub(super) struct Quarantines(Mutex<HashMap<TenantId, Arc<Quarantined>>>);

impl Registry {
    /// Returns what is quarantined of a tenant. Cheap after the first call.
    ///
    /// # Errors
    ///
    /// What reading the catalog may show, on the first call for a tenant.
    pub fn quarantined(&self, tenant: &TenantId) -> Result<Arc<Quarantined>, StoreError> {
        let mut of_tenants = lock(&self.quarantines.0);
        if let Some(known) = of_tenants.get(tenant) {
            return Ok(Arc::clone(known));
        }
        let read = Arc::new(Quarantined::of(self.store.quarantines(tenant)?));
        of_tenants.insert(tenant.clone(), Arc::clone(&read));
        Ok(read)
    }

    /// Quarantines a version of a rule: durable when this returns, and in force for every call from then on.
    ///
    /// # Errors
    ///
    /// What writing the catalog may show.
    pub fn quarantine(&self, tenant: &TenantId, quarantine: &Quarantine) -> Result<(), StoreError> {
        let mut of_tenants = lock(&self.quarantines.0);
        self.store.put_quarantine(tenant, quarantine)?;
        // Read again by whoever asks next.
        of_tenants.remove(tenant);
        Ok(())
    }

    /// Lets a version of a rule be called again. Returns whether it was quarantined.
    pub(super) fn lift_quarantine(
        &self,
        tenant: &TenantId,
        rule: &RuleId,
        version: RuleVersion,
    ) -> Result<bool, StoreError> {
        let mut of_tenants = lock(&self.quarantines.0);
        let lifted = self.store.lift_quarantine(tenant, rule, version)?;
        of_tenants.remove(tenant);
        Ok(lifted)
    }

    /// Returns the live rules of all tenants that are not called: they are quarantined, or their packs do not load.
    ///
    /// # Errors
    ///
    /// What reading the catalog may show.
    pub fn all_quarantined(&self) -> Result<Vec<QuarantinedRule>, StoreError> {
        let mut all = Vec::new();
        for (tenant, live) in self.live_sets() {
            let quarantined = self.quarantined(&tenant)?;
            for rule in live.rules() {
                let quarantine = quarantined.get(&rule.id, rule.version);
                let not_loaded = rule.unloadable().map(|_| NOT_LOADED);
                let reason = not_loaded.or(quarantine.map(|of| of.reason.name()));
                all.extend(reason.map(|reason| QuarantinedRule {
                    tenant: tenant.clone(),
                    rule: rule.id.clone(),
                    reason,
                }));
            }
        }
        Ok(all)
    }
}
