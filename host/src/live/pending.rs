//! What is acknowledged, or about to be, and not yet assembled; and what has left assembly and is not yet stored.
//!
//! The bounds of assembly see only what is open. What is on its way there, or from there, is counted here, so that requests
//! which come faster than they are assembled and sealed are refused and not kept in memory.

use std::sync::{Mutex, MutexGuard, PoisonError};

use super::PENDING_REQUESTS_MAX;
use crate::{assemble::Held, trace::SentSpan};

/// Requests on their way, and what they hold.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Load {
    pub(super) requests: usize,
    pub(super) held: Held,
}

impl Load {
    /// The load of one request.
    pub(super) fn of(spans: &[SentSpan], bytes: usize) -> Self {
        Self {
            requests: 1,
            held: Held {
                read: spans.len(),
                ..Held::of(spans, bytes)
            },
        }
    }

    /// What left assembly and is not stored yet.
    pub(super) fn sealing(held: Held) -> Self {
        Self { requests: 0, held }
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
        sum.held.grow(request.held);
        Some(before)
    }

    /// Counts what is being sealed: it holds what it held while it was open.
    pub(super) fn add(&self, sealing: Load) {
        self.load_mut().held.grow(sealing.held);
    }

    /// Forgets a request that is assembled or was refused, or what was sealed.
    pub(super) fn forget(&self, request: Load) {
        let mut sum = self.load_mut();
        sum.requests = sum.requests.saturating_sub(request.requests);
        sum.held.shrink(request.held);
    }

    #[cfg(test)]
    pub(super) fn load(&self) -> Load {
        *self.load_mut()
    }

    fn load_mut(&self) -> MutexGuard<'_, Load> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
