//! The bounds of judging: what of others a tenant may take, and when a rule is quarantined.

use std::time::Duration;

/// A rule is quarantined when more than this share of its batches failed, in percent. With half of them failed a rule
/// says little, and each failure costs as much as hundreds of calls.
pub const QUARANTINE_FAILED_PERCENT: u64 = 50;

/// Fewer batches than this say nothing of a rule.
pub const QUARANTINE_BATCHES_MIN: u64 = 10;

/// How far back batches count.
pub const QUARANTINE_WINDOW: Duration = Duration::from_mins(10);

/// When a rule is quarantined.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct QuarantineLimits {
    /// More failed batches than this, in percent of all; see [`QUARANTINE_FAILED_PERCENT`].
    pub failed_percent: u64,
    /// Of at least so many batches; see [`QUARANTINE_BATCHES_MIN`].
    pub batches_min: u64,
    /// Within this time; see [`QUARANTINE_WINDOW`].
    pub window: Duration,
}

impl Default for QuarantineLimits {
    fn default() -> Self {
        Self {
            failed_percent: QUARANTINE_FAILED_PERCENT,
            batches_min: QUARANTINE_BATCHES_MIN,
            window: QUARANTINE_WINDOW,
        }
    }
}
