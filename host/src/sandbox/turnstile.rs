//! Places that are fewer than those who want one.

use std::{
    sync::{Condvar, Mutex, PoisonError},
    time::Duration,
};

/// Lets at most as many calls run as there are instances; the rest wait their turn.
#[derive(Debug)]
pub(super) struct Turnstile {
    free: Mutex<u32>,
    freed: Condvar,
}

impl Turnstile {
    pub(super) fn new(places: u32) -> Self {
        Self {
            free: Mutex::new(places),
            freed: Condvar::new(),
        }
    }

    /// Waits for a place and runs `call` in it. The call must not enter again.
    pub(super) fn enter<T>(&self, call: impl FnOnce() -> T) -> T {
        let mut free = self.free.lock().unwrap_or_else(PoisonError::into_inner);
        while *free == 0 {
            free = self
                .freed
                .wait(free)
                .unwrap_or_else(PoisonError::into_inner);
        }
        *free -= 1;
        drop(free);
        let _place = Place(self);
        call()
    }

    /// As [`Turnstile::enter`]; `None` where no place comes free in time.
    pub(super) fn enter_within<T>(&self, time: Duration, call: impl FnOnce() -> T) -> Option<T> {
        let free = self.free.lock().unwrap_or_else(PoisonError::into_inner);
        let waited = self.freed.wait_timeout_while(free, time, |free| *free == 0);
        let (mut free, _) = waited.unwrap_or_else(PoisonError::into_inner);
        if *free == 0 {
            return None;
        }
        *free -= 1;
        drop(free);
        let _place = Place(self);
        Some(call())
    }
}

/// A place that is given back even where the call unwinds.
struct Place<'a>(&'a Turnstile);

impl Drop for Place<'_> {
    fn drop(&mut self) {
        *self.0.free.lock().unwrap_or_else(PoisonError::into_inner) += 1;
        self.0.freed.notify_one();
    }
}
