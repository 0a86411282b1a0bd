//! What is acknowledged, or about to be, and not yet assembled.
//!
//! The bounds of assembly see only what is open. What is on its way there is counted here, so that requests which come
//! faster than they are assembled are refused and not kept in memory.

use std::sync::{Mutex, MutexGuard, PoisonError};

use super::PENDING_REQUESTS_MAX;

/// Requests on their way, and what they hold.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Load {
    pub(super) requests: usize,
    pub(super) spans: usize,
    pub(super) bytes: usize,
}

impl Load {
    /// The load of one request.
    pub(super) fn of(spans: usize, bytes: usize) -> Self {
        Self {
            requests: 1,
            spans,
            bytes,
        }
    }
}

/// The sum of what is on its way.
#[derive(Debug, Default)]
pub(super) struct Pending(Mutex<Load>);

impl Pending {
    /// Counts a request, and returns what was on its way before it; `None` where too many requests are.
    pub(super) fn admit(&self, request: Load) -> Option<Load> {
        let mut sum = self.load_mut();
        if sum.requests >= PENDING_REQUESTS_MAX {
            return None;
        }
        let before = *sum;
        sum.requests += request.requests;
        sum.spans += request.spans;
        sum.bytes += request.bytes;
        Some(before)
    }

    /// Forgets a request that is assembled or was refused.
    pub(super) fn forget(&self, request: Load) {
        let mut sum = self.load_mut();
        sum.requests = sum.requests.saturating_sub(request.requests);
        sum.spans = sum.spans.saturating_sub(request.spans);
        sum.bytes = sum.bytes.saturating_sub(request.bytes);
    }

    #[cfg(test)]
    pub(super) fn load(&self) -> Load {
        *self.load_mut()
    }

    fn load_mut(&self) -> MutexGuard<'_, Load> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
