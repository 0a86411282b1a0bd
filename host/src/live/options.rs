//! How the pipeline is tuned.

use std::time::Duration;

use super::limits::{FairnessLimits, SIGNALS_AGE};
use crate::assemble::AssembleOptions;

/// Requests that are durable, or about to be, and not yet assembled. More are refused with a retryable error.
pub const PENDING_REQUESTS_MAX: usize = 4_096;

/// How the pipeline is tuned.
#[derive(Clone, Debug)]
pub struct LiveOptions {
    /// When traces are sealed, and how much may be open.
    pub assemble: AssembleOptions,
    /// How long sealed traces gather, so that a block holds many: live traffic is judged in small batches too.
    pub seal_every: Duration,
    /// What of the others' time a tenant's rules may take.
    pub fairness: FairnessLimits,
    /// How long what is stored is kept.
    pub retention: RetentionOptions,
}

/// How long what is stored is kept of tenants that have no limit of their own.
#[derive(Clone, Debug)]
pub struct RetentionOptions {
    /// Traces, since their last span arrived; none is for ever.
    pub age: Option<Duration>,
    /// Signals, since they changed last.
    pub signals_age: Duration,
}

impl Default for RetentionOptions {
    fn default() -> Self {
        Self {
            age: None,
            signals_age: SIGNALS_AGE,
        }
    }
}

impl Default for LiveOptions {
    fn default() -> Self {
        Self {
            assemble: AssembleOptions::default(),
            seal_every: Duration::from_millis(250),
            fairness: FairnessLimits::default(),
            retention: RetentionOptions::default(),
        }
    }
}

impl LiveOptions {
    /// Returns how long sealed traces gather under these waits: no longer than a fourth of the shortest.
    pub fn seal_every_for(assemble: &AssembleOptions) -> Duration {
        let shortest = assemble.settle.min(assemble.idle);
        Self::default().seal_every.min(shortest / 4)
    }
}
