//! The epoch: what stops a guest, and lets a thread that is to be in nobody's way give way while it computes.
//!
//! One thread moves it on. A tick is a millisecond; while nobody is to give way ten pass at once, so that the machine is
//! woken a hundred times a second and not a thousand.

use std::{
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    thread,
    time::Duration,
};

use wasmtime::{Engine, EngineWeak};

use super::{
    error::SandboxError,
    limits::{EPOCH_ROUND, EPOCH_TICK},
};
use crate::clock::{Clock as _, SystemClock};

/// Moves the epoch of an engine on until that is gone.
#[derive(Debug)]
pub(super) struct Epoch {
    ticker: thread::Thread,
    n_giving_way: Arc<AtomicUsize>,
}

/// While it lives the epoch moves on by single ticks.
#[derive(Debug)]
pub(super) struct TickByTick<'a>(&'a Epoch);

impl Epoch {
    pub(super) fn start(engine: &Engine) -> Result<Self, SandboxError> {
        let n_giving_way = Arc::<AtomicUsize>::default();
        let (engine, is_asked) = (engine.weak(), Arc::clone(&n_giving_way));
        let thread = thread::Builder::new()
            .name("epoch".into())
            .spawn(move || tick(&engine, &is_asked))
            .map_err(|error| SandboxError {
                what: format!("no thread for the epoch ({error})"),
            })?;
        Ok(Self {
            ticker: thread.thread().clone(),
            n_giving_way,
        })
    }

    pub(super) fn tick_by_tick(&self) -> TickByTick<'_> {
        if self.n_giving_way.fetch_add(1, Ordering::AcqRel) == 0 {
            self.ticker.unpark();
        }
        TickByTick(self)
    }
}

impl Drop for TickByTick<'_> {
    fn drop(&mut self) {
        self.0.n_giving_way.fetch_sub(1, Ordering::AcqRel);
    }
}

/// Each round counts as no longer than it was to be. A process that was stopped for a while therefore sees one round, not
/// all that it missed, and no guest is stopped for time that it did not have.
fn tick(engine: &EngineWeak, n_giving_way: &AtomicUsize) {
    let clock = SystemClock::new();
    let mut passed = Duration::ZERO;
    loop {
        let round = match n_giving_way.load(Ordering::Acquire) {
            0 => EPOCH_ROUND,
            _ => EPOCH_TICK,
        };
        let began = clock.monotonic();
        thread::park_timeout(round);
        passed += clock.monotonic().saturating_sub(began).min(round);
        let Some(engine) = engine.upgrade() else {
            return;
        };
        while let Some(rest) = passed.checked_sub(EPOCH_TICK) {
            engine.increment_epoch();
            passed = rest;
        }
    }
}

/// Returns a time in ticks. The round under way counts for nothing.
pub(super) fn ticks(time: Duration) -> u64 {
    let ticks = time.saturating_add(EPOCH_ROUND).as_nanos();
    u64::try_from(ticks.div_ceil(EPOCH_TICK.as_nanos())).unwrap_or(u64::MAX >> 1)
}
