//! Packs by digest, the versions of rules, and which of them each rule set held.
//!
//! The store numbers versions and rule sets and checks that a change makes sense; who may change what,
//! and which pack may claim which id, is for `rules` to decide.

mod examine;
mod records;
mod remove;

use std::collections::BTreeMap;

use bytes::Bytes;
use redb::{ReadTransaction, ReadableTable, Table, TableDefinition, WriteTransaction};

pub use self::records::{
    NewVersion, Provenance, Published, RuleChange, RuleRecord, RuleSetRecord, RuleVersionRecord,
};
use self::records::{RuleState, read_rule_set, read_version, rule_set_value, version_value};
pub(super) use self::{examine::examine, remove::remove_all};
use super::{
    Store,
    codec::{Place, Writer, check},
    error::StoreError,
    file::{Fault, open_if_there},
    tenants::{note_tenant, refuse_leaving},
};
use crate::{
    clock::UnixNanos,
    rule_id::{Digest, RuleId, RuleVersion},
    tenant::TenantId,
};

/// Digest -> the pack's bytes.
const PACKS: TableDefinition<'_, &[u8; 32], &[u8]> = TableDefinition::new("packs");

/// Tenant, rule -> which version is live.
const RULES: TableDefinition<'_, (&str, &str), &[u8]> = TableDefinition::new("rules");

/// Tenant, rule, version -> what was published.
const VERSIONS: TableDefinition<'_, (&str, &str, u32), &[u8]> = TableDefinition::new("versions");

/// Tenant, number -> the live rules of that rule set.
const RULE_SETS: TableDefinition<'_, (&str, u64), &[u8]> = TableDefinition::new("rule_sets");

impl Store {
    /// Keeps a pack. The same pack again changes nothing, but where what is kept of it is damaged.
    ///
    /// # Errors
    ///
    /// What writing the catalog may show.
    pub fn put_pack(&self, digest: Digest, pack: &[u8]) -> Result<(), StoreError> {
        match self.pack(digest) {
            Ok(Some(_)) => return Ok(()),
            Ok(None) | Err(StoreError::Corrupt { .. }) => {}
            Err(error) => return Err(error),
        }
        let mut value = Writer::new();
        value.raw(pack);
        let value = value.finish();
        self.inner.catalog.write(|txn| {
            txn.open_table(PACKS)?.insert(&digest.0, value.as_slice())?;
            Ok(())
        })
    }

    /// Returns a pack's bytes.
    ///
    /// # Errors
    ///
    /// What reading the catalog may show.
    pub fn pack(&self, digest: Digest) -> Result<Option<Bytes>, StoreError> {
        let catalog = &self.inner.catalog;
        catalog.read(|txn| {
            let Some(packs) = open_if_there(txn, PACKS)? else {
                return Ok(None);
            };
            let Some(value) = packs.get(&digest.0)? else {
                return Ok(None);
            };
            let pack = check(value.value())
                .map_err(|what| place(catalog.name(), "packs", digest).corrupt(what))?;
            Ok(Some(Bytes::copy_from_slice(pack)))
        })
    }

    /// Returns the rules of a tenant in order of their ids, removed ones too, each with all its versions.
    ///
    /// # Errors
    ///
    /// What reading the catalog may show.
    pub fn rule_records(&self, tenant: &TenantId) -> Result<Vec<RuleRecord>, StoreError> {
        let catalog = &self.inner.catalog;
        catalog.read(|txn| {
            let Some(rules) = open_if_there(txn, RULES)? else {
                return Ok(Vec::new());
            };
            let states = states(&rules, tenant, catalog.name())?;
            let mut records = Vec::with_capacity(states.len());
            for (id, state) in states {
                let versions = versions_of(txn, tenant, &id, catalog.name())?;
                records.push(RuleRecord {
                    live: state.live,
                    enabled: state.enabled,
                    id,
                    versions,
                });
            }
            Ok(records)
        })
    }

