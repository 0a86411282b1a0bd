//! Over loopback, with a real gRPC client and a bare HTTP one: what each error looks like from there.

use std::{
    future,
    io::{self, Write},
    sync::{Arc, Mutex},
    time::Duration,
};

use axum::{
    body::Body,
    http::{HeaderValue, Request, Response},
};
use flate2::{Compression, write::GzEncoder};
use http_body_util::Full;
use opentelemetry_proto::tonic::{
    collector::trace::v1::{
        ExportTraceServiceRequest, ExportTraceServiceResponse,
        trace_service_client::TraceServiceClient,
    },
    trace::v1::{ResourceSpans, ScopeSpans, Span},
};
use proptest::prelude::*;
use prost::Message;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
    sync::oneshot,
};
use tonic::{
    Code, client::GrpcService, codec::CompressionEncoding, metadata::MetadataValue,
    transport::Channel,
};

use super::{
    inflate::{Encoding, InflateError, inflate},
    limits::{
        HEADER_MEMORY_BYTES, MESSAGE_DEPTH_MAX, REQUEST_BODY_BYTES_MAX, REQUEST_BYTES_MAX,
        REQUEST_ITEMS_MAX, REQUEST_MEMORY_BYTES, REQUEST_SPANS_MAX,
    },
    status::{RetryInfo, RpcStatus},
    *,
};
use crate::share::ShareMax;

mod reading;
mod refused;
mod room;
mod share;
mod taken;

/// Keeps what it is given, or refuses it.
#[derive(Default)]
struct TestSink {
    taken: Mutex<Vec<Submission>>,
    refusal: Option<Refused>,
    /// Whose each is; with none there is one tenant.
    tokens: &'static [(&'static str, &'static str)],
}

impl Sink for TestSink {
    fn tenant(&self, token: Option<&str>) -> Option<TenantId> {
        if self.tokens.is_empty() {
            return Some(TenantId::default_tenant());
        }
        let known = self.tokens.iter().find(|known| Some(known.0) == token);
        known.and_then(|(_, tenant)| TenantId::try_new(tenant))
    }

    fn accept(&self, submission: Submission) -> Accepting<'_> {
        Box::pin(async move {
            if let Some(refused) = &self.refusal {
                return Err(refused.clone());
            }
            self.taken.lock().unwrap().push(submission);
            Ok(())
        })
    }
}

fn request(spans: Vec<Span>) -> ExportTraceServiceRequest {
    ExportTraceServiceRequest {
        resource_spans: vec![ResourceSpans {
            scope_spans: vec![ScopeSpans {
                spans,
                ..ScopeSpans::default()
            }],
            ..ResourceSpans::default()
        }],
    }
}

fn span(id: u8) -> Span {
    Span {
        trace_id: vec![1; 16],
        span_id: vec![id; 8],
        name: "n".into(),
        ..Span::default()
    }
}

/// Two good spans and two that cannot be used.
fn mixed() -> ExportTraceServiceRequest {
    let mut short = span(2);
    short.trace_id.pop();
    let mut odd_parent = span(4);
    odd_parent.parent_span_id = vec![1];
    request(vec![span(1), short, span(3), odd_parent])
}

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

/// Runs `client` against a server on a free port of loopback, and then ends the server.
fn with_http<T, F: Future<Output = T>>(receiver: Receiver, client: impl FnOnce(u16) -> F) -> T {
    let runtime = tokio::runtime::Runtime::new().unwrap();
    runtime.block_on(async {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let listener = crate::listen::Listener::start(listener, None).unwrap();
        let (stop, stopped) = oneshot::channel::<()>();
        let server = tokio::spawn(http::serve(listener, receiver, async {
            drop(stopped.await);
        }));
        let result = client(port).await;
        stop.send(()).unwrap();
        server.await.unwrap();
        result
    })
}

fn with_grpc<T, F: Future<Output = T>>(
    receiver: Receiver,
    client: impl FnOnce(TraceServiceClient<Channel>) -> F,
) -> T {
    with_grpc_channel(receiver, |channel| client(TraceServiceClient::new(channel)))
}

