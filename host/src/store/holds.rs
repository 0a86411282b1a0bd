//! Holds: of which times a tenant's traces are kept, whatever retention says.

use redb::TableDefinition;

use super::{
    Store,
    codec::{Malformed, Place, Reader, Writer},
    doctor::{Area, Findings},
    error::StoreError,
    file::{DbFile, each_row, open_if_there},
    limits::{HOLD_BY_BYTES_MAX, HOLDS_PER_TENANT_MAX},
    tenants::{note_tenant, refuse_leaving},
};
use crate::{clock::UnixNanos, tenant::TenantId};

/// Tenant, number -> the range, when it was made and by whom.
const HOLDS: TableDefinition<'_, (&str, u64), &[u8]> = TableDefinition::new("holds");

/// A legal hold: traces whose T lies in the range are kept until it is removed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Hold {
    /// Its number, counted per tenant; the number of one that was removed last may be used again.
    pub number: u64,
    /// From this T on,
    pub from: UnixNanos,
    /// and before this one.
    pub to: UnixNanos,
    /// When it was made.
    pub created: UnixNanos,
    /// By whom; at most `HOLD_BY_BYTES_MAX` bytes are kept.
    pub by: String,
}

impl Store {
    /// Returns the holds of a tenant, in order of their numbers.
    ///
    /// # Errors
    ///
    /// What reading the catalog may show.
    pub fn holds(&self, tenant: &TenantId) -> Result<Vec<Hold>, StoreError> {
        let catalog = &self.inner.catalog;
        catalog.read(|txn| {
            let Some(table) = open_if_there(txn, HOLDS)? else {
                return Ok(Vec::new());
            };
            let mut holds = Vec::new();
            for row in table.range((tenant.as_str(), 0)..=(tenant.as_str(), u64::MAX))? {
                let (key, value) = row?;
                let place = place(catalog.name(), key.value());
                holds.push(place.decode(value.value(), |r| read(r, key.value().1))?);
            }
            Ok(holds)
        })
    }

    /// Keeps the traces of a tenant whose T lies in a range, durably: what retention takes from here on is none of them.
    ///
    /// # Errors
    ///
    /// [`StoreError::Tenant`] where the range is empty or the tenant has too many holds; what writing may show.
    pub fn add_hold(
        &self,
        tenant: &TenantId,
        from: UnixNanos,
        to: UnixNanos,
        by: &str,
    ) -> Result<Hold, StoreError> {
        let refuse = |what: String| StoreError::Tenant {
            tenant: tenant.to_string(),
            what,
        };
        if from >= to {
            return Err(refuse(
                "would have a hold of no time: `from` is to be before `to`".to_owned(),
            ));
        }
        // In order of the tenant's removal, and of retention.
        let _no_removal = self.inner.lock_tenants();
        let _no_retention = self.inner.lock_catalog();
        let holds = self.holds(tenant)?;
        if holds.len() >= HOLDS_PER_TENANT_MAX {
            let what = format!(
                "has {HOLDS_PER_TENANT_MAX} holds, as many as may be: remove one, or make one that covers several"
            );
            return Err(refuse(what));
        }
        let created = self.inner.clock.unix_nanos();
        let hold = Hold {
            number: holds.last().map_or(1, |last| last.number.saturating_add(1)),
            from,
            to,
            created,
            by: by
                .get(..by.floor_char_boundary(HOLD_BY_BYTES_MAX))
                .unwrap_or_default()
                .to_owned(),
        };
        self.inner.catalog.write(|txn| {
            refuse_leaving(txn, tenant)?;
            note_tenant(txn, tenant, created)?;
            let mut table = txn.open_table(HOLDS)?;
            table.insert((tenant.as_str(), hold.number), value(&hold).as_slice())?;
            Ok(())
        })?;
        Ok(hold)
    }

    /// Removes a hold; retention may take what it kept from here on. Returns whether it was there.
    ///
    /// # Errors
    ///
    /// What writing the catalog may show.
    pub fn remove_hold(&self, tenant: &TenantId, number: u64) -> Result<bool, StoreError> {
        self.inner.catalog.write(|txn| {
            let mut table = txn.open_table(HOLDS)?;
            let was = table.remove((tenant.as_str(), number))?;
            Ok(was.is_some())
        })
    }
}

/// Looks at every hold.
pub(super) fn examine(catalog: &DbFile, findings: &mut Findings) {
    each_row(catalog, HOLDS, (Area::Holds, findings), |key, value| {
        let place = place(catalog.name(), key);
        place.decode(value, |reader| read(reader, key.1))?;
        Ok(())
    });
}

fn place<K>(file: &str, key: K) -> Place<'_, K> {
    Place {
        file,
        table: "holds",
        key,
    }
}

fn value(hold: &Hold) -> Vec<u8> {
    let Hold {
        number: _,
        from,
        to,
        created,
        by,
    } = hold;
    let mut writer = Writer::new();
    writer.u64(from.0).u64(to.0).u64(created.0).text(by);
    writer.finish()
}

fn read(reader: &mut Reader<'_>, number: u64) -> Result<Hold, Malformed> {
    Ok(Hold {
        number,
        from: UnixNanos(reader.u64()?),
        to: UnixNanos(reader.u64()?),
        created: UnixNanos(reader.u64()?),
        by: reader.text()?.to_owned(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::tests::{TempStore, tenant};

    #[test]
    fn holds_last_until_they_are_removed_and_are_their_tenants_alone() {
        let temp = TempStore::new();
        let store = temp.open();
        let a = tenant("a");
        let add = |from: u64, to: u64| store.add_hold(&a, UnixNanos(from), UnixNanos(to), "who");
        let first = add(1, 5).unwrap();
        let second = add(3, 9).unwrap();
        assert_eq!((first.number, second.number), (1, 2));
        assert!(add(5, 5).unwrap_err().to_string().contains("no time"));
        assert!(store.remove_hold(&a, 1).unwrap());
        assert!(!store.remove_hold(&a, 1).unwrap());
        drop(store);
        let store = temp.killed().open();
        assert_eq!(store.holds(&a).unwrap(), [second]);
        assert_eq!(store.holds(&tenant("b")).unwrap(), []);
    }

    #[test]
    fn a_tenant_has_so_many_holds_and_is_not_removed_while_it_has_one() {
        let temp = TempStore::new();
        let store = temp.open();
        let a = tenant("a");
        let long = "\u{e4}".repeat(HOLD_BY_BYTES_MAX);
        let add = || store.add_hold(&a, UnixNanos(0), UnixNanos(1), &long);
        for _ in 0..HOLDS_PER_TENANT_MAX {
            assert_eq!(add().unwrap().by.len(), HOLD_BY_BYTES_MAX);
        }
        let error = add().unwrap_err().to_string();
        assert!(error.contains("as many as may be"), "{error}");
        let error = store.begin_removal(&a).unwrap_err().to_string();
        assert!(error.contains("betrace holds remove"), "{error}");
        for hold in store.holds(&a).unwrap() {
            store.remove_hold(&a, hold.number).unwrap();
        }
        store.begin_removal(&a).unwrap();
    }
}
