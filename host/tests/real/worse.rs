//! Real traces made worse: what their instrumentation never did is done to them, so that rules about events, links,
//! errors, types and missing parts have something to read.
//!
//! Which span suffers what is in its id, so it is the same in every run and however the spans arrive.

use bytes::Bytes;
use opentelemetry_proto::tonic::{
    collector::trace::v1::ExportTraceServiceRequest,
    common::v1::{AnyValue, ArrayValue, KeyValue, any_value::Value},
    trace::v1::{
        Span, Status,
        span::{Event, Link},
        status::StatusCode,
    },
};
use prost::Message as _;

/// Makes the spans of a request worse.
pub(crate) fn worse(otlp: &Bytes) -> Bytes {
    let mut request = ExportTraceServiceRequest::decode(otlp.clone()).unwrap();
    for scope in request
        .resource_spans
        .iter_mut()
        .flat_map(|of_resource| &mut of_resource.scope_spans)
    {
        scope.spans.retain(|span| !is_lost(span));
        scope.spans.iter_mut().for_each(worsen);
    }
    request.encode_to_vec().into()
}

/// One span in 64 never arrives; where it had children, its trace is known to be incomplete.
fn is_lost(span: &Span) -> bool {
    !span.parent_span_id.is_empty() && span.span_id[1].is_multiple_of(64)
}

fn worsen(span: &mut Span) {
    let [a, b, c] = [span.span_id[2], span.span_id[3], span.span_id[4]];
    match a % 32 {
        0 => span.events.push(event(
            "exception",
            vec![key("exception.type", text(["Timeout", "Refused"], b))],
        )),
        1 => span.events.extend([
            event(
                "retry",
                vec![key("attempt", Value::IntValue(i64::from(b % 4)))],
            ),
            event("exception", Vec::new()),
        ]),
        2 => {
            span.status = Some(Status {
                code: StatusCode::Error as i32,
                message: ["time is up", "out of memory", "no"][usize::from(b % 3)].to_owned(),
            });
        }
        3 => span.links.push(Link {
            trace_id: vec![b | 1; 16],
            span_id: vec![c | 1; 8],
            attributes: vec![
                key("reason", text(["batch", "follows"], b)),
                key("weight", Value::DoubleValue(f64::from(c) / 255.0)),
            ],
            ..Link::default()
        }),
        4..16 => span.attributes.extend(order(b, c)),
        _ => {}
    }
    // Rare, since a trace of which something was dropped has few verdicts left.
    match (a, b % 8) {
        (250, 0) => span.dropped_attributes_count = 1,
        (251, 1) => span.dropped_events_count = 2,
        (252, 2) => span.dropped_links_count = 3,
        _ => {}
    }
}

/// Attributes of every type, numbers also as texts.
fn order(b: u8, c: u8) -> Vec<KeyValue> {
    let amount = match b % 4 {
        0 => Value::StringValue(format!("{}.5", c % 100)),
        1 => Value::DoubleValue(f64::from(c) / 2.0),
        _ => Value::IntValue(i64::from(c % 100)),
    };
    let approved = match b % 5 {
        0 => Value::StringValue("true".to_owned()),
        1 => Value::BoolValue(true),
        2 => Value::BoolValue(false),
        3 => Value::BytesValue(vec![b, c]),
        _ => Value::IntValue(1),
    };
    let order = match c % 3 {
        0 => Value::StringValue((b % 16).to_string()),
        _ => Value::IntValue(i64::from(b % 16)),
    };
    let tags = [
        text(["express", "gift"], c),
        Value::IntValue(i64::from(c % 8)),
    ];
    let tags = tags.map(|tag| AnyValue { value: Some(tag) }).to_vec();
    vec![
        key("amount", amount),
        key("limit", Value::IntValue(i64::from(b % 64))),
        key("approved", approved),
        key("order.id", order),
        key("tags", Value::ArrayValue(ArrayValue { values: tags })),
    ]
}

fn event(name: &str, attributes: Vec<KeyValue>) -> Event {
    Event {
        name: name.to_owned(),
        attributes,
        ..Event::default()
    }
}

fn text(either: [&str; 2], by: u8) -> Value {
    Value::StringValue(either[usize::from(by % 2)].to_owned())
}

fn key(key: &str, value: Value) -> KeyValue {
    KeyValue {
        key: key.to_owned(),
        value: Some(AnyValue { value: Some(value) }),
        ..KeyValue::default()
    }
}
