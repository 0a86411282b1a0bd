//! Spans of many attributes, of large values, and of values within one another.

use betrace_tests::client::text;
use opentelemetry_proto::tonic::common::v1::{AnyValue, KeyValue};
use prost::Message as _;
use serde_json::{Value, json};

use super::{After, Row, field, more, row, with};

pub(super) fn rows() -> Vec<Row> {
    const ATTRIBUTES: usize = 100_000;
    let list = |of: &dyn Fn(usize) -> String| (0..ATTRIBUTES).map(of).collect::<Vec<_>>().join(",");
    let one = |n| format!(r#"{{"key":"k{n}","value":{{"stringValue":"v"}}}}"#);
    let many = format!("[{}]", list(&one));
    let large = "v".repeat(10_000_000);
    let large_json = format!(r#"[{{"key":"large","value":{{"stringValue":"{large}"}}}}]"#);
    let stored = |attributes: &str| {
        let attributes: Value = serde_json::from_str(attributes).unwrap();
        After::Stored(json!({ "attributes": attributes }))
    };
    let attributes = |attributes: &str| with(&format!(r#""attributes":{attributes}"#));
    let deep = format!("[{}]", nested_json(30));
    // Too deep in protobuf: each array is two messages, of 100.
    let too_deep = field(9, &{
        let value = (0..60).fold(Vec::new(), |inner, _| field(5, &field(1, &inner)));
        [field(1, b"nested"), field(2, &value)].concat()
    });
    let too_deep_json = attributes(&format!("[{}]", nested_json(60)));
    vec![
        row(
            "100,000 attributes",
            |span| {
                span.attributes
                    .extend((0..ATTRIBUTES).map(|n| text(&format!("k{n}"), "v")));
            },
            attributes(&many),
            stored(&many),
        ),
        row(
            "a value of 10 MB",
            {
                let large = large.clone();
                move |span| span.attributes.push(text("large", &large))
            },
            attributes(&large_json),
            stored(&large_json),
        ),
        row(
            "a value that is nested 30 times",
            |span| span.attributes.push(nested(30)),
            attributes(&deep),
            stored(&deep),
        ),
        more(
            "a value that is nested 60 times",
            too_deep,
            Some(too_deep_json.into_bytes()),
            After::Refused {
                protobuf: ("values are nested too deeply", ")"),
                json: (
                    "values are nested too deeply",
                    ": attributes[0].value.arrayValue.values[0]",
                ),
            },
        ),
    ]
}

/// An array in an array, so many times, around nothing.
fn nested(depth: usize) -> KeyValue {
    let value = (0..depth).fold(Vec::new(), |inner, _| field(5, &field(1, &inner)));
    KeyValue {
        key: "nested".to_owned(),
        value: Some(AnyValue::decode(&value[..]).unwrap()),
        ..KeyValue::default()
    }
}

fn nested_json(depth: usize) -> String {
    let (open, close) = (r#"{"arrayValue":{"values":["#, "]}}");
    let value = format!("{}{{}}{}", open.repeat(depth), close.repeat(depth));
    format!(r#"{{"key":"nested","value":{value}}}"#)
}
