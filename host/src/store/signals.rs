//! Signals by id, by time and by when they last changed.
//!
//! Each change of a signal has a number, which grows over the changes of its tenant, and over restarts; a signal is listed
//! under the number of its last change only, so whoever follows from a number on sees each signal once,
//! as it stands. How many changes other tenants have is not to be read from it.

mod examine;
mod expire;
mod value;

use redb::{ReadTransaction, ReadableTable as _, TableDefinition, WriteTransaction};
use tokio::sync::watch;

pub(super) use self::examine::examine;
use self::value::{read_signal, signal_value};
use super::{
    Store,
    codec::Place,
    error::StoreError,
    file::{DbFile, Fault, open_if_there},
    limits::SIGNALS_PAGE_MAX,
    tenants::{end_of, remove_some_in},
};
use crate::{
    clock::UnixNanos,
    rule_id::RuleId,
    rule_id::RuleMode,
    signal::{Signal, SignalId, SignalStatus},
    tenant::TenantId,
};

/// Tenant, signal -> number of its last change, and the signal.
const SIGNALS: TableDefinition<'_, (&str, &[u8; 16]), &[u8]> = TableDefinition::new("signals");

/// Tenant, T of the trace, signal -> its rule.
const BY_TIME: TableDefinition<'_, (&str, u64, &[u8; 16]), &str> =
    TableDefinition::new("signals_by_time");

/// Tenant, number of a change -> the signal.
const CHANGES: TableDefinition<'_, (&str, u64), &[u8; 16]> = TableDefinition::new("signal_changes");

/// One entry: how many changes there were, of all tenants.
const LAST_CHANGE: TableDefinition<'_, (), u64> = TableDefinition::new("last_signal_change");

/// Which signals are asked for. The default is all of them.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SignalFilter {
    /// Of this rule.
    pub rule: Option<RuleId>,
    /// Of traces that start at this time or later.
    pub from: Option<UnixNanos>,
    /// Of traces that start before this time.
    pub to: Option<UnixNanos>,
    /// That stand so.
    pub status: Option<SignalStatus>,
    /// Of versions in this mode.
    pub mode: Option<RuleMode>,
    /// Those that are listed after this one.
    pub after: Option<SignalCursor>,
    /// How many at most; 0, and anything over 1,000, means 1,000.
    pub limit: usize,
}

/// A place in a listing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SignalCursor {
    /// The `time` of the signal that was listed last.
    pub time: UnixNanos,
    /// Its id.
    pub id: SignalId,
}

impl Store {
    /// Returns a signal.
    ///
    /// # Errors
    ///
    /// What reading the catalog may show.
    pub fn signal(&self, tenant: &TenantId, id: SignalId) -> Result<Option<Signal>, StoreError> {
        let catalog = &self.inner.catalog;
        catalog.read(|txn| match open_if_there(txn, SIGNALS)? {
            Some(signals) => Ok(get(&signals, tenant, id, catalog.name())?.map(|(_, s)| s)),
            None => Ok(None),
        })
    }

