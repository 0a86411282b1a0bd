use opentelemetry_proto::tonic::{
    common::v1::{AnyValue, KeyValue, any_value::Value},
    trace::v1::Span,
};
use proptest::prelude::*;
use prost::Message;

use super::*;
use crate::ingest::decode::decode;

/// Reads a request with one span of these fields.
fn span(fields: &str) -> Result<Span, DecodeError> {
    let text = format!(r#"{{"resourceSpans":[{{"scopeSpans":[{{"spans":[{{{fields}}}]}}]}}]}}"#);
    let request = decode_json(text.as_bytes())?;
    Ok(request.resource_spans[0].scope_spans[0].spans[0].clone())
}

fn value(json: &str) -> Result<Option<Value>, DecodeError> {
    let span = span(&format!(r#""attributes":[{{"key":"k","value":{json}}}]"#))?;
    Ok(span.attributes[0].value.clone().and_then(|v| v.value))
}

fn text(s: &str) -> AnyValue {
    AnyValue {
        value: Some(Value::StringValue(s.into())),
    }
}

#[test]
fn every_field_of_a_request_is_read() {
    let request = decode_json(
        br#"{ "resourceSpans": [{
            "resource": { "attributes": [{ "key": "service.name", "value": { "stringValue": "s" } }],
                          "droppedAttributesCount": 1,
                          "entityRefs": [{ "schemaUrl": "e", "type": "t", "idKeys": ["i"], "descriptionKeys": ["d"] }] },
            "schemaUrl": "r",
            "scopeSpans": [{
                "scope": { "name": "lib", "version": "1", "attributes": [{ "key": "a", "value": { "intValue": 1 } }],
                           "droppedAttributesCount": "2" },
                "schemaUrl": "c",
                "spans": [{
                    "traceId": "5B8EFFF798038103D269B633813FC60C", "spanId": "eee19b7ec3c1b174",
                    "parentSpanId": "eee19b7ec3c1b173", "traceState": "a=b", "flags": 257, "name": "n", "kind": 2,
                    "startTimeUnixNano": "1544712660000000000", "endTimeUnixNano": 1544712661000000001,
                    "attributes": [{ "key": "x", "value": { "stringValue": "\u00e9\n" } }],
                    "droppedAttributesCount": 3, "droppedEventsCount": 4, "droppedLinksCount": 5,
                    "events": [{ "timeUnixNano": "7", "name": "e", "droppedAttributesCount": 6,
                                 "attributes": [{ "key": "y", "value": { "boolValue": true } }] }],
                    "links": [{ "traceId": "5b8efff798038103d269b633813fc60c", "spanId": "eee19b7ec3c1b174",
                                "traceState": "c=d", "flags": "1", "droppedAttributesCount": 7,
                                "attributes": [{ "key": "z", "value": { "doubleValue": 0.5 } }] }],
                    "status": { "code": 2, "message": "bad" }
                }]
            }]
        }] }"#,
    )
    .unwrap();
    insta::assert_debug_snapshot!(request);
}

