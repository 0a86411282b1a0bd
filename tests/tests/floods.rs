//! Scenario: clients that mean no good, or are very slow, over many connections.
//!
//! Guarantees: what they can have of the server is bounded in memory, the health route answers within a second meanwhile,
//! who sends spans is taken or told when to come again, and once they have gone everybody is served. What each connection
//! is held to has tests of its own, in `host/src/listen/tests.rs`.

#![expect(clippy::unwrap_used, reason = "a test stops at the first surprise")]

use std::{
    io::Write as _,
    net::{SocketAddr, TcpStream},
    sync::atomic::{AtomicBool, Ordering},
    thread,
    time::Duration,
};

use betrace::clock::{Clock as _, SystemClock};
use betrace_tests::{
    client::{request, span},
    http2::{CONTINUATION, DATA, END_HEADERS, HEADERS, PING, SETTINGS, frame, hello, post},
    server::Server,
};
use prost::Message as _;

const MEMORY: u64 = 256 << 20;
const EXPORT: &str = "/opentelemetry.proto.collector.trace.v1.TraceService/Export";
const HEALTHY_WITHIN: Duration = Duration::from_secs(1);

/// How often it is looked at the server while somebody floods it.
const LOOKS: usize = 10;

/// A connection that is not waited for when it does not read.
fn connect(to: SocketAddr) -> TcpStream {
    let stream = TcpStream::connect(to).unwrap();
    let stalls = Some(Duration::from_millis(50));
    stream.set_write_timeout(stalls).unwrap();
    stream
}

/// Returns whether spans were taken; else who sent them was told when to come again. Fails where the server is slow.
fn send(server: &Server, trace: u128) -> bool {
    let clock = SystemClock::new();
    let config = ureq::Agent::config_builder()
        .http_status_as_error(false)
        .timeout_global(Some(10 * HEALTHY_WITHIN));
    let agent: ureq::Agent = config.build().into();
    let began = clock.monotonic();
    let healthy = agent.get(format!("http://{}/healthz", server.api)).call();
    assert_eq!(healthy.unwrap().status(), 200);
    let took = clock.monotonic().saturating_sub(began);
    assert!(took < HEALTHY_WITHIN, "{took:?}");
    let otlp = request("calm", vec![span(trace, 1, 0, "step")]).encode_to_vec();
    let export = agent.post(format!("http://{}/v1/traces", server.http));
    let answer = export
        .content_type("application/x-protobuf")
        .send(&otlp[..]);
    let answer = answer.unwrap();
    let status = answer.status().as_u16();
    assert!(matches!(status, 200 | 429), "{status}");
    assert_eq!(answer.headers().contains_key("retry-after"), status == 429);
    status == 200
}

/// Has `n` clients flood a server while an ordinary one sends. Each returns what it wants to keep until it is over.
fn flood<T>(n: usize, client: impl Fn(&Server, &AtomicBool) -> T + Sync)
where
    T: Send,
{
    let folder = tempfile::tempdir().unwrap();
    let server = Server::start(folder.path(), &["--memory", "256MiB"]).unwrap();
    let is_over = AtomicBool::new(false);
    thread::scope(|scope| {
        let one = || client(&server, &is_over);
        let clients: Vec<_> = (0..n).map(|_| scope.spawn(one)).collect();
        for trace in 1..=LOOKS {
            // Taken, or told when to come again.
            let _taken = send(&server, trace as u128);
        }
        is_over.store(true, Ordering::Relaxed);
        for client in clients {
            drop(client.join().unwrap());
        }
    });
    let memory = server.memory_max();
    assert!(memory.is_none_or(|bytes| bytes <= MEMORY), "{memory:?} B");
    // Those that are gone are noticed when their connections are, at once.
    let is_served = (0..1_000).any(|n| send(&server, 1_000 + n));
    assert!(is_served, "nobody is served afterwards");
    assert!(server.terminate().unwrap().success());
}

/// Writes over and over until it is over, over a new connection where one was closed.
fn write_on(to: SocketAddr, first: &[u8], then: &[u8], is_over: &AtomicBool) {
    while !is_over.load(Ordering::Relaxed) {
        let mut stream = connect(to);
        if stream.write_all(first).is_err() {
            continue;
        }
        // One that stalls is left alone: the next may be heard.
        while !is_over.load(Ordering::Relaxed) && stream.write_all(then).is_ok() {}
    }
}

#[test]
fn streams_whose_bodies_never_come() {
    // 64 connections of 128 streams: with their heads, 8 KiB each, more than may be in flight.
    flood(64, |server, _| {
        let mut stream = connect(server.grpc);
        let head = post(EXPORT, "application/grpc", 4_000);
        let mut sent = hello();
        for number in 0..128 {
            sent.extend(frame(HEADERS, END_HEADERS, 2 * number + 1, &head));
        }
        let _written = stream.write_all(&sent);
        stream
    });
}

#[test]
fn bodies_that_come_byte_by_byte() {
    flood(4, |server, is_over| {
        let head = "POST /v1/traces HTTP/1.1\r\nhost: a\r\ncontent-type: application/x-protobuf\r\n\
                    content-length: 16000000\r\n\r\n";
        let slow = |_| {
            let mut stream = connect(server.http);
            stream.write_all(head.as_bytes()).unwrap();
            stream
        };
        let mut all: Vec<TcpStream> = (0..100).map(slow).collect();
        while !is_over.load(Ordering::Relaxed) {
            for stream in &mut all {
                // Who was refused has gone.
                let _gone = stream.write_all(&[0x0a]);
            }
        }
        all
    });
}

#[test]
fn heads_that_never_end() {
    flood(4, |server, is_over| {
        let head = post(EXPORT, "application/grpc", 100);
        let begin = [hello(), frame(HEADERS, 0, 1, &head)].concat();
        let more = frame(CONTINUATION, 0, 1, b"\x00\x01x\x01y").repeat(1_000);
        write_on(server.grpc, &begin, &more, is_over);
    });
}

#[test]
fn questions_whose_answers_nobody_reads() {
    flood(4, |server, is_over| {
        let pings = frame(PING, 0, 0, &[0; 8]).repeat(1_000);
        let settings = frame(SETTINGS, 0, 0, &[]).repeat(1_000);
        write_on(server.api, &hello(), &[pings, settings].concat(), is_over);
    });
}

#[test]
fn bodies_of_empty_frames() {
    flood(4, |server, is_over| {
        let head = post(EXPORT, "application/grpc", 100);
        let begin = [hello(), frame(HEADERS, END_HEADERS, 1, &head)].concat();
        let nothing = frame(DATA, 0, 1, &[]).repeat(1_000);
        write_on(server.grpc, &begin, &nothing, is_over);
    });
}
