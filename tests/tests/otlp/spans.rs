//! Spans that are wrong, or right in a rare way, each beside a span that is as most are: what the client is told, and
//! what is stored. The other span is always there.

use betrace_tests::client::{START_UNIX_NANO, span};
use opentelemetry_proto::tonic::{
    common::v1::{AnyValue, KeyValue, any_value::Value as Any},
    trace::v1::Span,
};
use prost::{
    Message as _,
    encoding::{WireType, encode_key, encode_varint},
};
use serde_json::{Value, json};

use super::wire::{Via, World};

mod sizes;
mod texts;

/// What each odd span has in JSON.
const IDS: &str = r#""traceId":"TRACE","spanId":"0000000000000002","name":"odd""#;

/// A span beside another.
struct Row {
    what: &'static str,
    /// As a protobuf message.
    protobuf: Box<dyn Fn(Span) -> Vec<u8>>,
    /// As JSON, `TRACE` in the place of its trace's id.
    json: Option<Vec<u8>>,
    after: After,
}

enum After {
    /// Alone, for a reason that depends on how it is sent.
    Refused { protobuf: Told, json: Told },
    /// With these fields.
    Stored(Value),
}

/// The reason, and the beginning of what is said of the place where it stands.
type Told = (&'static str, &'static str);

/// Where the odd span stands in each request.
const PLACE: &str = "resourceSpans[0].scopeSpans[0].spans[0]";

const NOT_UTF8: &str = "a text is not UTF-8";
const UNREADABLE: &str = "it cannot be read";

fn both(reason: &'static str) -> After {
    After::Refused {
        protobuf: (reason, ")"),
        json: (reason, ")"),
    }
}

/// A field that holds bytes.
pub(super) fn field(number: u32, bytes: &[u8]) -> Vec<u8> {
    let mut message = Vec::new();
    encode_key(number, WireType::LengthDelimited, &mut message);
    encode_varint(bytes.len() as u64, &mut message);
    message.extend(bytes);
    message
}

fn row(
    what: &'static str,
    change: impl Fn(&mut Span) + 'static,
    json: impl Into<Option<String>>,
    after: After,
) -> Row {
    let protobuf = move |mut span: Span| {
        change(&mut span);
        span.encode_to_vec()
    };
    Row {
        what,
        protobuf: Box::new(protobuf),
        json: json.into().map(String::into_bytes),
        after,
    }
}

/// A span with more fields than its message has been given.
fn more(what: &'static str, fields: Vec<u8>, json: Option<Vec<u8>>, after: After) -> Row {
    Row {
        what,
        protobuf: Box::new(move |span| [span.encode_to_vec(), fields.clone()].concat()),
        json,
        after,
    }
}

fn with(fields: &str) -> String {
    format!("{{{IDS},{fields}}}")
}

