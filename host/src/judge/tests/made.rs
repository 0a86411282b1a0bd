//! Traces of every kind, made by proptest from a small stock of texts, so that they meet each other.

use std::sync::Arc;

use opentelemetry_proto::tonic::{
    common::v1::{
        AnyValue, ArrayValue, InstrumentationScope, KeyValue, KeyValueList, any_value::Value,
    },
    resource::v1::Resource,
    trace::v1::{
        Span, Status,
        span::{Event, Link},
    },
};
use proptest::prelude::*;

use super::traces::{sealed, span};
use crate::trace::{ResourceRecord, ScopeRecord, SealedTrace, SpanRecord};

fn value() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        any::<bool>().prop_map(Value::BoolValue),
        prop::sample::select(vec![0, 1, 42, -7, i64::MAX]).prop_map(Value::IntValue),
        prop::sample::select(vec![0.5, 42.0, f64::NAN, -0.0]).prop_map(Value::DoubleValue),
        prop::sample::select(vec![
            "",
            "true",
            "false",
            "42",
            "1e3",
            "x",
            "+5",
            "0000000000000002"
        ])
        .prop_map(|text| Value::StringValue(text.into())),
        prop::collection::vec(any::<u8>(), 0..4).prop_map(Value::BytesValue),
    ];
    leaf.prop_recursive(2, 8, 3, |inner| {
        let values = prop::collection::vec(prop::option::of(inner), 0..3);
        (values, any::<bool>()).prop_map(|(values, list)| {
            let values = values.into_iter().map(|value| AnyValue { value });
            if list {
                let pairs = values.zip(["p", "q", "x"]).map(|(value, key)| KeyValue {
                    key: key.into(),
                    value: Some(value),
                    ..KeyValue::default()
                });
                Value::KvlistValue(KeyValueList {
                    values: pairs.collect(),
                })
            } else {
                Value::ArrayValue(ArrayValue {
                    values: values.collect(),
                })
            }
        })
    })
}

fn attributes() -> impl Strategy<Value = Vec<KeyValue>> {
    let attribute = (
        prop::sample::select(vec!["k1", "k2", "k3"]),
        prop::option::weighted(0.9, value()),
    );
    let attribute = attribute.prop_map(|(key, value)| KeyValue {
        key: key.into(),
        value: Some(AnyValue { value }),
        ..KeyValue::default()
    });
    prop::collection::vec(attribute, 0..4)
}

/// A span, with the numbers of its resource and scope, and which earlier span is its parent.
fn any_span() -> impl Strategy<Value = (Span, usize, usize, Option<u8>)> {
    let event = (
        attributes(),
        0_u64..100,
        prop::sample::select(vec!["x", "exception", ""]),
    );
    let event = event.prop_map(|(attributes, time_unix_nano, name)| Event {
        attributes,
        time_unix_nano,
        name: name.into(),
        ..Event::default()
    });
    let link = (attributes(), 1_u8..4).prop_map(|(attributes, id)| Link {
        trace_id: vec![id; 16],
        span_id: vec![0, 0, 0, 0, 0, 0, 0, id],
        attributes,
        ..Link::default()
    });
    let status = (0..4, prop::sample::select(vec!["", "x", "why"]));
    let status = status.prop_map(|(code, message)| Status {
        code,
        message: message.into(),
    });
    (
        (
            prop::sample::select(vec!["A", "B", "x", ""]),
            0..7,
            0_u64..40,
            -5_i64..30,
        ),
        (attributes(), prop::option::of(status)),
        (
            prop::collection::vec(event, 0..3),
            prop::collection::vec(link, 0..2),
        ),
        (0_usize..2, 0_usize..2, prop::option::of(0_u8..9)),
    )
        .prop_map(
            |(
                (name, kind, start, lasts),
                (attributes, status),
                (events, links),
                (resource, scope, parent),
            )| {
                let mut span = span(1, name, start + 10);
                span.kind = kind;
                span.end_time_unix_nano = (start as i64 + 10 + lasts) as u64;
                span.attributes = attributes;
                span.status = status;
                span.events = events;
                span.links = links;
                (span, resource, scope, parent)
            },
        )
}

pub(super) fn any_traces() -> impl Strategy<Value = Vec<SealedTrace>> {
    let scope = (attributes(), prop::sample::select(vec!["", "x", "lib"]));
    (
        prop::collection::vec(prop::collection::vec(any_span(), 1..6), 1..5),
        prop::collection::vec(attributes(), 2),
        prop::collection::vec(scope, 2),
    )
        .prop_map(|(traces, resources, scopes)| {
            let resources: Vec<_> = resources
                .into_iter()
                .map(|attributes| {
                    Arc::new(ResourceRecord {
                        resource: Resource {
                            attributes,
                            ..Resource::default()
                        },
                        ..ResourceRecord::default()
                    })
                })
                .collect();
            let scopes: Vec<_> = scopes
                .into_iter()
                .map(|(attributes, name)| {
                    let scope = InstrumentationScope {
                        name: name.into(),
                        version: name.into(),
                        attributes,
                        ..InstrumentationScope::default()
                    };
                    Arc::new(ScopeRecord {
                        scope,
                        ..ScopeRecord::default()
                    })
                })
                .collect();
            let traces = traces.into_iter().enumerate().map(|(id, spans)| {
                let records =
                    (1_u8..)
                        .zip(spans)
                        .map(|(n, (mut span, resource, scope, parent))| {
                            span.span_id = vec![0, 0, 0, 0, 0, 0, 0, n];
                            // A span's parent is one of a lower id, or is not there.
                            if let Some(parent) = parent.filter(|parent| *parent < n || *parent > 7)
                            {
                                span.parent_span_id = vec![0, 0, 0, 0, 0, 0, 0, parent];
                            }
                            if span.parent_span_id.iter().all(|byte| *byte == 0) {
                                span.parent_span_id.clear();
                            }
                            SpanRecord {
                                span,
                                resource: Arc::clone(&resources[resource]),
                                scope: Arc::clone(&scopes[scope]),
                            }
                        });
                sealed(id as u16, records.collect())
            });
            traces.collect()
        })
}
