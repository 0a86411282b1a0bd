//! Scenario: more comes than a server can take.
//!
//! Guarantees: ten thousand connections that say nothing, clients that send more at once than there is room for, and clients
//! that go on with twice what the server can take, leave the memory within what was configured and the health route answering
//! within a second; who is refused is told to come again, who is acknowledged soon is and finds its trace, and afterwards
//! everybody is served.

#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "a test stops at the first surprise"
)]

use std::{
    collections::HashMap,
    net::{SocketAddr, TcpStream},
    sync::atomic::{AtomicBool, AtomicU64, Ordering},
    thread,
    time::Duration,
};

use betrace::clock::{Clock as _, SystemClock};
use betrace_tests::{
    client::{request, span, text},
    server::Server,
};
use opentelemetry_proto::tonic::{
    collector::trace::v1::{ExportTraceServiceRequest, trace_service_client::TraceServiceClient},
    common::v1::{AnyValue, KeyValue, any_value::Value},
};
use prost::Message as _;
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use tonic::Code;

const HEALTHY_WITHIN: Duration = Duration::from_secs(1);

/// How long an acknowledgement may take, whatever comes: a debug build on a machine with much else to do.
const ACKNOWLEDGED_WITHIN: Duration = Duration::from_secs(10);

/// How long one answer of the health route took.
fn health(api: SocketAddr) -> Duration {
    let clock = SystemClock::new();
    let asked = clock.monotonic();
    let get = ureq::get(format!("http://{api}/healthz"));
    let answer = get.config().timeout_global(Some(10 * HEALTHY_WITHIN));
    assert_eq!(answer.build().call().unwrap().status(), 200);
    clock.monotonic().saturating_sub(asked)
}

/// Opens as many files as the system lets this process.
fn open_files_max() -> usize {
    let before = getrlimit(Resource::Nofile);
    let all = Rlimit {
        current: before.maximum,
        ..before
    };
    let _as_before = setrlimit(Resource::Nofile, all);
    let files = getrlimit(Resource::Nofile).current;
    files.map_or(usize::MAX, |files| usize::try_from(files).unwrap())
}

#[test]
fn ten_thousand_connections_that_say_nothing_hold_up_nobody() {
    let folder = tempfile::tempdir().unwrap();
    let server = Server::start(folder.path(), &[]).unwrap();
    let before = server.memory_max();
    let n = open_files_max().saturating_sub(256).min(10_000);
    let mut idle = Vec::with_capacity(n);
    for i in 0..n {
        // Half of them on the API's port: more than it keeps.
        let port = [server.api, server.grpc, server.api, server.http][i % 4];
        idle.push(TcpStream::connect(port).unwrap());
        if i % 1_000 == 0 {
            assert!(health(server.api) < HEALTHY_WITHIN, "after {i}");
        }
    }
    assert!(health(server.api) < HEALTHY_WITHIN);
    if let (Some(before), Some(after)) = (before, server.memory_max()) {
        let grew = (after - before) >> 20;
        println!("{} connections: {grew} MiB", idle.len());
        assert!(grew < 150, "{grew} MiB for {} connections", idle.len());
    }
    drop(idle);
    assert!(health(server.api) < HEALTHY_WITHIN);
    assert!(server.terminate().unwrap().success());
}

/// A request of one trace with one span, of 2 MiB that do not compress.
fn large(trace: u128) -> ExportTraceServiceRequest {
    let mut state = (trace as u64).wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1;
    let mut bytes = Vec::with_capacity(2 << 20);
    while bytes.len() < 2 << 20 {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        bytes.extend_from_slice(&state.to_le_bytes());
    }
    let value = Value::BytesValue(bytes);
    let mut sent = span(trace, 1, 0, "large");
    sent.attributes.push(KeyValue {
        key: "payload".to_owned(),
        value: Some(AnyValue { value: Some(value) }),
        ..KeyValue::default()
    });
    request("loud", vec![sent])
}

/// What came of requests.
#[derive(Debug, Default)]
struct Sent {
    accepted: Vec<u128>,
    refused: usize,
    slowest: Duration,
}

