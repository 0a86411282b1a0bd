//! Requests as a whole: how they may be written and compressed, and which are refused for good.

use std::io::Write as _;

use betrace_tests::client::{request, span};
use flate2::{Compression, write::GzEncoder};
use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use prost::Message as _;
use tonic::{Code, codec::CompressionEncoding};

use super::{
    spans::field,
    wire::{JSON, PROTOBUF, Via, World},
};

/// More than a request may come to after decompression, in a few bytes of its own.
pub(super) const BOMB_BYTES: usize = (32 << 20) + 1;

type Headers<'a> = &'a [(&'a str, &'a str)];

/// What is posted, with the status and a part of the message that it is refused with.
type Refused<'a> = (Headers<'a>, &'a [u8], u16, &'a str);

/// What is called, with a part of the message that it is refused with.
type CallRefused<'a> = (Option<CompressionEncoding>, &'a [u8], &'a str);

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

fn zstd(bytes: &[u8]) -> Vec<u8> {
    zstd::encode_all(bytes, 1).unwrap()
}

pub(super) fn otlp(trace: u128) -> Vec<u8> {
    request("shop", vec![span(trace, 1, 0, "good")]).encode_to_vec()
}

fn json(trace: u128) -> Vec<u8> {
    format!(
        r#"{{"resourceSpans":[{{"scopeSpans":[{{"spans":[
        {{"traceId":"{trace:032x}","spanId":"0000000000000001","name":"good"}}]}}]}}]}}"#
    )
    .into_bytes()
}

fn encoded(name: &'static str) -> (&'static str, &'static str) {
    ("content-encoding", name)
}

fn of_type(name: &'static str) -> (&'static str, &'static str) {
    ("content-type", name)
}

