//! The tenants that the store knows of.

use redb::{ReadableTable as _, TableDefinition, WriteTransaction};

use super::{
    Store,
    codec::Place,
    error::StoreError,
    file::{Fault, open_if_there},
};
use crate::{clock::UnixNanos, tenant::TenantId};

/// Tenant -> when it was first seen, in nanoseconds.
const TENANTS: TableDefinition<'_, &str, u64> = TableDefinition::new("tenants");

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
    /// Returns the tenants that have rules or blocks, in order of their names.
    ///
    /// # Errors
    ///
    /// What reading the catalog may show.
    pub fn tenants(&self) -> Result<Vec<TenantId>, StoreError> {
        let catalog = &self.inner.catalog;
        catalog.read(|txn| {
            let Some(tenants) = open_if_there(txn, TENANTS)? else {
                return Ok(Vec::new());
            };
            let mut names = Vec::new();
            for row in tenants.iter()? {
                let (name, _) = row?;
                names.push(tenant_of(catalog.name(), "tenants", name.value())?);
            }
            Ok(names)
        })
    }
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