    /// Lists signals, those of the latest traces first.
    ///
    /// # Errors
    ///
    /// What reading the catalog may show.
    pub fn signals(
        &self,
        tenant: &TenantId,
        filter: &SignalFilter,
    ) -> Result<Vec<Signal>, StoreError> {
        let SignalFilter {
            rule,
            from,
            to,
            status,
            mode,
            after,
            limit,
        } = filter;
        let limit = page(*limit);
        let least = from.map_or(0, |time| time.0);
        let (end, end_id) = match (to, after) {
            (Some(to), Some(after)) if to.0 <= after.time.0 => (to.0, SignalId([0; 16])),
            (_, Some(after)) => (after.time.0, after.id),
            (Some(to), None) => (to.0, SignalId([0; 16])),
            (None, None) => (u64::MAX, SignalId([0xff; 16])),
        };
        if least > end {
            return Ok(Vec::new());
        }
        let catalog = &self.inner.catalog;
        catalog.read(|txn| {
            let Some(by_time) = open_if_there(txn, BY_TIME)? else {
                return Ok(Vec::new());
            };
            let signals = txn.open_table(SIGNALS)?;
            let (low, high) = (
                (tenant.as_str(), least, &[0; 16]),
                (tenant.as_str(), end, &end_id.0),
            );
            let mut listed = Vec::new();
            for row in by_time.range(low..high)?.rev() {
                let (key, of_rule) = row?;
                if rule.as_ref().is_some_and(|r| r.as_str() != of_rule.value()) {
                    continue;
                }
                let id = SignalId(*key.value().2);
                let (_, signal) = get(&signals, tenant, id, catalog.name())?
                    .ok_or_else(|| gone(catalog.name(), tenant, id))?;
                let stands_so = status.is_none_or(|status| status == signal.status);
                if stands_so && mode.is_none_or(|mode| mode == signal.mode) {
                    listed.push(signal);
                }
                if listed.len() == limit {
                    break;
                }
            }
            Ok(listed)
        })
    }

    /// Returns the signals of a tenant whose last change has a number above `change`, in order of it.
    ///
    /// # Errors
    ///
    /// What reading the catalog may show.
    pub fn signals_changed_since(
        &self,
        tenant: &TenantId,
        change: u64,
        limit: usize,
    ) -> Result<Vec<(u64, Signal)>, StoreError> {
        let catalog = &self.inner.catalog;
        catalog.read(|txn| {
            let Some(changes) = open_if_there(txn, CHANGES)? else {
                return Ok(Vec::new());
            };
            let signals = txn.open_table(SIGNALS)?;
            let low = (tenant.as_str(), change.saturating_add(1));
            let high = (tenant.as_str(), u64::MAX);
            let mut changed = Vec::new();
            if low > high {
                return Ok(changed);
            }
            for row in changes.range(low..=high)?.take(page(limit)) {
                let (key, id) = row?;
                let id = SignalId(*id.value());
                let (_, signal) = get(&signals, tenant, id, catalog.name())?
                    .ok_or_else(|| gone(catalog.name(), tenant, id))?;
                changed.push((key.value().1, signal));
            }
            Ok(changed)
        })
    }

    /// Returns the number of a tenant's last change; 0 where there was none.
    ///
    /// # Errors
    ///
    /// What reading the catalog may show.
    pub fn last_signal_change(&self, tenant: &TenantId) -> Result<u64, StoreError> {
        self.inner
            .catalog
            .read(|txn| match open_if_there(txn, CHANGES)? {
                Some(changes) => last_of(&changes, tenant),
                None => Ok(0),
            })
    }

    /// Follows how many changes there were of any signal of any tenant. To stream: mark it as seen, read
    /// [`Self::signals_changed_since`], wait for it to change.
    pub fn signal_changes(&self) -> watch::Receiver<u64> {
        self.inner.signal_changes.subscribe()
    }
}

/// The number of a tenant's last change. It is there: a change goes only where the signal changes again.
fn last_of(
    changes: &impl redb::ReadableTable<(&'static str, u64), &'static [u8; 16]>,
    tenant: &TenantId,
) -> Result<u64, Fault> {
    let tenant = tenant.as_str();
    let mut of_tenant = changes.range((tenant, 0)..=(tenant, u64::MAX))?;
    Ok(match of_tenant.next_back() {
        Some(row) => row?.0.value().1,
        None => 0,
    })
}

/// Returns how many changes there were.
pub(super) fn last_change(catalog: &DbFile) -> Result<u64, StoreError> {
    catalog.read(|txn: &ReadTransaction| {
        let Some(table) = open_if_there(txn, LAST_CHANGE)? else {
            return Ok(0);
        };
        Ok(table.get(())?.map_or(0, |number| number.value()))
    })
}

/// The signals of a tenant within a transaction that changes them.
pub(super) struct SignalTables<'t> {
    signals: redb::Table<'t, (&'static str, &'static [u8; 16]), &'static [u8]>,
    by_time: redb::Table<'t, (&'static str, u64, &'static [u8; 16]), &'static str>,
    changes: redb::Table<'t, (&'static str, u64), &'static [u8; 16]>,
    last: redb::Table<'t, (), u64>,
    file: &'t str,
}

