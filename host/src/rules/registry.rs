//! Publishes, and knows what is live.

use std::{
    collections::{BTreeMap, HashMap},
    fmt,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use arc_swap::ArcSwap;

use crate::{
    rule_id::{Digest, RuleId, RuleVersion},
    sandbox::{PackPre, Sandbox},
    store::{NewVersion, RuleChange, RuleRecord, RuleSetRecord, RuleVersionRecord, Store},
    tenant::TenantId,
};

use super::{
    error::RulesError,
    set::{PublishedRule, RuleSet},
};

/// A pack to be published.
#[derive(Clone, Debug)]
pub struct NewPack {
    /// The component, as its author shipped it.
    pub bytes: Vec<u8>,
    /// Where it came from: the name of a file. An id belongs to the origin that published it last.
    pub origin: String,
    /// The text that it was compiled from, where there is one.
    pub source: Option<String>,
}

/// How to publish.
#[derive(Clone, Debug, Default)]
pub struct PublishOptions {
    /// Ids of other origins may be claimed.
    pub take_over: bool,
    /// Everything is checked and nothing changed.
    pub dry_run: bool,
    /// By whom, for the history.
    pub published_by: String,
}

/// What a change led to, or would.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Applied {
    /// The rule set that is live; blocks listed from now on are judged by it or a later one.
    pub rule_set: u64,
    /// The rules that the change was about.
    pub rules: Vec<AppliedRule>,
}

/// One rule of a change.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AppliedRule {
    /// The rule.
    pub id: RuleId,
    /// The version that is live; none where it was removed.
    pub version: Option<RuleVersion>,
    /// The pack of that version.
    pub digest: Option<Digest>,
    /// Whether the change made a difference.
    pub changed: bool,
}

/// The rules of all tenants: what the store has of them, and what of it is live.
pub struct Registry {
    store: Store,
    sandbox: Arc<Sandbox>,
    tenants: Mutex<HashMap<TenantId, Arc<TenantRules>>>,
}

/// The rules of one tenant.
struct TenantRules {
    live: ArcSwap<RuleSet>,
    /// Held while the live set changes.
    changing: Mutex<()>,
    /// Earlier sets, by number, while a block is judged by one.
    earlier: Mutex<BTreeMap<u64, std::sync::Weak<RuleSet>>>,
}

