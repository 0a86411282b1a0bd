//! Knows what is live, and changes it.

use std::{
    collections::{BTreeMap, HashMap, HashSet},
    fmt,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use arc_swap::ArcSwap;

use crate::{
    rule_id::{Digest, RuleId, RuleVersion},
    sandbox::Sandbox,
    store::{RuleChange, RuleRecord, RuleVersionRecord, Store, StoreError},
    tenant::{Limit, TenantId},
};

use super::{
    error::RulesError,
    publish::{Applied, AppliedRule},
    quarantine::Quarantines,
    set::{PublishedRule, RuleSet},
    unloadable::Unloadables,
};

/// The rules of all tenants: what the store has of them, and what of it is live.
pub struct Registry {
    pub(super) store: Store,
    pub(super) sandbox: Arc<Sandbox>,
    tenants: Mutex<HashMap<TenantId, Arc<TenantRules>>>,
    pub(super) quarantines: Quarantines,
    pub(super) unloadables: Unloadables,
}

/// The rules of one tenant.
pub(super) struct TenantRules {
    pub(super) live: ArcSwap<RuleSet>,
    /// Held while the live set changes. Whether the tenant was removed, and nothing is to be published of it.
    pub(super) changing: Mutex<bool>,
    /// Earlier sets, by number, while a block is judged by one.
    earlier: Mutex<BTreeMap<u64, std::sync::Weak<RuleSet>>>,
}

impl TenantRules {
    /// Begins a change, unless the tenant was removed.
    pub(super) fn change(&self, tenant: &TenantId) -> Result<MutexGuard<'_, bool>, RulesError> {
        let changing = lock(&self.changing);
        if *changing {
            return Err(RulesError::Store(StoreError::UnknownTenant {
                tenant: tenant.to_string(),
            }));
        }
        Ok(changing)
    }
}

impl Registry {
    /// Loads what is live of every tenant. Compiles every pack, and blocks for it. A rule whose pack does not load any more
    /// is in its set, and cannot be called.
    ///
    /// # Errors
    ///
    /// What the store may show, and [`RulesError::Load`] where the host failed to load, whatever the pack.
    pub fn open(store: Store, sandbox: Arc<Sandbox>) -> Result<Self, RulesError> {
        let registry = Self {
            store,
            sandbox,
            tenants: Mutex::default(),
            quarantines: Quarantines::default(),
            unloadables: Unloadables::default(),
        };
        for tenant in registry.store.tenants()? {
            registry.tenant(&tenant)?;
        }
        Ok(registry)
    }

    /// Returns the rules that are live. Cheap once the tenant is known.
    ///
    /// # Errors
    ///
    /// As [`Registry::open`], on the first call for a tenant.
    pub fn live(&self, tenant: &TenantId) -> Result<Arc<RuleSet>, RulesError> {
        Ok(self.tenant(tenant)?.live.load_full())
    }

    /// Returns a rule set by its number: a block is judged by the one that it was listed with.
    ///
    /// # Errors
    ///
    /// [`RulesError::NoRuleSet`], and as [`Registry::open`].
    pub fn rule_set(&self, tenant: &TenantId, number: u64) -> Result<Arc<RuleSet>, RulesError> {
        let rules = self.tenant(tenant)?;
        let live = rules.live.load_full();
        if live.number() == number {
            return Ok(live);
        }
        let mut earlier = lock(&rules.earlier);
        if let Some(set) = earlier.get(&number).and_then(std::sync::Weak::upgrade) {
            return Ok(set);
        }
        let record = self.store.rule_set(tenant, number)?;
        let record = record.ok_or(RulesError::NoRuleSet { number })?;
        let set = Arc::new(self.build(tenant, &record, &live)?);
        earlier.retain(|_, set| set.strong_count() > 0);
        earlier.insert(number, Arc::downgrade(&set));
        Ok(set)
    }

    /// Makes an earlier version live: the one before, where none is named.
    ///
    /// # Errors
    ///
    /// [`RulesError::Unknown`], [`RulesError::NoVersion`], [`RulesError::NothingBefore`], [`RulesError::Untrusted`],
    /// [`RulesError::NoPack`], [`RulesError::DamagedPack`], and as [`Registry::publish`].
    pub fn roll_back(
        &self,
        tenant: &TenantId,
        id: &RuleId,
        to: Option<RuleVersion>,
    ) -> Result<Applied, RulesError> {
        self.change(tenant, id, |record| {
            if record.live.is_none() {
                let records = self.store.rule_records(tenant)?;
                self.refuse_too_many(tenant, &records, [id].into_iter())?;
            }
            let last = record.versions.last().map(|last| last.version);
            let to = match (to, record.live.or(last)) {
                (Some(to), _) => to,
                (None, Some(version)) => {
                    let mut before = record.versions.iter().rev();
                    let before = before.find(|earlier| earlier.version < version);
                    let nothing = || RulesError::NothingBefore {
                        id: id.clone(),
                        version,
                    };
                    before.ok_or_else(nothing)?.version
                }
                (None, None) => return Err(RulesError::Unknown { id: id.clone() }),
            };
            let version = version_of(record, to)?;
            self.refuse_untrusted(tenant, version)?;
            // It must load before it is made live.
            let loaded = self.load_version(version)?;
            Ok((RuleChange::RollBack { id: id.clone(), to }, Some(loaded)))
        })
    }

