//! Turns that are waited for: those that wait are in line with others of their tenant first, and only as many of them as it
//! may have turns are in line with those of other tenants.

use std::sync::Arc;

use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use super::{Entry, PerTenant, ShareMax};
use crate::tenant::TenantId;

/// So many turns at once. Clones share them.
#[derive(Clone, Debug)]
pub(crate) struct Turns {
    all: Arc<Semaphore>,
    tenant_max: usize,
    tenants: Arc<PerTenant<Arc<Semaphore>>>,
}

/// A turn; another's begins when it is dropped.
#[derive(Debug)]
#[expect(dead_code, reason = "they are held for as long as the turn is")]
pub(crate) struct Turn {
    of_all: Option<OwnedSemaphorePermit>,
    of_tenant: Option<(OwnedSemaphorePermit, Arc<Entry<Arc<Semaphore>>>)>,
}

impl Turns {
    pub(crate) fn new(max: ShareMax) -> Self {
        Self {
            all: Arc::new(Semaphore::new(max.all)),
            tenant_max: max.tenant,
            tenants: Arc::default(),
        }
    }

    /// Waits for a turn; who is of no tenant is in line with all of them.
    pub(crate) async fn take(&self, tenant: Option<&TenantId>) -> Turn {
        let mut of_tenant = None;
        if let Some(tenant) = tenant {
            let new = || Arc::new(Semaphore::new(self.tenant_max));
            let entry = self.tenants.of(tenant, new);
            of_tenant = permit(&entry.value).await.map(|permit| (permit, entry));
        }
        Turn {
            of_all: permit(&self.all).await,
            of_tenant,
        }
    }
}

/// Waits for a permit. The semaphore is never closed; were it, there would be no bound to keep.
async fn permit(of: &Arc<Semaphore>) -> Option<OwnedSemaphorePermit> {
    Arc::clone(of).acquire_owned().await.ok()
}

#[cfg(test)]
mod tests {
    use std::{future::Future, pin::pin, task::Poll};

    use super::*;

    /// Returns what a future has come to, where it has by itself.
    async fn so_far<F: Future>(future: F) -> Option<F::Output> {
        let mut future = pin!(future);
        std::future::poll_fn(|cx| {
            Poll::Ready(match future.as_mut().poll(cx) {
                Poll::Ready(output) => Some(output),
                Poll::Pending => None,
            })
        })
        .await
    }

    #[tokio::test]
    async fn a_tenant_that_waits_holds_up_itself_alone() {
        let turns = Turns::new(ShareMax { all: 4, tenant: 3 });
        let [acme, globex] = ["acme", "globex"].map(|name| TenantId::try_new(name).unwrap());
        let (acme, globex) = (Some(&acme), Some(&globex));
        let mut at_work = Vec::new();
        for _ in 0..3 {
            at_work.extend(so_far(turns.take(acme)).await);
        }
        assert_eq!(at_work.len(), 3);
        let mut fourth = pin!(turns.take(acme));
        assert!(so_far(fourth.as_mut()).await.is_none());
        // There is a turn left, and it waits for none of those.
        let other = so_far(turns.take(globex)).await;
        assert!(other.is_some());
        assert!(so_far(turns.take(None)).await.is_none());
        drop(other);
        let operator = so_far(turns.take(None)).await;
        assert!(operator.is_some());
        drop(at_work.pop());
        let fourth = so_far(fourth).await;
        assert!(fourth.is_some());
        drop((at_work, fourth, operator));
        assert_eq!(turns.tenants.lock().len(), 0);
        assert_eq!(turns.all.available_permits(), 4);
    }
}
