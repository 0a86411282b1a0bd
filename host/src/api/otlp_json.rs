//! A trace as OTLP/JSON, as `import` reads it: ids in hexadecimal, 64-bit numbers as strings, bytes in base64.
//!
//! See <https://opentelemetry.io/docs/specs/otlp/#json-protobuf-encoding>. Fields with default values are left out.

use base64::{Engine, engine::general_purpose::STANDARD};
use opentelemetry_proto::tonic::{
    common::v1::{AnyValue, InstrumentationScope, KeyValue, any_value},
    resource::v1::Resource,
    trace::v1::{Span, Status, span::Event, span::Link},
};
use serde_json::{Map, Value, json};

use crate::trace::{ResourceRecord, ScopeRecord, SpanRecord};

/// How deep values may lie within values; what is deeper is left out. Ingest refuses deeper ones.
const DEPTH_MAX: usize = 64;

/// The spans of one resource, by scope.
type Scopes<'a> = Vec<(&'a ScopeRecord, Vec<Value>)>;

/// Returns `{"resourceSpans": […]}`: spans of one resource and scope together, in the order given.
pub fn otlp_json(spans: &[SpanRecord]) -> Value {
    let mut resources: Vec<(&ResourceRecord, Scopes<'_>)> = Vec::new();
    for record in spans {
        let at = position(&mut resources, &*record.resource);
        let scopes = at.map(|(_, scopes)| scopes);
        let Some((_, spans)) = scopes.and_then(|scopes| position(scopes, &*record.scope)) else {
            continue;
        };
        spans.push(span(&record.span));
    }
    let resource_spans: Vec<Value> = resources
        .into_iter()
        .map(|(record, scopes)| {
            let scope_spans = scopes.into_iter().map(|(record, spans)| {
                let mut object = Map::new();
                object.insert("scope".into(), scope(&record.scope));
                object.insert("spans".into(), spans.into());
                text(&mut object, "schemaUrl", &record.schema_url);
                Value::Object(object)
            });
            let mut object = Map::new();
            object.insert("scopeSpans".into(), scope_spans.collect());
            object.insert("resource".into(), resource(&record.resource));
            text(&mut object, "schemaUrl", &record.schema_url);
            Value::Object(object)
        })
        .collect();
    json!({ "resourceSpans": resource_spans })
}

/// Finds the group of `key`, or opens it. A trace has few resources and scopes.
fn position<'a, 'v, K: PartialEq, G: Default>(
    groups: &'v mut Vec<(&'a K, G)>,
    key: &'a K,
) -> Option<&'v mut (&'a K, G)> {
    let same = |(known, _): &(&K, G)| std::ptr::eq(*known, key) || *known == key;
    let at = groups.iter().position(same).unwrap_or_else(|| {
        groups.push((key, G::default()));
        groups.len() - 1
    });
    groups.get_mut(at)
}

fn span(span: &Span) -> Value {
    let mut object = Map::new();
    object.insert("traceId".into(), hex(&span.trace_id));
    object.insert("spanId".into(), hex(&span.span_id));
    if !span.parent_span_id.is_empty() {
        object.insert("parentSpanId".into(), hex(&span.parent_span_id));
    }
    text(&mut object, "traceState", &span.trace_state);
    number(&mut object, "flags", span.flags.into());
    text(&mut object, "name", &span.name);
    number(&mut object, "kind", span.kind.into());
    let times = [
        ("startTimeUnixNano", span.start_time_unix_nano),
        ("endTimeUnixNano", span.end_time_unix_nano),
    ];
    for (key, time) in times {
        object.insert(key.into(), time.to_string().into());
    }
    attributes(&mut object, &span.attributes, span.dropped_attributes_count);
    list(
        &mut object,
        "events",
        span.events.iter().map(event).collect(),
    );
    number(
        &mut object,
        "droppedEventsCount",
        span.dropped_events_count.into(),
    );
    list(&mut object, "links", span.links.iter().map(link).collect());
    number(
        &mut object,
        "droppedLinksCount",
        span.dropped_links_count.into(),
    );
    if let Some(Status { message, code }) = &span.status {
        let mut status = Map::new();
        text(&mut status, "message", message);
        number(&mut status, "code", (*code).into());
        object.insert("status".into(), status.into());
    }
    object.into()
}

