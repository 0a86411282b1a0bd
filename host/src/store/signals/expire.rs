//! Signals that have not changed for long go.
//!
//! A signal goes by when it last changed, never by T: what is imported of years ago was found today. Its changes are listed
//! in their order, so what is due is at the beginning. The last change of a tenant stays whatever its age, since changes are
//! counted on from it, and so do signals whose T lies in a hold.

use std::{sync::Arc, time::Duration};

use super::{BY_TIME, CHANGES, SIGNALS, get, gone};
use crate::{
    clock::UnixNanos,
    signal::SignalId,
    store::{
        Hold, Store,
        error::StoreError,
        file::open_if_there,
        limits::{REMOVED_PER_COMMIT, SIGNALS_PAGE_MAX},
    },
    tenant::{Limit, TenantId},
};

/// A signal that is to go: the number of its last change, its T.
struct Due {
    tenant: Arc<TenantId>,
    change: u64,
    id: SignalId,
    time: UnixNanos,
}

impl Store {
    /// Removes signals that have not changed for so long: one commit of bounded size. `age` is how long signals are kept of
    /// tenants that have no `signals_age`. Returns how many went; meant to be called, again and again, until none does.
    ///
    /// # Errors
    ///
    /// What reading and writing the catalog may show.
    pub fn expire_signals(&self, age: Duration) -> Result<usize, StoreError> {
        let mut due = Vec::new();
        for tenant in self.tenants()? {
            let of_tenant = self.limits(&tenant).value(Limit::SignalsAge);
            let age = of_tenant.map_or(age, Duration::from_secs);
            let age_ns = u64::try_from(age.as_nanos()).unwrap_or(u64::MAX);
            let old = UnixNanos(self.inner.clock.unix_nanos().0.saturating_sub(age_ns));
            self.find_due_signals(&Arc::new(tenant), old, &mut due)?;
            if due.len() >= REMOVED_PER_COMMIT {
                break;
            }
        }
        if due.is_empty() {
            return Ok(0);
        }
        // Nothing is judged, or held, meanwhile.
        let _no_judging = self.inner.lock_catalog();
        let mut holds: Option<(Arc<TenantId>, Vec<Hold>)> = None;
        let mut going = Vec::with_capacity(due.len());
        for signal in due {
            if holds.as_ref().is_none_or(|(of, _)| *of != signal.tenant) {
                holds = Some((Arc::clone(&signal.tenant), self.holds(&signal.tenant)?));
            }
            let held = holds
                .as_ref()
                .is_some_and(|(_, holds)| is_held(holds, signal.time));
            if !held {
                going.push(signal);
            }
        }
        self.inner.catalog.write(|txn| {
            let mut signals = txn.open_table(SIGNALS)?;
            let mut by_time = txn.open_table(BY_TIME)?;
            let mut changes = txn.open_table(CHANGES)?;
            let mut n_gone = 0;
            for Due {
                tenant,
                change,
                id,
                time,
            } in &going
            {
                let tenant = tenant.as_str();
                // It changed again, or its tenant went.
                let listed = changes
                    .remove((tenant, *change))?
                    .map(|listed| *listed.value());
                if listed != Some(id.0) {
                    continue;
                }
                by_time.remove((tenant, time.0, &id.0))?;
                signals.remove((tenant, &id.0))?;
                n_gone += 1;
            }
            Ok(n_gone)
        })
    }

    /// Reads a tenant's signals from that which changed first on, some at a time.
    fn find_due_signals(
        &self,
        tenant: &Arc<TenantId>,
        old: UnixNanos,
        due: &mut Vec<Due>,
    ) -> Result<(), StoreError> {
        let last = self.last_signal_change(tenant)?;
        let holds = self.holds(tenant)?;
        let mut from = 0;
        while due.len() < REMOVED_PER_COMMIT {
            let page = self.changed_before(tenant, from..last, old)?;
            let Some(read_to) = page.last().map(|signal| signal.change) else {
                return Ok(());
            };
            from = read_to + 1;
            due.extend(
                page.into_iter()
                    .filter(|signal| !is_held(&holds, signal.time)),
            );
        }
        Ok(())
    }

    /// Returns signals whose last change is in a range, those that changed first at first, up to one that changed later.
    fn changed_before(
        &self,
        tenant: &Arc<TenantId>,
        changes: std::ops::Range<u64>,
        old: UnixNanos,
    ) -> Result<Vec<Due>, StoreError> {
        let catalog = &self.inner.catalog;
        catalog.read(|txn| {
            let mut page = Vec::new();
            if changes.is_empty() {
                return Ok(page);
            }
            let Some(list) = open_if_there(txn, CHANGES)? else {
                return Ok(page);
            };
            let signals = txn.open_table(SIGNALS)?;
            let range = (tenant.as_str(), changes.start)..(tenant.as_str(), changes.end);
            for row in list.range(range)?.take(SIGNALS_PAGE_MAX) {
                let (key, id) = row?;
                let id = SignalId(*id.value());
                let (change, signal) = get(&signals, tenant, id, catalog.name())?
                    .ok_or_else(|| gone(catalog.name(), tenant, id))?;
                if signal.updated >= old || key.value().1 != change {
                    break;
                }
                let tenant = Arc::clone(tenant);
                let time = signal.time;
                page.push(Due {
                    tenant,
                    change,
                    id,
                    time,
                });
            }
            Ok(page)
        })
    }
}

fn is_held(holds: &[Hold], time: UnixNanos) -> bool {
    holds.iter().any(|hold| hold.from <= time && time < hold.to)
}