    /// Makes all the changes or none, and numbers the rule set that results. Changes that change
    /// nothing (what is live already, published again) make no new version and no new rule set.
    ///
    /// # Errors
    ///
    /// [`StoreError::Rule`] where a rule, a version or a pack is not there, and what writing the catalog
    /// may show.
    pub fn publish(
        &self,
        tenant: &TenantId,
        changes: Vec<RuleChange>,
    ) -> Result<Published, StoreError> {
        let catalog = &self.inner.catalog;
        let now = self.inner.clock.unix_nanos();
        catalog.write(|txn| {
            refuse_leaving(txn, tenant)?;
            note_tenant(txn, tenant, now)?;
            let mut states = states(&txn.open_table(RULES)?, tenant, catalog.name())?;
            let before = live_of(&states);
            let mut versions = Vec::with_capacity(changes.len());
            for change in changes {
                let id = change.id().clone();
                let state = states.remove(&id).unwrap_or_default();
                let publishing = Publishing {
                    txn,
                    tenant,
                    file: catalog.name(),
                };
                let (state, version) = publishing.apply(state, change, now)?;
                txn.open_table(RULES)?
                    .insert((tenant.as_str(), id.as_str()), state.to_value().as_slice())?;
                versions.extend(version.map(|version| (id.clone(), version)));
                states.insert(id, state);
            }
            let live = live_of(&states);
            let mut rule_sets = txn.open_table(RULE_SETS)?;
            let mut number = last_rule_set(&rule_sets, tenant)?;
            if live != before {
                number += 1;
                rule_sets.insert((tenant.as_str(), number), rule_set_value(&live).as_slice())?;
            }
            Ok(Published {
                rule_set: number,
                versions,
            })
        })
    }

    /// Returns what a rule set held. Number 0 is the empty one that every tenant begins with.
    ///
    /// # Errors
    ///
    /// What reading the catalog may show.
    pub fn rule_set(
        &self,
        tenant: &TenantId,
        number: u64,
    ) -> Result<Option<RuleSetRecord>, StoreError> {
        let catalog = &self.inner.catalog;
        catalog.read(|txn| match open_if_there(txn, RULE_SETS)? {
            Some(rule_sets) => rule_set_at(&rule_sets, tenant, number, catalog.name()),
            None => Ok((number == 0).then(RuleSetRecord::default)),
        })
    }

    /// Returns the rule set of a tenant that is live.
    ///
    /// # Errors
    ///
    /// What reading the catalog may show.
    pub fn live_rule_set(&self, tenant: &TenantId) -> Result<RuleSetRecord, StoreError> {
        let catalog = &self.inner.catalog;
        catalog.read(|txn| {
            let Some(rule_sets) = open_if_there(txn, RULE_SETS)? else {
                return Ok(RuleSetRecord::default());
            };
            let number = last_rule_set(&rule_sets, tenant)?;
            Ok(rule_set_at(&rule_sets, tenant, number, catalog.name())?.unwrap_or_default())
        })
    }
}

/// One change within the transaction that makes it.
struct Publishing<'t> {
    txn: &'t WriteTransaction,
    tenant: &'t TenantId,
    file: &'t str,
}

impl Publishing<'_> {
    /// Returns how the rule stands then, and the version that the change is about.
    fn apply(
        &self,
        mut state: RuleState,
        change: RuleChange,
        now: UnixNanos,
    ) -> Result<(RuleState, Option<RuleVersion>), Fault> {
        let id = change.id().clone();
        let refuse = |what: &str| StoreError::Rule {
            rule: id.to_string(),
            what: what.to_owned(),
        };
        if !matches!(change, RuleChange::Publish(_)) && state.live.is_none() {
            // A removed rule comes back by being published, or rolled back to a version it had.
            let comes_back = matches!(change, RuleChange::RollBack { .. }) && state.last.0 > 0;
            if !comes_back {
                return Err(refuse("is not published").into());
            }
        }
        match change {
            RuleChange::Publish(new) => return self.publish(state, &new, now),
            RuleChange::RollBack { id, to } => {
                let table = self.txn.open_table(VERSIONS)?;
                if table
                    .get((self.tenant.as_str(), id.as_str(), to.0))?
                    .is_none()
                {
                    return Err(refuse(&format!("has no version {}", to.0)).into());
                }
                if state.live.is_none() {
                    state.enabled = true;
                }
                state.live = Some(to);
            }
            RuleChange::Enable { .. } => state.enabled = true,
            RuleChange::Disable { .. } => state.enabled = false,
            RuleChange::Remove { .. } => state.live = None,
        }
        let version = state.live;
        Ok((state, version))
    }

    fn publish(
        &self,
        mut state: RuleState,
        new: &NewVersion,
        now: UnixNanos,
    ) -> Result<(RuleState, Option<RuleVersion>), Fault> {
        let refuse = |what: String| StoreError::Rule {
            rule: new.id.to_string(),
            what,
        };
        if self.txn.open_table(PACKS)?.get(&new.digest.0)?.is_none() {
            return Err(refuse(format!("is of pack {}, which is not stored", new.digest)).into());
        }
        let mut versions: Table<'_, (&str, &str, u32), &[u8]> = self.txn.open_table(VERSIONS)?;
        let key = |version: RuleVersion| (self.tenant.as_str(), new.id.as_str(), version.0);
        if let Some(live) = state.live
            && let Some(value) = versions.get(key(live))?
        {
            let record = place(self.file, "versions", key(live))
                .decode(value.value(), |r| read_version(r, live))?;
            let is_same = record.digest == new.digest && record.index == new.index;
            if is_same && record.mode == new.mode {
                return Ok((state, Some(live)));
            }
        }
        let version = RuleVersion(
            state
                .last
                .0
                .checked_add(1)
                .ok_or_else(|| refuse("has used up its version numbers".to_owned()))?,
        );
        versions.insert(key(version), version_value(new, now).as_slice())?;
        // A rule that was disabled stays so: what is enabled is decided by id, not by version.
        state.enabled |= state.live.is_none();
        state.live = Some(version);
        state.last = version;
        Ok((state, Some(version)))
    }
}

