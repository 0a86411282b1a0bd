//! The whole way of a span in one process: protobuf requests through the pipeline of a server, made durable, assembled,
//! sealed, judged by ten rules, compacted. Only gRPC and HTTP are left out.

use std::{
    path::Path,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
    thread,
    time::Duration,
};

use anyhow::anyhow;
use bytes::Bytes;
use prost::Message as _;
use tokio::runtime::{self, Runtime};

use super::{
    Bench,
    judge::{compile, own_failure},
    made::disk_bytes,
    measure::{Case, Row, Unit, process_cpu_time},
    question::Question,
    traces::{REQUEST_SPANS, TraceMaker},
};
use crate::{
    assemble::AssembleOptions,
    cli::exit::Failure,
    clock::{Clock, SystemClock},
    ingest::{self, Refused, Sink as _, Submission},
    live::{Live, LiveOptions, LiveSink, Parts},
    rules::{NewPack, PublishOptions, Registry},
    store::Store,
    telemetry::Telemetry,
    tenant::TenantId,
};

const PART: &str = "ingest";

/// The requests wait in memory: some 150 MB.
const TRACES_MAX: u64 = 25_000;

/// Traces of which one request has the first half, and an earlier one the second: 252 spans a request, as SDKs send.
const TRACES_PER_REQUEST: u64 = 42;

/// Requests on their way at a time, as from as many connections.
const IN_FLIGHT: usize = 64;

/// How long a trace must be quiet: shorter than in production, and long enough for both halves to come.
const SETTLE: Duration = Duration::from_secs(1);

/// How long the client waits before it sends again what was refused.
const RETRY: Duration = Duration::from_millis(5);

/// Measures ingest.
pub(super) fn run(bench: &Bench<'_>, traces: u64, rows: &mut Vec<Row>) -> Result<(), Failure> {
    let traces = traces.min(TRACES_MAX);
    let requests = requests(traces);
    let sent_bytes: usize = requests.iter().map(Bytes::len).sum();
    let folder = tempfile::tempdir().map_err(own_failure)?;
    let Some(taken) = take(bench, folder.path(), requests, traces)? else {
        return Ok(());
    };
    let spans = traces * u64::from(REQUEST_SPANS);
    let case = |name: &str| Case {
        part: PART,
        name: name.to_owned(),
        rules: Question::ALL.len() as u64,
        threads: bench.threads,
        traces,
        spans,
    };
    let each = sent_bytes as f64 / spans as f64;
    rows.push(case("requests").figure(Unit::BytesPerSpan, each, 1));
    let rate = spans as f64 / taken.acknowledged.as_secs_f64().max(1e-9);
    rows.push(case("acknowledged").figure(Unit::SpansPerSecond, rate, 1));
    let rate = spans as f64 / taken.judged.as_secs_f64().max(1e-9);
    rows.push(case("judged, with 1 s of quiet").figure(Unit::SpansPerSecond, rate, 1));
    if let Some(cpu) = taken.cpu {
        let each = cpu.as_secs_f64() * 1e6 / spans as f64;
        let case = case("to durable, judged, compacted");
        rows.push(case.figure(Unit::CpuSecondsPerMillionSpans, each, 1));
    }
    let each = disk_bytes(folder.path())? as f64 / spans as f64;
    rows.push(case("all files").figure(Unit::BytesPerSpan, each, 1));
    Ok(())
}

/// What ingest took.
struct Taken {
    acknowledged: Duration,
    judged: Duration,
    /// Until all was compacted.
    cpu: Option<Duration>,
}

/// Returns the requests in the order of sending: the second half of a trace's spans two requests before the first.
fn requests(traces: u64) -> Vec<Bytes> {
    let maker = TraceMaker::new(REQUEST_SPANS);
    let mut requests = Vec::new();
    let mut waiting = None;
    let mut first = 0;
    while first < traces {
        let end = traces.min(first + TRACES_PER_REQUEST);
        let [late, early] = maker.requests(first..end);
        requests.push(Bytes::from(late.encode_to_vec()));
        let early = Bytes::from(early.encode_to_vec());
        requests.extend(waiting.replace(early));
        first = end;
    }
    requests.extend(waiting);
    requests
}

/// The pipeline of a server, without its ports.
struct Pipeline {
    store: Store,
    telemetry: Arc<Telemetry>,
    live: Live,
}

impl Pipeline {
    /// Starts over a new store, with the ten rules of the bench.
    fn start(bench: &Bench<'_>, folder: &Path) -> Result<Self, Failure> {
        let clock: Arc<dyn Clock> = Arc::new(SystemClock::new());
        let store = Store::open(folder, Arc::clone(&clock)).map_err(own_failure)?;
        let registry = Registry::open(store.clone(), Arc::clone(&bench.sandbox));
        let registry = registry.map_err(own_failure)?;
        let pack = NewPack {
            bytes: compile(&Question::source(&Question::ALL))?,
            origin: "bench.btr".to_owned(),
            source: None,
            reference: None,
        };
        let options = PublishOptions::default();
        registry
            .publish(&TenantId::default_tenant(), vec![pack], &options)
            .map_err(own_failure)?;
        let telemetry = Arc::<Telemetry>::default();
        let parts = Parts {
            store: store.clone(),
            registry: Arc::new(registry),
            sandbox: Arc::clone(&bench.sandbox),
            clock,
            telemetry: Arc::clone(&telemetry),
        };
        let assemble = AssembleOptions {
            settle: SETTLE,
            idle: 2 * SETTLE,
            ..AssembleOptions::default()
        };
        let options = LiveOptions {
            seal_every: LiveOptions::seal_every_for(&assemble),
            assemble,
            ..LiveOptions::default()
        };
        let live = Live::start(parts, options).map_err(own_failure)?;
        Ok(Self {
            store,
            telemetry,
            live,
        })
    }