#[test]
fn a_request_may_be_written_and_compressed_in_each_way_that_there_is() {
    let world = World::start();
    let posted: [(Headers<'_>, Vec<u8>); 10] = [
        (&[PROTOBUF], otlp(1)),
        (&[of_type("APPLICATION/X-PROTOBUF; v=1")], otlp(2)),
        (&[PROTOBUF, encoded("identity")], otlp(3)),
        (&[PROTOBUF, encoded("gzip")], gzip(&otlp(4))),
        (&[PROTOBUF, encoded("zstd")], zstd(&otlp(5))),
        (&[JSON], json(6)),
        (&[of_type("application/json; charset=utf-8")], json(7)),
        (&[JSON, encoded("gzip")], gzip(&json(8))),
        (&[JSON, encoded("zstd")], zstd(&json(9))),
        // Members of gzip may follow one another.
        (
            &[JSON, encoded("gzip")],
            [gzip(&json(10)[..20]), gzip(&json(10)[20..])].concat(),
        ),
    ];
    for (headers, body) in &posted {
        let answer = world.post(headers, body);
        assert_eq!(answer.status, 200, "{headers:?}: {answer:?}");
        // The whole was taken: nothing is said of a part.
        let nothing = if headers[0].1.contains("json") {
            "{}"
        } else {
            ""
        };
        assert_eq!(answer.body, nothing.as_bytes(), "{headers:?}");
    }
    let encodings = [
        None,
        Some(CompressionEncoding::Gzip),
        Some(CompressionEncoding::Zstd),
    ];
    for (n, encoding) in encodings.into_iter().enumerate() {
        let response = world.call(encoding, &otlp(11 + n as u128)).unwrap();
        assert_eq!(response.partial_success, None, "{encoding:?}");
    }
    for trace in 1..=13 {
        assert_eq!(world.stored(trace).len(), 1, "trace {trace}");
    }
}

#[test]
fn an_empty_request_is_taken() {
    let world = World::start();
    for (headers, body) in [
        (PROTOBUF, &b""[..]),
        (JSON, b"{}"),
        (JSON, b"{\"resourceSpans\":[]}"),
    ] {
        assert_eq!(world.post(&[headers], body).status, 200, "{body:?}");
    }
    assert_eq!(world.call(None, b"").unwrap().partial_success, None);
}

/// A request with a frame that says it is longer than it is: where the next span begins, nobody can tell.
fn cut() -> Vec<u8> {
    let mut otlp = otlp(1);
    otlp.pop();
    otlp
}

fn too_many() -> Vec<u8> {
    field(1, &field(2, &[0x12, 0].repeat(262_145)))
}

fn taken_as_ever(world: &World) {
    assert_eq!(world.post(&[PROTOBUF], &otlp(1)).status, 200);
    assert_eq!(world.stored(1).len(), 1);
}

#[test]
fn a_post_that_cannot_be_taken_is_refused_for_good_and_the_next_is_taken() {
    let world = World::start();
    let (cut, bomb, too_many) = (cut(), gzip(&vec![0; BOMB_BYTES]), too_many());
    let zstd_bomb = zstd(&vec![0; BOMB_BYTES]);
    let not_utf8 = field(1, &field(2, &field(2, &field(5, b"\xff"))));
    let refused_for = |expected: &Refused<'_>| {
        let (headers, body, status, message) = *expected;
        let answer = world.post(headers, body);
        let said = String::from_utf8_lossy(&answer.body);
        let is = (answer.status, answer.retry_after);
        assert_eq!(is, (status, None), "{said}");
        assert!(said.contains(message), "{message}: {said}");
    };
    let types: [Refused<'_>; 4] = [
        (&[], &json(1), 415, "content type `` is not taken"),
        (
            &[of_type("text/plain")],
            &json(1),
            415,
            "content type `text/plain`",
        ),
        (
            &[of_type("application/grpc")],
            &otlp(1),
            415,
            "content type `application/grpc`",
        ),
        (
            &[JSON, encoded("br")],
            b"",
            415,
            "encoding `br` is not taken",
        ),
    ];
    let bodies: [Refused<'_>; 10] = [
        (&[PROTOBUF], &cut, 400, "is not an OTLP trace request"),
        (&[PROTOBUF], &json(1), 400, "is not an OTLP trace request"),
        (&[PROTOBUF], &not_utf8, 400, "UTF-8"),
        (&[PROTOBUF], &too_many, 413, "more than 262144 spans"),
        (&[JSON], &otlp(1), 400, "is not an OTLP trace request"),
        (&[JSON], b"[]", 400, "is not an OTLP trace request"),
        (
            &[PROTOBUF, encoded("gzip")],
            &otlp(1),
            400,
            "compression is broken",
        ),
        (
            &[PROTOBUF, encoded("zstd")],
            &gzip(&otlp(1)),
            400,
            "compression is broken",
        ),
        (
            &[PROTOBUF, encoded("gzip")],
            &bomb,
            413,
            "more than 33554432 B",
        ),
        (
            &[JSON, encoded("zstd")],
            &zstd_bomb,
            413,
            "more than 33554432 B",
        ),
    ];
    types.iter().chain(&bodies).for_each(refused_for);
    taken_as_ever(&world);
}

#[test]
fn a_call_that_cannot_be_taken_is_refused_for_good_and_the_next_is_taken() {
    let world = World::start();
    let (cut, bomb, too_many) = (cut(), vec![0; BOMB_BYTES], too_many());
    let called: [CallRefused<'_>; 4] = [
        (None, &cut, "is not an OTLP trace request"),
        (None, &too_many, "more than 262144 spans"),
        (
            Some(CompressionEncoding::Gzip),
            &bomb,
            "more than 33554432 B",
        ),
        (
            Some(CompressionEncoding::Zstd),
            &bomb,
            "more than 33554432 B",
        ),
    ];
    for (encoding, body, message) in called {
        let status = world.call(encoding, body).unwrap_err();
        assert_eq!(status.code(), Code::InvalidArgument, "{status}");
        assert!(status.message().contains(message), "{message}: {status}");
        assert!(status.details().is_empty(), "{status}");
    }
    taken_as_ever(&world);
}

