//! How many spans a second each tenant may send.
//!
//! Each tenant has a moment up to which its spans are paid for, and every span moves it on by what one takes at its rate.
//! A request is taken while that moment is less than [`BURST`] ahead, and may then move it as far as it likes: so a batch
//! that is larger than a second's worth passes too, and what follows waits longer.

use std::{
    sync::{Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use hashbrown::HashMap;

use crate::tenant::TenantId;

/// How far ahead of its rate a tenant may be: SDKs send what gathered in 5 s at once.
pub(super) const BURST: Duration = Duration::from_secs(5);

/// What a tenant is told to wait that may send nothing at all.
const NEVER: Duration = Duration::from_mins(1);

/// The moments of those tenants that have a rate: no more than there are tenants.
#[derive(Debug, Default)]
pub(super) struct Rates(Mutex<HashMap<TenantId, Duration>>);

/// A request was counted, and may be taken back.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Counted(Duration);

impl Rates {
    /// Says whether a request may come; `Err` is how long to wait.
    pub(super) fn admit(
        &self,
        tenant: &TenantId,
        spans_per_second: u64,
        now: Duration,
    ) -> Result<(), Duration> {
        if spans_per_second == 0 {
            return Err(NEVER);
        }
        let paid_until = self.lock().get(tenant).copied().unwrap_or_default();
        let ahead = paid_until.saturating_sub(now);
        match ahead.checked_sub(BURST) {
            Some(wait) if !wait.is_zero() => Err(wait),
            Some(_) | None => Ok(()),
        }
    }

    /// Counts the spans of a request that is about to be taken; `Err` is how long to wait.
    pub(super) fn count(
        &self,
        tenant: &TenantId,
        spans_per_second: u64,
        n_spans: usize,
        now: Duration,
    ) -> Result<Counted, Duration> {
        self.admit(tenant, spans_per_second, now)?;
        let ns = (n_spans as u128 * 1_000_000_000) / u128::from(spans_per_second.max(1));
        let cost = Duration::from_nanos(u64::try_from(ns).unwrap_or(u64::MAX));
        let mut rates = self.lock();
        let paid_until = rates.entry_ref(tenant).or_default();
        *paid_until = (*paid_until).max(now).saturating_add(cost);
        Ok(Counted(cost))
    }

    /// Takes back what was counted of a request that was refused for something else.
    pub(super) fn give_back(&self, tenant: &TenantId, Counted(cost): Counted) {
        if let Some(paid_until) = self.lock().get_mut(tenant) {
            *paid_until = paid_until.saturating_sub(cost);
        }
    }

    /// Forgets a tenant that was removed.
    pub(super) fn forget(&self, tenant: &TenantId) {
        self.lock().remove(tenant);
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<TenantId, Duration>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SEC: Duration = Duration::from_secs(1);

    fn tenant(name: &str) -> TenantId {
        TenantId::try_new(name).unwrap()
    }

    #[test]
    fn a_tenant_sends_its_rate_on_average_and_a_burst_at_once() {
        let rates = Rates::default();
        let (a, b) = (tenant("a"), tenant("b"));
        // 100 a second: five seconds' worth, and the request with which that is passed.
        for _ in 0..6 {
            rates.count(&a, 100, 100, SEC).unwrap();
        }
        assert_eq!(rates.count(&a, 100, 100, SEC), Err(SEC));
        assert_eq!(rates.admit(&a, 100, SEC), Err(SEC));
        assert_eq!(rates.admit(&b, 100, SEC), Ok(()), "others do not wait");
        rates.count(&a, 100, 1, 2 * SEC).unwrap();
        assert!(rates.count(&a, 100, 1, 2 * SEC).is_err());
        // A higher rate does not pay for what was sent.
        rates.count(&a, 100, 1, 60 * SEC).unwrap();
    }

    #[test]
    fn one_request_larger_than_the_rate_passes_and_is_paid_for_later() {
        let rates = Rates::default();
        let a = tenant("a");
        rates.count(&a, 10, 1_000, SEC).unwrap();
        assert_eq!(rates.admit(&a, 10, SEC), Err(95 * SEC));
        assert_eq!(rates.admit(&a, 10, 96 * SEC), Ok(()));
    }

    #[test]
    fn what_was_not_taken_is_not_paid_and_nothing_is_nothing() {
        let rates = Rates::default();
        let a = tenant("a");
        let counted = rates.count(&a, 10, 1_000, SEC).unwrap();
        rates.give_back(&a, counted);
        assert_eq!(rates.admit(&a, 10, SEC), Ok(()));
        assert_eq!(rates.admit(&a, 0, SEC), Err(NEVER));
        assert_eq!(rates.count(&a, 0, 1, SEC), Err(NEVER));
    }
}