impl Registry {
    /// Loads what is live of every tenant. Compiles every pack, and blocks for it.
    ///
    /// # Errors
    ///
    /// [`RulesError::Load`] where a pack that was published does not load any more: judging without it would
    /// leave its violations unseen.
    pub fn open(store: Store, sandbox: Arc<Sandbox>) -> Result<Self, RulesError> {
        let registry = Self {
            store,
            sandbox,
            tenants: Mutex::default(),
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

    /// Publishes the rules of some packs, all or none. Compiles, and blocks for it.
    ///
    /// # Errors
    ///
    /// [`RulesError::Load`], [`RulesError::Twice`], [`RulesError::Claimed`], and what the store may show.
    pub fn publish(
        &self,
        tenant: &TenantId,
        packs: Vec<NewPack>,
        options: &PublishOptions,
    ) -> Result<Applied, RulesError> {
        let mut loaded = Vec::with_capacity(packs.len());
        for pack in packs {
            let load = self.sandbox.load(&pack.bytes);
            let pre = load.map_err(|source| RulesError::Load {
                origin: pack.origin.clone(),
                source,
            })?;
            loaded.push((pack, pre));
        }
        refuse_twins(&loaded)?;
        let rules = self.tenant(tenant)?;
        let _changing = lock(&rules.changing);
        let records = self.store.rule_records(tenant)?;
        if !options.take_over {
            refuse_claims(&loaded, &records)?;
        }
        if options.dry_run {
            return Ok(would_apply(&loaded, &records, rules.live.load().number()));
        }
        let mut changes = Vec::new();
        for (pack, pre) in &loaded {
            self.store.put_pack(pre.digest(), &pack.bytes)?;
            changes.extend((0..).zip(pre.rules()).map(|(index, rule)| {
                RuleChange::Publish(NewVersion {
                    id: rule.id.clone(),
                    digest: pre.digest(),
                    index,
                    origin: pack.origin.clone(),
                    source: pack.source.clone(),
                    published_by: options.published_by.clone(),
                })
            }));
        }
        self.apply(tenant, &rules, changes, &records)
    }

    /// Makes an earlier version live: the one before, where none is named.
    ///
    /// # Errors
    ///
    /// [`RulesError::Unknown`], [`RulesError::NoVersion`], [`RulesError::NothingBefore`], and as
    /// [`Registry::publish`].
    pub fn roll_back(
        &self,
        tenant: &TenantId,
        id: &RuleId,
        to: Option<RuleVersion>,
    ) -> Result<Applied, RulesError> {
        self.change(tenant, id, |record| {
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
            // It must load before it is made live.
            self.load_version(version)?;
            Ok(RuleChange::RollBack { id: id.clone(), to })
        })
    }

    /// Lets a rule judge again.
    ///
    /// # Errors
    ///
    /// [`RulesError::Unknown`], and as [`Registry::publish`].
    pub fn enable(&self, tenant: &TenantId, id: &RuleId) -> Result<Applied, RulesError> {
        self.change(tenant, id, |record| {
            if let Some(live) = record.live {
                self.load_version(version_of(record, live)?)?;
            }
            Ok(RuleChange::Enable { id: id.clone() })
        })
    }

    /// Keeps a rule from judging, until it is enabled.
    ///
    /// # Errors
    ///
    /// [`RulesError::Unknown`], and as [`Registry::publish`].
    pub fn disable(&self, tenant: &TenantId, id: &RuleId) -> Result<Applied, RulesError> {
        self.change(tenant, id, |_| Ok(RuleChange::Disable { id: id.clone() }))
    }

    /// Takes a rule out. Its history stays.
    ///
    /// # Errors
    ///
    /// [`RulesError::Unknown`], and as [`Registry::publish`].
    pub fn remove(&self, tenant: &TenantId, id: &RuleId) -> Result<Applied, RulesError> {
        self.change(tenant, id, |_| Ok(RuleChange::Remove { id: id.clone() }))
    }

    /// Returns all rules of a tenant with their histories, in order of their ids; removed ones too.
    ///
    /// # Errors
    ///
    /// What the store may show.
    pub fn records(&self, tenant: &TenantId) -> Result<Vec<RuleRecord>, RulesError> {
        Ok(self.store.rule_records(tenant)?)
    }

    /// Returns one version of a rule, ready to judge: the live one, enabled or not, where none is named.
    ///
    /// # Errors
    ///
    /// [`RulesError::Unknown`], [`RulesError::NoVersion`], [`RulesError::Load`].
    pub fn rule(
        &self,
        tenant: &TenantId,
        id: &RuleId,
        version: Option<RuleVersion>,
    ) -> Result<PublishedRule, RulesError> {
        let record = self.record(tenant, id)?;
        let unknown = || RulesError::Unknown { id: id.clone() };
        let version = version.or(record.live).ok_or_else(unknown)?;
        self.load_version(version_of(&record, version)?)
    }

    fn record(&self, tenant: &TenantId, id: &RuleId) -> Result<RuleRecord, RulesError> {
        let mut records = self.store.rule_records(tenant)?.into_iter();
        let record = records.find(|record| record.id == *id);
        record.ok_or_else(|| RulesError::Unknown { id: id.clone() })
    }

    /// Returns a tenant's rules, loaded on the first call.
    fn tenant(&self, tenant: &TenantId) -> Result<Arc<TenantRules>, RulesError> {
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

    fn change(
        &self,
        tenant: &TenantId,
        id: &RuleId,
        change: impl FnOnce(&RuleRecord) -> Result<RuleChange, RulesError>,
    ) -> Result<Applied, RulesError> {
        let rules = self.tenant(tenant)?;
        let _changing = lock(&rules.changing);
        let record = self.record(tenant, id)?;
        let change = change(&record)?;
        self.apply(tenant, &rules, vec![change], &[record])
    }

    /// Commits changes, builds the next set and makes it live. `records` has the rules as they were.
    fn apply(
        &self,
        tenant: &TenantId,
        rules: &TenantRules,
        changes: Vec<RuleChange>,
        records: &[RuleRecord],
    ) -> Result<Applied, RulesError> {
        let ids: Vec<RuleId> = changes.iter().map(|change| change.id().clone()).collect();
        let published = self.store.publish(tenant, changes)?;
        let live = rules.live.load_full();
        if published.rule_set != live.number() {
            let record = self.store.rule_set(tenant, published.rule_set)?;
            let record = record.ok_or(RulesError::NoRuleSet {
                number: published.rule_set,
            })?;
            rules
                .live
                .store(Arc::new(self.build(tenant, &record, &live)?));
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

    /// Builds a set; takes what it can from one that is loaded.
    fn build(
        &self,
        tenant: &TenantId,
        record: &RuleSetRecord,
        known: &RuleSet,
    ) -> Result<RuleSet, RulesError> {
        let mut records = None;
        let mut rules = Vec::with_capacity(record.rules.len());
        for (id, version) in &record.rules {
            if let Some(rule) = known.get(id).filter(|rule| rule.version == *version) {
                rules.push(rule.clone());
                continue;
            }
            if records.is_none() {
                records = Some(self.store.rule_records(tenant)?);
            }
            let of_id = records.iter().flatten().find(|record| record.id == *id);
            let of_id = of_id.ok_or_else(|| RulesError::Unknown { id: id.clone() })?;
            rules.push(self.load_version(version_of(of_id, *version)?)?);
        }
        Ok(RuleSet::new(record.number, rules))
    }

    fn load_version(&self, version: &RuleVersionRecord) -> Result<PublishedRule, RulesError> {
        let no_pack = || RulesError::NoPack {
            digest: version.digest,
            index: version.index,
        };
        let bytes = self.store.pack(version.digest)?.ok_or_else(no_pack)?;
        let load = self.sandbox.load(&bytes);
        let pack = load.map_err(|source| RulesError::Load {
            origin: version.origin.clone(),
            source,
        })?;
        PublishedRule::new(version.version, &pack, version.index).ok_or_else(no_pack)
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

/// Returns what publishing would lead to.
fn would_apply(
    loaded: &[(NewPack, Arc<PackPre>)],
    records: &[RuleRecord],
    rule_set: u64,
) -> Applied {
    let mut rules = Vec::new();
    for (_, pre) in loaded {
        for (index, rule) in (0..).zip(pre.rules()) {
            let record = records.iter().find(|record| record.id == rule.id);
            let live = record.and_then(|record| version_of(record, record.live?).ok());
            let same = live.filter(|live| live.digest == pre.digest() && live.index == index);
            let last = record.and_then(|record| record.versions.last());
            let next = last.map_or(0, |last| last.version.0).saturating_add(1);
            rules.push(AppliedRule {
                id: rule.id.clone(),
                version: Some(same.map_or(RuleVersion(next), |same| same.version)),
                digest: Some(pre.digest()),
                changed: same.is_none(),
            });
        }
    }
    Applied { rule_set, rules }
}

/// Two packs of one change may not hold the same id, whoever takes over what.
fn refuse_twins(loaded: &[(NewPack, Arc<PackPre>)]) -> Result<(), RulesError> {
    let mut holders: BTreeMap<&RuleId, &str> = BTreeMap::new();
    for (pack, pre) in loaded {
        for rule in pre.rules() {
            if let Some(first) = holders.insert(&rule.id, &pack.origin) {
                return Err(RulesError::Twice {
                    id: rule.id.clone(),
                    first: first.to_owned(),
                    second: pack.origin.clone(),
                });
            }
        }
    }
    Ok(())
}

/// An id belongs to the origin of its live version.
fn refuse_claims(
    loaded: &[(NewPack, Arc<PackPre>)],
    records: &[RuleRecord],
) -> Result<(), RulesError> {
    for (pack, pre) in loaded {
        for rule in pre.rules() {
            let record = records.iter().find(|record| record.id == rule.id);
            let live = record.and_then(|record| version_of(record, record.live?).ok());
            if let Some(live) = live.filter(|live| live.origin != pack.origin) {
                return Err(RulesError::Claimed {
                    id: rule.id.clone(),
                    origin: pack.origin.clone(),
                    holder: live.origin.clone(),
                });
            }
        }
    }
    Ok(())
}

fn version_of(record: &RuleRecord, version: RuleVersion) -> Result<&RuleVersionRecord, RulesError> {
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

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
