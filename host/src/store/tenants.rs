//! Tenants, their limits, and the tokens that stand for them and for operators.
//!
//! What a request needs of them is in memory ([`Directory`]) and follows every change; the catalog has the rest. Of a token
//! only a hash is kept.

mod directory;
mod examine;
mod remove;
mod tokens;
mod trust;
mod value;

use redb::{ReadTransaction, ReadableTable as _, TableDefinition, WriteTransaction};

use self::directory::Directory;
pub(super) use self::directory::SharedDirectory;
pub(super) use self::examine::examine;
pub(super) use self::remove::{end_of, in_batches, refuse_leaving, remove_some_in};
pub use self::value::TokenRecord;
use self::value::{limits_value, read_limits};
use super::{
    Store,
    codec::Place,
    error::StoreError,
    file::{Fault, open_if_there},
    limits::TENANTS_MAX,
};
use crate::{
    clock::UnixNanos,
    tenant::{Access, Limit, TenantId, TenantLimits, Token, TokenName, TokenOwner, Trust},
};

/// Tenant -> when it was first seen, in nanoseconds.
const TENANTS: TableDefinition<'_, &str, u64> = TableDefinition::new("tenants");

/// Tenant -> the limits that were set for it.
const LIMITS: TableDefinition<'_, &str, &[u8]> = TableDefinition::new("tenant_limits");

/// A tenant, and what is said of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TenantRecord {
    /// Its name.
    pub tenant: TenantId,
    /// When it was created, or first seen.
    pub since: UnixNanos,
    /// The limits that were set for it.
    pub limits: TenantLimits,
    /// Its tokens, in order of their names and of when they were made.
    pub tokens: Vec<TokenRecord>,
    /// The bytes of its blocks.
    pub stored_bytes: u64,
    /// Whose signatures it trusts.
    pub trust: Trust,
}

/// Notes a tenant within a transaction that writes something of it.
pub(super) fn note_tenant(
    txn: &WriteTransaction,
    tenant: &TenantId,
    now: UnixNanos,
) -> Result<(), Fault> {
    let mut tenants = txn.open_table(TENANTS)?;
    if tenants.get(tenant.as_str())?.is_none() {
        tenants.insert(tenant.as_str(), now.0)?;
    }
    Ok(())
}

impl Store {
    /// Returns the tenants that were created, or have rules or blocks, in order of their names.
    ///
    /// # Errors
    ///
    /// What reading the catalog may show.
    pub fn tenants(&self) -> Result<Vec<TenantId>, StoreError> {
        let catalog = &self.inner.catalog;
        let rows = catalog.read(|txn| first_seen(txn, catalog.name()))?;
        Ok(rows.into_iter().map(|(tenant, _)| tenant).collect())
    }

    /// Returns what is said of each tenant, in order of their names.
    ///
    /// # Errors
    ///
    /// What reading the catalog may show.
    pub fn tenant_records(&self) -> Result<Vec<TenantRecord>, StoreError> {
        let catalog = &self.inner.catalog;
        let rows = catalog.read(|txn| first_seen(txn, catalog.name()))?;
        let record = |(tenant, since): (TenantId, UnixNanos)| {
            let owner = TokenOwner::Tenant(tenant.clone());
            Ok(TenantRecord {
                since,
                limits: self.limits(&tenant),
                tokens: self.tokens(&owner)?,
                stored_bytes: self.stored_bytes(&tenant),
                trust: self.trust(&tenant)?,
                tenant,
            })
        };
        rows.into_iter().map(record).collect()
    }

    /// Says whom a bearer token stands for. Cheap: for every request.
    pub fn access(&self, bearer: Option<&str>) -> Access {
        let now = self.inner.clock.unix_nanos();
        self.inner.directory.read(|known| known.access(bearer, now))
    }

    /// Whether there are tokens, so that requests without one are nobody's. Once there are, it stays so until the store is
    /// opened again, whatever becomes of them.
    pub fn asks_for_tokens(&self) -> bool {
        self.inner.directory.read(Directory::asks_for_tokens)
    }

    /// Returns the limits of a tenant. Cheap: for every request.
    pub fn limits(&self, tenant: &TenantId) -> TenantLimits {
        self.inner.directory.read(|known| known.limits(tenant))
    }

    /// Returns the bytes of a tenant's blocks.
    pub fn stored_bytes(&self, tenant: &TenantId) -> u64 {
        self.inner.index.stored_bytes(tenant)
    }