    /// Lets a rule judge again, one that is disabled or quarantined, or whose pack did not load and does.
    ///
    /// # Errors
    ///
    /// [`RulesError::Unknown`], [`RulesError::NoPack`], [`RulesError::DamagedPack`], and as [`Registry::publish`].
    pub fn enable(&self, tenant: &TenantId, id: &RuleId) -> Result<Applied, RulesError> {
        self.change(tenant, id, |record| {
            let mut loaded = None;
            if let Some(live) = record.live {
                let version = version_of(record, live)?;
                self.refuse_untrusted(tenant, version)?;
                loaded = Some(self.load_version(version)?);
                self.lift_quarantine(tenant, id, live)?;
            }
            Ok((RuleChange::Enable { id: id.clone() }, loaded))
        })
    }

    /// Keeps a rule from judging, until it is enabled.
    ///
    /// # Errors
    ///
    /// [`RulesError::Unknown`], and as [`Registry::publish`].
    pub fn disable(&self, tenant: &TenantId, id: &RuleId) -> Result<Applied, RulesError> {
        self.change(tenant, id, |_| {
            Ok((RuleChange::Disable { id: id.clone() }, None))
        })
    }

    /// Takes a rule out. Its history stays.
    ///
    /// # Errors
    ///
    /// [`RulesError::Unknown`], and as [`Registry::publish`].
    pub fn remove(&self, tenant: &TenantId, id: &RuleId) -> Result<Applied, RulesError> {
        self.change(tenant, id, |_| {
            Ok((RuleChange::Remove { id: id.clone() }, None))
        })
    }

    /// Returns all rules of a tenant with their histories, in order of their ids; removed ones too.
    ///
    /// # Errors
    ///
    /// What the store may show.
    pub fn records(&self, tenant: &TenantId) -> Result<Vec<RuleRecord>, RulesError> {
        Ok(self.store.rule_records(tenant)?)
    }

    /// Returns one version of a rule as it would judge: the live one, enabled or not, where none is named.
    ///
    /// # Errors
    ///
    /// [`RulesError::Unknown`], [`RulesError::NoVersion`], and as [`Registry::open`].
    pub fn rule(
        &self,
        tenant: &TenantId,
        id: &RuleId,
        version: Option<RuleVersion>,
    ) -> Result<PublishedRule, RulesError> {
        let record = self.record(tenant, id)?;
        let unknown = || RulesError::Unknown { id: id.clone() };
        let version = version.or(record.live).ok_or_else(unknown)?;
        self.load_known(tenant, id, version_of(&record, version)?)
    }

