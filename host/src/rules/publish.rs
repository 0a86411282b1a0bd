//! Packs to versions of rules, all of them or none.
//!
//! Compiling comes before any lock. Every check comes before anything is stored.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

use crate::{
    rule_id::{Digest, RuleId, RuleMode, RuleVersion},
    sandbox::PackPre,
    store::{NewVersion, Provenance, RuleChange, RuleRecord},
    tenant::TenantId,
};

use super::{Registry, error::RulesError, registry::version_of, trust::signers_of};

/// A pack to be published.
#[derive(Clone, Debug)]
pub struct NewPack {
    /// The component, as its author shipped it.
    pub bytes: Vec<u8>,
    /// Where it came from: the name of a file. An id belongs to the origin that published it last.
    pub origin: String,
    /// The text that it was compiled from, where there is one.
    pub source: Option<String>,
    /// The exact place that it came from, where there is one.
    pub reference: Option<String>,
}

/// How to publish.
#[derive(Clone, Debug, Default)]
pub struct PublishOptions {
    /// Ids of other origins may be claimed.
    pub take_over: bool,
    /// Everything is checked and nothing changed.
    pub dry_run: bool,
    /// What comes of the rules' violations.
    pub mode: RuleMode,
    /// By whom, for the history.
    pub published_by: String,
    /// Whether the packs are all that this publisher has: rules that it published before and that are in none of them
    /// are taken out.
    pub is_complete: bool,
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

impl Registry {
    /// Publishes the rules of some packs, all or none. Compiles, and blocks for it.
    ///
    /// # Errors
    ///
    /// [`RulesError::Untrusted`], [`RulesError::Load`], [`RulesError::Twice`], [`RulesError::Claimed`], and what the store may show.
    pub fn publish(
        &self,
        tenant: &TenantId,
        packs: Vec<NewPack>,
        options: &PublishOptions,
    ) -> Result<Applied, RulesError> {
        let trust = self.store.trust(tenant)?;
        let signed_by = packs.iter().map(|pack| signers_of(&trust, pack));
        let signed_by = signed_by.collect::<Result<Vec<_>, _>>()?;
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
        let _changing = rules.change(tenant)?;
        let records = self.store.rule_records(tenant)?;
        if !options.take_over {
            refuse_claims(&loaded, &records)?;
        }
        let ids = loaded.iter().flat_map(|(_, pre)| pre.rules());
        self.refuse_too_many(tenant, &records, ids.map(|rule| &rule.id))?;
        if options.dry_run {
            let rule_set = rules.live.load().number();
            return Ok(would_apply(&loaded, &records, options.mode, rule_set));
        }
        let mut changes = Vec::new();
        for ((pack, pre), signed_by) in loaded.iter().zip(&signed_by) {
            self.store.put_pack(pre.digest(), &pack.bytes)?;
            self.unloadables.forget_pack(pre.digest());
            changes.extend((0..).zip(pre.rules()).map(|(index, rule)| {
                RuleChange::Publish(NewVersion {
                    id: rule.id.clone(),
                    digest: pre.digest(),
                    index,
                    origin: pack.origin.clone(),
                    // No signature is of the text that comes beside a component.
                    source: pack.source.clone().filter(|_| !trust.requires_signatures),
                    mode: options.mode,
                    published_by: options.published_by.clone(),
                    provenance: Provenance {
                        reference: pack.reference.clone(),
                        signed_by: signed_by.clone(),
                    },
                })
            }));
        }
        if options.is_complete {
            let gone = missing(&loaded, &records, &options.published_by);
            changes.extend(gone.map(|id| RuleChange::Remove { id }));
        }
        self.apply(tenant, &rules, changes, &records)
    }
}

/// Returns the rules whose live version is this publisher's, and that none of the packs has.
fn missing<'a>(
    loaded: &'a [(NewPack, Arc<PackPre>)],
    records: &'a [RuleRecord],
    published_by: &'a str,
) -> impl Iterator<Item = RuleId> + 'a {
    let is_theirs = move |record: &&RuleRecord| {
        let live = record.live.and_then(|live| version_of(record, live).ok());
        live.is_some_and(|live| live.published_by == published_by)
    };
    let ids = loaded.iter().flat_map(|(_, pre)| pre.rules());
    let ids: BTreeSet<&RuleId> = ids.map(|rule| &rule.id).collect();
    let theirs = records.iter().filter(is_theirs);
    theirs
        .filter(move |record| !ids.contains(&record.id))
        .map(|record| record.id.clone())
}

/// Returns what publishing would lead to.
fn would_apply(
    loaded: &[(NewPack, Arc<PackPre>)],
    records: &[RuleRecord],
    mode: RuleMode,
    rule_set: u64,
) -> Applied {
    let mut rules = Vec::new();
    for (_, pre) in loaded {
        for (index, rule) in (0..).zip(pre.rules()) {
            let record = records.iter().find(|record| record.id == rule.id);
            let live = record.and_then(|record| version_of(record, record.live?).ok());
            let same = live.filter(|live| {
                live.digest == pre.digest() && live.index == index && live.mode == mode
            });
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
