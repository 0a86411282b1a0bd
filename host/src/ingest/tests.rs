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

mod share;

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

fn full() -> TestSink {
    TestSink {
        refusal: Some(Refused::Full {
            what: "too many spans are open".into(),
            retry_after: Duration::from_millis(1_500),
        }),
        ..TestSink::default()
    }
}

fn unavailable() -> TestSink {
    TestSink {
        refusal: Some(Refused::Unavailable {
            what: "the disk is full".into(),
            retry_after: Duration::from_secs(30),
        }),
        ..TestSink::default()
    }
}

fn over_quota() -> TestSink {
    TestSink {
        refusal: Some(Refused::OverQuota {
            what: "this tenant stores enough".into(),
        }),
        ..TestSink::default()
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

#[test]
fn http_takes_protobuf_plain_and_compressed() {
    let otlp = request(vec![span(1), span(2)]).encode_to_vec();
    let zstd = zstd::encode_all(&otlp[..], 1).unwrap();
    for (encoding, body) in [("identity", &otlp), ("gzip", &gzip(&otlp)), ("zstd", &zstd)] {
        let headers = format!("{PROTOBUF}\r\nContent-Encoding: {encoding}");
        let (answer, taken) = http_answer(TestSink::default(), &headers, body);
        assert_eq!((answer.status, answer.body), (200, vec![]), "{encoding}");
        assert_eq!(taken[0].otlp, otlp);
        assert_eq!(
            taken[0].records,
            decode(&otlp.clone().into()).unwrap().records
        );
        assert_eq!(taken[0].tenant.as_str(), "default");
    }
}

#[test]
fn http_takes_json_and_keeps_protobuf() {
    let json = br#"{"resourceSpans":[{"scopeSpans":[{"spans":[{"name":"n","traceId":
        "01010101010101010101010101010101","spanId":"0101010101010101"}]}]}]}"#;
    let (answer, taken) = http_answer(TestSink::default(), JSON, json);
    assert_eq!((answer.status, &answer.body[..]), (200, &b"{}"[..]));
    assert_eq!(answer.header("content-type"), Some("application/json"));
    assert_eq!(taken[0].otlp, request(vec![span(1)]).encode_to_vec());
}