fn place<'a, K>(file: &'a str, table: &'static str, key: K) -> Place<'a, K> {
    Place { file, table, key }
}

fn states(
    rules: &impl ReadableTable<(&'static str, &'static str), &'static [u8]>,
    tenant: &TenantId,
    file: &str,
) -> Result<BTreeMap<RuleId, RuleState>, Fault> {
    let mut states = BTreeMap::new();
    for row in rules.range((tenant.as_str(), "")..)? {
        let (key, value) = row?;
        let (owner, id) = key.value();
        if owner != tenant.as_str() {
            break;
        }
        let place = place(file, "rules", (owner, id));
        let state = place.decode(value.value(), RuleState::read)?;
        let id = RuleId::try_new(id).ok_or_else(|| place.corrupt("a rule id is none"))?;
        states.insert(id, state);
    }
    Ok(states)
}

fn versions_of(
    txn: &ReadTransaction,
    tenant: &TenantId,
    id: &RuleId,
    file: &str,
) -> Result<Vec<RuleVersionRecord>, Fault> {
    let Some(table) = open_if_there(txn, VERSIONS)? else {
        return Ok(Vec::new());
    };
    let key = |version| (tenant.as_str(), id.as_str(), version);
    let mut versions = Vec::new();
    for row in table.range(key(0)..=key(u32::MAX))? {
        let (key, value) = row?;
        let version = RuleVersion(key.value().2);
        versions.push(
            place(file, "versions", key.value())
                .decode(value.value(), |r| read_version(r, version))?,
        );
    }
    Ok(versions)
}

fn live_of(states: &BTreeMap<RuleId, RuleState>) -> Vec<(RuleId, RuleVersion)> {
    states
        .iter()
        .filter(|(_, state)| state.enabled)
        .filter_map(|(id, state)| Some((id.clone(), state.live?)))
        .collect()
}

fn last_rule_set(
    rule_sets: &impl ReadableTable<(&'static str, u64), &'static [u8]>,
    tenant: &TenantId,
) -> Result<u64, Fault> {
    let mut of_tenant = rule_sets.range((tenant.as_str(), 0)..=(tenant.as_str(), u64::MAX))?;
    Ok(match of_tenant.next_back() {
        Some(row) => row?.0.value().1,
        None => 0,
    })
}

fn rule_set_at(
    rule_sets: &impl ReadableTable<(&'static str, u64), &'static [u8]>,
    tenant: &TenantId,
    number: u64,
    file: &str,
) -> Result<Option<RuleSetRecord>, Fault> {
    if number == 0 {
        return Ok(Some(RuleSetRecord::default()));
    }
    let Some(value) = rule_sets.get((tenant.as_str(), number))? else {
        return Ok(None);
    };
    let rules =
        place(file, "rule_sets", (tenant.as_str(), number)).decode(value.value(), read_rule_set)?;
    Ok(Some(RuleSetRecord { number, rules }))
}

#[cfg(test)]
mod tests;
