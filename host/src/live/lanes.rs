//! The thread that judges.

use crossbeam_channel::{Receiver, RecvTimeoutError, Sender};

use super::{Judging, Shared, judging};

pub(super) fn judge_until_stopped(
    shared: &Shared,
    mut judging: Judging,
    woken: &Receiver<()>,
    compact: &Sender<()>,
) {
    loop {
        let woken = if judging.puts_off() {
            woken.recv_timeout(judging::TRIED_AGAIN_AFTER)
        } else {
            woken.recv().map_err(RecvTimeoutError::from)
        };
        // Ends when the assembly thread, which holds the other end, has.
        if woken == Err(RecvTimeoutError::Disconnected) {
            return;
        }
        if let Err(error) = judging.drain(|| shared.is_stopping()) {
            shared.fail(&error);
        }
        // A full channel means that compaction is about to look.
        let _awake = compact.try_send(());
    }
}