fn ids() -> Vec<Row> {
    let trace_id = "trace id is not 16 bytes, or is all zero";
    let span_id = "span id is not 8 bytes, or is all zero";
    let parent = "parent span id is not 8 bytes";
    let of_json = |trace: &str, span: &str| format!(r#"{{"traceId":"{trace}","spanId":"{span}"}}"#);
    let zero = "0".repeat(32);
    vec![
        row(
            "a trace id of 15 bytes",
            |span| span.trace_id.truncate(15),
            of_json("5b8efff798038103d269b633813fc6", "eee19b7ec3c1b174"),
            both(trace_id),
        ),
        row(
            "a trace id of 17 bytes",
            |span| span.trace_id.push(1),
            of_json("5b8efff798038103d269b633813fc60c0c", "eee19b7ec3c1b174"),
            both(trace_id),
        ),
        row(
            "a trace id of zeros",
            |span| span.trace_id = vec![0; 16],
            of_json(&zero, "eee19b7ec3c1b174"),
            both(trace_id),
        ),
        row(
            "no span id",
            |span| span.span_id.clear(),
            r#"{"traceId":"TRACE"}"#.to_owned(),
            both(span_id),
        ),
        row(
            "a span id of 7 bytes",
            |span| span.span_id.truncate(7),
            of_json("TRACE", "eee19b7ec3c1b1"),
            both(span_id),
        ),
        row(
            "a span id of zeros",
            |span| span.span_id = vec![0; 8],
            of_json("TRACE", "0000000000000000"),
            both(span_id),
        ),
        row(
            "a parent span id of 4 bytes",
            |span| span.parent_span_id = vec![1; 4],
            with(r#""parentSpanId":"01010101""#),
            both(parent),
        ),
        row(
            "a parent span id of zeros is none",
            |span| span.parent_span_id = vec![0; 8],
            with(r#""parentSpanId":"0000000000000000""#),
            After::Stored(json!({ "parentSpanId": null })),
        ),
        row(
            "hexadecimal of capitals",
            |span| span.parent_span_id = vec![0xab; 8],
            with(r#""parentSpanId":"ABABABABABABABAB""#),
            After::Stored(json!({ "parentSpanId": "abababababababab" })),
        ),
    ]
}

fn times() -> Vec<Row> {
    let of = |what, start: u64, end: u64| {
        row(
            what,
            move |span| {
                span.start_time_unix_nano = start;
                span.end_time_unix_nano = end;
            },
            // Of a number and a string each is allowed.
            with(&format!(
                r#""startTimeUnixNano":{start},"endTimeUnixNano":"{end}""#
            )),
            After::Stored(json!({
                "startTimeUnixNano": start.to_string(),
                "endTimeUnixNano": end.to_string(),
            })),
        )
    };
    vec![
        of(
            "an end before the start",
            START_UNIX_NANO,
            START_UNIX_NANO - 1,
        ),
        of("times at 0", 0, 0),
        of("times at 2^63", 1 << 63, 1 << 63),
        of("times from 0 to the last there is", 0, u64::MAX),
    ]
}

fn spellings() -> Vec<Row> {
    let int = |int: i64| KeyValue {
        key: "k".to_owned(),
        value: Some(AnyValue {
            value: Some(Any::IntValue(int)),
        }),
        ..KeyValue::default()
    };
    let stored = || {
        After::Stored(json!({
            "kind": 3,
            "status": { "code": 2 },
            "attributes": [{ "key": "k", "value": { "intValue": i64::MIN.to_string() } }],
        }))
    };
    let change = move |span: &mut Span| {
        span.kind = 3;
        span.status.get_or_insert_default().code = 2;
        span.attributes.push(int(i64::MIN));
    };
    vec![
        row(
            "names and strings",
            change,
            with(
                r#""kind":"SPAN_KIND_CLIENT","status":{"code":"STATUS_CODE_ERROR"},
                "attributes":[{"key":"k","value":{"intValue":"-9223372036854775808"}}]"#,
            ),
            stored(),
        ),
        row(
            "numbers",
            change,
            with(
                r#""kind":3,"status":{"code":2},
                "attributes":[{"key":"k","value":{"intValue":-9223372036854775808}}]"#,
            ),
            stored(),
        ),
        row(
            "a kind of later versions",
            |span| span.kind = 99,
            with(r#""kind":99"#),
            After::Stored(json!({ "kind": 99 })),
        ),
        row(
            "an integer that is none",
            |span| span.trace_id.clear(),
            with(r#""startTimeUnixNano":"18446744073709551616""#),
            After::Refused {
                protobuf: ("trace id is not 16 bytes, or is all zero", ")"),
                json: (
                    UNREADABLE,
                    ": startTimeUnixNano: 18446744073709551616 is out of range)",
                ),
            },
        ),
    ]
}

/// A request of the span and of one that is as most are, as bytes.
fn request(row: &Row, via: Via, trace: u128) -> Option<Vec<u8>> {
    let good = span(trace, 1, 0, "good");
    if via != Via::HttpJson {
        let odd = (row.protobuf)(span(trace, 2, 0, "odd"));
        let spans = [field(2, &odd), field(2, &good.encode_to_vec())].concat();
        return Some(field(1, &field(2, &spans)));
    }
    let odd = row.json.as_ref()?;
    let good = format!(r#"{{"traceId":"{trace:032x}","spanId":"0000000000000001","name":"good"}}"#);
    let before = br#"{"resourceSpans":[{"scopeSpans":[{"spans":["#;
    let whole = [before, &odd[..], b",", good.as_bytes(), b"]}]}]}"].concat();
    let (from, to) = (b"TRACE", format!("{trace:032x}"));
    let Some(at) = whole.windows(from.len()).position(|window| window == from) else {
        return Some(whole);
    };
    let (before, after) = whole.split_at(at);
    Some([before, to.as_bytes(), &after[from.len()..]].concat())
}

/// Says how a stored span differs; a field that is expected to be `null` is not there.
fn differs(stored: &Value, expected: &Value) -> Option<String> {
    let mut fields = expected.as_object().unwrap().iter();
    let (key, _) = fields.find(|(key, value)| stored[key.as_str()] != **value)?;
    let mut found = stored[key.as_str()].to_string();
    found.truncate(300);
    Some(format!("{key} is {found}"))
}

/// Sends each row in each way.
fn check(rows: &[Row]) {
    let world = World::start();
    let mut sent = Vec::new();
    for (n, row) in rows.iter().enumerate() {
        for (m, via) in [Via::HttpProtobuf, Via::HttpJson, Via::Grpc]
            .into_iter()
            .enumerate()
        {
            let trace = ((n + 1) * 10 + m) as u128;
            let Some(body) = request(row, via, trace) else {
                continue;
            };
            let told = world.taken(via, &body);
            match (&row.after, told) {
                (After::Stored(_), told) => assert_eq!(told, None, "{via:?}: {}", row.what),
                (After::Refused { protobuf, json }, told) => {
                    let told = told.unwrap_or_default();
                    let reason = if via == Via::HttpJson { json } else { protobuf };
                    assert_eq!(told.rejected_spans, 1, "{via:?}: {}", row.what);
                    let (reason, what) = reason;
                    let expected = format!("spans refused: {reason} (1, at {PLACE}{what}");
                    let said = told.error_message;
                    assert!(said.starts_with(&expected), "{via:?}: {}: {said}", row.what);
                }
            }
            sent.push((row, via, trace));
        }
    }
    for (row, via, trace) in sent {
        let spans = world.stored(trace);
        let named = |id: &str| spans.iter().find(|span| span["spanId"] == id);
        let place = format!("{via:?}: {}", row.what);
        assert_eq!(named("0000000000000001").expect(&place)["name"], "good");
        match (&row.after, named("0000000000000002")) {
            (After::Refused { .. }, found) => assert_eq!(found, None, "{place}"),
            (After::Stored(expected), found) => {
                assert_eq!(differs(found.expect(&place), expected), None, "{place}");
            }
        }
    }
}

#[test]
fn a_span_of_a_wrong_id_is_refused_alone() {
    check(&ids());
}

#[test]
fn a_span_is_taken_at_whatever_time_it_is() {
    check(&times());
}

#[test]
fn a_span_may_be_large_and_is_refused_alone_where_it_is_too_deep() {
    check(&sizes::rows());
}

#[test]
fn a_span_that_cannot_be_read_is_refused_alone() {
    check(&texts::unreadable());
}

#[test]
fn a_span_in_which_something_is_given_twice_is_taken() {
    check(&texts::given_twice());
}

#[test]
fn enumerations_and_integers_may_be_spelled_in_each_way() {
    check(&spellings());
}
