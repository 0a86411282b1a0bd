//! Which versions of rules are quarantined, since when and why.

use redb::{TableDefinition, WriteTransaction};

use super::{
    Store,
    codec::{Malformed, Place, Reader, Writer},
    doctor::{Area, Findings},
    error::StoreError,
    file::{DbFile, Fault, each_row, open_if_there},
    limits::QUARANTINE_DETAIL_BYTES_MAX,
    tenants::{end_of, refuse_leaving, remove_some_in},
};
use crate::{
    clock::UnixNanos,
    rule_id::{RuleId, RuleVersion},
    tenant::TenantId,
    verdict::Reason,
};

/// Tenant, rule, version -> why and since when it is quarantined.
const QUARANTINES: TableDefinition<'_, (&str, &str, u32), &[u8]> =
    TableDefinition::new("quarantines");

/// That a version of a rule failed too often.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Quarantine {
    /// The rule.
    pub rule: RuleId,
    /// The version; others of the rule judge.
    pub version: RuleVersion,
    /// How it failed last.
    pub reason: Reason,
    /// For the rule's author: at most `QUARANTINE_DETAIL_BYTES_MAX` bytes are kept.
    pub detail: String,
    /// How many of its batches failed,
    pub failed: u64,
    /// out of how many.
    pub batches: u64,
    /// When that was found.
    pub since: UnixNanos,
}

impl Store {
    /// Records a quarantine, durably.
    ///
    /// # Errors
    ///
    /// What writing the catalog may show.
    pub fn put_quarantine(
        &self,
        tenant: &TenantId,
        quarantine: &Quarantine,
    ) -> Result<(), StoreError> {
        let Quarantine {
            rule,
            version,
            reason,
            detail,
            failed,
            batches,
            since,
        } = quarantine;
        let mut writer = Writer::new();
        writer
            .u8(*reason as u8)
            .text(detail.get(..floor(detail)).unwrap_or_default())
            .varint(*failed)
            .varint(*batches)
            .u64(since.0);
        let value = writer.finish();
        self.inner.catalog.write(|txn| {
            refuse_leaving(txn, tenant)?;
            let mut table = txn.open_table(QUARANTINES)?;
            table.insert(
                (tenant.as_str(), rule.as_str(), version.0),
                value.as_slice(),
            )?;
            Ok(())
        })
    }

    /// Forgets a quarantine. Returns whether there was one.
    ///
    /// # Errors
    ///
    /// What writing the catalog may show.
    pub fn lift_quarantine(
        &self,
        tenant: &TenantId,
        rule: &RuleId,
        version: RuleVersion,
    ) -> Result<bool, StoreError> {
        self.inner.catalog.write(|txn| {
            let mut table = txn.open_table(QUARANTINES)?;
            let was = table.remove((tenant.as_str(), rule.as_str(), version.0))?;
            Ok(was.is_some())
        })
    }

    /// Returns what is quarantined of a tenant, in order of rule and version.
    ///
    /// # Errors
    ///
    /// What reading the catalog may show.
    pub fn quarantines(&self, tenant: &TenantId) -> Result<Vec<Quarantine>, StoreError> {
        let catalog = &self.inner.catalog;
        catalog.read(|txn| {
            let Some(table) = open_if_there(txn, QUARANTINES)? else {
                return Ok(Vec::new());
            };
            let mut found = Vec::new();
            for row in table.range((tenant.as_str(), "", 0)..)? {
                let (key, value) = row?;
                let (owner, id, version) = key.value();
                if owner != tenant.as_str() {
                    break;
                }
                let place = Place {
                    file: catalog.name(),
                    table: "quarantines",
                    key: key.value(),
                };
                let rule = RuleId::try_new(id).ok_or_else(|| place.corrupt("a rule id is none"))?;
                let read = |reader: &mut Reader<'_>| read(reader, rule, RuleVersion(version));
                found.push(place.decode(value.value(), read)?);
            }
            Ok(found)
        })
    }
}

/// Removes some of a tenant's quarantines, and returns how many.
pub(super) fn remove_some(txn: &WriteTransaction, tenant: &str) -> Result<usize, Fault> {
    let end = end_of(tenant);
    let mut quarantines = txn.open_table(QUARANTINES)?;
    remove_some_in(&mut quarantines, (tenant, "", 0)..(end.as_str(), "", 0))
}

/// Looks at every quarantine.
pub(super) fn examine(catalog: &DbFile, findings: &mut Findings) {
    each_row(
        catalog,
        QUARANTINES,
        (Area::Sums, findings),
        |key, value| {
            let place = Place {
                file: catalog.name(),
                table: "quarantines",
                key,
            };
            let rule = RuleId::try_new(key.1).ok_or_else(|| place.corrupt("a rule id is none"))?;
            place.decode(value, |reader| read(reader, rule, RuleVersion(key.2)))?;
            Ok(())
        },
    );
}

fn read(
    reader: &mut Reader<'_>,
    rule: RuleId,
    version: RuleVersion,
) -> Result<Quarantine, Malformed> {
    Ok(Quarantine {
        rule,
        version,
        reason: Reason::from_number(reader.u8()?).ok_or("a reason is none")?,
        detail: reader.text()?.to_owned(),
        failed: reader.varint()?,
        batches: reader.varint()?,
        since: UnixNanos(reader.u64()?),
    })
}

/// Returns where a text that is too long is cut.
fn floor(text: &str) -> usize {
    text.floor_char_boundary(QUARANTINE_DETAIL_BYTES_MAX)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::tests::{TempStore, rule, tenant};

    fn quarantine(version: u32, detail: &str) -> Quarantine {
        Quarantine {
            rule: rule("r"),
            version: RuleVersion(version),
            reason: Reason::Trapped,
            detail: detail.to_owned(),
            failed: 9,
            batches: 10,
            since: UnixNanos(7),
        }
    }

    #[test]
    fn a_quarantine_lasts_until_it_is_lifted_and_is_its_tenants_alone() {
        let temp = TempStore::new();
        let store = temp.open();
        let a = tenant("a");
        assert_eq!(store.quarantines(&a).unwrap(), []);
        let (first, second) = (quarantine(1, "it trapped"), quarantine(2, ""));
        store.put_quarantine(&a, &second).unwrap();
        store.put_quarantine(&a, &first).unwrap();
        drop(store);
        let store = temp.killed().open();
        assert_eq!(store.quarantines(&a).unwrap(), [first, second.clone()]);
        for other in ["b", "a-", "0"] {
            assert_eq!(store.quarantines(&tenant(other)).unwrap(), []);
        }
        let lift = |version| store.lift_quarantine(&a, &rule("r"), RuleVersion(version));
        assert!(lift(1).unwrap());
        assert!(!lift(1).unwrap());
        assert_eq!(store.quarantines(&a).unwrap(), [second]);
    }

    #[test]
    fn what_a_guest_says_of_itself_is_cut_between_two_characters() {
        let temp = TempStore::new();
        let store = temp.open();
        let long = format!("x{}", "\u{e4}".repeat(QUARANTINE_DETAIL_BYTES_MAX));
        store
            .put_quarantine(&tenant("a"), &quarantine(1, &long))
            .unwrap();
        let kept = store.quarantines(&tenant("a")).unwrap();
        assert_eq!(kept[0].detail.len(), QUARANTINE_DETAIL_BYTES_MAX - 1);
    }
}
