//! The bounds of judging: what of others a tenant may take, and when a rule is quarantined; and of what gives way to it.

use std::time::Duration;

use crate::sandbox::limits::SPANS_PER_CALL_MAX;

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

/// The threads that judge tenants within their budgets. Blocks of one tenant are judged one group after another, so that
/// one tenant holds up one thread and no more.
pub const FAST_THREADS: usize = 2;

/// What of a processor each tenant may have of the fast threads, in percent.
pub const TENANT_SHARE_PERCENT: u32 = 25;

/// The processor time that a tenant may save up while it has nothing to be judged.
pub const TENANT_BURST: Duration = Duration::from_secs(1);

/// What a tenant may owe at most: at its share it is even again after two minutes.
pub const TENANT_DEBT_MAX: Duration = Duration::from_secs(30);

/// The processor time that a group may take on a fast thread while other tenants are there. A group of live blocks takes
/// some milliseconds; one that takes more is given up, and judged in the slow lane.
pub const FAST_GROUP_MAX: Duration = Duration::from_millis(250);

/// How long a tenant whose group was given up stays in the slow lane at least: trying costs others a thread.
pub const OVERSPENT_FOR: Duration = Duration::from_mins(1);

/// A tenant that had nothing to be judged for so long is not there: a tenant that is alone has no budget to keep.
pub const ACTIVE_FOR: Duration = Duration::from_mins(1);

/// How long what came of the slow lane waits to be recorded with what comes after it, and then for a moment at which the
/// fast lane has nothing to do; twice as long at most. A commit takes a millisecond or two in which no other can be made:
/// one in a second is met by one verdict of others in five hundred, and four would be by one in a hundred.
pub const SLOW_RECORDED_AFTER: Duration = Duration::from_secs(1);

/// So many blocks of the slow lane are recorded however short they have waited.
pub const SLOW_RECORDED_BLOCKS_MAX: usize = 256;

/// The priority of the slow lane's thread, as `nice` counts, where the system has no policy for what nobody else wants.
pub const SLOW_NICE: i32 = 19;

/// How long a merge of blocks may wait for a processor that nobody else wants; it takes some ten milliseconds of one. On a
/// machine that is never idle the blocks would else stay small for ever.
pub const MERGE_PATIENCE: Duration = Duration::from_secs(1);

/// How long signals are kept after their last change where nobody says: a year, and until whoever audits it is done.
pub const SIGNALS_AGE: Duration = Duration::from_hours(400 * 24);

/// How long back it is looked at how the disk fills, to say when it will be full: a day has its nights.
pub const DISK_WATCHED_FOR: Duration = Duration::from_hours(24);

/// Less than this says nothing of how the disk fills.
pub const DISK_WATCHED_MIN: Duration = Duration::from_mins(10);

/// The longest time after which it is said that the disk will be full: ten years.
pub const DISK_FULL_AFTER_MAX: Duration = Duration::from_hours(10 * 365 * 24);

/// How many blocks are judged together where so many wait. Live blocks are small: calls are then full.
pub const GROUP_BLOCKS_MAX: usize = 16;

/// The spans of blocks that are judged together; a larger block is judged alone. Twice what fills a call.
pub const GROUP_SPANS_MAX: usize = 2 * SPANS_PER_CALL_MAX;

/// The bytes of blocks, as they are stored, that are judged together; a larger block is judged alone.
pub const GROUP_BYTES_MAX: u64 = 16 << 20;

/// What of the others' time a tenant may take.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FairnessLimits {
    /// At least one; see [`FAST_THREADS`].
    pub fast_threads: usize,
    /// See [`TENANT_SHARE_PERCENT`].
    pub share_percent: u32,
    /// See [`TENANT_BURST`].
    pub burst: Duration,
    /// See [`TENANT_DEBT_MAX`].
    pub debt_max: Duration,
    /// See [`FAST_GROUP_MAX`].
    pub fast_group_max: Duration,
    /// See [`SLOW_RECORDED_AFTER`].
    pub slow_recorded_after: Duration,
    /// See [`OVERSPENT_FOR`].
    pub overspent_for: Duration,
    /// See [`ACTIVE_FOR`].
    pub active_for: Duration,
}

impl Default for FairnessLimits {
    fn default() -> Self {
        Self {
            fast_threads: FAST_THREADS,
            share_percent: TENANT_SHARE_PERCENT,
            burst: TENANT_BURST,
            debt_max: TENANT_DEBT_MAX,
            fast_group_max: FAST_GROUP_MAX,
            slow_recorded_after: SLOW_RECORDED_AFTER,
            overspent_for: OVERSPENT_FOR,
            active_for: ACTIVE_FOR,
        }
    }
}
