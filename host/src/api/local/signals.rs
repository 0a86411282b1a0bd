//! Signals: listed by time, shown by id, followed by their changes.

use std::time::Duration;

use tokio::{runtime::Handle, time::timeout};

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
            let next = *latest.borrow();
            return Ok(SignalChanges {
                signals: Vec::new(),
                next,
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
            if !signals.is_empty() || left.is_zero() {
                return Ok(SignalChanges {
                    signals,
                    next: since,
                });
            }
            // Outside a server there is no runtime, and nothing that would change.
            let Ok(runtime) = Handle::try_current() else {
                return Ok(SignalChanges {
                    signals,
                    next: since,
                });
            };
            // Time is up, or the store is closing: the next round looks once more and returns.
            let _woken = runtime.block_on(async { timeout(left, latest.changed()).await });
        }
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
