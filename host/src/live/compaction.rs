//! Small blocks become large ones, in time that nothing else wants.
//!
//! Live traffic is sealed a few times a second, in blocks of whatever settled. This thread is woken when judging has
//! nothing left to do, and merges until it is told to stop or there is nothing worth merging.

use crossbeam_channel::Receiver;

use super::{Chain, Shared};

/// Merges whenever it is woken. Ends when nobody can wake it any more.
pub(super) fn compact_until_stopped(shared: &Shared, woken: &Receiver<()>) {
    while woken.recv().is_ok() {
        while !shared.is_stopping() {
            match shared.store.compact() {
                Ok(0) => break,
                Ok(n_blocks) => tracing::debug!(blocks = n_blocks, "merged small blocks"),
                Err(error) => {
                    // The blocks stay as they are, and are tried again with the next.
                    tracing::warn!(error = %Chain(&error), "small blocks cannot be merged");
                    break;
                }
            }
        }
    }
}