/// Sends requests at once over connections of their own, as a fleet does that was cut off for a while.
async fn send_at_once(grpc: SocketAddr, traces: std::ops::Range<u128>) -> Sent {
    let mut tasks = tokio::task::JoinSet::new();
    for trace in traces {
        tasks.spawn(async move {
            let client = TraceServiceClient::connect(format!("http://{grpc}")).await;
            let (clock, large) = (SystemClock::new(), large(trace));
            let began = clock.monotonic();
            let answer = client.unwrap().export(large).await;
            let took = clock.monotonic().saturating_sub(began);
            (trace, took, answer)
        });
    }
    let mut sent = Sent::default();
    while let Some(done) = tasks.join_next().await {
        let (trace, took, answer) = done.unwrap();
        match answer {
            Ok(_) => {
                sent.accepted.push(trace);
                sent.slowest = sent.slowest.max(took);
            }
            Err(status) => {
                // OTLP, "Failures": what a client is to send again, and when.
                assert_eq!(status.code(), Code::ResourceExhausted, "{status:?}");
                assert!(!status.details().is_empty(), "RetryInfo");
                sent.refused += 1;
            }
        }
    }
    sent
}

/// Runs `load`, and says how slow the health route was meanwhile.
fn with_health<T>(server: &Server, load: impl FnOnce() -> T) -> T {
    let is_over = AtomicBool::new(false);
    let (done, slowest) = thread::scope(|scope| {
        let asks = scope.spawn(|| {
            let mut slowest = Duration::ZERO;
            while !is_over.load(Ordering::Acquire) {
                slowest = slowest.max(health(server.api));
            }
            slowest
        });
        let done = load();
        is_over.store(true, Ordering::Release);
        (done, asks.join().unwrap())
    });
    assert!(slowest < HEALTHY_WITHIN, "{slowest:?}");
    done
}

/// Looks for what a server had of memory, where the system says.
fn assert_within(server: &Server, memory: u64) {
    let max = server.memory_max();
    assert!(max.is_none_or(|max| max <= memory), "{max:?} B");
}

/// Returns how many spans are stored of each trace.
fn stored(server: &Server) -> HashMap<String, u64> {
    server.wait_until_judged().unwrap();
    let listed = server.get("/api/v1/traces?limit=1000").unwrap();
    let listed = listed["traces"].as_array().unwrap().iter();
    let of_trace = listed.map(|trace| {
        let id = trace["trace_id"].as_str().unwrap();
        (id.to_owned(), trace["n_spans"].as_u64().unwrap())
    });
    of_trace.collect()
}

#[test]
fn what_is_too_much_at_once_is_refused_and_what_is_acknowledged_is_there() {
    const MEMORY: u64 = 512 << 20;
    let folder = tempfile::tempdir().unwrap();
    let limits = ["--settle", "50ms", "--memory", "512MiB"];
    let server = Server::start(folder.path(), &limits).unwrap();
    let runtime = tokio::runtime::Runtime::new().unwrap();
    // 200 MiB: more than may be in flight.
    let sent = with_health(&server, || {
        runtime.block_on(send_at_once(server.grpc, 1..101))
    });
    println!(
        "{} accepted, the slowest in {:?}; {} refused",
        sent.accepted.len(),
        sent.slowest,
        sent.refused
    );
    assert!(sent.refused > 0, "that was not too much");
    assert!(!sent.accepted.is_empty());
    assert!(sent.slowest < ACKNOWLEDGED_WITHIN, "{:?}", sent.slowest);

    // It is as it was.
    let after = runtime.block_on(send_at_once(server.grpc, 1_001..1_002));
    assert_eq!(after.refused, 0);
    let stored = stored(&server);
    for trace in sent.accepted.iter().chain(&after.accepted) {
        let id = format!("{trace:032x}");
        assert_eq!(stored.get(&id), Some(&1), "{id} was acknowledged");
    }
    assert_within(&server, MEMORY);
    assert!(server.terminate().unwrap().success());
}

/// The spans of an ordinary request, all of one trace.
const SPANS: u64 = 200;

/// An ordinary request, whose trace can be chosen without writing it anew: a test is not to be busier than the server.
struct Ordinary {
    otlp: Vec<u8>,
    /// Where its spans say of which trace they are.
    traces: Vec<usize>,
}

impl Ordinary {
    fn new() -> Self {
        let trace = u128::MAX - 1;
        let spans = (1..=SPANS).map(|n| {
            let mut sent = span(trace, n, u64::from(n > 1), "GET /orders/{id}");
            sent.attributes.extend((0..8).map(|key| {
                text(
                    &format!("http.request.header.{key}"),
                    &format!("value {}", n * key),
                )
            }));
            sent
        });
        let otlp = request("orders", spans.collect()).encode_to_vec();
        let id = trace.to_be_bytes();
        let is_there = |at: &usize| otlp[*at..].starts_with(&id);
        let traces: Vec<usize> = (0..otlp.len()).filter(is_there).collect();
        assert_eq!(traces.len() as u64, SPANS);
        Self { otlp, traces }
    }

