//! Bounds the memory of all requests in flight.

use std::sync::{
    Arc,
    atomic::{AtomicUsize, Ordering},
};

/// What requests in flight hold together. Clones share it.
#[derive(Clone, Debug)]
pub(super) struct Admission {
    held: Arc<AtomicUsize>,
    max: usize,
}

impl Admission {
    pub(super) fn new(max: usize) -> Self {
        Self {
            held: Arc::default(),
            max,
        }
    }

    /// Begins a request that holds nothing yet.
    pub(super) fn reservation(&self) -> Reservation {
        Reservation {
            admission: self.clone(),
            bytes: 0,
            is_hopeless: false,
        }
    }
}

/// What one request holds; given back when it is dropped.
#[derive(Debug)]
pub(super) struct Reservation {
    admission: Admission,
    bytes: usize,
    /// Whether it asked for more than all may hold.
    is_hopeless: bool,
}

impl Reservation {
    /// Takes more; `false`, and nothing taken, where there is no room.
    pub(super) fn grow(&mut self, bytes: usize) -> bool {
        let Admission { held, max } = &self.admission;
        let grown = held.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |held| {
            held.checked_add(bytes).filter(|grown| grown <= max)
        });
        if grown.is_ok() {
            self.bytes += bytes;
        } else {
            self.is_hopeless = self.bytes.saturating_add(bytes) > *max;
        }
        grown.is_ok()
    }

    /// Returns how much all may hold, where this one would need more: waiting is of no use then.
    pub(super) fn hopeless(&self) -> Option<usize> {
        self.is_hopeless.then_some(self.admission.max)
    }
}

impl Drop for Reservation {
    fn drop(&mut self) {
        self.admission.held.fetch_sub(self.bytes, Ordering::Relaxed);
    }
}
