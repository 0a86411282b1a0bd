//! Spans of texts that are none, and of what is given twice.

use betrace_tests::client::text;
use opentelemetry_proto::tonic::common::v1::{
    AnyValue, KeyValue, KeyValueList, any_value::Value as Any,
};
use serde_json::{Value, json};

use super::{After, IDS, NOT_UTF8, Row, UNREADABLE, field, more, row, with};

pub(super) fn unreadable() -> Vec<Row> {
    let not_utf8 = [&b"{"[..], IDS.as_bytes(), b",\"traceState\":\"\xff\xfe\"}"].concat();
    let not_utf8_key = [
        &b"{"[..],
        IDS.as_bytes(),
        b",\"attributes\":[{\"key\":\"\xff\"}]}",
    ]
    .concat();
    let no_name = [0x28, 5]; // Field 5, the name, as a varint.
    vec![
        more(
            "a name that is not UTF-8",
            field(5, b"\xff\xfe"),
            Some(not_utf8),
            After::Refused {
                protobuf: (NOT_UTF8, ": Span.name: invalid string value"),
                json: (NOT_UTF8, ": traceState)"),
            },
        ),
        more(
            "a key of an attribute that is not UTF-8",
            field(9, &field(1, b"\xff")),
            Some(not_utf8_key),
            After::Refused {
                protobuf: (
                    NOT_UTF8,
                    ": KeyValue.key: Span.attributes: invalid string value",
                ),
                json: (NOT_UTF8, ": attributes[0].key)"),
            },
        ),
        more(
            "a name that is a number",
            no_name.to_vec(),
            Some(with(r#""name":5"#).into_bytes()),
            After::Refused {
                protobuf: (
                    UNREADABLE,
                    ": Span.name: invalid wire type: Varint (expected LengthDelimited))",
                ),
                json: (
                    UNREADABLE,
                    ": name: invalid type: integer `5`, expected a string)",
                ),
            },
        ),
        more(
            "fields that nobody knows are passed over",
            field(200, b"\xff"),
            Some(with(r#""later":{"a":[1,{"b":null}]},"kind":3"#).into_bytes()),
            After::Stored(json!({ "name": "odd" })),
        ),
    ]
}

pub(super) fn given_twice() -> Vec<Row> {
    let twice =
        r#"[{"key":"k","value":{"stringValue":"1"}},{"key":"k","value":{"stringValue":"2"}}]"#;
    let pairs = KeyValue {
        key: "pairs".to_owned(),
        value: Some(AnyValue {
            value: Some(Any::KvlistValue(KeyValueList {
                values: vec![text("k", "1"), text("k", "2")],
            })),
        }),
        ..KeyValue::default()
    };
    let pairs_json =
        format!(r#"[{{"key":"pairs","value":{{"kvlistValue":{{"values":{twice}}}}}}}]"#);
    let pairs_stored: Value = serde_json::from_str(&pairs_json).unwrap();
    vec![
        row(
            // The specification forbids it and says nothing of what is to come of it; a column has one value of a span.
            "of an attribute that is given twice the last is stored",
            |span| span.attributes.extend([text("k", "1"), text("k", "2")]),
            with(&format!(r#""attributes":{twice}"#)),
            After::Stored(json!({
                "attributes": [{ "key": "k", "value": { "stringValue": "2" } }],
            })),
        ),
        row(
            "of pairs within a value all are stored",
            move |span| span.attributes.push(pairs.clone()),
            with(&format!(r#""attributes":{pairs_json}"#)),
            After::Stored(json!({ "attributes": pairs_stored })),
        ),
        more(
            "of a field that is given twice the last is taken",
            field(5, b"last"),
            Some(with(r#""name":"last""#).into_bytes()),
            After::Stored(json!({ "name": "last" })),
        ),
        more(
            "of a kind that is given twice the last is taken",
            vec![0x30, 1, 0x30, 3],
            Some(with(r#""kind":1,"kind":"SPAN_KIND_CLIENT""#).into_bytes()),
            After::Stored(json!({ "kind": 3 })),
        ),
        more(
            "of an id that is given twice the last is taken",
            field(4, &[1; 8]).repeat(2),
            Some(with(r#""parentSpanId":"ff","parentSpanId":"0101010101010101""#).into_bytes()),
            After::Stored(json!({ "parentSpanId": "0101010101010101" })),
        ),
        row(
            "lists that are given twice follow one another",
            |span| span.attributes.extend([text("a", "1"), text("b", "2")]),
            with(
                r#""attributes":[{"key":"a","value":{"stringValue":"1"}}],
                "attributes":[{"key":"b","value":{"stringValue":"2"}}]"#,
            ),
            After::Stored(json!({ "attributes": [
                { "key": "a", "value": { "stringValue": "1" } },
                { "key": "b", "value": { "stringValue": "2" } },
            ] })),
        ),
    ]
}
