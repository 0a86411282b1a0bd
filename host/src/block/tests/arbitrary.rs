//! Traces of every shape that OTLP allows.

use std::sync::Arc;

use opentelemetry_proto::tonic::{
    common::v1::{
        AnyValue, ArrayValue, EntityRef, InstrumentationScope, KeyValue, KeyValueList,
        any_value::Value,
    },
    resource::v1::Resource,
    trace::v1::{Span, Status, span},
};
use proptest::prelude::*;

use crate::{
    clock::UnixNanos,
    trace::{Facts, ResourceRecord, ScopeRecord, SealedTrace, SpanRecord, TraceId},
};

pub(super) fn traces() -> impl Strategy<Value = Vec<SealedTrace>> {
    let shared = (
        prop::collection::vec(resource().prop_map(Arc::new), 1..4),
        prop::collection::vec(scope().prop_map(Arc::new), 1..4),
    );
    shared.prop_flat_map(|(resources, scopes)| {
        let record = (
            span(),
            prop::sample::select(resources),
            prop::sample::select(scopes),
        )
            .prop_map(|(span, resource, scope)| SpanRecord {
                span,
                resource,
                scope,
            });
        let trace = (
            prop::collection::vec(record, 0..12),
            0..64_u8,
            any::<u64>(),
            any::<u64>(),
        );
        prop::collection::btree_map(any::<[u8; 16]>(), trace, 0..6).prop_map(|traces| {
            let traces = traces.into_iter().map(|(id, (spans, facts, first, last))| {
                let mut trace = SealedTrace {
                    trace_id: TraceId(id),
                    spans,
                    facts: Facts(facts),
                    arrived_first: UnixNanos(first),
                    arrived_last: UnixNanos(last),
                };
                for record in &mut trace.spans {
                    record.span.trace_id = id.to_vec();
                }
                trace
            });
            traces.collect()
        })
    })
}

fn text() -> impl Strategy<Value = String> {
    prop_oneof![
        Just(String::new()),
        prop::sample::select(vec!["a", "b", "GET /", "true", "42", "\u{1f980}"])
            .prop_map(str::to_owned),
        any::<String>(),
    ]
}

/// Few, so that spans share them, are each other's parents and form cycles.
fn span_id() -> impl Strategy<Value = Vec<u8>> {
    (1..9_u8).prop_map(|id| vec![id; 8])
}

fn count() -> impl Strategy<Value = u32> {
    prop_oneof![3 => Just(0), 1 => any::<u32>()]
}

fn time() -> impl Strategy<Value = u64> {
    prop_oneof![
        4 => 1_700_000_000_000_000_000..1_700_000_001_000_000_000_u64,
        1 => any::<u64>(),
    ]
}

fn number() -> impl Strategy<Value = i32> {
    prop_oneof![4 => 0..6_i32, 1 => any::<i32>()]
}

fn value() -> impl Strategy<Value = AnyValue> {
    let leaf = prop_oneof![
        Just(None),
        any::<bool>().prop_map(|v| Some(Value::BoolValue(v))),
        any::<i64>().prop_map(|v| Some(Value::IntValue(v))),
        any::<u64>().prop_map(|v| Some(Value::DoubleValue(f64::from_bits(v)))),
        text().prop_map(|v| Some(Value::StringValue(v))),
        prop::collection::vec(any::<u8>(), 0..20).prop_map(|v| Some(Value::BytesValue(v))),
    ];
    let leaf = leaf.prop_map(|value| AnyValue { value });
    leaf.prop_recursive(4, 24, 4, |inner| {
        let array = prop::collection::vec(inner.clone(), 0..4)
            .prop_map(|values| Value::ArrayValue(ArrayValue { values }));
        let list =
            prop::collection::vec((text(), prop::option::of(inner)), 0..4).prop_map(|list| {
                let values = list.into_iter().map(key_value).collect();
                Value::KvlistValue(KeyValueList { values })
            });
        prop_oneof![array, list].prop_map(|value| AnyValue { value: Some(value) })
    })
}

fn key_value((key, value): (String, Option<AnyValue>)) -> KeyValue {
    KeyValue {
        key,
        value,
        key_strindex: 0,
    }
}

fn attributes() -> impl Strategy<Value = Vec<KeyValue>> {
    prop::collection::vec(
        (text(), prop::option::of(value())).prop_map(key_value),
        0..6,
    )
}

fn resource() -> impl Strategy<Value = ResourceRecord> {
    let refs = prop::collection::vec(
        (text(), text()).prop_map(|(ty, key)| EntityRef {
            schema_url: String::new(),
            r#type: ty,
            id_keys: vec![key],
            description_keys: Vec::new(),
        }),
        0..2,
    );
    (attributes(), count(), refs, text()).prop_map(|(attributes, dropped, refs, schema_url)| {
        ResourceRecord {
            resource: Resource {
                attributes,
                dropped_attributes_count: dropped,
                entity_refs: refs,
            },
            schema_url,
        }
    })
}

fn scope() -> impl Strategy<Value = ScopeRecord> {
    (text(), text(), attributes(), count(), text()).prop_map(
        |(name, version, attributes, dropped, schema_url)| ScopeRecord {
            scope: InstrumentationScope {
                name,
                version,
                attributes,
                dropped_attributes_count: dropped,
            },
            schema_url,
        },
    )
}

fn event() -> impl Strategy<Value = span::Event> {
    (time(), text(), attributes(), count()).prop_map(|(time, name, attributes, dropped)| {
        span::Event {
            time_unix_nano: time,
            name,
            attributes,
            dropped_attributes_count: dropped,
        }
    })
}

fn link() -> impl Strategy<Value = span::Link> {
    let id = |bytes| {
        prop_oneof![
            4 => prop::collection::vec(any::<u8>(), bytes),
            1 => prop::collection::vec(any::<u8>(), 0..20),
        ]
    };
    (id(16), id(8), text(), attributes(), count(), any::<u32>()).prop_map(
        |(trace_id, span_id, trace_state, attributes, dropped, flags)| span::Link {
            trace_id,
            span_id,
            trace_state,
            attributes,
            dropped_attributes_count: dropped,
            flags,
        },
    )
}

fn span() -> impl Strategy<Value = Span> {
    let status = (text(), number()).prop_map(|(message, code)| Status { message, code });
    let parent = prop_oneof![1 => Just(Vec::new()), 3 => span_id()];
    let children = (
        prop::collection::vec(event(), 0..3),
        prop::collection::vec(link(), 0..3),
    );
    let counts = (count(), count(), count(), any::<u32>());
    (
        (span_id(), parent, text(), text(), number()),
        (time(), time(), prop::option::of(status)),
        attributes(),
        children,
        counts,
    )
        .prop_map(
            |(
                (span_id, parent, name, state, kind),
                (start, end, status),
                attributes,
                (events, links),
                n,
            )| {
                Span {
                    trace_id: Vec::new(),
                    span_id,
                    trace_state: state,
                    parent_span_id: parent,
                    flags: n.3,
                    name,
                    kind,
                    start_time_unix_nano: start,
                    end_time_unix_nano: end,
                    attributes,
                    dropped_attributes_count: n.0,
                    events,
                    dropped_events_count: n.1,
                    links,
                    dropped_links_count: n.2,
                    status,
                }
            },
        )
}