#[test]
fn spans_are_refused_one_by_one_with_reasons() {
    let at = "at resourceSpans[0].scopeSpans[0].spans";
    let reason = format!(
        "spans refused: trace id is not 16 bytes, or is all zero (1, {at}[1]); \
         parent span id is not 8 bytes (1, {at}[3])"
    );
    let (answer, taken) = http_answer(TestSink::default(), PROTOBUF, &mixed().encode_to_vec());
    let response = ExportTraceServiceResponse::decode(&answer.body[..]).unwrap();
    let partial = response.partial_success.unwrap();
    assert_eq!((answer.status, partial.rejected_spans), (200, 2));
    assert_eq!(partial.error_message, reason);
    let ids: Vec<_> = taken[0]
        .records
        .iter()
        .map(|span| span.span_id.0[0])
        .collect();
    assert_eq!(ids, [1, 3]);

    let json = br#"{"resourceSpans":[{"scopeSpans":[{"spans":[{}]}]}]}"#;
    let (answer, taken) = http_answer(TestSink::default(), JSON, json);
    let partial = &answer.json()["partialSuccess"];
    assert_eq!(partial["rejectedSpans"], "1");
    // Nothing is left to be made durable.
    assert_eq!((answer.status, taken.len()), (200, 0));
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

/// A request that is more than we take, in a few bytes of its own.
fn too_many_spans() -> Vec<u8> {
    request_of(&[0x12, 0].repeat(REQUEST_SPANS_MAX + 1)).into()
}

/// A request of one span with an attribute whose value is an array in an array, so many times.
fn nested(arrays: usize) -> Bytes {
    let value = (0..arrays).fold(Vec::new(), |inner, _| framed(0x2a, &framed(0x0a, &inner)));
    let attribute = framed(0x4a, &framed(0x12, &value));
    request_of(&framed(
        0x12,
        &[span(1).encode_to_vec(), attribute].concat(),
    ))
}

fn lies_in(request: &Bytes, part: &Bytes) -> bool {
    request.as_ptr_range().contains(&part.as_ptr())
}

#[test]
fn spans_stay_where_they_lie_unless_fields_are_to_be_merged() {
    let otlp = Bytes::from(mixed().encode_to_vec());
    let spans = decode(&otlp).unwrap().records;
    assert!(spans.iter().all(|span| lies_in(&otlp, &span.message)));

    // A status with a code, and one with a message.
    let twice = [
        &span(1).encode_to_vec()[..],
        &[0x7a, 2, 0x18, 2, 0x7a, 3, 0x12, 1, b'm'],
    ];
    let otlp = request_of(&framed(0x12, &twice.concat()));
    let [merged] = decode(&otlp).unwrap().records.try_into().unwrap();
    assert!(!lies_in(&otlp, &merged.message));
    let status = merged.to_record().span.status.unwrap();
    assert_eq!((status.code, status.message.as_str()), (2, "m"));
}

#[test]
fn what_a_request_holds_and_how_deep_is_limited() {
    // The request, its resource spans, scope spans, and the attributes.
    let with_attributes = |n: usize| {
        let span = [span(1).encode_to_vec(), [0x4a, 0].repeat(n)].concat();
        decode(&request_of(&framed(0x12, &span))).map(|decoded| decoded.records.len())
    };
    assert_eq!(with_attributes(REQUEST_ITEMS_MAX - 3), Ok(1));
    let too_many = DecodeError::TooMany {
        what: "attributes, events and links",
        max: REQUEST_ITEMS_MAX,
    };
    assert_eq!(with_attributes(REQUEST_ITEMS_MAX - 2), Err(too_many));

    // Request, resource spans, scope spans, span, attribute, value, and two for each array.
    let deepest = (MESSAGE_DEPTH_MAX - 6) / 2;
    let otlp = nested(deepest);
    assert!(lies_in(&otlp, &decode(&otlp).unwrap().records[0].message));
    let error = decode(&nested(deepest + 1)).unwrap_err().to_string();
    assert!(
        error.ends_with("its messages are nested more than 100 deep"),
        "{error}"
    );
}

/// Checks what is told of a body that is not taken, and that it says not to come again.
fn check_http_error(headers: &str, body: &[u8], status: u16, code: Code, message: &str) {
    let (answer, taken) = http_answer(TestSink::default(), headers, body);
    assert_eq!(answer.status, status, "{message}");
    assert_eq!(answer.header("retry-after"), None, "{message}");
    let (told, what) = if headers.starts_with(PROTOBUF) {
        assert_eq!(
            answer.header("content-type"),
            Some("application/x-protobuf")
        );
        let status = RpcStatus::decode(&answer.body[..]).unwrap();
        (i64::from(status.code), status.message)
    } else {
        let status = answer.json();
        let message = status["message"].as_str().unwrap();
        (status["code"].as_i64().unwrap(), message.to_owned())
    };
    assert_eq!(told, code as i64, "{message}");
    assert!(what.contains(message), "{message}: {what}");
    assert_eq!(taken, []);
}

#[test]
fn http_errors_are_a_status_in_the_encoding_of_the_request() {
    let malformed = Code::InvalidArgument;
    let gzipped = |format: &str| format!("{format}\r\nContent-Encoding: gzip");
    check_http_error(PROTOBUF, b"\xff\xff", 400, malformed, "it is not protobuf");
    check_http_error(
        PROTOBUF,
        b"\x0a\x03\x1a\x01\xff",
        400,
        malformed,
        "schema_url",
    );
    check_http_error(
        JSON,
        b"{]",
        400,
        malformed,
        "key must be a string, line 1 column 2",
    );
    let broken = b"\x1f\x8b\x08";
    check_http_error(
        &gzipped(JSON),
        broken,
        400,
        malformed,
        "its compression is broken",
    );
    let large = vec![0; REQUEST_BODY_BYTES_MAX + 1];
    check_http_error(PROTOBUF, &large, 413, malformed, "larger than 16777216 B");
    let bomb = gzip(&vec![0; REQUEST_BYTES_MAX + 1]);
    let message = "more than 33554432 B after decompression";
    check_http_error(&gzipped(PROTOBUF), &bomb, 413, malformed, message);
    check_http_error(
        PROTOBUF,
        &too_many_spans(),
        413,
        malformed,
        "more than 262144 spans",
    );
    let brotli = format!("{JSON}\r\nContent-Encoding: br");
    check_http_error(
        &brotli,
        b"{}",
        415,
        Code::Unimplemented,
        "encoding `br` is not taken",
    );
    let text = "Content-Type: text/plain";
    check_http_error(
        text,
        b"{}",
        415,
        malformed,
        "content type `text/plain` is not taken",
    );
}

/// Scenario: a request of JSON that is within its own limits, and not within those of the protobuf that the inbox keeps.
/// Guarantees: nothing is acknowledged that a restart could not read again.
#[test]
fn json_that_the_inbox_could_not_give_back_is_refused() {
    let attributes = [r#"{"value":{}}"#].repeat(REQUEST_ITEMS_MAX / 2).join(",");
    let json = format!(
        r#"{{"resourceSpans":[{{"resource":{{"attributes":[{attributes}]}},"scopeSpans":[{{"spans":[{{
        "traceId":"01010101010101010101010101010101","spanId":"0101010101010101"}}]}}]}}]}}"#
    );
    let too_many = "more than 2097152 attributes";
    check_http_error(JSON, json.as_bytes(), 413, Code::InvalidArgument, too_many);
}

