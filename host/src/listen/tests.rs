//! What clients that mean no good, or are slow, are held to; and that the others are answered meanwhile.

use axum::{
    Router,
    body::Bytes,
    routing::{get, post},
};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    sync::oneshot,
};

use super::{
    limits::{CONCURRENT_STREAMS_MAX, HEADERS_BYTES_MAX, STREAMS_TAKEN_BACK_MAX},
    *,
};

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
        let waits = post(async |_: Bytes| "taken");
        let router = Router::new()
            .route("/", get(async || "answered"))
            .route("/waits", waits);
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
        let mut sent = hello();
        for stream in 0..STREAMS_TAKEN_BACK_MAX as u32 * 100 {
            let stream = 2 * stream + 1;
            sent.extend(frame(HEADERS, END_STREAM | END_HEADERS, stream, &HEAD));
            sent.extend(frame(RST_STREAM, 0, stream, &8_u32.to_be_bytes()));
        }
        // What is not read any more cannot be written.
        let _cut = flood.write_all(&sent).await;
        let said = rest(&mut flood).await;
        assert!(said.contains("too_many"), "{said:?}");
        assert!(ask(address, ONCE).await.ends_with("answered"));
    });
}

#[test]
fn headers_exceeded_by_continuations() {
    // CVE-2024-27316: of a head that does not end nothing must be kept without end.
    for each in [0, 5, 1_000, 16_000] {
        with_server(LATE, async |address| {
            let mut flood = TcpStream::connect(address).await.unwrap();
            let mut sent = hello();
            sent.extend(frame(HEADERS, END_STREAM, 1, &HEAD));
            // Headers `x: y` that no table keeps.
            let headers = [0x00, 1, b'x', 1, b'y'].repeat(each / 5);
            for _ in 0..20_000 {
                sent.extend(frame(CONTINUATION, 0, 1, &headers));
            }
            let _cut = flood.write_all(&sent).await;
            let said = rest(&mut flood).await;
            assert!(!said.contains("answered"), "{each}: {said:?}");
            assert!(ask(address, ONCE).await.ends_with("answered"));
        });
    }
}

#[test]
fn headers_obeyed_and_exceeded() {
    with_server(LATE, async |address| {
        let max = HEADERS_BYTES_MAX as usize;
        for (n_bytes, answered) in [(max / 2, true), (2 * max, false)] {
            let long = "y".repeat(n_bytes);
            let head =
                format!("GET / HTTP/1.1\r\nhost: a\r\nconnection: close\r\nx: {long}\r\n\r\n");
            let said = ask(address, head.as_bytes()).await;
            assert_eq!(said.ends_with("answered"), answered, "{n_bytes}: {said:?}");
        }
    });
}

#[test]
fn concurrent_streams_obeyed_and_exceeded() {
    with_server(LATE, async |address| {
        let mut client = TcpStream::connect(address).await.unwrap();
        let mut sent = hello();
        // Heads whose bodies never come.
        let max = CONCURRENT_STREAMS_MAX;
        for stream in 0..max {
            sent.extend(frame(HEADERS, END_HEADERS, 2 * stream + 1, &WAITS));
        }
        client.write_all(&sent).await.unwrap();
        // All of them are there: the first is answered when its body has come.
        client
            .write_all(&frame(DATA, END_STREAM, 1, b"body"))
            .await
            .unwrap();
        let (kind, stream, _) = next_of_stream(&mut client).await;
        assert_eq!((kind, stream), (HEADERS, 1));
        // There is room for one more, and not for two.
        for more in [max, max + 1] {
            let head = frame(HEADERS, END_HEADERS, 2 * more + 1, &WAITS);
            client.write_all(&head).await.unwrap();
        }
        let (kind, stream, payload) = loop {
            let next = next_of_stream(&mut client).await;
            if next.0 == RST_STREAM {
                break next;
            }
        };
        // RFC 9113, section 8.7: it may be sent again.
        let refused = 7_u32.to_be_bytes();
        let last = 2 * (max + 1) + 1;
        assert_eq!(
            (kind, stream, &payload[..]),
            (RST_STREAM, last, &refused[..])
        );
        assert!(ask(address, ONCE).await.ends_with("answered"));
    });
}

#[test]
fn questions_whose_answers_are_not_read_hold_up_nobody() {
    for (kind, payload) in [(PING, &[0; 8][..]), (SETTINGS, &[])] {
        with_server(LATE, async |address| {
            let mut flood = TcpStream::connect(address).await.unwrap();
            flood.write_all(&hello()).await.unwrap();
            let questions = frame(kind, 0, 0, payload).repeat(10_000);
            // Some are read, until the answers have nowhere to go: then the client is not heard any more.
            let stalled = Duration::from_millis(200);
            let mut n_sent = 0;
            while timeout(stalled, flood.write_all(&questions)).await.is_ok() {
                n_sent += 1;
                assert!(n_sent < 10_000, "all is kept");
            }
            assert!(ask(address, ONCE).await.ends_with("answered"));
        });
    }
}

const DATA: u8 = 0;
const HEADERS: u8 = 1;
const RST_STREAM: u8 = 3;
const SETTINGS: u8 = 4;
const PING: u8 = 6;
const CONTINUATION: u8 = 9;
const END_STREAM: u8 = 1;
const END_HEADERS: u8 = 4;

/// RFC 7541: GET, http, /, and the authority `a`.
const HEAD: [u8; 6] = [0x82, 0x86, 0x84, 0x41, 0x01, b'a'];

/// POST, http, /waits, and the authority `a`.
const WAITS: [u8; 13] = *b"\x83\x86\x04\x06/waits\x41\x01a";

/// What a client of HTTP/2 says first.
fn hello() -> Vec<u8> {
    let mut hello = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n".to_vec();
    hello.extend(frame(SETTINGS, 0, 0, &[]));
    hello
}

/// Reads the next frame that is of a stream: its kind, stream and payload.
async fn next_of_stream(client: &mut TcpStream) -> (u8, u32, Vec<u8>) {
    loop {
        let mut head = [0; 9];
        client.read_exact(&mut head).await.unwrap();
        let [a, b, c, kind, _, stream @ ..] = head;
        let mut payload = vec![0; u32::from_be_bytes([0, a, b, c]) as usize];
        client.read_exact(&mut payload).await.unwrap();
        let stream = u32::from_be_bytes(stream);
        if stream > 0 && matches!(kind, HEADERS | RST_STREAM) {
            return (kind, stream, payload);
        }
    }
}

/// A frame of HTTP/2 (RFC 9113, section 4.1).
fn frame(kind: u8, flags: u8, stream: u32, payload: &[u8]) -> Vec<u8> {
    let len = (payload.len() as u32).to_be_bytes();
    let mut frame = vec![len[1], len[2], len[3], kind, flags];
    frame.extend(stream.to_be_bytes());
    frame.extend(payload);
    frame
}
