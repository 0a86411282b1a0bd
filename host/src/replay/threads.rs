//! The groups of a replay on as many threads as asked for.

use std::{
    ops::ControlFlow,
    sync::{
        Mutex, PoisonError,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
    thread,
    time::Duration,
};

use crossbeam_channel::{RecvTimeoutError, bounded};

use super::{
    ReplayError,
    group::{Replay, Tally},
};
use crate::store::ListedBlock;

/// How often it is asked at least whether that is enough.
const ASKED_EVERY: Duration = Duration::from_millis(100);

/// Judges groups, and calls `each` on this thread with what each adds, in any order, until it says that that is enough:
/// it is asked every [`ASKED_EVERY`], and what is not whole by then counts for nothing.
pub(super) fn judge_all(
    replay: &Replay<'_>,
    groups: &[Vec<&ListedBlock>],
    threads: usize,
    each: &mut dyn FnMut(Tally) -> ControlFlow<()>,
) -> Result<(), ReplayError> {
    let next = AtomicUsize::new(0);
    let stop = AtomicBool::new(false);
    let failed = Mutex::new(None);
    let n_threads = threads.max(1).min(groups.len());
    let (sender, receiver) = bounded(n_threads.max(1) * 2);
    thread::scope(|scope| {
        for _ in 0..n_threads {
            let sender = sender.clone();
            let (next, stop, failed) = (&next, &stop, &failed);
            scope.spawn(move || {
                while let Some(group) = groups.get(next.fetch_add(1, Ordering::Relaxed)) {
                    if stop.load(Ordering::Relaxed) {
                        return;
                    }
                    match replay.group(group, &|| stop.load(Ordering::Relaxed)) {
                        Ok(Some(tally)) => drop(sender.send(tally)),
                        Ok(None) => return,
                        Err(error) => {
                            *failed.lock().unwrap_or_else(PoisonError::into_inner) = Some(error);
                            stop.store(true, Ordering::Relaxed);
                        }
                    }
                }
            });
        }
        drop(sender);
        loop {
            let tally = match receiver.recv_timeout(ASKED_EVERY) {
                Ok(tally) => tally,
                // A group may take longer than whoever waits for the end.
                Err(RecvTimeoutError::Timeout) => Tally::default(),
                Err(RecvTimeoutError::Disconnected) => break,
            };
            if each(tally).is_break() {
                stop.store(true, Ordering::Relaxed);
            }
        }
    });
    let failed = failed.into_inner().unwrap_or_else(PoisonError::into_inner);
    failed.map_or(Ok(()), Err)
}