#[test]
fn http_says_when_to_come_again() {
    let otlp = request(vec![span(1)]).encode_to_vec();
    let (answer, _) = http_answer(full(), PROTOBUF, &otlp);
    assert_eq!(
        (answer.status, answer.header("retry-after")),
        (429, Some("2"))
    );
    let status = RpcStatus::decode(&answer.body[..]).unwrap();
    assert_eq!(status.message, "too many spans are open");

    let json = br#"{"resourceSpans":[{"scopeSpans":[{"spans":[{"traceId":
        "01010101010101010101010101010101","spanId":"0101010101010101"}]}]}]}"#;
    let (answer, _) = http_answer(unavailable(), JSON, json);
    assert_eq!(
        (answer.status, answer.header("retry-after")),
        (503, Some("30"))
    );
    assert_eq!(answer.json()["details"][0]["retryDelay"], "30s");

    // The head, the body, the span, and what is copied of the request: each is counted.
    let mut large = request(vec![span(1)]);
    large.resource_spans[0].schema_url = "u".repeat(10_000);
    for (body, beside_head) in [
        (&otlp, None),
        (&otlp, Some(otlp.len() - 1)),
        (&otlp, Some(otlp.len() + 200)),
        (&large.encode_to_vec(), Some(15_000)),
    ] {
        let head = head_memory_bytes(body);
        let room = beside_head.map_or(head - 1, |beside| head + beside);
        let answer = |max, others| {
            let receiver = Receiver::new(Arc::new(TestSink::default()), one_may_have_all(max));
            let mut of_others = receiver.begin(&TenantId::default_tenant());
            assert_eq!(of_others.grow(others), Ok(()));
            with_http(
                receiver,
                |port| async move { post(port, PROTOBUF, body).await },
            )
        };
        let refused = answer(100_000, 100_000 - room);
        assert_eq!(
            (refused.status, refused.header("retry-after")),
            (429, Some("1"))
        );
        // Where all of the room is too little, coming again is of no use.
        let refused = answer(room, 0);
        assert_eq!((refused.status, refused.header("retry-after")), (413, None));
        let status = RpcStatus::decode(&refused.body[..]).unwrap();
        assert!(status.message.contains("more `memory`"), "{status:?}");
    }
}