fn with_grpc_channel<T, F: Future<Output = T>>(
    receiver: Receiver,
    client: impl FnOnce(Channel) -> F,
) -> T {
    let runtime = tokio::runtime::Runtime::new().unwrap();
    runtime.block_on(async {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let listener = crate::listen::Listener::start(listener, None).unwrap();
        let (stop, stopped) = oneshot::channel::<()>();
        let server = tokio::spawn(grpc::serve(listener, receiver, async {
            drop(stopped.await);
        }));
        let endpoint = Channel::from_shared(format!("http://127.0.0.1:{port}")).unwrap();
        let result = client(endpoint.connect().await.unwrap()).await;
        stop.send(()).unwrap();
        server.await.unwrap();
        result
    })
}

/// A call of gRPC as a request of HTTP, for what no client of gRPC would send.
fn http_request(content_type: &'static str, body: Body) -> Request<tonic::body::Body> {
    let mut request = Request::post(grpc::METHODS[0])
        .body(tonic::body::Body::new(body))
        .unwrap();
    let headers = request.headers_mut();
    headers.insert("content-type", HeaderValue::from_static(content_type));
    request
}

async fn call(
    channel: &mut Channel,
    request: Request<tonic::body::Body>,
) -> Result<Response<tonic::body::Body>, tonic::transport::Error> {
    future::poll_fn(|cx| channel.poll_ready(cx)).await?;
    channel.call(request).await
}

struct Answer {
    status: u16,
    head: String,
    body: Vec<u8>,
}

impl Answer {
    fn header(&self, name: &str) -> Option<&str> {
        self.head.lines().find_map(|line| {
            let (key, value) = line.split_once(": ")?;
            key.eq_ignore_ascii_case(name).then_some(value)
        })
    }

    fn json(&self) -> serde_json::Value {
        serde_json::from_slice(&self.body).unwrap()
    }
}

/// Sends one request and reads what comes back.
async fn post(port: u16, headers: &str, body: &[u8]) -> Answer {
    let mut stream = TcpStream::connect(("127.0.0.1", port)).await.unwrap();
    let len = body.len();
    let head = format!(
        "POST /v1/traces HTTP/1.1\r\nHost: x\r\nConnection: close\r\nContent-Length: {len}\r\n{headers}\r\n\r\n"
    );
    stream.write_all(head.as_bytes()).await.unwrap();
    stream.write_all(body).await.unwrap();
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).await.unwrap();
    let end = answer.windows(4).position(|w| w == b"\r\n\r\n").unwrap();
    let head = String::from_utf8(answer[..end].to_vec()).unwrap();
    Answer {
        status: head[9..12].parse().unwrap(),
        head,
        body: answer[end + 4..].to_vec(),
    }
}

/// What the head of a request of [`post`] takes.
fn head_memory_bytes(body: &[u8]) -> usize {
    let len = body.len().to_string();
    let headers = [
        ("host", "x"),
        ("connection", "close"),
        ("content-length", &len),
        ("content-type", "application/x-protobuf"),
    ];
    let of_headers = headers.map(|(name, value)| name.len() + value.len() + HEADER_MEMORY_BYTES);
    REQUEST_MEMORY_BYTES + of_headers.iter().sum::<usize>()
}

/// Enough for all requests of a test.
pub(super) const ROOM: ShareMax = one_may_have_all(64 << 20);

const fn one_may_have_all(bytes: usize) -> ShareMax {
    ShareMax {
        all: bytes,
        tenant: bytes,
    }
}

const PROTOBUF: &str = "Content-Type: application/x-protobuf";
const JSON: &str = "Content-Type: application/json; charset=utf-8";

fn http_answer(sink: TestSink, headers: &str, body: &[u8]) -> (Answer, Vec<Submission>) {
    let sink = Arc::new(sink);
    let receiver = Receiver::new(Arc::clone(&sink) as Arc<dyn Sink>, ROOM);
    let answer = with_http(
        receiver,
        |port| async move { post(port, headers, body).await },
    );
    let taken = sink.taken.lock().unwrap().clone();
    (answer, taken)
}

/// A field that holds a message.
fn framed(tag: u8, inner: &[u8]) -> Vec<u8> {
    let mut message = vec![tag];
    prost::encoding::encode_varint(inner.len() as u64, &mut message);
    message.extend(inner);
    message
}

/// A request of spans that are given with their tags.
fn request_of(spans: &[u8]) -> Bytes {
    framed(0x0a, &framed(0x12, spans)).into()
}
