//! The whole pipeline in one process: the real inbox, store and sandbox, rules from the compiler, a clock that stands
//! still until it is moved. Nothing here waits for time to pass; it waits for the pipeline to say that it is done.

use std::{ops::ControlFlow, path::Path, sync::Arc, time::Duration};

use opentelemetry_proto::tonic::{
    collector::trace::v1::ExportTraceServiceRequest,
    trace::v1::{ResourceSpans, ScopeSpans, Span},
};
use prost::Message as _;

mod disk;
mod failures;
pub(crate) mod format;
mod lanes;
mod limits;
mod quarantine;
mod retention;
mod simulation;
mod unloadable;

use super::*;
use crate::{
    assemble::AssembleOptions,
    clock::{ManualClock, UnixNanos},
    ingest::{self, Refused, Sink, Submission},
    replay::{ReplayOptions, Replayed, Replaying, replay},
    rule_id::RuleId,
    rules::{NewPack, PublishOptions, RulesError},
    sandbox::{PackCompiler, SandboxLimits},
    signal::{Signal, SignalStatus},
    store::{
        SignalFilter,
        disk::{Disk, crash::CrashDisk},
    },
    verdict::Verdict,
};

pub(crate) const RULE: &str = "rule phi { match { phi.access and not audit.log } }";

/// A host in this process.
pub(crate) struct Fixture {
    pub(crate) store: Store,
    pub(crate) registry: Arc<Registry>,
    pub(crate) sandbox: Arc<Sandbox>,
    pub(crate) clock: ManualClock,
    live: Live,
    runtime: tokio::runtime::Runtime,
}

impl Fixture {
    pub(crate) fn open(folder: &Path) -> Self {
        Self::open_with(folder, LiveOptions::default())
    }

    fn open_with(folder: &Path, options: LiveOptions) -> Self {
        let clock = ManualClock::new(UnixNanos(1_772_366_400_000_000_000));
        let store = Store::open(folder, Arc::new(clock.clone())).unwrap();
        Self::over(store, clock, options)
    }

    /// As [`Self::open`], with the files on a disk that can be made to fail.
    fn open_on(disk: &CrashDisk, folder: &Path) -> Self {
        let clock = ManualClock::new(UnixNanos(1_772_366_400_000_000_000));
        let disk: Arc<dyn Disk> = Arc::new(disk.clone());
        let store = Store::open_on(&disk, folder, Arc::new(clock.clone())).unwrap();
        Self::over(store, clock, LiveOptions::default())
    }

    fn over(store: Store, clock: ManualClock, options: LiveOptions) -> Self {
        let shared: Arc<dyn Clock> = Arc::new(clock.clone());
        let sandbox =
            Arc::new(Sandbox::new(PackCompiler::InProcess, SandboxLimits::default()).unwrap());
        let registry = Arc::new(Registry::open(store.clone(), Arc::clone(&sandbox)).unwrap());
        let parts = Parts {
            store: store.clone(),
            registry: Arc::clone(&registry),
            sandbox: Arc::clone(&sandbox),
            clock: shared,
            telemetry: Arc::default(),
        };
        let live = Live::start(parts, options).unwrap();
        let runtime = tokio::runtime::Builder::new_current_thread()
            .build()
            .unwrap();
        Self {
            store,
            registry,
            sandbox,
            clock,
            live,
            runtime,
        }
    }

    pub(crate) fn publish(&self, source: &str) {
        self.try_publish(source).unwrap();
    }

    fn try_publish(&self, source: &str) -> Result<(), RulesError> {
        self.publish_of(&tenant(), source)
    }

    pub(crate) fn publish_of(&self, tenant: &TenantId, source: &str) -> Result<(), RulesError> {
        let source_of = betrace_dsl::Source {
            name: "phi.btr",
            text: source.as_bytes(),
        };
        let bytes = betrace_dsl::compile(&source_of).0.unwrap().component;
        let pack = NewPack {
            bytes,
            origin: "phi.btr".to_owned(),
            source: None,
            reference: None,
        };
        self.registry
            .publish(tenant, vec![pack], &PublishOptions::default())
            .map(drop)
    }

    /// Sends one request and waits for its acknowledgement.
    pub(crate) fn send(&self, spans: Vec<Span>) -> Result<(), Refused> {
        self.send_of(&tenant(), spans)
    }

    pub(crate) fn send_of(&self, tenant: &TenantId, spans: Vec<Span>) -> Result<(), Refused> {
        let otlp = otlp(spans);
        let records = ingest::decode(&otlp).unwrap().records;
        let sink = self.live.sink();
        self.runtime.block_on(sink.accept(Submission {
            tenant: tenant.clone(),
            otlp,
            records,
        }))
    }

