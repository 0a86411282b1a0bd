//! What is stored is kept in shape, in time that nothing else wants: small blocks become large ones, and what is older than
//! its tenant keeps goes.
//!
//! Live traffic is sealed a few times a second, in blocks of whatever settled. This thread is woken when judging has
//! nothing left to do, and merges until it is told to stop or there is nothing worth merging. Retention comes first, so that
//! nothing is merged that goes, and wakes by itself: traces grow old when nothing comes in too.

use std::time::Duration;

use crossbeam_channel::{Receiver, RecvTimeoutError};

use super::{Chain, RetentionOptions, Shared};
use crate::store::Retired;

/// How often it is looked for what is too old, by the clock of the pipeline: all blocks are gone through for it.
const RETAIN_EVERY: Duration = Duration::from_secs(10);

/// How long the thread sleeps where nobody wakes it.
const AWAKE_EVERY: Duration = Duration::from_mins(1);

/// Works whenever it is woken. Ends when nobody can wake it any more.
pub(super) fn compact_until_stopped(
    shared: &Shared,
    woken: &Receiver<()>,
    retention: &RetentionOptions,
) {
    let mut next = Duration::ZERO;
    loop {
        match woken.recv_timeout(AWAKE_EVERY) {
            Ok(()) | Err(RecvTimeoutError::Timeout) => {}
            Err(RecvTimeoutError::Disconnected) => return,
        }
        let now = shared.clock.monotonic();
        if now >= next {
            next = now.saturating_add(RETAIN_EVERY);
            retain(shared, retention);
        }
        compact(shared);
    }
}

fn compact(shared: &Shared) {
    while !shared.is_stopping() {
        match shared.store.compact() {
            Ok(0) => return,
            Ok(n_blocks) => tracing::debug!(blocks = n_blocks, "merged small blocks"),
            Err(error) => {
                // The blocks stay as they are, and are tried again with the next.
                tracing::warn!(error = %Chain(&error), "small blocks cannot be merged");
                return;
            }
        }
    }
}

fn retain(shared: &Shared, retention: &RetentionOptions) {
    let RetentionOptions { age } = retention;
    while !shared.is_stopping() {
        let Retired {
            blocks,
            traces,
            bytes,
            files,
        } = match shared.store.retain(*age) {
            Ok(retired) => retired,
            Err(error) => {
                // What is too old stays, and is tried again with the next.
                tracing::warn!(error = %Chain(&error), "what is too old cannot be removed");
                return;
            }
        };
        shared.telemetry.retired_traces.inc_by(traces);
        shared.telemetry.retired_bytes.inc_by(bytes);
        shared.telemetry.retired_files.inc_by(files);
        if blocks == 0 && files == 0 {
            return;
        }
        tracing::info!(
            blocks,
            traces,
            bytes,
            files,
            "removed what is too old, or too much"
        );
    }
}