    /// Refuses what would leave a tenant with more published rules than it may have. What adds none is not refused: a
    /// limit that was lowered takes nothing away.
    pub(super) fn refuse_too_many<'a>(
        &self,
        tenant: &TenantId,
        records: &'a [RuleRecord],
        published: impl Iterator<Item = &'a RuleId>,
    ) -> Result<(), RulesError> {
        let live = records.iter().filter(|record| record.live.is_some());
        let mut ids: HashSet<&RuleId> = live.map(|record| &record.id).collect();
        let before = ids.len();
        ids.extend(published);
        let would = ids.len() as u64;
        let limits = self.store.limits(tenant);
        match limits.exceeded(Limit::Rules, would, 0) {
            Some(max) if ids.len() > before => Err(RulesError::TooMany { would, max }),
            Some(_) | None => Ok(()),
        }
    }

    /// Returns what is live of each tenant that is known.
    pub(super) fn live_sets(&self) -> Vec<(TenantId, Arc<RuleSet>)> {
        let tenants = lock(&self.tenants);
        let each = tenants.iter();
        each.map(|(tenant, rules)| (tenant.clone(), rules.live.load_full()))
            .collect()
    }

    fn record(&self, tenant: &TenantId, id: &RuleId) -> Result<RuleRecord, RulesError> {
        let mut records = self.store.rule_records(tenant)?.into_iter();
        let record = records.find(|record| record.id == *id);
        record.ok_or_else(|| RulesError::Unknown { id: id.clone() })
    }

    /// Returns a tenant's rules, loaded on the first call.
    pub(super) fn tenant(&self, tenant: &TenantId) -> Result<Arc<TenantRules>, RulesError> {
        if let Some(rules) = lock(&self.tenants).get(tenant) {
            return Ok(Arc::clone(rules));
        }
        // Loading compiles; other tenants do not wait for it.
        let record = self.store.live_rule_set(tenant)?;
        let set = self.build(tenant, &record, &RuleSet::default())?;
        let loaded = TenantRules {
            live: ArcSwap::from_pointee(set),
            changing: Mutex::default(),
            earlier: Mutex::default(),
        };
        let mut tenants = lock(&self.tenants);
        let rules = tenants
            .entry(tenant.clone())
            .or_insert_with(|| Arc::new(loaded));
        Ok(Arc::clone(rules))
    }

    /// Forgets the rules of a tenant that is removed: what is being published of it is the last, or refused. To be called
    /// again when its rules are gone from the store, since they may have been loaded in between.
    pub fn forget(&self, tenant: &TenantId) {
        let forgotten = lock(&self.tenants).remove(tenant);
        if let Some(rules) = forgotten {
            *lock(&rules.changing) = true;
        }
        self.unloadables.forget_tenant(tenant);
    }

    /// Makes a change of one rule: `change` says which, and gives what it loaded to see that it does.
    fn change(
        &self,
        tenant: &TenantId,
        id: &RuleId,
        change: impl FnOnce(&RuleRecord) -> Result<(RuleChange, Option<PublishedRule>), RulesError>,
    ) -> Result<Applied, RulesError> {
        let rules = self.tenant(tenant)?;
        let _changing = rules.change(tenant)?;
        let record = self.record(tenant, id)?;
        // What was loaded is held until the next set has it: to load it anew might end in another way.
        let (change, _loaded) = change(&record)?;
        self.apply(tenant, &rules, vec![change], &[record])
    }

    /// Commits changes, builds the next set and makes it live. `records` has the rules as they were.
    pub(super) fn apply(
        &self,
        tenant: &TenantId,
        rules: &TenantRules,
        changes: Vec<RuleChange>,
        records: &[RuleRecord],
    ) -> Result<Applied, RulesError> {
        let ids: Vec<RuleId> = changes.iter().map(|change| change.id().clone()).collect();
        let published = self.store.publish(tenant, changes)?;
        let live = rules.live.load_full();
        // A rule that did not load is tried again by what is about it, and by nothing else: that may take long.
        let is_again = |rule: &PublishedRule| rule.unloadable().is_some() && ids.contains(&rule.id);
        let (again, known): (Vec<_>, Vec<_>) = live.rules().iter().cloned().partition(is_again);
        if published.rule_set != live.number() || !again.is_empty() {
            let record = self.store.rule_set(tenant, published.rule_set)?;
            let record = record.ok_or(RulesError::NoRuleSet {
                number: published.rule_set,
            })?;
            let known = RuleSet::new(live.number(), known);
            rules
                .live
                .store(Arc::new(self.build(tenant, &record, &known)?));
        }
        if !again.is_empty() {
            // They have the rule as it was.
            lock(&rules.earlier).clear();
        }
        let after = self.store.rule_records(tenant)?;
        Ok(Applied {
            rule_set: published.rule_set,
            rules: ids
                .into_iter()
                .map(|id| {
                    let of = |records: &[RuleRecord]| -> Option<RuleRecord> {
                        records.iter().find(|record| record.id == id).cloned()
                    };
                    let (before, after) = (of(records), of(&after));
                    let version = after.as_ref().and_then(|record| record.live);
                    let state = |record: &Option<RuleRecord>| {
                        record.as_ref().map(|record| (record.live, record.enabled))
                    };
                    AppliedRule {
                        changed: state(&before) != state(&after),
                        digest: after.as_ref().and_then(live_digest),
                        version,
                        id,
                    }
                })
                .collect(),
        })
    }
}

impl fmt::Debug for Registry {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Registry")
            .field("store", &self.store)
            .field("sandbox", &self.sandbox)
            .finish_non_exhaustive()
    }
}

pub(super) fn version_of(
    record: &RuleRecord,
    version: RuleVersion,
) -> Result<&RuleVersionRecord, RulesError> {
    let mut versions = record.versions.iter();
    let found = versions.find(|of_rule| of_rule.version == version);
    found.ok_or_else(|| RulesError::NoVersion {
        id: record.id.clone(),
        version,
    })
}

fn live_digest(record: &RuleRecord) -> Option<Digest> {
    Some(version_of(record, record.live?).ok()?.digest)
}

pub(super) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
