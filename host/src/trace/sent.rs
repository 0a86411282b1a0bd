//! A trace as it was sent: the protobuf of its spans, and what assembly and sealing need to know of each.
//!
//! A span on its way from a request to a block is never spelled out as messages: a tenth of the memory, and a small part
//! of the work. [`SentSpan::to_record`] does it for those who look at single traces.

use std::sync::Arc;

use bytes::Bytes;
use hashbrown::HashMap;
use opentelemetry_proto::tonic::{
    common::v1::InstrumentationScope, resource::v1::Resource, trace::v1::Span,
};
use prost::Message;

use super::{
    Facts, ResourceRecord, ScopeRecord, SealedTrace, SpanId, SpanRecord, TraceId,
    wire::{Wire, known_fields},
};
use crate::clock::UnixNanos;

/// A span as the bytes of its message, with the resource and scope that it arrived under.
///
/// The bytes are a `Span` that `prost` decodes, of which no field that holds a message is given twice, nor two fields of
/// a choice: decoding sees to that. The ids, times and kind are those of the message.
#[derive(Clone, Debug, PartialEq)]
pub struct SentSpan {
    /// The trace that it is of.
    pub trace_id: TraceId,
    /// Its own id.
    pub span_id: SpanId,
    /// That of its parent; none where the message gives none, or zeros.
    pub parent_span_id: Option<SpanId>,
    /// When it started.
    pub start_time_unix_nano: u64,
    /// When it ended.
    pub end_time_unix_nano: u64,
    /// A `SpanKind`, or another number.
    pub kind: i32,
    /// What its SDK dropped of it, its events and its links.
    pub dropped: Facts,
    /// The message.
    pub message: Bytes,
    /// Shared by the spans of one `ResourceSpans`: a `Resource`.
    pub resource: Arc<SentContext>,
    /// Shared by the spans of one `ScopeSpans`: an `InstrumentationScope`.
    pub scope: Arc<SentContext>,
}

/// A resource or an instrumentation scope as the bytes of its message, of which the same holds as of a span's.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SentContext {
    /// The message; empty where the request named none.
    pub message: Bytes,
    /// May be empty.
    pub schema_url: String,
    /// Whether its SDK dropped attributes.
    pub attributes_dropped: bool,
}

/// A trace that is to be judged: its spans in order of start, span id, content, without exact duplicates.
#[derive(Clone, Debug, PartialEq)]
pub struct SentTrace {
    /// The id that all its spans share.
    pub trace_id: TraceId,
    /// At least one.
    pub spans: Vec<SentSpan>,
    /// What is missing.
    pub facts: Facts,
    /// When its first span arrived.
    pub arrived_first: UnixNanos,
    /// When its last span arrived.
    pub arrived_last: UnixNanos,
}

impl SentSpan {
    /// Spells a span out.
    pub fn to_record(&self) -> SpanRecord {
        Spelled::default().record(self)
    }

    /// Reads a span again of which the message alone was kept: whatever message a `SentSpan` has, this is that span.
    pub fn of_message(message: Bytes, resource: Arc<SentContext>, scope: Arc<SentContext>) -> Self {
        let [mut trace_id, mut span_id, mut parent_span_id]: [&[u8]; 3] = [&[]; 3];
        let (mut start_time_unix_nano, mut end_time_unix_nano, mut kind) = (0, 0, 0);
        let (mut attributes, mut events, mut links) = (0, 0, 0);
        let mut below = false;
        for field in known_fields(&message) {
            match field {
                (1, Wire::Bytes(id)) => trace_id = id,
                (2, Wire::Bytes(id)) => span_id = id,
                (4, Wire::Bytes(id)) => parent_span_id = id,
                (6, Wire::Varint(number)) => kind = number as i32,
                (7, Wire::Fixed64(time)) => start_time_unix_nano = time,
                (8, Wire::Fixed64(time)) => end_time_unix_nano = time,
                (10, Wire::Varint(count)) => attributes = count as u32,
                (11, Wire::Bytes(event)) => below |= is_dropped_of(event, 4),
                (12, Wire::Varint(count)) => events = count as u32,
                (13, Wire::Bytes(link)) => below |= is_dropped_of(link, 5),
                (14, Wire::Varint(count)) => links = count as u32,
                _ => {}
            }
        }
        Self {
            trace_id: TraceId::from_bytes(trace_id).unwrap_or(TraceId([0; 16])),
            span_id: SpanId::from_bytes(span_id).unwrap_or(SpanId([0; 8])),
            parent_span_id: SpanId::from_bytes(parent_span_id),
            start_time_unix_nano,
            end_time_unix_nano,
            kind,
            dropped: Facts::of_dropped(attributes > 0 || below, events > 0, links > 0),
            message,
            resource,
            scope,
        }
    }

    /// Encodes spans. Ids that decoding would refuse become zeros.
    pub fn of_records<'a>(
        records: impl IntoIterator<Item = &'a SpanRecord>,
    ) -> impl Iterator<Item = Self> {
        let mut contexts = Contexts::default();
        records.into_iter().map(move |record| contexts.span(record))
    }

    /// Spells the span out without what it shares.
    pub(crate) fn span(&self) -> Span {
        // Only values nested deeper than any request may nest them, out of a damaged block, cannot be read.
        let span = Span::decode(&self.message[..]).unwrap_or_default();
        Span {
            trace_id: self.trace_id.0.to_vec(),
            span_id: self.span_id.0.to_vec(),
            parent_span_id: self
                .parent_span_id
                .map_or_else(Vec::new, |parent| parent.0.to_vec()),
            start_time_unix_nano: self.start_time_unix_nano,
            end_time_unix_nano: self.end_time_unix_nano,
            kind: self.kind,
            ..span
        }
    }
}

