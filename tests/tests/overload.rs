//! Scenario: more comes than a server can take.
//!
//! Guarantees: ten thousand connections that say nothing, and clients that send more at once than there is room for, leave
//! the memory within its bound and the health route answering within a second; who is refused is told to come again, who is
//! acknowledged finds its trace, and afterwards everybody is served.

#![expect(clippy::unwrap_used, reason = "a test stops at the first surprise")]

use std::{
    collections::HashSet,
    net::{SocketAddr, TcpStream},
    sync::atomic::{AtomicBool, Ordering},
    thread,
    time::Duration,
};

use betrace::clock::{Clock as _, SystemClock};
use betrace_tests::{
    client::{request, span},
    server::Server,
};
use opentelemetry_proto::tonic::{
    collector::trace::v1::{ExportTraceServiceRequest, trace_service_client::TraceServiceClient},
    common::v1::{AnyValue, KeyValue, any_value::Value},
};
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use tonic::Code;

const HEALTHY_WITHIN: Duration = Duration::from_secs(1);

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
    let bytes = std::iter::repeat_with(|| {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        state.to_le_bytes()
    });
    let value = Value::BytesValue(bytes.take(1 << 18).flatten().collect());
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
            let clock = SystemClock::new();
            let began = clock.monotonic();
            let answer = client.unwrap().export(large(trace)).await;
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

#[test]
fn what_is_too_much_is_refused_and_what_is_acknowledged_is_there() {
    let folder = tempfile::tempdir().unwrap();
    let server = Server::start(folder.path(), &["--settle", "50ms"]).unwrap();
    let is_over = AtomicBool::new(false);
    let (sent, slowest_health) = thread::scope(|scope| {
        let asks = scope.spawn(|| {
            let mut slowest = Duration::ZERO;
            while !is_over.load(Ordering::Acquire) {
                slowest = slowest.max(health(server.api));
            }
            slowest
        });
        let runtime = tokio::runtime::Runtime::new().unwrap();
        // 300 MiB: more than may be in flight.
        let sent = runtime.block_on(send_at_once(server.grpc, 1..151));
        is_over.store(true, Ordering::Release);
        (sent, asks.join().unwrap())
    });
    let memory = server.memory_max().map(|bytes| bytes >> 20);
    println!(
        "{} accepted, the slowest in {:?}; {} refused; health in {slowest_health:?}; {memory:?} MiB",
        sent.accepted.len(),
        sent.slowest,
        sent.refused,
    );
    assert!(sent.refused > 0, "that was not too much");
    assert!(!sent.accepted.is_empty());
    assert!(slowest_health < HEALTHY_WITHIN, "{slowest_health:?}");
    assert!(sent.slowest < Duration::from_secs(20), "{:?}", sent.slowest);
    // In flight 256, waiting to be durable 64, open until they are sealed all 300, and as much while they are.
    assert!(memory.is_none_or(|mib| mib < 1_280), "{memory:?} MiB");

    // It is as it was.
    let after = tokio::runtime::Runtime::new()
        .unwrap()
        .block_on(send_at_once(server.grpc, 1_001..1_002));
    assert_eq!(after.refused, 0);
    server.wait_until_judged().unwrap();
    let listed = server.get("/api/v1/traces?limit=1000").unwrap();
    let listed: HashSet<&str> = listed["traces"]
        .as_array()
        .unwrap()
        .iter()
        .map(|trace| trace["trace_id"].as_str().unwrap())
        .collect();
    for trace in sent.accepted.iter().chain(&after.accepted) {
        let id = format!("{trace:032x}");
        assert!(listed.contains(&id[..]), "{id} was acknowledged");
    }
    assert!(server.terminate().unwrap().success());
}