#[test]
fn what_a_request_held_is_given_back() {
    let otlp = request(vec![span(1)]).encode_to_vec();
    let receiver = Receiver::new(Arc::new(TestSink::default()), one_may_have_all(12_000));
    with_http(receiver, |port| async move {
        for _ in 0..20 {
            assert_eq!(post(port, PROTOBUF, &otlp).await.status, 200);
        }
    });
}

/// Scenario: a client sends the head of a request and a part of its body, and then nothing.
/// Guarantees: it is told to come again, by a status on which clients of OTLP do; 408 is none.
#[test]
fn a_body_that_comes_too_late_may_be_sent_again() {
    let late =
        || Receiver::with_body_read_max(Arc::new(TestSink::default()), Duration::from_millis(20));
    let answer = with_http(late(), |port| async move {
        let mut stream = TcpStream::connect(("127.0.0.1", port)).await.unwrap();
        let head = format!(
            "POST /v1/traces HTTP/1.1\r\nHost: x\r\nContent-Length: 9\r\n{PROTOBUF}\r\n\r\n12"
        );
        stream.write_all(head.as_bytes()).await.unwrap();
        let mut answer = Vec::new();
        stream.read_to_end(&mut answer).await.unwrap();
        String::from_utf8_lossy(&answer).to_lowercase()
    });
    assert!(answer.starts_with("http/1.1 503 "), "{answer}");
    assert!(answer.contains("\r\nretry-after: 1\r\n"), "{answer}");
    assert!(answer.contains("did not come in time"), "{answer}");

    let (code, details) = with_grpc_channel(late(), |mut channel| async move {
        let mut request = http_request(
            "application/grpc",
            Body::from_stream(tokio_stream::pending::<io::Result<Bytes>>()),
        );
        request
            .headers_mut()
            .insert("te", HeaderValue::from_static("trailers"));
        let response = call(&mut channel, request).await.unwrap();
        let status = tonic::Status::from_header_map(response.headers()).unwrap();
        (status.code(), status.details().to_vec())
    });
    assert_eq!(code, Code::Unavailable);
    let status = RpcStatus::decode(&details[..]).unwrap();
    let retry = RetryInfo::decode(&status.details[0].value[..]).unwrap();
    assert_eq!(retry.retry_delay.unwrap().seconds, 1);
}

#[test]
fn a_body_is_counted_before_there_is_room_for_it() {
    let receiver = Receiver::new(Arc::new(TestSink::default()), one_may_have_all(1_000));
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_time()
        .build()
        .unwrap();
    let tenant = TenantId::default_tenant();
    let read = |n_bytes| {
        let mut body = Body::from(vec![0; n_bytes]);
        let mut held = receiver.begin(&tenant);
        let read = runtime.block_on(receiver.read_body(&mut body, &mut held));
        read.map(|body| body.len())
    };
    assert_eq!(read(1_000).unwrap(), 1_000);
    let mut others = receiver.begin(&tenant);
    assert_eq!(others.grow(1), Ok(()));
    let error = read(1_000).unwrap_err();
    assert!(
        matches!(error, error::IngestError::TenantOverloaded),
        "{error}"
    );
    let error = read(1_001).unwrap_err();
    assert!(
        matches!(error, error::IngestError::TooMuchMemory { max: 1_000 }),
        "{error}"
    );
}

#[test]
fn what_is_not_called_as_grpc_is_not_answered_as_grpc() {
    for (content_type, status) in [
        ("application/grpc", 200),
        ("application/grpc+proto", 200),
        ("application/json", 415),
        ("application/grpc+json", 415),
        ("application/grpc-web", 415),
    ] {
        let receiver = Receiver::new(Arc::new(TestSink::default()), ROOM);
        let answered = with_grpc_channel(receiver, |mut channel| async move {
            let body = Body::new(Full::from(vec![0; 5]));
            let response = call(&mut channel, http_request(content_type, body)).await;
            response.unwrap().status().as_u16()
        });
        assert_eq!(answered, status, "{content_type}");
    }
}