    /// Creates a tenant with its first token, which is told here and never again.
    ///
    /// A tenant that is there without a token (it was the only one of a server without tokens, or came by an import) is
    /// given one.
    ///
    /// # Errors
    ///
    /// [`StoreError::Tenant`] where it has tokens already or there are too many tenants; what writing may show.
    pub fn create_tenant(
        &self,
        tenant: &TenantId,
        token: &TokenName,
        limits: &TenantLimits,
    ) -> Result<Token, StoreError> {
        let _one_at_a_time = self.inner.lock_tenants();
        let owner = TokenOwner::Tenant(tenant.clone());
        if !self.tokens(&owner)?.is_empty() {
            return Err(refuse(
                tenant,
                "is there already: `betrace tenants rotate-token` gives it another token",
            ));
        }
        let now = self.inner.clock.unix_nanos();
        self.inner.catalog.write(|txn| {
            refuse_leaving(txn, tenant)?;
            note_tenant(txn, tenant, now)?;
            if redb::ReadableTableMetadata::len(&txn.open_table(TENANTS)?)? > TENANTS_MAX {
                let what = format!("is one more than the {TENANTS_MAX} tenants of a store");
                return Err(refuse(tenant, &what).into());
            }
            put_limits(txn, tenant, limits)
        })?;
        self.inner
            .directory
            .write(|known| known.set_limits(tenant, limits.clone()));
        self.put_token(&owner, token, std::time::Duration::ZERO)
    }

    /// Changes limits of a tenant, and returns all that are set then.
    ///
    /// # Errors
    ///
    /// [`StoreError::UnknownTenant`]; what writing may show.
    pub fn set_limits(
        &self,
        tenant: &TenantId,
        changes: &[(Limit, Option<u64>)],
    ) -> Result<TenantLimits, StoreError> {
        let _one_at_a_time = self.inner.lock_tenants();
        self.known(tenant)?;
        let mut limits = self.limits(tenant);
        for (limit, value) in changes {
            limits.set(*limit, *value);
        }
        self.inner
            .catalog
            .write(|txn| put_limits(txn, tenant, &limits))?;
        self.inner
            .directory
            .write(|known| known.set_limits(tenant, limits.clone()));
        Ok(limits)
    }

    /// Returns an error where there is no such tenant.
    pub(super) fn known(&self, tenant: &TenantId) -> Result<(), StoreError> {
        if self.tenants()?.contains(tenant) {
            Ok(())
        } else {
            Err(StoreError::UnknownTenant {
                tenant: tenant.to_string(),
            })
        }
    }
}

fn refuse(tenant: &TenantId, what: &str) -> StoreError {
    StoreError::Tenant {
        tenant: tenant.to_string(),
        what: what.to_owned(),
    }
}

fn put_limits(
    txn: &WriteTransaction,
    tenant: &TenantId,
    limits: &TenantLimits,
) -> Result<(), Fault> {
    let mut table = txn.open_table(LIMITS)?;
    if limits.each_set().len() == 0 {
        table.remove(tenant.as_str())?;
    } else {
        table.insert(tenant.as_str(), limits_value(limits).as_slice())?;
    }
    Ok(())
}

fn first_seen(txn: &ReadTransaction, file: &str) -> Result<Vec<(TenantId, UnixNanos)>, Fault> {
    let Some(tenants) = open_if_there(txn, TENANTS)? else {
        return Ok(Vec::new());
    };
    let mut rows = Vec::new();
    for row in tenants.iter()? {
        let (name, since) = row?;
        let tenant = tenant_of(file, "tenants", name.value())?;
        rows.push((tenant, UnixNanos(since.value())));
    }
    Ok(rows)
}

fn all_limits(txn: &ReadTransaction, file: &str) -> Result<Vec<(TenantId, TenantLimits)>, Fault> {
    let Some(limits) = open_if_there(txn, LIMITS)? else {
        return Ok(Vec::new());
    };
    let mut all = Vec::new();
    for row in limits.iter()? {
        let (name, value) = row?;
        let place = Place {
            file,
            table: "tenant_limits",
            key: name.value(),
        };
        let tenant = tenant_of(file, "tenant_limits", name.value())?;
        all.push((tenant, place.decode(value.value(), read_limits)?));
    }
    Ok(all)
}

/// Reads a tenant's name out of a key.
pub(super) fn tenant_of(
    file: &str,
    table: &'static str,
    name: &str,
) -> Result<TenantId, StoreError> {
    TenantId::try_new(name).ok_or_else(|| {
        Place {
            file,
            table,
            key: name,
        }
        .corrupt("a tenant's name is none")
    })
}

#[cfg(test)]
mod tests;