#[test]
fn integers_are_numbers_or_strings() {
    for (json, expected) in [
        ("1", 1),
        (r#""1""#, 1),
        ("-9223372036854775808", i64::MIN),
        (r#""-9223372036854775808""#, i64::MIN),
        ("9223372036854775807", i64::MAX),
        (r#""9223372036854775807""#, i64::MAX),
        ("1e3", 1_000),
        (r#""1e3""#, 1_000),
        ("5.0", 5),
    ] {
        let read = value(&format!(r#"{{"intValue":{json}}}"#));
        assert_eq!(read, Ok(Some(Value::IntValue(expected))), "{json}");
    }
    for json in [
        "1.5",
        r#""x""#,
        r#""""#,
        "9223372036854775808",
        "true",
        "[]",
        "1e30",
    ] {
        assert!(
            value(&format!(r#"{{"intValue":{json}}}"#)).is_err(),
            "{json}"
        );
    }
    let end = span(r#""endTimeUnixNano":18446744073709551615"#).unwrap();
    assert_eq!(end.end_time_unix_nano, u64::MAX);
    assert!(span(r#""endTimeUnixNano":-1"#).is_err());
    assert!(span(r#""droppedLinksCount":4294967296"#).is_err());
}

#[test]
fn doubles_are_the_nearest_ones() {
    for (json, expected) in [
        ("0.1", 0.1),
        ("2.2250738585072011e-308", 2.225_073_858_507_201e-308),
        ("123456789012345678", 123_456_789_012_345_680.0),
        (r#""0.25""#, 0.25),
        ("-0.0", -0.0),
        (r#""Infinity""#, f64::INFINITY),
        (r#""-Infinity""#, f64::NEG_INFINITY),
    ] {
        let read = value(&format!(r#"{{"doubleValue":{json}}}"#)).unwrap();
        let Some(Value::DoubleValue(read)) = read else {
            panic!("{json}: {read:?}");
        };
        assert_eq!(read.to_bits(), expected.to_bits(), "{json}");
    }
    let nan = value(r#"{"doubleValue":"NaN"}"#).unwrap();
    assert!(matches!(nan, Some(Value::DoubleValue(nan)) if nan.is_nan()));
    for json in [r#""inf""#, r#""""#, "true", "{}", r#""1 ""#] {
        assert!(
            value(&format!(r#"{{"doubleValue":{json}}}"#)).is_err(),
            "{json}"
        );
    }
}

#[test]
fn values_are_of_every_kind() {
    let bytes = |b: &[u8]| Ok(Some(Value::BytesValue(b.to_vec())));
    assert_eq!(
        value(r#"{"boolValue":false}"#),
        Ok(Some(Value::BoolValue(false)))
    );
    assert_eq!(value(r#"{"bytesValue":"+/8="}"#), bytes(&[0xfb, 0xff]));
    assert_eq!(value(r#"{"bytesValue":"-_8"}"#), bytes(&[0xfb, 0xff]));
    assert!(value(r#"{"bytesValue":"!"}"#).is_err());
    assert_eq!(value("{}"), Ok(None));
    assert_eq!(value("null"), Ok(None));
    assert_eq!(value(r#"{"stringValue":null}"#), Ok(None));
    assert_eq!(value(r#"{"stringValue":""}"#), Ok(text("").value));

    let array = value(r#"{"arrayValue":{"values":[{"stringValue":"a"},{}]}}"#).unwrap();
    let Some(Value::ArrayValue(array)) = array else {
        panic!("{array:?}");
    };
    assert_eq!(array.values, [text("a"), AnyValue { value: None }]);
    let list = value(r#"{"kvlistValue":{"values":[{"key":"a","value":{"stringValue":"b"}}]}}"#);
    let Ok(Some(Value::KvlistValue(list))) = list else {
        panic!("{list:?}");
    };
    let pair = KeyValue {
        key: "a".into(),
        value: Some(text("b")),
        ..KeyValue::default()
    };
    assert_eq!(list.values, [pair]);
}

#[test]
fn enumerations_are_numbers_or_names() {
    for (json, expected) in [
        ("3", 3),
        (r#""SPAN_KIND_CLIENT""#, 3),
        ("null", 0),
        ("99", 99),
    ] {
        assert_eq!(
            span(&format!(r#""kind":{json}"#)).unwrap().kind,
            expected,
            "{json}"
        );
    }
    let status = span(r#""status":{"code":"STATUS_CODE_ERROR"}"#)
        .unwrap()
        .status;
    assert_eq!(status.unwrap().code, 2);
    assert!(span(r#""kind":"CLIENT""#).is_err());
}

#[test]
fn unknown_fields_and_nulls_are_passed_over() {
    let read = span(
        r#""name":"n","future":{"a":[1,{"b":null}],"c":"d"},"events":null,"status":null,"attributes":null,
           "traceId":null,"parentSpanId":"","endTimeUnixNano":null,"na\u006de":"m""#,
    )
    .unwrap();
    let expected = Span {
        name: "m".into(),
        ..Span::default()
    };
    assert_eq!(read, expected);
    assert_eq!(decode_json(b"{}"), Ok(ExportTraceServiceRequest::default()));
}

#[test]
fn of_a_key_that_stands_twice_the_last_counts_and_lists_follow_one_another() {
    let read = span(
        r#""traceId":"01010101010101010101010101010101","traceId":"02020202020202020202020202020202",
           "kind":"SPAN_KIND_SERVER","kind":3,"startTimeUnixNano":"1","startTimeUnixNano":2,"flags":1,"flags":null,
           "status":{"code":2},"status":{"message":"m"},
           "attributes":[{"key":"a","key":"b","value":{"stringValue":"x"},"value":{"stringValue":"y"}}],
           "attributes":[{"key":"c"}],"attributes":null,"events":[{"name":"one"}],"events":[{"name":"two"}]"#,
    )
    .unwrap();
    assert_eq!((read.trace_id, read.kind), (vec![2; 16], 3));
    assert_eq!((read.start_time_unix_nano, read.flags), (2, 1));
    let status = read.status.unwrap();
    assert_eq!((status.code, status.message.as_str()), (0, "m"));
    let keys: Vec<_> = read.attributes.iter().map(|a| &a.key[..]).collect();
    assert_eq!(keys, ["b", "c"]);
    assert_eq!(read.attributes[0].value, Some(text("y")));
    let names: Vec<_> = read.events.iter().map(|event| &event.name[..]).collect();
    assert_eq!(names, ["one", "two"]);
    // The first is read all the same.
    assert!(span(r#""kind":[],"kind":3"#).is_err());

    let request = decode_json(
        br#"{"resourceSpans":[{"resource":{"attributes":[{"key":"a"}]},"resource":{"droppedAttributesCount":1},
            "scopeSpans":[{"scope":{"name":"s"},"scope":{"version":"v"},"spans":[{}],"spans":[{},{}]}],
            "scopeSpans":[{}]}],"resourceSpans":[{"schemaUrl":"u"}]}"#,
    )
    .unwrap();
    let [first, second] = &request.resource_spans[..] else {
        panic!("{request:?}");
    };
    assert_eq!(second.schema_url, "u");
    let resource = first.resource.as_ref().unwrap();
    assert_eq!(
        (resource.attributes.len(), resource.dropped_attributes_count),
        (0, 1)
    );
    let [scope, empty] = &first.scope_spans[..] else {
        panic!("{first:?}");
    };
    assert_eq!((scope.spans.len(), empty.spans.len()), (3, 0));
    let scope = scope.scope.as_ref().unwrap();
    assert_eq!((scope.name.as_str(), scope.version.as_str()), ("", "v"));
}

/// Guarantees: a request is read the same way where a part of it cannot be.
#[test]
fn keys_that_stand_twice_count_alike_where_a_span_is_left_out() {
    let request = |odd: &str| {
        let id = r#""traceId":"01010101010101010101010101010101","spanId":"0101010101010101""#;
        format!(
            r#"{{"resourceSpans":[{{"resource":{{"attributes":[{{"key":"a"}}]}},"resource":{{"droppedAttributesCount":1}},
            "scopeSpans":[{{"scope":{{"name":"s"}},"scope":{{"version":"v"}},"spans":[{{{id},"kind":1,"kind":3}}],
            "spans":[{{{id},"name":"b"}}{odd}]}}],"scopeSpans":[{{"spans":[{{{id},"name":"c"}}]}}]}}],
            "resourceSpans":[{{"schemaUrl":"u","scopeSpans":[{{"spans":[{{{id}}}]}}]}}]}}"#
        )
    };
    let whole = decode_json(request("").as_bytes()).unwrap();
    let odd = request(r#",{"kind":[]}"#);
    assert!(decode_json(odd.as_bytes()).is_err());
    let Ok(salvaged) = salvage_json(odd.as_bytes(), &mut |_| true) else {
        panic!("nothing is left of {odd}");
    };
    let kept = ExportTraceServiceRequest::decode(salvaged.otlp).unwrap();
    assert_eq!(kept, whole);
}

#[test]
fn an_id_that_is_not_hexadecimal_spoils_its_span_alone() {
    let good = r#"{"traceId":"5b8efff798038103d269b633813fc60c","spanId":"eee19b7ec3c1b174"}"#;
    let bad = [
        r#"{"traceId":"zb8efff798038103d269b633813fc60c","spanId":"eee19b7ec3c1b174"}"#,
        r#"{"traceId":"5b8efff798038103d269b633813fc60c","spanId":"7uGbfsPBsXQ="}"#,
        r#"{"traceId":"5b8efff798038103d269b633813fc60c","spanId":"eee19b7ec3c1b174","parentSpanId":"x"}"#,
        r#"{"spanId":"eee19b7ec3c1b174"}"#,
    ];
    let spans = [&bad[..], &[good]].concat().join(",");
    let json = format!(r#"{{"resourceSpans":[{{"scopeSpans":[{{"spans":[{spans}]}}]}}]}}"#);
    let otlp = decode_json(json.as_bytes()).unwrap().encode_to_vec();
    let decoded = decode(&otlp.into()).unwrap();
    assert_eq!((decoded.records.len(), decoded.n_rejected()), (1, 4));
    assert_eq!(
        decoded.rejection().unwrap(),
        "spans refused: trace id is not 16 bytes, or is all zero (2, the first at resourceSpans[0].scopeSpans[0].spans[0]); \
         span id is not 8 bytes, or is all zero (1, at resourceSpans[0].scopeSpans[0].spans[1]); \
         parent span id is not 8 bytes (1, at resourceSpans[0].scopeSpans[0].spans[2])"
    );
}

#[test]
fn what_is_wrong_is_said_with_its_place() {
    for (json, message) in [
        ("", "EOF while parsing a value, line 1 "),
        (
            "[]",
            "invalid type: sequence, expected an object, a trace request, line 1 ",
        ),
        (
            "{\"resourceSpans\":[\n{]}",
            "key must be a string, line 2 column 2",
        ),
        (
            r#"{"resourceSpans":[{"scopeSpans":[{"spans":[7]}]}]}"#,
            "invalid type: integer `7`, expected an object, a Span, line 1 ",
        ),
        (
            r#"{"resourceSpans":{}}"#,
            "invalid type: map, expected an array of ResourceSpans, line 1 ",
        ),
        ("{} {}", "trailing characters, line 1 column 4"),
        (
            r#"{"resourceSpans":[{"schemaUrl":"\ud800"}]}"#,
            "unexpected end of hex escape, line 1 ",
        ),
    ] {
        let error = decode_json(json.as_bytes()).unwrap_err().to_string();
        let what = format!("the request is not an OTLP trace request: {message}");
        assert!(error.starts_with(&what), "{json}: {error}");
    }
}

#[test]
fn a_request_of_too_much_is_refused_before_it_is_built() {
    let many = |one: &str, n: usize| vec![one; n].join(",");
    let spans = format!(
        r#"{{"resourceSpans":[{{"scopeSpans":[{{"spans":[{}]}}]}}]}}"#,
        many("{}", REQUEST_SPANS_MAX + 1)
    );
    let error = decode_json(spans.as_bytes()).unwrap_err();
    assert_eq!(
        error.to_string(),
        "the request holds more than 262144 spans"
    );
    let items = format!(
        r#"{{"resourceSpans":[{}]}}"#,
        many("{}", REQUEST_ITEMS_MAX + 1)
    );
    let error = decode_json(items.as_bytes()).unwrap_err();
    assert_eq!(
        error.to_string(),
        "the request holds more than 2097152 attributes, events and links"
    );
}

#[test]
fn what_json_may_nest_protobuf_may_too() {
    for (open, close) in [
        (r#"{"arrayValue":{"values":["#, "]}}"),
        (r#"{"kvlistValue":{"values":[{"key":"k","value":"#, "}]}}"),
    ] {
        let nested = |depth: usize| {
            let value = format!("{}{{}}{}", open.repeat(depth), close.repeat(depth));
            let json = format!(
                r#"{{"resourceSpans":[{{"scopeSpans":[{{"spans":[{{"attributes":[{{"key":"k","value":{value}}}]}}]}}]}}]}}"#
            );
            decode_json(json.as_bytes())
        };
        let deepest = (1..64)
            .take_while(|depth| nested(*depth).is_ok())
            .last()
            .unwrap();
        assert!((20..64).contains(&deepest), "{deepest}");
        let otlp = nested(deepest).unwrap().encode_to_vec();
        assert_eq!(
            decode(&otlp.into()).map(|decoded| decoded.n_rejected()),
            Ok(1)
        );
    }
}

proptest! {
    #[test]
    fn no_text_panics(text in prop::collection::vec(any::<u8>(), 0..200)) {
        drop(decode_json(&text));
    }

    #[test]
    fn no_mutation_panics(at in any::<prop::sample::Index>(), with in prop::collection::vec(any::<u8>(), 0..4), len in 0..8_usize) {
        let mut text = br#"{"resourceSpans":[{"resource":{"attributes":[{"key":"a","value":{"doubleValue":"NaN"}}]},
            "scopeSpans":[{"scope":{"name":"x"},"spans":[{"traceId":"5b8efff798038103d269b633813fc60c",
            "spanId":"eee19b7ec3c1b174","kind":"SPAN_KIND_SERVER","startTimeUnixNano":"1","endTimeUnixNano":2,
            "attributes":[{"key":"k","value":{"arrayValue":{"values":[{"intValue":"3"},{"bytesValue":"aGk="}]}}}]}]}]}]}"#.to_vec();
        let at = at.index(text.len());
        let end = (at + len).min(text.len());
        text.splice(at..end, with);
        if let Ok(request) = decode_json(&text) {
            let otlp = request.encode_to_vec();
            prop_assert_eq!(ExportTraceServiceRequest::decode(&otlp[..]).map(|r| r.encode_to_vec()), Ok(otlp));
        }
    }
}
