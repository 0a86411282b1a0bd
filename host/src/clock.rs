//! Time enters here and nowhere else, so that a test can drive it and replay equals live.

use std::{
    fmt,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::{Duration, Instant, SystemTime, UNIX_EPOCH},
};

/// A source of both times that the host uses.
pub trait Clock: Send + Sync + fmt::Debug {
    /// Returns the wall clock, for arrival times and what people read.
    fn unix_nanos(&self) -> UnixNanos;

    /// Returns the time since an arbitrary start, which never goes back: everything that waits uses it.
    fn monotonic(&self) -> Duration;
}

/// Returns the processor time that this thread has used so far: what its work costs, whoever else is at work.
pub fn thread_processor_time() -> Duration {
    let time = rustix::time::clock_gettime(rustix::time::ClockId::ThreadCPUTime);
    Duration::new(time.tv_sec as u64, time.tv_nsec as u32)
}

/// Nanoseconds since 1970-01-01T00:00:00Z.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct UnixNanos(pub u64);

/// The machine's clocks.
#[derive(Debug)]
pub struct SystemClock {
    start: Instant,
}

impl SystemClock {
    /// Starts a clock whose monotonic time begins at zero.
    #[expect(
        clippy::disallowed_methods,
        reason = "this is the one place that reads the clock"
    )]
    pub fn new() -> Self {
        Self {
            start: Instant::now(),
        }
    }
}

impl Default for SystemClock {
    fn default() -> Self {
        Self::new()
    }
}

impl Clock for SystemClock {
    #[expect(
        clippy::disallowed_methods,
        reason = "this is the one place that reads the clock"
    )]
    fn unix_nanos(&self) -> UnixNanos {
        let since = SystemTime::now()
            .duration_since(UNIX_EPOCH)
            .unwrap_or_default();
        UnixNanos(u64::try_from(since.as_nanos()).unwrap_or(u64::MAX))
    }

    fn monotonic(&self) -> Duration {
        self.start.elapsed()
    }
}

/// A clock that stands still until it is moved. Clones share the time.
#[derive(Clone, Debug)]
pub struct ManualClock {
    wall_start: u64,
    elapsed_ns: Arc<AtomicU64>,
}

impl ManualClock {
    /// Starts at `wall`, with monotonic time zero.
    pub fn new(wall: UnixNanos) -> Self {
        Self {
            wall_start: wall.0,
            elapsed_ns: Arc::default(),
        }
    }

    /// Moves both times on by `by`.
    pub fn advance(&self, by: Duration) {
        let by = u64::try_from(by.as_nanos()).unwrap_or(u64::MAX);
        self.elapsed_ns.fetch_add(by, Ordering::Relaxed);
    }
}

impl Clock for ManualClock {
    fn unix_nanos(&self) -> UnixNanos {
        UnixNanos(
            self.wall_start
                .saturating_add(self.elapsed_ns.load(Ordering::Relaxed)),
        )
    }

    fn monotonic(&self) -> Duration {
        Duration::from_nanos(self.elapsed_ns.load(Ordering::Relaxed))
    }
}
