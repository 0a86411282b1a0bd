//! The keys that tenants trust, in the catalog.

use redb::{ReadTransaction, TableDefinition};

use super::{note_tenant, refuse, refuse_leaving};
use crate::{
    clock::UnixNanos,
    signature::PublicKey,
    store::{
        Store,
        codec::{Malformed, Place, Reader, Writer},
        error::StoreError,
        file::{Fault, open_if_there},
        limits::KEYS_PER_TENANT_MAX,
    },
    tenant::{KeyName, TenantId, Trust, TrustChange, TrustedKey},
};

/// Tenant, name -> a key that it trusts.
pub(super) const KEYS: TableDefinition<'_, (&str, &str), &[u8]> =
    TableDefinition::new("tenant_keys");

/// The tenants that take nothing but what is signed by one of their keys.
pub(super) const SIGNED_ONLY: TableDefinition<'_, &str, ()> =
    TableDefinition::new("tenants_signed_only");

impl Store {
    /// Returns whom a tenant trusts.
    ///
    /// # Errors
    ///
    /// What reading the catalog may show.
    pub fn trust(&self, tenant: &TenantId) -> Result<Trust, StoreError> {
        let catalog = &self.inner.catalog;
        catalog.read(|txn| {
            Ok(Trust {
                requires_signatures: match open_if_there(txn, SIGNED_ONLY)? {
                    Some(tenants) => tenants.get(tenant.as_str())?.is_some(),
                    None => false,
                },
                keys: keys_of(txn, tenant, catalog.name())?,
            })
        })
    }

    /// Changes whom a tenant trusts, and returns it as it is then. What is published stays so.
    ///
    /// # Errors
    ///
    /// [`StoreError::UnknownTenant`]; [`StoreError::Tenant`] where a key that is to go is not there, a name is another
    /// key's, there are too many, or signatures would be required and no key would be left to make them; what writing may
    /// show.
    pub fn change_trust(
        &self,
        tenant: &TenantId,
        change: &TrustChange,
    ) -> Result<Trust, StoreError> {
        let _one_at_a_time = self.inner.lock_tenants();
        // Before the first start there is no tenant but this one, which needs no creation.
        if *tenant != TenantId::default_tenant() {
            self.known(tenant)?;
        }
        let now = self.inner.clock.unix_nanos();
        let trust = changed(tenant, self.trust(tenant)?, change, now)?;
        self.inner.catalog.write(|txn| {
            refuse_leaving(txn, tenant)?;
            note_tenant(txn, tenant, now)?;
            let mut keys = txn.open_table(KEYS)?;
            for name in &change.remove {
                keys.remove((tenant.as_str(), name.as_str()))?;
            }
            for key in &trust.keys {
                let at = (tenant.as_str(), key.name.as_str());
                keys.insert(at, key_value(key).as_slice())?;
            }
            let mut signed_only = txn.open_table(SIGNED_ONLY)?;
            if trust.requires_signatures {
                signed_only.insert(tenant.as_str(), ())?;
            } else {
                signed_only.remove(tenant.as_str())?;
            }
            Ok(())
        })?;
        Ok(trust)
    }
}

fn changed(
    tenant: &TenantId,
    mut trust: Trust,
    change: &TrustChange,
    now: UnixNanos,
) -> Result<Trust, StoreError> {
    let TrustChange {
        add,
        remove,
        requires_signatures,
    } = change;
    for name in remove {
        let at = trust.keys.iter().position(|key| key.name == *name);
        let at = at.ok_or_else(|| refuse(tenant, &format!("trusts no key `{name}`")))?;
        trust.keys.remove(at);
    }
    for (name, key) in add {
        match trust.keys.iter().find(|known| known.name == *name) {
            Some(known) if known.key == *key => {}
            Some(_) => {
                let what = format!("trusts another key of the name `{name}`: remove it first");
                return Err(refuse(tenant, &what));
            }
            None => trust.keys.push(TrustedKey {
                name: name.clone(),
                key: *key,
                since: now,
            }),
        }
    }
    if trust.keys.len() > KEYS_PER_TENANT_MAX {
        let what = format!("would trust more than {KEYS_PER_TENANT_MAX} keys");
        return Err(refuse(tenant, &what));
    }
    trust.requires_signatures = requires_signatures.unwrap_or(trust.requires_signatures);
    if trust.requires_signatures && trust.keys.is_empty() {
        let what = "would take nothing: it requires signatures and would trust no key";
        return Err(refuse(tenant, what));
    }
    trust.keys.sort_by(|a, b| a.name.cmp(&b.name));
    Ok(trust)
}

fn keys_of(txn: &ReadTransaction, tenant: &TenantId, file: &str) -> Result<Vec<TrustedKey>, Fault> {
    let Some(table) = open_if_there(txn, KEYS)? else {
        return Ok(Vec::new());
    };
    let mut keys = Vec::new();
    for row in table.range((tenant.as_str(), "")..)? {
        let (at, value) = row?;
        if at.value().0 != tenant.as_str() {
            break;
        }
        keys.push(read_row(file, at.value(), value.value())?);
    }
    Ok(keys)
}

/// Reads a row of [`KEYS`].
pub(super) fn read_row(
    file: &str,
    key: (&str, &str),
    value: &[u8],
) -> Result<TrustedKey, StoreError> {
    let place = Place {
        file,
        table: "tenant_keys",
        key,
    };
    let name = KeyName::try_new(key.1).ok_or_else(|| place.corrupt("a key's name is none"))?;
    let (key, since) = place.decode(value, read_key)?;
    Ok(TrustedKey { name, key, since })
}

fn key_value(key: &TrustedKey) -> Vec<u8> {
    let TrustedKey {
        name: _,
        key,
        since,
    } = key;
    let mut writer = Writer::new();
    writer.raw(&key.0).u64(since.0);
    writer.finish()
}

fn read_key(reader: &mut Reader<'_>) -> Result<(PublicKey, UnixNanos), Malformed> {
    Ok((PublicKey(reader.array()?), UnixNanos(reader.u64()?)))
}