#[test]
fn who_is_refused_can_send_all_and_is_told_why() {
    let sink = TestSink {
        tokens: &[("s3cret", "acme")],
        ..TestSink::default()
    };
    // More than the buffers of a connection hold.
    let (answer, taken) = http_answer(sink, PROTOBUF, &vec![0; 8 << 20]);
    assert_eq!((answer.status, taken.len()), (401, 0));
    let challenge = answer.header("www-authenticate");
    assert_eq!(challenge, Some("Bearer realm=\"betrace\""));
    let status = RpcStatus::decode(&answer.body[..]).unwrap();
    assert_eq!(
        (status.code, status.message.as_str()),
        (16, "the bearer token is missing or unknown")
    );
}

#[test]
fn the_bearer_token_says_whose_spans_they_are() {
    let sink = || TestSink {
        tokens: &[("s3cret", "acme")],
        ..TestSink::default()
    };
    let otlp = request(vec![span(1)]).encode_to_vec();
    let (answer, _) = http_answer(sink(), PROTOBUF, &otlp);
    assert_eq!(answer.status, 401);
    let headers = format!("{PROTOBUF}\r\nAuthorization: bearer s3cret");
    let (answer, taken) = http_answer(sink(), &headers, &otlp);
    assert_eq!((answer.status, taken[0].tenant.as_str()), (200, "acme"));

    let receiver = Receiver::new(Arc::new(sink()), ROOM);
    with_grpc(receiver, |mut client| async move {
        let refused = client.export(request(vec![span(1)])).await.unwrap_err();
        assert_eq!(refused.code(), Code::Unauthenticated);
        let mut known = tonic::Request::new(request(vec![span(1)]));
        let token = MetadataValue::from_static("Bearer s3cret");
        known.metadata_mut().insert("authorization", token);
        client.export(known).await.unwrap();
    });
}

#[test]
fn grpc_takes_plain_and_compressed_and_says_what_was_refused() {
    let sink = Arc::new(TestSink::default());
    with_grpc(
        Receiver::new(Arc::clone(&sink) as Arc<dyn Sink>, ROOM),
        |client| async move {
            let mut clients = [
                client.clone(),
                client.clone().send_compressed(CompressionEncoding::Gzip),
                client.send_compressed(CompressionEncoding::Zstd),
            ];
            for client in &mut clients {
                let response = client
                    .export(request(vec![span(1), span(2)]))
                    .await
                    .unwrap();
                assert_eq!(response.into_inner().partial_success, None);
            }
            let partial = clients[1].export(mixed()).await.unwrap().into_inner();
            assert_eq!(partial.partial_success.unwrap().rejected_spans, 2);
        },
    );
    let taken = sink.taken.lock().unwrap();
    let n_spans: Vec<_> = taken
        .iter()
        .map(|submission| submission.records.len())
        .collect();
    assert_eq!(n_spans, [2, 2, 2, 2]);
    assert_eq!(taken[0], taken[2]);
    assert_eq!(taken[3].otlp, mixed().encode_to_vec());
}

#[test]
fn a_tenant_that_stores_enough_is_not_told_to_come_again() {
    let otlp = request(vec![span(1)]).encode_to_vec();
    let (answer, _) = http_answer(over_quota(), PROTOBUF, &otlp);
    assert_eq!((answer.status, answer.header("retry-after")), (507, None));
    let status = RpcStatus::decode(&answer.body[..]).unwrap();
    assert_eq!(status.message, "this tenant stores enough");
    let receiver = Receiver::new(Arc::new(over_quota()), ROOM);
    let refused = with_grpc(receiver, |mut client| async move {
        client.export(request(vec![span(1)])).await.unwrap_err()
    });
    // RESOURCE_EXHAUSTED is retried where `RetryInfo` comes with it, and only then.
    assert_eq!(refused.code(), Code::ResourceExhausted);
    assert!(refused.details().is_empty());
}