/// Scenario: of three resources one says something that is not UTF-8, and of another a scope does.
/// Guarantees: their spans are refused, which cannot be told apart without them, and all others are stored.
#[test]
fn a_resource_or_scope_that_cannot_be_read_costs_its_own_spans_alone() {
    let world = World::start();
    let wrong_url = field(3, b"\xff");
    for (n, via) in [Via::HttpProtobuf, Via::HttpJson, Via::Grpc]
        .into_iter()
        .enumerate()
    {
        let trace = 10 * (1 + n as u128);
        let body = if via == Via::HttpJson {
            let span = |id: u8| format!(r#"{{"traceId":"{trace:032x}","spanId":"{id:016x}"}}"#);
            let scope = |id: u8, url: &str| {
                [r#"{"schemaUrl":""#, url, r#"","spans":["#, &span(id), "]}"].concat()
            };
            let resource = |scopes: &str, url: &str| {
                [
                    r#"{"schemaUrl":""#,
                    url,
                    r#"","scopeSpans":["#,
                    scopes,
                    "]}",
                ]
                .concat()
            };
            let resources = [
                resource(&[scope(1, ""), scope(2, "")].join(","), "WRONG"),
                resource(&scope(3, ""), ""),
                resource(&[scope(4, "WRONG"), scope(5, "")].join(","), ""),
            ];
            let text = [r#"{"resourceSpans":["#, &resources.join(","), "]}"].concat();
            let mut parts = text.split("WRONG").map(str::as_bytes);
            let first = parts.next().unwrap().to_vec();
            parts.fold(first, |text, part| [&text, &b"\xff"[..], part].concat())
        } else {
            let scope = |id: u64| field(2, &field(2, &span(trace, id, 0, "a").encode_to_vec()));
            let of_scope = field(
                2,
                &[
                    field(2, &span(trace, 4, 0, "a").encode_to_vec()),
                    wrong_url.clone(),
                ]
                .concat(),
            );
            [
                field(1, &[scope(1), scope(2), wrong_url.clone()].concat()),
                field(1, &scope(3)),
                field(1, &[of_scope, scope(5)].concat()),
            ]
            .concat()
        };
        assert!(ExportTraceServiceRequest::decode(&body[..]).is_err());
        let told = world.taken(via, &body).unwrap();
        assert_eq!(told.rejected_spans, 3, "{via:?}");
        let said = "spans refused: a text is not UTF-8 (3, the first at resourceSpans[0]: ";
        assert!(told.error_message.starts_with(said), "{via:?}: {told:?}");
        let stored = world.stored(trace);
        let mut ids: Vec<_> = stored
            .iter()
            .map(|span| span["spanId"].as_str().unwrap())
            .collect();
        ids.sort_unstable();
        assert_eq!(ids, ["0000000000000003", "0000000000000005"], "{via:?}");
    }
}

/// Bytes that do not become fewer by compression, by a xorshift generator.
pub(super) fn incompressible(len: usize) -> Vec<u8> {
    let mut state = 1_u64;
    let mut next = || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        state.to_le_bytes()
    };
    std::iter::repeat_with(&mut next)
        .flatten()
        .take(len)
        .collect()
}

/// Scenario: a body is larger than one may be, as it comes, compressed or not.
/// Guarantees: it is refused for good in each way of sending, before it is inflated.
#[test]
fn a_body_that_is_too_large_as_it_comes_is_refused_for_good() {
    let world = World::start();
    let large = incompressible((16 << 20) + 1);
    for headers in [
        &[PROTOBUF][..],
        &[PROTOBUF, encoded("gzip")],
        &[PROTOBUF, encoded("zstd")],
        &[JSON, encoded("gzip")],
        &[JSON, encoded("zstd")],
    ] {
        let answer = world.post(headers, &large);
        assert_eq!(
            (answer.status, answer.retry_after),
            (413, None),
            "{headers:?}"
        );
        let said = String::from_utf8_lossy(&answer.body);
        assert!(said.contains("larger than 16777216 B"), "{said}");
    }
    for encoding in [
        None,
        Some(CompressionEncoding::Gzip),
        Some(CompressionEncoding::Zstd),
    ] {
        let status = world.call(encoding, &large).unwrap_err();
        assert_eq!(status.code(), Code::InvalidArgument, "{status}");
        assert!(
            status.message().contains("larger than 16777216 B"),
            "{status}"
        );
        assert!(status.details().is_empty(), "{status}");
    }
    taken_as_ever(&world);
}
