//! When the disk will be full, if it goes on as in the last day. Knows what it is told of the disk, and nothing of the store.

use std::{collections::VecDeque, time::Duration};

use super::limits::{DISK_FULL_AFTER_MAX, DISK_WATCHED_FOR, DISK_WATCHED_MIN};
use crate::store::Room;

/// What was left of the disk, once in a while.
#[derive(Debug, Default)]
pub(super) struct Filling {
    /// Oldest first, [`DISK_WATCHED_MIN`] apart.
    samples: VecDeque<(Duration, u64)>,
}

impl Filling {
    /// Takes note of what is left, and returns when spans will be refused if it goes on like that: at most
    /// [`DISK_FULL_AFTER_MAX`], which is also said where the disk does not fill, or was not watched long enough.
    pub(super) fn note(&mut self, now: Duration, room: Room) -> Duration {
        let age = |at: &Duration| now.saturating_sub(*at);
        if self
            .samples
            .back()
            .is_none_or(|(at, _)| age(at) >= DISK_WATCHED_MIN)
        {
            self.samples.push_back((now, room.free));
        }
        while self
            .samples
            .front()
            .is_some_and(|(at, _)| age(at) > DISK_WATCHED_FOR)
        {
            self.samples.pop_front();
        }
        let Some((at, free)) = self.samples.front() else {
            return DISK_FULL_AFTER_MAX;
        };
        let filled = free.saturating_sub(room.free);
        if age(at) < DISK_WATCHED_MIN || filled == 0 {
            return DISK_FULL_AFTER_MAX;
        }
        let left = room.free.saturating_sub(room.reserve());
        let after = age(at).as_secs_f64() * left as f64 / filled as f64;
        Duration::try_from_secs_f64(after)
            .map_or(DISK_FULL_AFTER_MAX, |after| after.min(DISK_FULL_AFTER_MAX))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const HOUR: Duration = Duration::from_hours(1);
    const GIB: u64 = 1 << 30;

    #[test]
    fn a_disk_is_full_when_what_is_left_is_used_up_as_in_the_last_day() {
        let mut filling = Filling::default();
        let mut at = |hours: u32, gib: u64| {
            let room = Room {
                free: gib * GIB + (256 << 20),
                total: 1_000 * GIB,
            };
            filling.note(hours * HOUR, room)
        };
        assert_eq!(at(0, 100), DISK_FULL_AFTER_MAX, "nothing to compare with");
        assert_eq!(at(2, 80), 8 * HOUR);
        assert_eq!(at(4, 90), 36 * HOUR, "from the first on");
        assert_eq!(at(5, 100), DISK_FULL_AFTER_MAX, "it does not fill");
        // Two days later only these are of the last day.
        assert_eq!(at(53, 60), DISK_FULL_AFTER_MAX);
        assert_eq!(at(54, 50), 5 * HOUR);
        assert_eq!(at(55, 0), Duration::ZERO);
    }

    #[test]
    fn what_is_kept_of_it_is_bounded() {
        let mut filling = Filling::default();
        for second in (0..10 * 86_400).step_by(10) {
            let room = Room {
                free: GIB,
                total: GIB,
            };
            filling.note(Duration::from_secs(second), room);
        }
        assert!(
            filling.samples.len() as u64
                <= 1 + DISK_WATCHED_FOR.as_secs() / DISK_WATCHED_MIN.as_secs()
        );
    }
}