#[test]
fn grpc_says_when_to_come_again_and_when_not_to() {
    for (sink, code, seconds) in [
        (full(), Code::ResourceExhausted, 1),
        (unavailable(), Code::Unavailable, 30),
    ] {
        let refused = with_grpc(
            Receiver::new(Arc::new(sink), ROOM),
            |mut client| async move { client.export(request(vec![span(1)])).await.unwrap_err() },
        );
        assert_eq!(refused.code(), code);
        let status = RpcStatus::decode(refused.details()).unwrap();
        assert_eq!(
            (status.code, status.message.as_str()),
            (code as i32, refused.message())
        );
        let retry = RetryInfo::decode(&status.details[0].value[..]).unwrap();
        assert_eq!(retry.retry_delay.unwrap().seconds, seconds);
    }
    // Not OUT_OF_RANGE, on which clients send it again.
    let mut large = span(1);
    large.name = "n".repeat(REQUEST_BODY_BYTES_MAX);
    let mut bomb = span(1);
    bomb.name = "n".repeat(REQUEST_BYTES_MAX);
    let (plain, inflated) = with_grpc(
        Receiver::new(Arc::new(TestSink::default()), ROOM),
        |mut client| async move {
            let plain = client.export(request(vec![large])).await.unwrap_err();
            let mut client = client.send_compressed(CompressionEncoding::Zstd);
            let inflated = client.export(request(vec![bomb])).await.unwrap_err();
            (plain, inflated)
        },
    );
    assert_eq!(plain.code(), Code::InvalidArgument, "{plain}");
    assert_eq!(
        plain.message(),
        "the request's body is larger than 16777216 B"
    );
    assert_eq!(inflated.code(), Code::InvalidArgument, "{inflated}");
    assert_eq!(
        inflated.message(),
        "the request is too large: it holds more than 33554432 B after decompression"
    );
}

proptest! {
    #[test]
    fn no_bytes_panic(body in prop::collection::vec(any::<u8>(), 0..300)) {
        drop(decode(&Bytes::from(body.clone())));
        for encoding in [Encoding::Gzip, Encoding::Zstd] {
            drop(inflate(encoding, &body, |_| true));
        }
    }

    #[test]
    fn no_mutation_panics(kind in 0..3, at in any::<prop::sample::Index>(), with in prop::collection::vec(any::<u8>(), 0..4), len in 0..8_usize) {
        let otlp = mixed().encode_to_vec();
        let (encoding, mut body) = match kind {
            0 => (Encoding::Identity, otlp),
            1 => (Encoding::Gzip, gzip(&otlp)),
            _ => (Encoding::Zstd, zstd::encode_all(&otlp[..], 1).unwrap()),
        };
        let at = at.index(body.len());
        let end = (at + len).min(body.len());
        body.splice(at..end, with);
        if let Ok(Some(plain)) = inflate(encoding, &body, |_| true)
            && let Ok(decoded) = decode(&plain.into())
        {
            for span in decoded.records {
                prop_assert!(span.trace_id.0 != [0; 16] && span.span_id.0 != [0; 8]);
            }
        }
    }
}

#[test]
fn a_body_is_inflated_up_to_its_limit() {
    let at_limit = vec![0; REQUEST_BYTES_MAX];
    let zstd = zstd::encode_all(&at_limit[..], 1).unwrap();
    assert_eq!(
        inflate(Encoding::Zstd, &zstd, |_| true)
            .unwrap()
            .map(|whole| whole.len()),
        Some(REQUEST_BYTES_MAX)
    );
    let refused = inflate(Encoding::Gzip, &gzip(&at_limit), |_| false);
    assert!(matches!(refused, Ok(None)));
    // A window that is larger than we give memory to.
    let mut encoder = zstd::stream::write::Encoder::new(Vec::new(), 1).unwrap();
    encoder.window_log(25).unwrap();
    encoder.write_all(&at_limit).unwrap();
    let broken = inflate(Encoding::Zstd, &encoder.finish().unwrap(), |_| true);
    assert!(matches!(broken, Err(InflateError::Broken(_))));
}