impl<'t> SignalTables<'t> {
    pub(super) fn open(txn: &'t WriteTransaction, file: &'t str) -> Result<Self, Fault> {
        Ok(Self {
            signals: txn.open_table(SIGNALS)?,
            by_time: txn.open_table(BY_TIME)?,
            changes: txn.open_table(CHANGES)?,
            last: txn.open_table(LAST_CHANGE)?,
            file,
        })
    }

    /// Returns a signal as it stands within the transaction.
    pub(super) fn get(&self, tenant: &TenantId, id: SignalId) -> Result<Option<Signal>, Fault> {
        Ok(get(&self.signals, tenant, id, self.file)?.map(|(_, signal)| signal))
    }

    /// Puts a signal that is new or changed, and returns how many changes there were of all tenants.
    pub(super) fn put(&mut self, signal: &Signal) -> Result<u64, Fault> {
        let change = 1 + last_of(&self.changes, &signal.tenant)?;
        let tenant = signal.tenant.as_str();
        if let Some((change, old)) = get(&self.signals, &signal.tenant, signal.id, self.file)? {
            self.changes.remove((tenant, change))?;
            self.by_time.remove((tenant, old.time.0, &old.id.0))?;
        }
        let of_all = 1 + self.last.get(())?.map_or(0, |number| number.value());
        let value = signal_value(signal, change);
        self.last.insert((), of_all)?;
        self.changes.insert((tenant, change), &signal.id.0)?;
        self.by_time
            .insert((tenant, signal.time.0, &signal.id.0), signal.rule.as_str())?;
        self.signals
            .insert((tenant, &signal.id.0), value.as_slice())?;
        Ok(of_all)
    }
}

/// Removes some of a tenant's signals, and returns how many entries that were. Lists go before what they name.
pub(super) fn remove_some(txn: &WriteTransaction, tenant: &str) -> Result<usize, Fault> {
    let end = end_of(tenant);
    let end = end.as_str();
    let zero = &[0; 16];
    let mut by_time = txn.open_table(BY_TIME)?;
    let mut changes = txn.open_table(CHANGES)?;
    let listed = remove_some_in(&mut by_time, (tenant, 0, zero)..(end, 0, zero))?
        + remove_some_in(&mut changes, (tenant, 0)..(end, 0))?;
    if listed > 0 {
        return Ok(listed);
    }
    let mut signals = txn.open_table(SIGNALS)?;
    remove_some_in(&mut signals, (tenant, zero)..(end, zero))
}

fn page(limit: usize) -> usize {
    match limit {
        0 => SIGNALS_PAGE_MAX,
        limit => limit.min(SIGNALS_PAGE_MAX),
    }
}

fn get(
    signals: &impl redb::ReadableTable<(&'static str, &'static [u8; 16]), &'static [u8]>,
    tenant: &TenantId,
    id: SignalId,
    file: &str,
) -> Result<Option<(u64, Signal)>, Fault> {
    let Some(value) = signals.get((tenant.as_str(), &id.0))? else {
        return Ok(None);
    };
    let place = Place {
        file,
        table: "signals",
        key: (tenant.as_str(), id),
    };
    Ok(Some(place.decode(value.value(), |reader| {
        read_signal(reader, tenant, id)
    })?))
}

fn gone(file: &str, tenant: &TenantId, id: SignalId) -> StoreError {
    Place {
        file,
        table: "signals",
        key: (tenant.as_str(), id),
    }
    .corrupt("a list names it and it is not there")
}

#[cfg(test)]
pub(super) mod tests;
