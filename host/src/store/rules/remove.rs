//! A tenant's rules go, and the packs that are of no other tenant.

use std::collections::HashSet;

use redb::{ReadableTable as _, WriteTransaction};

use super::{PACKS, RULE_SETS, RULES, VERSIONS, place, read_version};
use crate::{
    rule_id::RuleVersion,
    store::{
        error::StoreError,
        file::{DbFile, Fault},
        tenants::{end_of, in_batches, remove_some_in},
    },
    tenant::TenantId,
};

/// Removes the rules of a tenant with all their versions, its rule sets, and packs that nobody else has.
pub(in crate::store) fn remove_all(catalog: &DbFile, tenant: &TenantId) -> Result<(), StoreError> {
    let name = tenant.as_str();
    in_batches(catalog, |txn| {
        let end = end_of(name);
        let end = end.as_str();
        let mut rules = txn.open_table(RULES)?;
        let mut rule_sets = txn.open_table(RULE_SETS)?;
        let mut versions = txn.open_table(VERSIONS)?;
        let n = remove_some_in(&mut rules, (name, "")..(end, ""))?
            + remove_some_in(&mut rule_sets, (name, 0)..(end, 0))?;
        Ok(n + remove_some_in(&mut versions, (name, "", 0)..(end, "", 0))?)
    })?;
    catalog.write(|txn| drop_packs_of_nobody(txn, catalog.name()))
}

/// Packs are stored by what they are, and several tenants may have published the same. One that is being published at this
/// moment, and belongs to nobody yet, goes too: publishing it is then refused, and goes well when it is repeated.
fn drop_packs_of_nobody(txn: &WriteTransaction, file: &str) -> Result<(), Fault> {
    let mut used = HashSet::new();
    for row in txn.open_table(VERSIONS)?.iter()? {
        let (key, value) = row?;
        let version = RuleVersion(key.value().2);
        let record = place(file, "versions", key.value())
            .decode(value.value(), |reader| read_version(reader, version))?;
        used.insert(record.digest.0);
    }
    let mut packs = txn.open_table(PACKS)?;
    packs.retain(|digest, _| used.contains(digest))?;
    Ok(())
}
