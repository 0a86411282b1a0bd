//! What ingest hands over: within its tenant's limits, made durable, acknowledged, and passed on to assembly.

use std::sync::{Arc, PoisonError, atomic::Ordering};

use tokio::sync::oneshot;
use tracing::{Instrument as _, Span};

use super::{Message, Shared, pending::Load};
use crate::{
    assemble::{self, Arrival, TenantBounds},
    ingest::{Accepting, Refused, Sink, Submission, limits::RETRY_AFTER},
    store::{Frame, FrameId, InboxRefused, StoreError},
    telemetry::spans,
    tenant::{Limit, TenantId, TenantLimits},
    trace::SentSpan,
};

/// What clients are told of a store that failed; why, and of which file, is for the log and for operators.
const NOTHING_STORED: &str = "nothing can be stored at the moment";

const DISK_FULL: &str = "the disk is nearly full";

/// Where ingest hands spans to.
#[derive(Clone, Debug)]
pub struct LiveSink(Arc<Shared>);

impl Sink for LiveSink {
    fn tenant(&self, token: Option<&str>) -> Option<TenantId> {
        self.0.store.access(token).tenant()
    }

    fn admit(&self, tenant: &TenantId) -> Result<(), Refused> {
        let limits = self.0.store.limits(tenant);
        let admitted = self.0.within_quota(tenant, &limits).and_then(|()| {
            let rate = limits.value(Limit::SpansPerSecond);
            rate.map_or(Ok(()), |rate| {
                let admitted = self.0.rates.admit(tenant, rate, self.0.clock.monotonic());
                admitted.map_err(|wait| too_fast(rate, wait))
            })
        });
        if admitted.is_err() {
            self.0.telemetry.refused(tenant);
        }
        admitted
    }

    fn accept(&self, submission: Submission) -> Accepting<'_> {
        let span = spans::ingest(&submission.tenant, submission.records.len());
        Box::pin(self.make_durable(submission, span.clone()).instrument(span))
    }
}

impl LiveSink {
    pub(super) fn new(shared: Arc<Shared>) -> Self {
        Self(shared)
    }

    async fn make_durable(&self, submission: Submission, span: Span) -> Result<(), Refused> {
        let Submission {
            tenant,
            otlp,
            records,
        } = submission;
        let shared = &self.0;
        let accepted = match self.submit(&tenant, otlp, records) {
            Ok(receiver) => receiver
                .await
                .unwrap_or_else(|_| Err(stopped("it is shutting down"))),
            Err(refused) => Err(refused),
        };
        if accepted.is_err() {
            shared.telemetry.refused(&tenant);
            spans::failed(&span);
        }
        accepted
    }

    fn submit(
        &self,
        tenant: &TenantId,
        otlp: bytes::Bytes,
        records: Vec<SentSpan>,
    ) -> Result<oneshot::Receiver<Result<(), Refused>>, Refused> {
        let shared = &self.0;
        if shared.failed().is_some() {
            return Err(stopped(NOTHING_STORED));
        }
        if !shared.has_room() {
            return Err(stopped(DISK_FULL));
        }
        if shared.stopping.load(Ordering::Acquire) {
            return Err(stopped("it is shutting down"));
        }
        let limits = shared.store.limits(tenant);
        let Some(rate) = limits.value(Limit::SpansPerSecond) else {
            return self.submit_within(tenant, otlp, records, &limits);
        };
        let now = shared.clock.monotonic();
        let counted = shared.rates.count(tenant, rate, records.len(), now);
        let counted = counted.map_err(|wait| too_fast(rate, wait))?;
        let submitted = self.submit_within(tenant, otlp, records, &limits);
        if submitted.is_err() {
            shared.rates.give_back(tenant, counted);
        }
        submitted
    }

    /// Submits what its tenant's rate allows, where there is room for it.
    fn submit_within(
        &self,
        tenant: &TenantId,
        otlp: bytes::Bytes,
        records: Vec<SentSpan>,
        limits: &TenantLimits,
    ) -> Result<oneshot::Receiver<Result<(), Refused>>, Refused> {
        let shared = &self.0;
        let load = Load::of(&records, otlp.len());
        let before = shared.pending.admit(load);
        let before = before.ok_or_else(|| full("too many requests wait for assembly"))?;
        let bounds = bounds(limits);
        let has_room = {
            let assembler = shared.assembler();
            assembler
                .room_beside(tenant, load.held, before.held, &bounds)
                .and_then(|()| assembler.room_for_traces(tenant, &records, &bounds))
        };
        if let Err(refused) = has_room {
            shared.pending.forget(load);
            return Err(match refused {
                assemble::Refused::Request { .. } => Refused::TooLarge {
                    what: format!("{refused}, or have the server configured with more `memory`"),
                },
                passes @ (assemble::Refused::Tenant { .. }
                | assemble::Refused::Traces { .. }
                | assemble::Refused::All { .. }) => full(&passes.to_string()),
            });
        }
        self.make_durable_later(tenant, otlp, records, load)
    }

