//! Signals: listed by time, shown by id, followed by their changes.

use std::{
    pin::pin,
    sync::Arc,
    task::{Context, Wake, Waker},
    thread::{self, Thread},
    time::Duration,
};

use tokio::sync::watch;

use super::{ApiError, Local};
use crate::{
    api::{
        limits::{SIGNALS_PER_PAGE_MAX, WAIT_MS_MAX},
        wire::{ChangesQuery, SignalChanges, SignalPage, SignalQuery, SignalView},
    },
    clock::UnixNanos,
    rule_id::RuleId,
    signal::{Signal, SignalId, SignalStatus},
    store::{SignalCursor, SignalFilter},
};

impl Local {
    pub(super) fn list_signals(&self, query: &SignalQuery) -> Result<SignalPage, ApiError> {
        let SignalQuery {
            rule,
            from,
            to,
            status,
            mode,
            limit,
            after,
        } = query;
        let limit = limit.map_or(SIGNALS_PER_PAGE_MAX, |limit| {
            limit.clamp(1, SIGNALS_PER_PAGE_MAX)
        });
        let (from, to) = self.range(from.as_deref(), to.as_deref())?;
        let filter = SignalFilter {
            rule: rule.as_deref().map(rule_id).transpose()?,
            from,
            to,
            status: status.as_deref().map(status_named).transpose()?,
            mode: *mode,
            after: after.as_deref().map(cursor).transpose()?,
            limit,
        };
        let signals = self.rooms.store.signals(&self.tenant, &filter)?;
        let full = signals.len() == limit;
        Ok(SignalPage {
            next: signals
                .last()
                .filter(|_| full)
                .map(|last| format!("{}-{}", last.time.0, last.id)),
            signals: signals.iter().map(SignalView::from).collect(),
        })
    }

    pub(super) fn show_signal(&self, id: SignalId) -> Result<SignalView, ApiError> {
        let signal = self.rooms.store.signal(&self.tenant, id)?;
        match signal {
            Some(signal) => Ok(SignalView::from(&signal)),
            None => Err(ApiError::not_found("signal", id)),
        }
    }

    pub(super) fn follow_signals(&self, query: &ChangesQuery) -> Result<SignalChanges, ApiError> {
        let rule = query.rule.as_deref().map(rule_id).transpose()?;
        let mut latest = self.rooms.store.signal_changes();
        let Some(mut since) = query.since else {
            return Ok(SignalChanges {
                signals: Vec::new(),
                next: self.rooms.store.last_signal_change(&self.tenant)?,
            });
        };
        let clock = &self.rooms.clock;
        let wait = Duration::from_millis(query.wait_ms.unwrap_or(0).min(WAIT_MS_MAX));
        let deadline = clock.monotonic() + wait;
        loop {
            // Before reading: a change that comes after it wakes us.
            latest.mark_unchanged();
            let (store, tenant) = (&self.rooms.store, &self.tenant);
            let changed = store.signals_changed_since(tenant, since, SIGNALS_PER_PAGE_MAX)?;
            since = changed.last().map_or(since, |(number, _)| *number);
            let wanted = |signal: &Signal| rule.as_ref().is_none_or(|rule| signal.rule == *rule);
            let signals: Vec<SignalView> = changed
                .iter()
                .filter(|(_, signal)| wanted(signal))
                .map(|(_, signal)| SignalView::from(signal))
                .collect();
            let left = deadline.saturating_sub(clock.monotonic());
            // Outside a server there is nothing that would change.
            if !signals.is_empty() || left.is_zero() || self.rooms.open.is_none() {
                return Ok(SignalChanges {
                    signals,
                    next: since,
                });
            }
            wait_for_change(&mut latest, left);
        }
    }
}

/// Blocks until something changes or `left` is over; the caller looks which.
///
/// Without the runtime's timer, which panics where the runtime ends before the wait does.
fn wait_for_change(latest: &mut watch::Receiver<u64>, left: Duration) {
    let waker = Waker::from(Arc::new(Unpark(thread::current())));
    let changed = pin!(latest.changed());
    if changed.poll(&mut Context::from_waker(&waker)).is_pending() {
        thread::park_timeout(left);
    }
}

struct Unpark(Thread);

impl Wake for Unpark {
    fn wake(self: Arc<Self>) {
        self.0.unpark();
    }
}

fn rule_id(id: &str) -> Result<RuleId, ApiError> {
    RuleId::try_new(id).ok_or_else(|| ApiError::not_found("rule", id))
}

fn status_named(name: &str) -> Result<SignalStatus, ApiError> {
    SignalStatus::from_name(name).ok_or_else(|| {
        let names = SignalStatus::ALL.map(SignalStatus::name).join(", ");
        ApiError::bad_request(format!("`status`: `{name}` is none of {names}"))
    })
}

fn cursor(text: &str) -> Result<SignalCursor, ApiError> {
    let place = text.split_once('-').and_then(|(time, id)| {
        Some(SignalCursor {
            time: UnixNanos(time.parse().ok()?),
            id: SignalId::from_hex(id)?,
        })
    });
    place.ok_or_else(|| ApiError::bad_request("`after` is not what a page ended with"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_wait_ends_with_a_change_or_with_its_time_and_needs_no_runtime() {
        let (sender, mut latest) = watch::channel(0);
        wait_for_change(&mut latest, Duration::ZERO);
        let waiting = thread::spawn(move || {
            while !latest.has_changed().unwrap() {
                wait_for_change(&mut latest.clone(), Duration::from_mins(1));
            }
        });
        sender.send(1).unwrap();
        waiting.join().unwrap();
    }
}
