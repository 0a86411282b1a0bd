//! What clients that mean no good, or are slow, are held to; and that the others are answered meanwhile.

use axum::{Router, routing::get};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    sync::oneshot,
};

use super::{limits::STREAMS_TAKEN_BACK_MAX, *};

const SOON: ConnectionLimits = ConnectionLimits {
    connections_max: 4,
    idle_max: Duration::from_millis(50),
    idle_looked_for_every: Duration::from_millis(10),
    head_read_timeout: Duration::from_millis(50),
};

const LATE: ConnectionLimits = ConnectionLimits {
    connections_max: 4,
    idle_max: Duration::from_hours(1),
    idle_looked_for_every: Duration::from_hours(1),
    head_read_timeout: Duration::from_hours(1),
};

/// Runs `client` against a server with one route.
fn with_server<F: Future<Output = ()>>(
    limits: ConnectionLimits,
    client: impl FnOnce(SocketAddr) -> F,
) {
    let runtime = tokio::runtime::Runtime::new().unwrap();
    runtime.block_on(async {
        let port = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let listener = Listener::within(port, None, limits).unwrap();
        let address = listener.local_addr();
        let router = Router::new().route("/", get(async || "answered"));
        let (stop, stopped) = oneshot::channel::<()>();
        let server = tokio::spawn(serve(listener, router, Versions::Both, async {
            drop(stopped.await);
        }));
        client(address).await;
        stop.send(()).unwrap();
        server.await.unwrap();
    });
}

/// Asks, and returns all that comes until the connection ends.
async fn ask(address: SocketAddr, request: &[u8]) -> String {
    let mut stream = TcpStream::connect(address).await.unwrap();
    stream.write_all(request).await.unwrap();
    rest(&mut stream).await
}

/// Reads until the connection ends, however it does.
async fn rest(stream: &mut TcpStream) -> String {
    let mut said = Vec::new();
    let _reset = stream.read_to_end(&mut said).await;
    String::from_utf8_lossy(&said).into_owned()
}

const ONCE: &[u8] = b"GET / HTTP/1.1\r\nhost: a\r\nconnection: close\r\n\r\n";

#[test]
fn connections_obeyed_and_exceeded() {
    with_server(LATE, async |address| {
        let mut quiet = Vec::new();
        for _ in 0..4 {
            quiet.push(TcpStream::connect(address).await.unwrap());
        }
        // One more is answered: the quietest has made room, and nobody else.
        assert!(ask(address, ONCE).await.ends_with("answered"));
        let mut n_ended = 0;
        for stream in &mut quiet {
            let ended = stream.try_read(&mut [0; 1]);
            n_ended += usize::from(ended.is_ok_and(|n| n == 0));
        }
        assert!(n_ended <= 1, "{n_ended} ended");
        for _ in 0..8 {
            assert!(ask(address, ONCE).await.ends_with("answered"));
        }
        drop(quiet);
    });
}

#[test]
fn idle_time_exceeded() {
    with_server(SOON, async |address| {
        let mut idle = TcpStream::connect(address).await.unwrap();
        idle.write_all(b"GET / HTTP/1.1\r\nhost: a\r\n\r\n")
            .await
            .unwrap();
        // The answer, and then the end though the client has not asked for it.
        assert!(rest(&mut idle).await.ends_with("answered"));
    });
}

#[test]
fn idle_time_obeyed() {
    let limits = ConnectionLimits {
        idle_max: Duration::from_secs(30),
        ..SOON
    };
    with_server(limits, async |address| {
        let mut stream = TcpStream::connect(address).await.unwrap();
        for _ in 0..3 {
            stream
                .write_all(b"GET / HTTP/1.1\r\nhost: a\r\n\r\n")
                .await
                .unwrap();
            let mut answer = [0; 512];
            let n = stream.read(&mut answer).await.unwrap();
            assert!(answer[..n].ends_with(b"answered"));
        }
    });
}

#[test]
fn head_read_time_exceeded() {
    let limits = ConnectionLimits {
        idle_max: LATE.idle_max,
        ..SOON
    };
    with_server(limits, async |address| {
        let said = ask(address, b"GET / HTTP/1.1\r\nhost: ").await;
        assert!(!said.contains("answered"), "{said}");
        assert!(ask(address, ONCE).await.ends_with("answered"));
    });
}

#[test]
fn streams_taken_back_exceeded() {
    with_server(LATE, async |address| {
        let mut flood = TcpStream::connect(address).await.unwrap();
        let mut sent = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n".to_vec();
        sent.extend(frame(SETTINGS, 0, 0, &[]));
        // RFC 7541: GET, http, /, and the authority `a`.
        let head = [0x82, 0x86, 0x84, 0x41, 0x01, b'a'];
        for stream in 0..STREAMS_TAKEN_BACK_MAX as u32 * 100 {
            let stream = 2 * stream + 1;
            sent.extend(frame(HEADERS, END_STREAM | END_HEADERS, stream, &head));
            sent.extend(frame(RST_STREAM, 0, stream, &8_u32.to_be_bytes()));
        }
        // What is not read any more cannot be written.
        let _cut = flood.write_all(&sent).await;
        let said = rest(&mut flood).await;
        assert!(said.contains("too_many"), "{said:?}");
        assert!(ask(address, ONCE).await.ends_with("answered"));
    });
}

const HEADERS: u8 = 1;
const RST_STREAM: u8 = 3;
const SETTINGS: u8 = 4;
const END_STREAM: u8 = 1;
const END_HEADERS: u8 = 4;

/// A frame of HTTP/2 (RFC 9113, section 4.1).
fn frame(kind: u8, flags: u8, stream: u32, payload: &[u8]) -> Vec<u8> {
    let len = (payload.len() as u32).to_be_bytes();
    let mut frame = vec![len[1], len[2], len[3], kind, flags];
    frame.extend(stream.to_be_bytes());
    frame.extend(payload);
    frame
}
