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
        }
    }
}

/// What one request holds; given back when it is dropped.
#[derive(Debug)]
pub(super) struct Reservation {
    admission: Admission,
    bytes: usize,
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
        }
        grown.is_ok()
    }
}

impl Drop for Reservation {
    fn drop(&mut self) {
        self.admission.held.fetch_sub(self.bytes, Ordering::Relaxed);
    }
}