    /// Hands the request to the inbox, and on to assembly once it is durable.
    fn make_durable_later(
        &self,
        tenant: &TenantId,
        otlp: bytes::Bytes,
        records: Vec<SentSpan>,
        load: Load,
    ) -> Result<oneshot::Receiver<Result<(), Refused>>, Refused> {
        let shared = &self.0;
        let _handing_over = shared
            .handing_over
            .read()
            .unwrap_or_else(PoisonError::into_inner);
        if !shared.store.takes_from(tenant) {
            shared.pending.forget(load);
            return Err(stopped("the tenant is removed"));
        }
        let (answer, answered) = oneshot::channel();
        let arrived = shared.clock.unix_nanos();
        let frame = Frame {
            tenant: tenant.clone(),
            otlp: otlp.clone(),
            arrived,
        };
        let on_durable = {
            let shared = Arc::clone(shared);
            let tenant = tenant.clone();
            move |durable: Result<FrameId, StoreError>| {
                let acknowledged = match durable {
                    Ok(FrameId(id)) => {
                        let now = shared.clock.monotonic();
                        let arrival = Arrival {
                            frame: Some(id),
                            bytes: otlp.len(),
                            now,
                            arrived,
                        };
                        // Before the acknowledgement: who waits for no open spans sees these.
                        shared.telemetry.open_spans.inc_by(records.len() as i64);
                        shared.telemetry.ingested(&tenant, records.len() as u64, 0);
                        shared.send(Message::Spans {
                            tenant,
                            records,
                            arrival,
                            load,
                        });
                        Ok(())
                    }
                    Err(error) => {
                        shared.pending.forget(load);
                        shared.fail(&error);
                        Err(stopped(NOTHING_STORED))
                    }
                };
                // Whoever hears the answer may close the store and open it again.
                drop(shared);
                // A client that went away needs no answer.
                let _gone = answer.send(acknowledged);
            }
        };
        shared
            .store
            .inbox()
            .submit(frame, Box::new(on_durable))
            .map_err(|refused| {
                shared.pending.forget(load);
                match refused {
                    InboxRefused::Full => full("the inbox is full"),
                    InboxRefused::Stopped { why: _ } => stopped(NOTHING_STORED),
                }
            })?;
        Ok(answered)
    }
}

impl Shared {
    /// Refuses a tenant whose blocks are as large as they may be. What is open and becomes blocks later is not counted:
    /// the limit may be passed by that much.
    fn within_quota(&self, tenant: &TenantId, limits: &TenantLimits) -> Result<(), Refused> {
        let used = self.store.stored_bytes(tenant);
        match limits.exceeded(Limit::StoredBytes, used, 1) {
            None => Ok(()),
            Some(max) => Err(Refused::OverQuota {
                what: format!(
                    "this tenant stores {used} B of at most {max} B (its limit `stored_bytes`); \
                     an operator raises it with `betrace tenants limit`, or has what is old removed with the limit \
                     `stored-age` or `retained-bytes`"
                ),
            }),
        }
    }
}

fn bounds(limits: &TenantLimits) -> TenantBounds {
    let bound = |limit| {
        let value = limits.set_value(limit);
        value.map(|value| usize::try_from(value).unwrap_or(usize::MAX))
    };
    TenantBounds {
        traces: bound(Limit::OpenTraces),
        spans: bound(Limit::OpenSpans),
        bytes: bound(Limit::OpenBytes),
    }
}

fn too_fast(spans_per_second: u64, wait: std::time::Duration) -> Refused {
    Refused::Full {
        what: format!(
            "this tenant sends more than {spans_per_second} spans/s (its limit `spans_per_second`)"
        ),
        retry_after: wait,
    }
}

fn full(what: &str) -> Refused {
    Refused::Full {
        what: what.to_owned(),
        retry_after: RETRY_AFTER,
    }
}

fn stopped(what: &str) -> Refused {
    Refused::Unavailable {
        what: what.to_owned(),
        retry_after: RETRY_AFTER,
    }
}
