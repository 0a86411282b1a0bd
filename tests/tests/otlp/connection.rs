//! Calls of one connection beside one another.

use std::{
    io,
    net::{SocketAddr, TcpListener, TcpStream},
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    thread,
};

use bytes::Bytes;
use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceResponse;
use tonic::{
    Code, Request, Status,
    codec::CompressionEncoding::{self, Gzip},
    transport::{Channel, Endpoint},
};

use super::{
    requests::{BOMB_BYTES, incompressible, otlp},
    wire::{World, export},
};

/// Passes connections on, and counts them: a client makes a new one unasked where the old one ended.
fn forward(to: SocketAddr) -> (SocketAddr, Arc<AtomicUsize>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let from = listener.local_addr().unwrap();
    let n = Arc::new(AtomicUsize::default());
    let count = Arc::clone(&n);
    // They end with their connections, or the test.
    thread::spawn(move || {
        for client in listener.incoming().map_while(Result::ok) {
            count.fetch_add(1, Ordering::Relaxed);
            let server = TcpStream::connect(to).unwrap();
            let back = (server.try_clone().unwrap(), client.try_clone().unwrap());
            for (mut from, mut to) in [(client, server), back] {
                thread::spawn(move || io::copy(&mut from, &mut to));
            }
        }
    });
    (from, n)
}

fn refused_for_good(answer: Result<ExportTraceServiceResponse, Status>, message: &str) {
    let status = answer.unwrap_err();
    assert_eq!(status.code(), Code::InvalidArgument, "{status}");
    assert_eq!(status.message(), message);
    assert!(status.details().is_empty(), "{status}");
}

/// Scenario: over one connection come a call that inflates to more than a request may be, one whose body is too large as it
/// comes, and others, all at once.
/// Guarantees: those two are refused for good, each for its reason; the others and the next are taken, over the same
/// connection.
#[test]
fn a_call_that_is_refused_leaves_the_others_of_its_connection_alone() {
    let world = World::start();
    let (address, n_connections) = forward(world.server.grpc);
    let endpoint = Endpoint::from_shared(format!("http://{address}")).unwrap();
    let bomb = Bytes::from(vec![0; BOMB_BYTES]);
    let large = Bytes::from(incompressible((16 << 20) + 1));
    let (inflated, compressed, others) = world.runtime.block_on(async {
        let channel: Channel = endpoint.connect().await.unwrap();
        let call = |encoding: Option<CompressionEncoding>, body: Bytes| {
            export(channel.clone(), encoding, Request::new(body))
        };
        let (inflated, first, compressed, second) = tokio::join!(
            call(Some(Gzip), bomb),
            call(None, otlp(1).into()),
            call(Some(Gzip), large),
            call(Some(Gzip), otlp(2).into()),
        );
        let third = call(Some(Gzip), otlp(3).into()).await;
        (inflated, compressed, [first, second, third])
    });
    let message = "the request is too large: it holds more than 33554432 B after decompression";
    refused_for_good(inflated, message);
    let message = "the request's body is larger than 16777216 B";
    refused_for_good(compressed, message);
    for (n, other) in others.into_iter().enumerate() {
        assert_eq!(other.unwrap().partial_success, None, "call {n}");
        assert_eq!(world.stored(1 + n as u128).len(), 1);
    }
    assert_eq!(n_connections.load(Ordering::Relaxed), 1);
}