impl SentContext {
    /// Encodes a resource.
    pub fn of_resource(record: &ResourceRecord) -> Self {
        Self {
            message: record.resource.encode_to_vec().into(),
            schema_url: record.schema_url.clone(),
            attributes_dropped: record.resource.dropped_attributes_count > 0,
        }
    }

    /// Encodes a scope.
    pub fn of_scope(record: &ScopeRecord) -> Self {
        Self {
            message: record.scope.encode_to_vec().into(),
            schema_url: record.schema_url.clone(),
            attributes_dropped: record.scope.dropped_attributes_count > 0,
        }
    }

    pub(crate) fn resource(&self) -> Resource {
        Resource::decode(&self.message[..]).unwrap_or_default()
    }

    pub(crate) fn scope(&self) -> InstrumentationScope {
        InstrumentationScope::decode(&self.message[..]).unwrap_or_default()
    }
}

impl SentTrace {
    /// Returns the length of its spans' messages together.
    pub fn message_bytes(&self) -> usize {
        self.spans.iter().map(|span| span.message.len()).sum()
    }

    /// Spells the trace out.
    pub fn to_sealed(&self) -> SealedTrace {
        let mut spelled = Spelled::default();
        SealedTrace {
            trace_id: self.trace_id,
            spans: self.spans.iter().map(|span| spelled.record(span)).collect(),
            facts: self.facts,
            arrived_first: self.arrived_first,
            arrived_last: self.arrived_last,
        }
    }
}

impl From<SealedTrace> for SentTrace {
    /// Encodes a trace.
    fn from(trace: SealedTrace) -> Self {
        Self {
            trace_id: trace.trace_id,
            spans: SentSpan::of_records(&trace.spans).collect(),
            facts: trace.facts,
            arrived_first: trace.arrived_first,
            arrived_last: trace.arrived_last,
        }
    }
}

/// Whether a message says, in a field of this number, that something of it was dropped.
fn is_dropped_of(message: &[u8], field: u32) -> bool {
    let counts = known_fields(message).filter_map(|(number, value)| match value {
        Wire::Varint(count) if number == field => Some(count as u32),
        Wire::Varint(_) | Wire::Fixed64(_) | Wire::Bytes(_) | Wire::Fixed32(_) => None,
    });
    counts.last().is_some_and(|count| count > 0)
}

/// Resources and scopes that were encoded, by their addresses: what was shared stays shared.
#[derive(Default)]
struct Contexts {
    resources: HashMap<*const ResourceRecord, Arc<SentContext>>,
    scopes: HashMap<*const ScopeRecord, Arc<SentContext>>,
}

impl Contexts {
    fn span(&mut self, record: &SpanRecord) -> SentSpan {
        let SpanRecord {
            span,
            resource,
            scope,
        } = record;
        let resource = self
            .resources
            .entry(Arc::as_ptr(resource))
            .or_insert_with(|| Arc::new(SentContext::of_resource(resource)));
        let scope = self
            .scopes
            .entry(Arc::as_ptr(scope))
            .or_insert_with(|| Arc::new(SentContext::of_scope(scope)));
        let attributes = span.dropped_attributes_count > 0
            || span.events.iter().any(|e| e.dropped_attributes_count > 0)
            || span.links.iter().any(|l| l.dropped_attributes_count > 0);
        let (events, links) = (span.dropped_events_count > 0, span.dropped_links_count > 0);
        SentSpan {
            trace_id: TraceId::from_bytes(&span.trace_id).unwrap_or(TraceId([0; 16])),
            span_id: SpanId::from_bytes(&span.span_id).unwrap_or(SpanId([0; 8])),
            parent_span_id: SpanId::from_bytes(&span.parent_span_id),
            start_time_unix_nano: span.start_time_unix_nano,
            end_time_unix_nano: span.end_time_unix_nano,
            kind: span.kind,
            dropped: Facts::of_dropped(attributes, events, links),
            message: span.encode_to_vec().into(),
            resource: Arc::clone(resource),
            scope: Arc::clone(scope),
        }
    }
}

/// Resources and scopes that were spelled out, by their addresses.
#[derive(Default)]
struct Spelled {
    resources: HashMap<*const SentContext, Arc<ResourceRecord>>,
    scopes: HashMap<*const SentContext, Arc<ScopeRecord>>,
}

impl Spelled {
    fn record(&mut self, sent: &SentSpan) -> SpanRecord {
        let resource = self
            .resources
            .entry(Arc::as_ptr(&sent.resource))
            .or_insert_with(|| {
                Arc::new(ResourceRecord {
                    resource: sent.resource.resource(),
                    schema_url: sent.resource.schema_url.clone(),
                })
            });
        let scope = self
            .scopes
            .entry(Arc::as_ptr(&sent.scope))
            .or_insert_with(|| {
                Arc::new(ScopeRecord {
                    scope: sent.scope.scope(),
                    schema_url: sent.scope.schema_url.clone(),
                })
            });
        SpanRecord {
            span: sent.span(),
            resource: Arc::clone(resource),
            scope: Arc::clone(scope),
        }
    }
}