fn event(event: &Event) -> Value {
    let mut object = Map::new();
    object.insert(
        "timeUnixNano".into(),
        event.time_unix_nano.to_string().into(),
    );
    text(&mut object, "name", &event.name);
    attributes(
        &mut object,
        &event.attributes,
        event.dropped_attributes_count,
    );
    object.into()
}

fn link(link: &Link) -> Value {
    let mut object = Map::new();
    object.insert("traceId".into(), hex(&link.trace_id));
    object.insert("spanId".into(), hex(&link.span_id));
    text(&mut object, "traceState", &link.trace_state);
    attributes(&mut object, &link.attributes, link.dropped_attributes_count);
    number(&mut object, "flags", link.flags.into());
    object.into()
}

fn resource(resource: &Resource) -> Value {
    let mut object = Map::new();
    attributes(
        &mut object,
        &resource.attributes,
        resource.dropped_attributes_count,
    );
    object.into()
}

fn scope(scope: &InstrumentationScope) -> Value {
    let mut object = Map::new();
    text(&mut object, "name", &scope.name);
    text(&mut object, "version", &scope.version);
    attributes(
        &mut object,
        &scope.attributes,
        scope.dropped_attributes_count,
    );
    object.into()
}

fn attributes(object: &mut Map<String, Value>, attributes: &[KeyValue], dropped: u32) {
    let pairs = attributes.iter().map(|pair| key_value(pair, 0)).collect();
    list(object, "attributes", pairs);
    number(object, "droppedAttributesCount", dropped.into());
}

fn key_value(pair: &KeyValue, depth: usize) -> Value {
    let value = pair
        .value
        .as_ref()
        .map_or_else(|| json!({}), |value| any_value(value, depth));
    json!({ "key": pair.key, "value": value })
}

fn any_value(value: &AnyValue, depth: usize) -> Value {
    let Some(value) = value.value.as_ref().filter(|_| depth < DEPTH_MAX) else {
        return json!({});
    };
    match value {
        any_value::Value::StringValue(text) => json!({ "stringValue": text }),
        any_value::Value::BoolValue(truth) => json!({ "boolValue": truth }),
        any_value::Value::IntValue(int) => json!({ "intValue": int.to_string() }),
        any_value::Value::DoubleValue(double) => json!({ "doubleValue": number_or_name(*double) }),
        any_value::Value::BytesValue(bytes) => json!({ "bytesValue": STANDARD.encode(bytes) }),
        any_value::Value::ArrayValue(array) => {
            let values = array.values.iter().map(|value| any_value_of(value, depth));
            json!({ "arrayValue": { "values": values.collect::<Vec<_>>() } })
        }
        any_value::Value::KvlistValue(list) => {
            let values = list.values.iter().map(|pair| key_value(pair, depth + 1));
            json!({ "kvlistValue": { "values": values.collect::<Vec<_>>() } })
        }
        // Of the profiling signal: no meaning in a trace.
        any_value::Value::StringValueStrindex(_) => json!({}),
    }
}

fn any_value_of(value: &AnyValue, depth: usize) -> Value {
    any_value(value, depth + 1)
}

/// The doubles that JSON has no numbers for are strings in the protobuf mapping.
fn number_or_name(double: f64) -> Value {
    if double.is_nan() {
        "NaN".into()
    } else if double == f64::INFINITY {
        "Infinity".into()
    } else if double == f64::NEG_INFINITY {
        "-Infinity".into()
    } else {
        double.into()
    }
}

fn hex(bytes: &[u8]) -> Value {
    use std::fmt::Write;
    let mut text = String::with_capacity(bytes.len() * 2);
    for byte in bytes {
        // Writing to a `String` cannot fail.
        let _infallible = write!(text, "{byte:02x}");
    }
    text.into()
}

fn text(object: &mut Map<String, Value>, key: &str, value: &str) {
    if !value.is_empty() {
        object.insert(key.into(), value.into());
    }
}

fn number(object: &mut Map<String, Value>, key: &str, value: i64) {
    if value != 0 {
        object.insert(key.into(), value.into());
    }
}

fn list(object: &mut Map<String, Value>, key: &str, values: Vec<Value>) {
    if !values.is_empty() {
        object.insert(key.into(), values.into());
    }
}