    /// Waits until a trace is open.
    pub(crate) fn wait_until_open(&self, tenant: &TenantId, trace: u8) {
        while self.live.open_trace(tenant, TraceId([trace; 16])).is_none() {
            thread::yield_now();
        }
    }

    pub(crate) fn is_open(&self, tenant: &TenantId, trace: u8) -> bool {
        self.live.open_trace(tenant, TraceId([trace; 16])).is_some()
    }

    /// Removes a tenant as a server does.
    pub(crate) fn remove(&self, tenant: &TenantId) {
        self.store.begin_removal(tenant).unwrap();
        self.registry.forget(tenant);
        self.live.forget(tenant).unwrap();
        self.store.finish_removal(tenant).unwrap();
        self.registry.forget(tenant);
    }

    /// Moves the clock until everything open is sealed and judged.
    pub(crate) fn settle(&self) {
        assert!(self.settles(), "{:?}", self.live.failed());
    }

    /// As [`Self::settle`], unless the pipeline fails.
    fn settles(&self) -> bool {
        let telemetry = &self.live.shared.telemetry;
        for _ in 0..10_000 {
            if self.live.failed().is_some() {
                return false;
            }
            if telemetry.open_spans.get() == 0 && telemetry.unjudged_blocks.get() == 0 {
                return true;
            }
            self.clock.advance(Duration::from_secs(1));
            self.live.tick();
            thread::yield_now();
            // The threads of the pipeline need the processor; how long is not what is tested.
            thread::park_timeout(Duration::from_millis(1));
        }
        panic!("not settled: {}", telemetry.render());
    }

    fn signals(&self) -> Vec<Signal> {
        self.store
            .signals(&tenant(), &SignalFilter::default())
            .unwrap()
    }

    fn counts(&self) -> [u64; 4] {
        self.counts_of("phi")
    }

    fn counts_of(&self, rule: &str) -> [u64; 4] {
        let cells = self
            .store
            .coverage_cells(&tenant(), Some(&RuleId::try_new(rule).unwrap()))
            .unwrap();
        cells.iter().fold([0; 4], |mut sum, cell| {
            sum.iter_mut()
                .zip(cell.traces)
                .for_each(|(sum, traces)| *sum += traces);
            sum
        })
    }

    fn replay_counts(&self) -> (u64, u64) {
        let replayed = self.replay(1);
        (replayed.traces, replayed.spans)
    }

    fn replay(&self, threads: usize) -> Replayed {
        let with = Replaying {
            store: &self.store,
            sandbox: &self.sandbox,
            clock: &self.clock,
        };
        let options = ReplayOptions {
            from: None,
            to: None,
            threads,
        };
        let rules = self.registry.live(&tenant()).unwrap();
        replay(with, &tenant(), rules.rules(), options, &mut |_| {
            ControlFlow::Continue(())
        })
        .unwrap()
    }
}

fn otlp(spans: Vec<Span>) -> bytes::Bytes {
    let scope_spans = vec![ScopeSpans {
        spans,
        ..ScopeSpans::default()
    }];
    let request = ExportTraceServiceRequest {
        resource_spans: vec![ResourceSpans {
            scope_spans,
            ..ResourceSpans::default()
        }],
    };
    request.encode_to_vec().into()
}

fn bounded_by(change: impl FnOnce(&mut AssembleOptions)) -> LiveOptions {
    let mut options = LiveOptions::default();
    change(&mut options.assemble);
    options
}

pub(crate) fn tenant() -> TenantId {
    TenantId::default_tenant()
}

pub(crate) fn span(trace: u8, id: u8, name: &str) -> Span {
    Span {
        trace_id: vec![trace; 16],
        span_id: vec![id; 8],
        name: name.to_owned(),
        start_time_unix_nano: 1_772_366_400_000_000_000 + u64::from(id),
        end_time_unix_nano: 1_772_366_400_000_001_000,
        ..Span::default()
    }
}

fn child(trace: u8, id: u8, name: &str) -> Span {
    Span {
        parent_span_id: vec![1; 8],
        ..span(trace, id, name)
    }
}

