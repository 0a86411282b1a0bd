//! From what the store has of rules to rules that judge.
//!
//! What is to be made live has to load, or nothing changes. What is live may load no more: its bytes were damaged, or this
//! host takes less than the one that it was published to. It stays in its set, as a rule that nobody can call: the other
//! rules, and all other tenants, judge as ever, and each trace that it would have judged says that nothing is known.

use std::sync::Arc;

use bytes::Bytes;

use super::{
    Registry,
    error::RulesError,
    registry::version_of,
    set::{PublishedRule, RuleSet},
    unloadable::Unloadable,
};
use crate::{
    rule_id::RuleId,
    store::{RuleSetRecord, RuleVersionRecord, StoreError},
    tenant::TenantId,
};

impl Registry {
    /// Builds a set; takes what it can from one that is loaded.
    pub(super) fn build(
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
            rules.push(self.load_known(tenant, id, version_of(of_id, *version)?)?);
        }
        Ok(RuleSet::new(record.number, rules))
    }

    /// Loads a version that is to be made live.
    pub(super) fn load_version(
        &self,
        version: &RuleVersionRecord,
    ) -> Result<PublishedRule, RulesError> {
        let bytes = self.pack_of(version)?;
        let load = self.sandbox.load_published(&bytes);
        let pack = load.map_err(|source| RulesError::Load {
            origin: version.origin.clone(),
            source,
        })?;
        let rule = PublishedRule::new(version.version, &pack, version.index);
        let rule = rule.ok_or(RulesError::NoPack {
            digest: version.digest,
        })?;
        self.unloadables.forget_pack(version.digest);
        Ok(rule.with_mode(version.mode))
    }

    /// Loads a version that was made live, or one that cannot be called where its pack does not load.
    ///
    /// # Errors
    ///
    /// Where the host failed, and not the pack. Such a rule must not be taken for one that does not load, since nobody would
    /// try it again unasked: a block waits for its rules instead, and a start, at which other packs load as little, fails.
    pub(super) fn load_known(
        &self,
        tenant: &TenantId,
        id: &RuleId,
        version: &RuleVersionRecord,
    ) -> Result<PublishedRule, RulesError> {
        let key = (tenant.clone(), id.clone(), version.version);
        let not_loaded = |unloadable: Arc<Unloadable>| {
            PublishedRule::not_loaded(version.version, unloadable).with_mode(version.mode)
        };
        if let Some(known) = self.unloadables.get(&key) {
            return Ok(not_loaded(known));
        }
        let why = match self.unloadables.why(version.digest) {
            Some(why) => why,
            None => match self.load_version(version) {
                Ok(rule) => return Ok(rule),
                Err(error) => error.why_unloadable()?,
            },
        };
        tracing::warn!(
            tenant = %tenant, rule = %id, version = version.version.0, error = why,
            "the pack of a rule does not load, and its traces are inconclusive: publish a version that loads, or \
             `betrace rules enable` it to try again"
        );
        let since = self.store.unix_nanos();
        let unloadable = Unloadable::new(id.clone(), version.digest, why, since);
        let unloadable = Arc::new(unloadable);
        self.unloadables.note(key, Arc::clone(&unloadable));
        Ok(not_loaded(unloadable))
    }

    /// Returns the bytes of a version's pack.
    pub(super) fn pack_of(&self, version: &RuleVersionRecord) -> Result<Bytes, RulesError> {
        let digest = version.digest;
        match self.store.pack(digest) {
            Ok(pack) => pack.ok_or(RulesError::NoPack { digest }),
            Err(error @ StoreError::Corrupt { .. }) => Err(RulesError::DamagedPack {
                digest,
                source: Box::new(error),
            }),
            Err(error) => Err(error.into()),
        }
    }
}
