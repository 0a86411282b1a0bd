//! Spans that are wrong, or right in a rare way, each beside a span that is as most are: what the client is told, and
//! what is stored. The other span is always there.

use betrace_tests::client::{START_UNIX_NANO, span, text};
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
    Refused {
        protobuf: &'static str,
        json: &'static str,
    },
    /// With these fields.
    Stored(Value),
}

fn both(reason: &'static str) -> After {
    After::Refused {
        protobuf: reason,
        json: reason,
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
    let trace_id = "trace id is not 16 bytes, or is all zero (1)";
    let span_id = "span id is not 8 bytes, or is all zero (1)";
    let parent = "parent span id is not 8 bytes (1)";
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

fn texts() -> Vec<Row> {
    let twice =
        r#"[{"key":"k","value":{"stringValue":"1"}},{"key":"k","value":{"stringValue":"2"}}]"#;
    let not_utf8 = [&b"{"[..], IDS.as_bytes(), b",\"traceState\":\"\xff\xfe\"}"].concat();
    let no_name = [0x28, 5]; // Field 5, the name, as a varint.
    vec![
        more(
            "a name that is not UTF-8",
            field(5, b"\xff\xfe"),
            Some(not_utf8),
            After::Refused {
                protobuf: "a text is not UTF-8 (1)",
                json: "it cannot be read (1)",
            },
        ),
        more(
            "a name that is a number",
            no_name.to_vec(),
            Some(with(r#""name":5"#).into_bytes()),
            both("it cannot be read (1)"),
        ),
        row(
            // The specification forbids it and says nothing of what is to come of it; a column has one value of a span.
            "of an attribute that is given twice the last is stored",
            |span| span.attributes.extend([text("k", "1"), text("k", "2")]),
            with(&format!(r#""attributes":{twice}"#)),
            After::Stored(json!({
                "attributes": [{ "key": "k", "value": { "stringValue": "2" } }],
            })),
        ),
        more(
            "of a field that is given twice the last is taken",
            field(5, b"last"),
            Some(with(r#""name":"last""#).into_bytes()),
            After::Stored(json!({ "name": "last" })),
        ),
        more(
            "fields that nobody knows are passed over",
            field(200, b"\xff"),
            Some(with(r#""later":{"a":[1,{"b":null}]},"kind":3"#).into_bytes()),
            After::Stored(json!({ "name": "odd" })),
        ),
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
                protobuf: "trace id is not 16 bytes, or is all zero (1)",
                json: "it cannot be read (1)",
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
                    let expected = format!("spans refused: {reason}");
                    assert_eq!(told.error_message, expected, "{via:?}: {}", row.what);
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
fn a_span_that_cannot_be_read_is_refused_alone_and_of_what_is_given_twice_nothing_is_lost() {
    check(&texts());
}

#[test]
fn enumerations_and_integers_may_be_spelled_in_each_way() {
    check(&spellings());
}
