//! How far behind the host is, and how much room it has: gauges that say how things stand, and count nothing.

use std::sync::atomic::AtomicU64;

use prometheus_client::{
    metrics::gauge::Gauge,
    registry::{Registry, Unit},
};

use super::{Telemetry, names};
use crate::store::Standing;

type Seconds = Gauge<f64, AtomicU64>;
type Bytes = Gauge<u64, AtomicU64>;

/// The metrics of how things stand.
#[derive(Debug, Default)]
pub struct StandingMetrics {
    /// For how long the oldest open trace has been open.
    pub oldest_open: Seconds,
    /// When spans will be refused for want of room, at the pace of the last day.
    pub full_after: Seconds,
    oldest_unjudged: Seconds,
    small_blocks: Gauge,
    inbox_bytes: Bytes,
    disk_free: Bytes,
}

impl StandingMetrics {
    pub(super) fn register(&self, registry: &mut Registry) {
        for (name, help, seconds) in [
            (
                names::ASSEMBLE_OLDEST_OPEN,
                "Age of the oldest open trace",
                &self.oldest_open,
            ),
            (
                names::JUDGE_OLDEST_UNJUDGED,
                "How long the block that waits longest waits for its verdicts",
                &self.oldest_unjudged,
            ),
            (
                names::DISK_FULL_AFTER,
                "When spans will be refused for want of room, at the pace of the last day",
                &self.full_after,
            ),
        ] {
            registry.register_with_unit(name, help, Unit::Seconds, seconds.clone());
        }
        for (name, help, bytes) in [
            (
                names::INBOX_BYTES,
                "Unreleased entries of the inbox",
                &self.inbox_bytes,
            ),
            (
                names::DISK_FREE,
                "What is left of the disk of the store",
                &self.disk_free,
            ),
        ] {
            registry.register_with_unit(name, help, Unit::Bytes, bytes.clone());
        }
        registry.register(
            names::COMPACTION_SMALL_BLOCKS,
            "Judged blocks that are not merged yet",
            self.small_blocks.clone(),
        );
    }
}

impl Telemetry {
    /// Shows how the store stands.
    pub fn stands(&self, store: Standing) {
        let Standing {
            room,
            inbox_bytes,
            oldest_unjudged,
            small_blocks,
        } = store;
        let metrics = &self.standing;
        metrics.inbox_bytes.set(inbox_bytes);
        metrics.oldest_unjudged.set(oldest_unjudged.as_secs_f64());
        metrics.small_blocks.set(small_blocks as i64);
        if let Some(room) = room {
            metrics.disk_free.set(room.free);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::store::Room;

    #[test]
    fn what_a_store_says_of_itself_is_shown() {
        let telemetry = Telemetry::new();
        telemetry.standing.oldest_open.set(7.5);
        telemetry.standing.full_after.set(86_400.0);
        telemetry.stands(Standing {
            room: Some(Room {
                free: 11,
                total: 12,
            }),
            inbox_bytes: 13,
            oldest_unjudged: Duration::from_millis(1_500),
            small_blocks: 14,
        });
        let text = telemetry.render();
        for line in [
            "betrace_assemble_oldest_open_seconds 7.5",
            "betrace_disk_full_after_seconds 86400.0",
            "betrace_disk_free_bytes 11",
            "betrace_inbox_size_bytes 13",
            "betrace_judge_oldest_unjudged_seconds 1.5",
            "betrace_compaction_small_blocks 14",
        ] {
            assert!(text.contains(&format!("\n{line}\n")), "{line} in\n{text}");
        }
    }
}