    fn is_judged(&self) -> bool {
        self.telemetry.open_spans.get() == 0 && self.store.unjudged().is_empty()
    }

    fn traces(&self) -> u64 {
        let blocks = self.store.blocks(&TenantId::default_tenant());
        let of_each = blocks.iter().map(|block| u64::from(block.meta().n_traces));
        of_each.sum()
    }
}

/// Sends the requests, and waits until all is judged and compacted; `None` where the user wants it to end.
fn take(
    bench: &Bench<'_>,
    folder: &Path,
    requests: Vec<Bytes>,
    traces: u64,
) -> Result<Option<Taken>, Failure> {
    let pipeline = Pipeline::start(bench, folder)?;
    let clock = bench.clock;
    let runtime = runtime::Builder::new_multi_thread()
        .worker_threads(bench.threads)
        .enable_time()
        .build()
        .map_err(own_failure)?;
    let n_requests = Some(requests.len() as u64);
    let bar = bench
        .console
        .progress_count("ingest", "requests", n_requests);
    let (cpu, started) = (process_cpu_time(), clock.monotonic());
    let sent = send(bench, &runtime, &pipeline.live, requests, &bar);
    let acknowledged = clock.monotonic().saturating_sub(started);
    bar.finish_and_clear();
    sent?;
    while !bench.interrupt.asked() && !pipeline.is_judged() {
        if let Some(why) = pipeline.live.failed() {
            return Err(Failure::usage(anyhow!("the pipeline stopped: {why}")));
        }
        thread::park_timeout(Duration::from_millis(10));
    }
    let judged = clock.monotonic().saturating_sub(started);
    pipeline.live.stop();
    while !bench.interrupt.asked() && pipeline.store.compact().map_err(own_failure)? > 0 {}
    if bench.interrupt.asked() {
        return Ok(None);
    }
    let cpu = process_cpu_time().zip(cpu);
    let cpu = cpu.map(|(after, before)| after.saturating_sub(before));
    let stored = pipeline.traces();
    if stored != traces {
        return Err(Failure::wrong(anyhow!(
            "{traces} traces were acknowledged, and {stored} are stored"
        )));
    }
    Ok(Some(Taken {
        acknowledged,
        judged,
        cpu,
    }))
}

/// Sends all requests, some at a time, and each again where it is refused for the moment.
fn send(
    bench: &Bench<'_>,
    runtime: &Runtime,
    live: &Live,
    requests: Vec<Bytes>,
    bar: &indicatif::ProgressBar,
) -> Result<(), Failure> {
    let shared = Arc::new(Sending {
        sink: live.sink(),
        requests,
        next: AtomicUsize::new(0),
        stopped: AtomicBool::new(false),
    });
    let mut clients = tokio::task::JoinSet::new();
    for _ in 0..IN_FLIGHT {
        let (shared, bar, interrupt) = (Arc::clone(&shared), bar.clone(), bench.interrupt.clone());
        let client = async move {
            while let Some(otlp) = shared.next() {
                if interrupt.asked() {
                    return Ok(());
                }
                shared.send(otlp).await?;
                bar.inc(1);
            }
            Ok(())
        };
        clients.spawn_on(client, runtime.handle());
    }
    let answers: Vec<anyhow::Result<()>> = runtime.block_on(clients.join_all());
    answers
        .into_iter()
        .collect::<Result<(), _>>()
        .map_err(Failure::usage)
}

/// What the clients have in common.
struct Sending {
    sink: LiveSink,
    requests: Vec<Bytes>,
    next: AtomicUsize,
    /// A request cannot be sent, and neither can the others.
    stopped: AtomicBool,
}

impl Sending {
    fn next(&self) -> Option<&Bytes> {
        if self.stopped.load(Ordering::Relaxed) {
            return None;
        }
        self.requests.get(self.next.fetch_add(1, Ordering::Relaxed))
    }

    /// Decodes a request as a server does, and has it made durable.
    async fn send(&self, otlp: &Bytes) -> anyhow::Result<()> {
        loop {
            let submission = Submission {
                tenant: TenantId::default_tenant(),
                otlp: otlp.clone(),
                records: ingest::decode(otlp)?.records,
            };
            match self.sink.accept(submission).await {
                Ok(()) => return Ok(()),
                Err(Refused::Full { .. }) => tokio::time::sleep(RETRY).await,
                Err(
                    refused @ (Refused::OverQuota { .. }
                    | Refused::TooLarge { .. }
                    | Refused::Unavailable { .. }),
                ) => {
                    self.stopped.store(true, Ordering::Relaxed);
                    return Err(anyhow!("spans are refused: {refused}"));
                }
            }
        }
    }
}
