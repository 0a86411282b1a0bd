//! Traces and blocks for tests.

use std::sync::Arc;

use opentelemetry_proto::tonic::{
    common::v1::{AnyValue, KeyValue, any_value::Value},
    trace::v1::Span,
};

use crate::{
    block::{Block, BlockBuilder},
    clock::UnixNanos,
    tenant::TenantId,
    trace::{Facts, SealedTrace, SpanRecord, TraceId},
};

/// A span with an id, a name and a start; it lasts 10 ns.
pub(crate) fn span(id: u8, name: &str, start: u64) -> Span {
    Span {
        span_id: vec![0, 0, 0, 0, 0, 0, 0, id],
        name: name.into(),
        start_time_unix_nano: start,
        end_time_unix_nano: start + 10,
        ..Span::default()
    }
}

/// An attribute.
pub(crate) fn attribute(key: &str, value: Value) -> KeyValue {
    KeyValue {
        key: key.into(),
        value: Some(AnyValue { value: Some(value) }),
        ..KeyValue::default()
    }
}

/// A complete trace whose spans have these names, in order.
pub(crate) fn named(id: u16, names: &[&str]) -> SealedTrace {
    let spans = names.iter().zip(1..);
    trace(
        id,
        spans.map(|(name, n)| span(n, name, u64::from(n))).collect(),
    )
}

/// A complete trace of spans, which are put in order.
pub(crate) fn trace(id: u16, spans: Vec<Span>) -> SealedTrace {
    let records = spans.into_iter().map(|span| SpanRecord {
        span,
        resource: Arc::default(),
        scope: Arc::default(),
    });
    sealed(id, records.collect())
}

/// A complete trace of spans with their resources and scopes.
pub(crate) fn sealed(id: u16, mut spans: Vec<SpanRecord>) -> SealedTrace {
    let [high, low] = (id + 1).to_be_bytes();
    let mut trace_id = [0; 16];
    trace_id[14..].copy_from_slice(&[high, low]);
    for record in &mut spans {
        record.span.trace_id = trace_id.to_vec();
    }
    spans.sort_by(|a, b| {
        let key = |r: &SpanRecord| (r.span.start_time_unix_nano, r.span.span_id.clone());
        key(a).cmp(&key(b))
    });
    SealedTrace {
        trace_id: TraceId(trace_id),
        spans,
        facts: Facts(0),
        arrived_first: UnixNanos(1),
        arrived_last: UnixNanos(2),
    }
}

/// A block of traces.
pub(crate) fn block(traces: &[SealedTrace]) -> Block {
    let mut builder = BlockBuilder::new(TenantId::default_tenant());
    for trace in traces {
        builder.push(trace.clone());
    }
    builder.finish().to_block()
}
