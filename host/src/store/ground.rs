//! What the files of an open store have in common: the disk that they lie on, and whether it failed.
//!
//! The database refuses a file for good after an operation on it failed, reading too. What is known of it in memory may
//! then differ from what is on the disk, and one file from the others: whoever has the store open is to close it, and
//! open it again.

use std::sync::{Arc, Mutex, PoisonError};

use tokio::sync::watch;

use super::{disk::Disk, error::StoreError};

/// Clones are the same ground.
#[derive(Clone, Debug)]
pub(super) struct Ground {
    disk: Arc<dyn Disk>,
    failed: watch::Sender<Option<StoreError>>,
    repaired: Arc<Mutex<Vec<String>>>,
}

impl Ground {
    pub(super) fn new(disk: &Arc<dyn Disk>) -> Self {
        Self {
            disk: Arc::clone(disk),
            failed: watch::Sender::new(None),
            repaired: Arc::default(),
        }
    }

    pub(super) fn disk(&self) -> &Arc<dyn Disk> {
        &self.disk
    }

    /// Notes that a file can no longer be used. The first failure is the one to tell of.
    pub(super) fn fail(&self, error: &StoreError) {
        self.failed.send_if_modified(|failed| {
            let is_first = failed.is_none();
            failed.get_or_insert_with(|| error.clone());
            is_first
        });
    }

    /// Returns the first failure, and hears of it.
    pub(super) fn failed(&self) -> watch::Receiver<Option<StoreError>> {
        self.failed.subscribe()
    }

    /// Notes that a file had to be read whole, to be repaired.
    pub(super) fn note_repaired(&self, file: &str) {
        let mut repaired = self.repaired.lock().unwrap_or_else(PoisonError::into_inner);
        if !repaired.iter().any(|other| other == file) {
            repaired.push(file.to_owned());
        }
    }

    /// Returns the files that had to be repaired.
    pub(super) fn repaired(&self) -> Vec<String> {
        let repaired = self.repaired.lock().unwrap_or_else(PoisonError::into_inner);
        repaired.clone()
    }
}