#[test]
fn late_spans_retract_a_signal_and_never_double_one() {
    let folder = tempfile::tempdir().unwrap();
    let host = Fixture::open(folder.path());
    host.publish(RULE);
    host.send(vec![span(1, 1, "root"), child(1, 2, "phi.access")])
        .unwrap();
    host.send(vec![
        span(2, 1, "root"),
        child(2, 2, "phi.access"),
        child(2, 3, "audit.log"),
    ])
    .unwrap();
    host.send(vec![span(3, 1, "root")]).unwrap();
    host.settle();
    assert_eq!(host.counts(), [1, 1, 1, 0]);
    let raised = host.signals();
    assert_eq!(raised.len(), 1);
    assert_eq!(
        (raised[0].status, raised[0].witnesses.len()),
        (SignalStatus::Open, 1)
    );

    // The same request again, as a client retries, and a span that comes late.
    host.send(vec![span(1, 1, "root"), child(1, 2, "phi.access")])
        .unwrap();
    host.send(vec![child(1, 3, "audit.log")]).unwrap();
    host.settle();
    assert_eq!(host.counts(), [1, 2, 0, 0], "the old verdict left its cell");
    let retracted = host.signals();
    assert_eq!(retracted.len(), 1);
    assert_eq!(retracted[0].status, SignalStatus::Retracted);
    assert_eq!(retracted[0].history.len(), 2);

    for threads in [1, 3] {
        let replayed = host.replay(threads);
        assert_eq!(
            replayed.rules[0].counts,
            host.counts(),
            "replay equals live"
        );
        assert_eq!((replayed.traces, replayed.spans), (3, 7));
    }
}

#[test]
fn what_was_acknowledged_and_not_sealed_is_sealed_after_a_restart() {
    let folder = tempfile::tempdir().unwrap();
    {
        let host = Fixture::open(folder.path());
        host.publish(RULE);
        host.send(vec![span(1, 1, "root"), child(1, 2, "phi.access")])
            .unwrap();
        assert!(host.store.blocks(&tenant()).is_empty(), "it is open");
        assert!(
            host.live.open_trace(&tenant(), TraceId([1; 16])).is_some()
                || host.live.shared.pending.load().requests > 0
        );
    }
    let host = Fixture::open(folder.path());
    assert_eq!(
        host.live
            .open_trace(&tenant(), TraceId([1; 16]))
            .unwrap()
            .spans
            .len(),
        2
    );
    host.settle();
    assert_eq!(host.counts(), [0, 0, 1, 0]);
    assert_eq!(
        host.store.inbox().scan().count(),
        0,
        "the inbox gave up what is in a block"
    );
}

#[test]
fn a_block_is_judged_by_the_rules_of_its_listing_and_later_ones_by_the_next() {
    let folder = tempfile::tempdir().unwrap();
    let host = Fixture::open(folder.path());
    host.send(vec![span(1, 1, "phi.access")]).unwrap();
    host.settle();
    assert_eq!(host.counts(), [0; 4], "no rule was live");
    host.publish(RULE);
    host.send(vec![span(2, 1, "phi.access")]).unwrap();
    host.settle();
    assert_eq!(host.counts(), [0, 0, 1, 0]);
    assert_eq!(
        host.replay(1).rules[0].count(Verdict::Violated),
        2,
        "replay sees all of history"
    );
}

#[test]
fn more_open_spans_than_may_be_are_refused_and_can_be_sent_again() {
    let folder = tempfile::tempdir().unwrap();
    let host = Fixture::open_with(
        folder.path(),
        bounded_by(|options| options.open_spans_max = 2),
    );
    host.send(vec![span(1, 1, "a"), child(1, 2, "b")]).unwrap();
    // Assembled when it is open: only then is there no room.
    while host.live.open_trace(&tenant(), TraceId([1; 16])).is_none() {
        thread::yield_now();
    }
    assert!(matches!(
        host.send(vec![span(2, 1, "a")]),
        Err(Refused::Full { .. })
    ));
    host.settle();
    host.send(vec![span(2, 1, "a")]).unwrap();
    host.settle();
    assert_eq!(host.replay(1).traces, 2);
}

#[test]
fn small_blocks_are_merged_and_every_verdict_stays() {
    let folder = tempfile::tempdir().unwrap();
    let host = Fixture::open(folder.path());
    host.publish(RULE);
    for trace in 1..=70 {
        let audited = child(trace, 3, if trace % 3 == 0 { "audit.log" } else { "other" });
        host.send(vec![
            span(trace, 1, "root"),
            child(trace, 2, "phi.access"),
            audited,
        ])
        .unwrap();
        host.settle();
    }
    let before = (
        host.counts(),
        host.signals().len(),
        host.replay(2).rules[0].counts,
    );
    assert_eq!(before, ([0, 23, 47, 0], 47, [0, 23, 47, 0]));
    // The thread that merges was woken by the judging of the last block, and says nothing when it is done.
    while host.store.blocks(&tenant()).len() > 64 {
        thread::yield_now();
    }
    assert_eq!(
        (
            host.counts(),
            host.signals().len(),
            host.replay(2).rules[0].counts
        ),
        before
    );

    host.send(vec![child(1, 4, "audit.log")]).unwrap();
    host.settle();
    assert_eq!(
        host.counts(),
        [0, 24, 46, 0],
        "a late span finds its trace in the merged block"
    );
}