    fn of(&mut self, trace: u64) -> &[u8] {
        for at in &self.traces {
            self.otlp[*at..*at + 16].copy_from_slice(&u128::from(trace).to_be_bytes());
        }
        &self.otlp
    }
}

/// What came of requests that were sent one after another.
#[derive(Debug, Default)]
struct Came {
    accepted: Vec<u64>,
    refused: u64,
    slowest: Duration,
}

/// Sends a request by HTTP. Returns whether it was accepted; who is refused is told when to come again.
fn post(agent: &ureq::Agent, http: SocketAddr, otlp: &[u8]) -> bool {
    let post = agent.post(format!("http://{http}/v1/traces"));
    let sent = post.content_type("application/x-protobuf").send(otlp);
    let answer = sent.unwrap();
    // OTLP, "OTLP/HTTP Throttling".
    let status = answer.status().as_u16();
    if status == 200 {
        return true;
    }
    assert!(matches!(status, 429 | 503), "{status}");
    let after = answer.headers().get("retry-after").unwrap();
    let seconds: u64 = after.to_str().unwrap().parse().unwrap();
    assert!((1..=60).contains(&seconds), "{seconds}");
    false
}

fn agent() -> ureq::Agent {
    let config = ureq::Agent::config_builder().http_status_as_error(false);
    config.build().into()
}

/// Sends without a pause, whatever the answer, until so many requests of all clients were accepted.
fn send_without_pause(http: SocketAddr, next: &AtomicU64, (n, max): (&AtomicU64, u64)) -> Came {
    let (agent, clock) = (agent(), SystemClock::new());
    let (mut ordinary, mut came) = (Ordinary::new(), Came::default());
    while n.load(Ordering::Relaxed) < max {
        let trace = next.fetch_add(1, Ordering::Relaxed);
        let began = clock.monotonic();
        if post(&agent, http, ordinary.of(trace)) {
            n.fetch_add(1, Ordering::Relaxed);
            came.accepted.push(trace);
            let took = clock.monotonic().saturating_sub(began);
            came.slowest = came.slowest.max(took);
        } else {
            came.refused += 1;
        }
    }
    came
}

#[test]
fn twice_what_it_takes_for_a_while() {
    // The least that a server may be given: it is full with some 230 of these requests, and takes as many in each
    // three seconds: the clients send as many in one.
    const MEMORY: u64 = 256 << 20;
    const ACCEPTED: u64 = 450;
    let folder = tempfile::tempdir().unwrap();
    let limits = ["--settle", "3s", "--memory", "256MiB"];
    let server = Server::start(folder.path(), &limits).unwrap();
    let (next, n_accepted) = (AtomicU64::new(1), AtomicU64::new(0));
    let came = with_health(&server, || {
        thread::scope(|scope| {
            let send = || send_without_pause(server.http, &next, (&n_accepted, ACCEPTED));
            let clients: Vec<_> = (0..8).map(|_| scope.spawn(send)).collect();
            let came = clients.into_iter().map(|client| client.join().unwrap());
            came.fold(Came::default(), |mut all, one| {
                all.accepted.extend(one.accepted);
                all.refused += one.refused;
                all.slowest = all.slowest.max(one.slowest);
                all
            })
        })
    });
    let n = came.accepted.len() as u64;
    println!(
        "{n} accepted, the slowest in {:?}; {} refused",
        came.slowest, came.refused
    );
    assert!(came.refused >= n, "that was not twice what it takes");
    assert!(came.slowest < ACKNOWLEDGED_WITHIN, "{:?}", came.slowest);

    // Once nobody sends any more there is room as soon as traces have settled and are stored.
    let (agent, clock) = (agent(), SystemClock::new());
    let (mut ordinary, over) = (Ordinary::new(), clock.monotonic());
    let trace = next.fetch_add(1, Ordering::Relaxed);
    while !post(&agent, server.http, ordinary.of(trace)) {
        let since = clock.monotonic().saturating_sub(over);
        assert!(since < Duration::from_secs(20), "{since:?}");
    }
    println!(
        "accepted again after {:?}",
        clock.monotonic().saturating_sub(over)
    );
    let stored = stored(&server);
    for trace in came.accepted.iter().chain([&trace]) {
        let id = format!("{trace:032x}");
        assert_eq!(stored.get(&id), Some(&SPANS), "{id} was acknowledged");
    }
    assert_within(&server, MEMORY);
    assert!(server.terminate().unwrap().success());
}
