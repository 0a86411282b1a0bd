//! When memory is given back to the system: once enough of it has become free, and not too often.

use std::{
    sync::atomic::{AtomicUsize, Ordering},
    time::Duration,
};

/// How often memory is given back at most: it takes a while, in which nothing is assembled.
const GIVEN_BACK_EVERY: Duration = Duration::from_secs(2);

/// How much must have become free for that.
const GIVEN_BACK_BYTES_MIN: usize = 16 << 20;

/// What has become free since memory was last given back.
#[derive(Debug, Default)]
pub(super) struct Freed(AtomicUsize);

impl Freed {
    /// Counts what became free.
    pub(super) fn add(&self, bytes: usize) {
        self.0.fetch_add(bytes, Ordering::Relaxed);
    }

    /// Returns when it is to be given back, where it was so last; none where it is not enough.
    pub(super) fn due(&self, last: Duration) -> Option<Duration> {
        let enough = self.0.load(Ordering::Relaxed) >= GIVEN_BACK_BYTES_MIN;
        enough.then_some(last + GIVEN_BACK_EVERY)
    }

    /// Forgets what was given back.
    pub(super) fn forget(&self) {
        self.0.store(0, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn enough_is_given_back_and_not_too_often() {
        let freed = Freed::default();
        let last = Duration::from_secs(9);
        assert_eq!(freed.due(last), None);
        freed.add(GIVEN_BACK_BYTES_MIN - 1);
        assert_eq!(freed.due(last), None);
        freed.add(1);
        assert_eq!(freed.due(last), Some(last + GIVEN_BACK_EVERY));
        freed.forget();
        assert_eq!(freed.due(last), None);
    }
}
