//! A tenant goes with all that is its.
//!
//! ```text
//! begin:  one commit: the tenant is leaving; its tokens and limits go. Nobody speaks for it any more.
//!         (a server then has what is under way of it end)
//! finish: the inbox -> blocks and verdicts -> chunks, postings -> signals -> coverage -> rules, packs of nobody else
//!         -> the tenant
//! ```
//!
//! Each step is of commits of bounded size and may be repeated: what a crash leaves is taken up at the next open. Entries
//! leave the tables; the pages that held them are used again by later commits, and not overwritten before.

use redb::{Key, ReadableTable as _, Table, TableDefinition, Value, WriteTransaction};

use super::{
    LIMITS, TENANTS, tenant_of,
    tokens::TOKENS,
    trust::{KEYS, SIGNED_ONLY},
};
use crate::{
    store::{
        Store, blocks, costs, coverage,
        error::StoreError,
        file::{DbFile, Fault, open_if_there},
        limits::REMOVED_PER_COMMIT,
        quarantines, rules, signals,
    },
    tenant::{TenantId, TokenOwner},
};

/// Tenants that are leaving.
pub(super) const LEAVING: TableDefinition<'_, &str, ()> = TableDefinition::new("tenants_leaving");

impl Store {
    /// Begins to remove a tenant: from here on no token stands for it, and nothing of it is taken or published. May be
    /// repeated where removing it was cut short.
    ///
    /// # Errors
    ///
    /// [`StoreError::UnknownTenant`]; [`StoreError::Tenant`] where it has a hold; what writing may show.
    pub fn begin_removal(&self, tenant: &TenantId) -> Result<(), StoreError> {
        let _one_at_a_time = self.inner.lock_tenants();
        self.known(tenant)?;
        if !self.holds(tenant)?.is_empty() {
            return Err(StoreError::Tenant {
                tenant: tenant.to_string(),
                what: "has a hold on its traces: see `betrace holds list`, and remove it with `betrace holds remove`"
                    .to_owned(),
            });
        }
        let owner = TokenOwner::Tenant(tenant.clone());
        let catalog = &self.inner.catalog;
        catalog.write(|txn| {
            txn.open_table(LEAVING)?.insert(tenant.as_str(), ())?;
            txn.open_table(LIMITS)?.remove(tenant.as_str())?;
            txn.open_table(SIGNED_ONLY)?.remove(tenant.as_str())?;
            let mut keys = txn.open_table(KEYS)?;
            keys.retain(|(of, _), _| of != tenant.as_str())?;
            let mut tokens = txn.open_table(TOKENS)?;
            for (hash, of, _) in super::tokens::read_all(&tokens, catalog.name())? {
                if of == owner {
                    tokens.remove(&hash.0)?;
                }
            }
            Ok(())
        })?;
        self.inner.directory.write(|known| known.leave(tenant));
        Ok(())
    }

    /// Removes all that is left of a tenant whose removal has begun; of one that is not leaving, nothing. What is under way of it must have ended: spans of it
    /// that are assembled or sealed meanwhile would come back.
    ///
    /// # Errors
    ///
    /// What reading and writing may show; the rest is removed by calling it again, or by the next open.
    pub fn finish_removal(&self, tenant: &TenantId) -> Result<(), StoreError> {
        let inner = &*self.inner;
        // Who removes the same tenant at the same time must not remove one that is created after it.
        let _one_at_a_time = inner.lock_removal();
        if !self.leaving()?.contains(tenant) {
            return Ok(());
        }
        inner.inbox.erase(tenant)?;
        self.remove_blocks(tenant)?;
        let catalog = &inner.catalog;
        let name = tenant.as_str();
        in_batches(catalog, |txn| signals::remove_some(txn, name))?;
        in_batches(catalog, |txn| coverage::remove_some(txn, name))?;
        in_batches(catalog, |txn| costs::remove_some(txn, name))?;
        in_batches(catalog, |txn| quarantines::remove_some(txn, name))?;
        rules::remove_all(catalog, tenant)?;
        let _no_creation = inner.lock_tenants();
        catalog.write(|txn| {
            txn.open_table(TENANTS)?.remove(name)?;
            txn.open_table(LEAVING)?.remove(name)?;
            Ok(())
        })?;
        inner.directory.write(|known| known.has_left(tenant));
        Ok(())
    }

    /// Whether something of a tenant is taken: not once its removal has begun.
    pub fn takes_from(&self, tenant: &TenantId) -> bool {
        self.inner.directory.read(|known| known.takes_from(tenant))
    }

    /// Finishes what was cut short. At open: nothing is under way.
    pub(in crate::store) fn finish_removals(&self) -> Result<(), StoreError> {
        for tenant in &self.leaving()? {
            self.finish_removal(tenant)?;
        }
        Ok(())
    }

    fn leaving(&self) -> Result<Vec<TenantId>, StoreError> {
        let catalog = &self.inner.catalog;
        catalog.read(|txn| {
            let mut leaving = Vec::new();
            if let Some(table) = open_if_there(txn, LEAVING)? {
                for row in table.iter()? {
                    let name = row?.0;
                    leaving.push(tenant_of(catalog.name(), "tenants_leaving", name.value())?);
                }
            }
            Ok(leaving)
        })
    }

    /// Takes the blocks off the list, then their verdicts, chunks and postings. Chunks that somebody reads at this moment
    /// go when they are read.
    fn remove_blocks(&self, tenant: &TenantId) -> Result<(), StoreError> {
        let inner = &*self.inner;
        {
            let _no_putting = inner.lock_blocks();
            let _no_judging = inner.lock_catalog();
            let entries = inner.index.remove_tenant(tenant);
            for entries in entries.chunks(REMOVED_PER_COMMIT) {
                self.retire(entries)?;
            }
        }
        self.drop_unread()?;
        for number in inner.block_files.numbers() {
            let file = inner.block_files.file(number)?;
            in_batches(&file, |txn| {
                blocks::remove_some_postings(txn, tenant.as_str())
            })?;
        }
        Ok(())
    }
}

/// Refuses to write something of a tenant that is leaving, within the transaction that would.
pub(in crate::store) fn refuse_leaving(
    txn: &WriteTransaction,
    tenant: &TenantId,
) -> Result<(), Fault> {
    match txn.open_table(LEAVING)?.get(tenant.as_str())? {
        None => Ok(()),
        Some(_) => Err(StoreError::UnknownTenant {
            tenant: tenant.to_string(),
        }
        .into()),
    }
}

/// Commits until nothing is left to remove. `remove` returns how much it removed.
pub(in crate::store) fn in_batches(
    file: &DbFile,
    remove: impl Fn(&WriteTransaction) -> Result<usize, Fault>,
) -> Result<(), StoreError> {
    while file.write(&remove)? > 0 {}
    Ok(())
}

/// Removes some of the entries in a range, and returns how many.
pub(in crate::store) fn remove_some_in<'a, K, V, R>(
    table: &mut Table<'_, K, V>,
    range: impl std::ops::RangeBounds<R> + 'a,
) -> Result<usize, Fault>
where
    K: Key + 'static,
    V: Value + 'static,
    R: std::borrow::Borrow<K::SelfType<'a>> + 'a,
{
    let mut n = 0;
    let all = table.extract_from_if(range, |_, _| true)?;
    for row in all.take(REMOVED_PER_COMMIT) {
        row?;
        n += 1;
    }
    Ok(n)
}

/// Returns the text after all that begins with a tenant's name: where its part of a table ends.
pub(in crate::store) fn end_of(tenant: &str) -> String {
    format!("{tenant}\0")
}
