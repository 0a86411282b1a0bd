//! The thread that gathers spans and seals what is due.

use std::{cell::Cell, sync::Arc, time::Duration};

use crossbeam_channel::{Receiver, RecvTimeoutError, Sender};

use super::{LiveError, Message, Sealer, Shared, pending::Load};
use crate::{
    assemble::{
        Held, Sealed,
        limits::{ROUND_SPANS_MAX, TURN_SPANS},
    },
    memory,
    store::FrameId,
    tenant::TenantId,
    trace::SentTrace,
};

/// How many requests are assembled before the thread looks at what is due.
const REQUESTS_PER_TURN: usize = 256;

/// How many of their spans, about.
const SPANS_PER_TURN: usize = 4 * ROUND_SPANS_MAX;

/// How long the thread sleeps where nothing is open. A bound against a clock that lies, no more.
const SLEEP_MAX: Duration = Duration::from_mins(1);

/// How often it is looked for the oldest open trace: a million take some ten milliseconds, in which none is assembled.
const OLDEST_LOOKED_FOR_EVERY: Duration = Duration::from_secs(5);

pub(super) struct Assembly {
    pub(super) shared: Arc<Shared>,
    pub(super) sealer: Sealer,
    pub(super) seal_every: Duration,
    /// Wakes the judging thread.
    pub(super) judge: Sender<()>,
    /// When it is next looked for the oldest open trace.
    pub(super) look_for_oldest_at: Cell<Duration>,
}

impl Assembly {
    /// Runs until the sender is gone.
    pub(super) fn run(self, messages: &Receiver<Message>) {
        let mut sealed_at = self.shared.clock.monotonic();
        let mut given_back_at = sealed_at;
        // Whether the last round left something: then the next follows at once, after what came meanwhile.
        let mut is_behind = false;
        loop {
            let due = self.shared.assembler().next_due();
            let gathered = sealed_at + self.seal_every;
            let due = due.map(|due| if is_behind { due } else { due.max(gathered) });
            let to_give_back = self.shared.freed.due(given_back_at);
            let next = due.into_iter().chain(to_give_back).min();
            let wait = next.map_or(SLEEP_MAX, |at| {
                at.saturating_sub(self.shared.clock.monotonic())
            });
            match messages.recv_timeout(wait.min(SLEEP_MAX)) {
                Ok(message) => {
                    let mut n_spans = self.take(message);
                    let mut more = messages.try_iter().take(REQUESTS_PER_TURN);
                    while n_spans < SPANS_PER_TURN
                        && let Some(message) = more.next()
                    {
                        n_spans += self.take(message);
                    }
                }
                Err(RecvTimeoutError::Timeout) => {}
                Err(RecvTimeoutError::Disconnected) => return,
            }
            let now = self.shared.clock.monotonic();
            if due.is_some_and(|due| due <= now) {
                sealed_at = now;
                match self.seal(now) {
                    Ok(left) => is_behind = left,
                    Err(error) => {
                        self.shared.fail(&error);
                        return;
                    }
                }
            }
            if to_give_back.is_some_and(|at| at <= now) {
                memory::give_back();
                self.shared.freed.forget();
                given_back_at = now;
            }
        }
    }

    /// Returns how many spans that were.
    pub(super) fn take(&self, message: Message) -> usize {
        match message {
            Message::Spans {
                tenant,
                records,
                arrival,
                load,
            } => {
                // No rule set, no store: an acknowledged span is taken whatever the bounds are.
                self.shared
                    .assembler()
                    .readmit(&tenant, &records, arrival, |_| 0);
                self.shared.pending.forget(load);
                load.held.spans
            }
            Message::Forget { tenant, done } => {
                self.shared.forget_open(&tenant);
                // Who asked may have gone.
                let _gone = done.send(());
                0
            }
            // Budgets are refilled by the clock.
            Message::Tick => {
                let _awake = self.judge.try_send(());
                0
            }
        }
    }

    /// Seals a round of what is due. Returns whether there is more.
    pub(super) fn seal(&self, now: Duration) -> Result<bool, LiveError> {
        let shared = &self.shared;
        let (sealed, open_traces, oldest, is_behind) = {
            let mut assembler = shared.assembler();
            let sealed = assembler.due_in_turns(now, ROUND_SPANS_MAX, TURN_SPANS);
            let is_behind = assembler.next_due().is_some_and(|due| due <= now);
            let open_traces = assembler.stats().open_traces;
            // That none is open is known without looking.
            let looks = open_traces == 0 || now >= self.look_for_oldest_at.get();
            let oldest = looks.then(|| {
                self.look_for_oldest_at.set(now + OLDEST_LOOKED_FOR_EVERY);
                assembler.oldest_opened_at().unwrap_or(now)
            });
            (sealed, open_traces, oldest, is_behind)
        };
        shared.telemetry.open_traces.set(open_traces as i64);
        if let Some(oldest) = oldest {
            let age = now.saturating_sub(oldest).as_secs_f64();
            shared.telemetry.standing.oldest_open.set(age);
        }
        if sealed.is_empty() {
            return Ok(is_behind);
        }
        shared.store_sealed(&self.sealer, sealed)?;
        // A full channel means that judging is about to look.
        let _awake = self.judge.try_send(());
        Ok(is_behind)
    }
}

impl Shared {
    /// Drops what is open of a tenant that was removed.
    fn forget_open(&self, tenant: &TenantId) {
        let (n_spans, free) = {
            let mut assembler = self.assembler();
            let gone = assembler.forget(tenant);
            let frames: Vec<u64> = gone.iter().flat_map(|one| one.frames.clone()).collect();
            (n_spans(&gone), assembler.release(&frames))
        };
        let free: Vec<FrameId> = free.into_iter().map(FrameId).collect();
        self.store.inbox().release(&free);
        self.telemetry.open_spans.dec_by(n_spans as i64);
    }

    /// Stores what was sealed, and gives up the frames that nothing rests on any longer.
    pub(super) fn store_sealed(
        &self,
        sealer: &Sealer,
        sealed: Vec<Sealed>,
    ) -> Result<(), LiveError> {
        let frames: Vec<u64> = sealed
            .iter()
            .flat_map(|one| one.frames.iter().copied())
            .collect();
        let n_spans = n_spans(&sealed);
        let sealing = Load::sealing(held(&sealed));
        self.pending.add(sealing);
        let report = sealer.seal(sealed);
        self.pending.forget(sealing);
        self.freed.add(sealing.held.memory_bytes());
        let report = report?;
        let free: Vec<FrameId> = self
            .assembler()
            .release(&frames)
            .into_iter()
            .map(FrameId)
            .collect();
        self.store.inbox().release(&free);
        // In this order: spans are never neither open nor unjudged nor judged.
        self.telemetry
            .unjudged_blocks
            .inc_by(report.blocks.len() as i64);
        self.telemetry.open_spans.dec_by(n_spans as i64);
        Ok(())
    }
}

/// Counts the spans that arrived of these traces.
fn n_spans(sealed: &[Sealed]) -> usize {
    let of_each = sealed
        .iter()
        .map(|one| one.trace.spans.len() + one.repeated);
    of_each.sum()
}

/// Returns what sealed traces hold, as if they were open.
fn held(sealed: &[Sealed]) -> Held {
    let traces = || sealed.iter().map(|one| &one.trace);
    let n_spans = traces().map(|trace| trace.spans.len()).sum();
    Held {
        traces: sealed.len(),
        runs: 0,
        spans: n_spans,
        read: n_spans,
        bytes: traces().map(SentTrace::message_bytes).sum(),
    }
}
