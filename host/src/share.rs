//! What all tenants share, and how much of it one may have at once: however much that one asks for, something is left for
//! the others.
//!
//! Knows numbers, and nothing of what is counted: bytes, requests.

use std::{
    collections::HashMap,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError, Weak,
        atomic::{AtomicUsize, Ordering},
    },
};

use crate::tenant::TenantId;

mod turns;

pub(crate) use turns::{Turn, Turns};

/// How much there is of something.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ShareMax {
    /// What all tenants may have together.
    pub all: usize,
    /// What one may have.
    pub tenant: usize,
}

/// What is shared. Clones share it.
#[derive(Clone, Debug)]
pub(crate) struct Pool(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    max: ShareMax,
    held: AtomicUsize,
    tenants: Arc<PerTenant<AtomicUsize>>,
}

/// Whose bound it is that leaves no room.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum NoRoom {
    /// All tenants together have as much as there is: it passes.
    OfAll,
    /// The tenant has as much as one may have: it passes.
    OfTenant,
    /// It alone asks for more than one tenant may ever have.
    Ever {
        /// So much.
        max: usize,
    },
}

impl Pool {
    pub(crate) fn new(max: ShareMax) -> Self {
        Self(Arc::new(Inner {
            max,
            held: AtomicUsize::default(),
            tenants: Arc::default(),
        }))
    }

    pub(crate) fn max(&self) -> ShareMax {
        self.0.max
    }

    /// Begins something of a tenant that holds nothing yet.
    pub(crate) fn begin(&self, tenant: &TenantId) -> Held {
        Held {
            of_all: Arc::clone(&self.0),
            of_tenant: self.0.tenants.of(tenant, AtomicUsize::default),
            n: 0,
        }
    }
}

/// What one request of a tenant holds; given back when it is dropped.
#[derive(Debug)]
pub(crate) struct Held {
    of_all: Arc<Inner>,
    of_tenant: Arc<Entry<AtomicUsize>>,
    n: usize,
}

impl Held {
    /// Takes more; where there is no room nothing is taken.
    pub(crate) fn grow(&mut self, more: usize) -> Result<(), NoRoom> {
        let ShareMax { all, tenant } = self.of_all.max;
        let max = all.min(tenant);
        if self.n.saturating_add(more) > max {
            return Err(NoRoom::Ever { max });
        }
        if !take(&self.of_tenant.value, more, tenant) {
            return Err(NoRoom::OfTenant);
        }
        if !take(&self.of_all.held, more, all) {
            self.of_tenant.value.fetch_sub(more, Ordering::Relaxed);
            return Err(NoRoom::OfAll);
        }
        self.n += more;
        Ok(())
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        self.of_all.held.fetch_sub(self.n, Ordering::Relaxed);
        self.of_tenant.value.fetch_sub(self.n, Ordering::Relaxed);
    }
}

fn take(held: &AtomicUsize, more: usize, max: usize) -> bool {
    let grown = held.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |held| {
        held.checked_add(more).filter(|grown| *grown <= max)
    });
    grown.is_ok()
}

/// Something for each tenant that somebody uses it of. It goes with its last user, so there is never more than is used.
#[derive(Debug)]
struct PerTenant<T>(Mutex<HashMap<TenantId, Weak<Entry<T>>>>);

impl<T> Default for PerTenant<T> {
    fn default() -> Self {
        Self(Mutex::default())
    }
}

#[derive(Debug)]
struct Entry<T> {
    value: T,
    tenant: TenantId,
    among: Arc<PerTenant<T>>,
}

impl<T> PerTenant<T> {
    fn of(self: &Arc<Self>, tenant: &TenantId, new: impl FnOnce() -> T) -> Arc<Entry<T>> {
        let mut entries = self.lock();
        if let Some(entry) = entries.get(tenant).and_then(Weak::upgrade) {
            return entry;
        }
        let entry = Arc::new(Entry {
            value: new(),
            tenant: tenant.clone(),
            among: Arc::clone(self),
        });
        entries.insert(tenant.clone(), Arc::downgrade(&entry));
        entry
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<TenantId, Weak<Entry<T>>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<T> Drop for Entry<T> {
    fn drop(&mut self) {
        let mut entries = self.among.lock();
        // Another may have taken the place since the last user of this one went.
        let is_over = |entry: &Weak<Self>| entry.strong_count() == 0;
        if entries.get(&self.tenant).is_some_and(is_over) {
            entries.remove(&self.tenant);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::thread;

    use super::*;

    const MAX: ShareMax = ShareMax {
        all: 100,
        tenant: 75,
    };

    fn tenant(name: &str) -> TenantId {
        TenantId::try_new(name).unwrap()
    }

    #[test]
    fn one_tenant_leaves_some_for_the_others() {
        let pool = Pool::new(MAX);
        let (acme, globex) = (tenant("acme"), tenant("globex"));
        let mut first = pool.begin(&acme);
        assert_eq!(first.grow(70), Ok(()));
        let mut second = pool.begin(&acme);
        assert_eq!(second.grow(6), Err(NoRoom::OfTenant));
        assert_eq!(second.grow(5), Ok(()));
        let mut other = pool.begin(&globex);
        assert_eq!(other.grow(26), Err(NoRoom::OfAll));
        assert_eq!(other.grow(25), Ok(()));
        // What was refused is not held.
        drop(first);
        assert_eq!(second.grow(70), Ok(()));
        drop(second);
        assert_eq!(other.grow(50), Ok(()));
    }

    #[test]
    fn what_one_tenant_may_never_have_is_told_from_what_passes() {
        for max in [MAX, ShareMax { all: 75, ..MAX }] {
            let pool = Pool::new(max);
            let acme = tenant("acme");
            let mut one = pool.begin(&acme);
            assert_eq!(one.grow(76), Err(NoRoom::Ever { max: 75 }));
            assert_eq!(one.grow(1), Ok(()));
            assert_eq!(one.grow(75), Err(NoRoom::Ever { max: 75 }));
            assert_eq!(one.grow(usize::MAX), Err(NoRoom::Ever { max: 75 }));
            assert_eq!(pool.begin(&acme).grow(75), Err(NoRoom::OfTenant), "{max:?}");
        }
    }

    /// Guarantees: what is known of a tenant goes with the last that it holds, whoever comes and goes meanwhile, and counts
    /// nothing twice.
    #[test]
    fn nothing_is_kept_of_a_tenant_that_holds_nothing() {
        let pool = Pool::new(MAX);
        let tenants: Vec<TenantId> = (0..3).map(|n| tenant(&n.to_string())).collect();
        thread::scope(|scope| {
            for n in 0..4 {
                let (pool, tenants) = (&pool, &tenants);
                scope.spawn(move || {
                    for at in 0..3_000 {
                        let mut held = pool.begin(&tenants[(at + n) % 3]);
                        // All four at once are within each bound.
                        assert_eq!(held.grow(18), Ok(()));
                    }
                });
            }
        });
        assert_eq!(pool.0.held.load(Ordering::Relaxed), 0);
        assert_eq!(pool.0.tenants.lock().len(), 0);
        let _held = [pool.begin(&tenants[0]), pool.begin(&tenants[0])];
        assert_eq!(pool.0.tenants.lock().len(), 1);
    }
}
