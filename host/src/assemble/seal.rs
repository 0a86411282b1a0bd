//! From the spans of one trace, in any order, to the trace that is judged.
//!
//! The result depends on the set of spans alone: not on the order in which they arrived, on how they
//! were spread over requests, nor on how often each was sent.

use hashbrown::HashMap;
use opentelemetry_proto::tonic::trace::v1::{Span, span::SpanKind};
use prost::Message;

use crate::trace::{Facts, SealedTrace, SpanRecord};

/// Joins the spans that came late to a sealed trace; `None` where they hold nothing new.
///
/// What is missing is worked out again, except that a cut or a fragment stays one. The later arrival
/// counts even where only some of the late spans are new.
pub fn merge(old: SealedTrace, late: SealedTrace) -> Option<SealedTrace> {
    let before = old.spans.len();
    let SealedTrace {
        trace_id,
        spans: mut arrived,
        facts,
        arrived_first,
        arrived_last,
    } = old;
    arrived.extend(late.spans);
    let spans = order(arrived);
    if spans.len() == before {
        return None;
    }
    let sticky = (facts.0 | late.facts.0) & (Facts::CUT | Facts::FRAGMENT);
    Some(SealedTrace {
        trace_id,
        facts: Facts(missing(&spans).0 | sticky),
        spans,
        arrived_first: arrived_first.min(late.arrived_first),
        arrived_last: arrived_last.max(late.arrived_last),
    })
}

/// Leaves of what came late those spans that are not among `stored`; `None` where all of them are.
pub fn without(late: SealedTrace, stored: &[SpanRecord]) -> Option<SealedTrace> {
    let mut alike: HashMap<(u64, u64), Vec<&SpanRecord>> = HashMap::new();
    for record in stored {
        alike.entry(place(record)).or_default().push(record);
    }
    let is_new = |record: &SpanRecord| {
        let candidates = alike.get(&place(record));
        candidates.is_none_or(|alike| {
            let of_late = content(record);
            alike.iter().all(|stored| content(stored) != of_late)
        })
    };
    let SealedTrace {
        spans: arrived,
        facts,
        ..
    } = late;
    let spans: Vec<SpanRecord> = arrived.into_iter().filter(is_new).collect();
    if spans.is_empty() {
        return None;
    }
    let sticky = facts.0 & (Facts::CUT | Facts::FRAGMENT);
    Some(SealedTrace {
        facts: Facts(missing(&spans).0 | sticky),
        spans,
        ..late
    })
}

/// Where a span stands, nearly always alone.
fn place(record: &SpanRecord) -> (u64, u64) {
    let span = &record.span;
    (span.start_time_unix_nano, id_key(&span.span_id))
}

/// Puts spans in order of start, span id, end, content, and drops exact repetitions.
pub(super) fn order(spans: Vec<SpanRecord>) -> Vec<SpanRecord> {
    let mut keys: Vec<(u64, u64, u64, usize)> = spans
        .iter()
        .enumerate()
        .map(|(idx, record)| {
            let span = &record.span;
            (
                span.start_time_unix_nano,
                id_key(&span.span_id),
                span.end_time_unix_nano,
                idx,
            )
        })
        .collect();
    keys.sort_unstable();
    // Taking a record leaves `None` behind: the record itself is moved once.
    let mut slots: Vec<Option<SpanRecord>> = spans.into_iter().map(Some).collect();
    let mut ordered = Vec::with_capacity(slots.len());
    for alike in keys.chunk_by(|a, b| (a.0, a.1, a.2) == (b.0, b.1, b.2)) {
        let records = alike
            .iter()
            .filter_map(|key| slots.get_mut(key.3).and_then(Option::take));
        if alike.len() == 1 {
            ordered.extend(records);
        } else {
            // Encoded, because a NaN is equal to itself there.
            let mut by_content: Vec<_> = records.map(|record| (content(&record), record)).collect();
            by_content.sort_by(|a, b| a.0.cmp(&b.0));
            by_content.dedup_by(|b, a| a.0 == b.0);
            ordered.extend(by_content.into_iter().map(|(_, record)| record));
        }
    }
    ordered
}

/// Works out what is known to be missing of a trace, apart from what only its keeper knows (cut, fragment).
pub(super) fn missing(spans: &[SpanRecord]) -> Facts {
    let mut ids: Vec<u64> = spans
        .iter()
        .map(|record| id_key(&record.span.span_id))
        .collect();
    ids.sort_unstable();
    let mut facts = 0;
    for record in spans {
        let span = &record.span;
        if parent_missing(span, &ids) {
            facts |= Facts::PARENTS_MISSING;
        }
        if attributes_dropped(record) {
            facts |= Facts::ATTRIBUTES_DROPPED;
        }
        if span.dropped_events_count > 0 {
            facts |= Facts::EVENTS_DROPPED;
        }
        if span.dropped_links_count > 0 {
            facts |= Facts::LINKS_DROPPED;
        }
    }
    Facts(facts)
}

/// The caller of a server or consumer span may just not be instrumented: such a span is a root.
fn parent_missing(span: &Span, ids: &[u64]) -> bool {
    !span.parent_span_id.is_empty()
        && span.kind != SpanKind::Server as i32
        && span.kind != SpanKind::Consumer as i32
        && ids.binary_search(&id_key(&span.parent_span_id)).is_err()
}

fn attributes_dropped(record: &SpanRecord) -> bool {
    let span = &record.span;
    span.dropped_attributes_count > 0
        || record.resource.resource.dropped_attributes_count > 0
        || record.scope.scope.dropped_attributes_count > 0
        || span.events.iter().any(|e| e.dropped_attributes_count > 0)
        || span.links.iter().any(|l| l.dropped_attributes_count > 0)
}

/// The whole of a span as bytes, attributes as sent.
fn content(record: &SpanRecord) -> Vec<u8> {
    let SpanRecord {
        span,
        resource,
        scope,
    } = record;
    let mut bytes = span.encode_length_delimited_to_vec();
    bytes.extend(resource.resource.encode_length_delimited_to_vec());
    bytes.extend(resource.schema_url.encode_length_delimited_to_vec());
    bytes.extend(scope.scope.encode_length_delimited_to_vec());
    bytes.extend(scope.schema_url.encode_length_delimited_to_vec());
    bytes
}

/// A span id as a number that orders as its bytes do.
fn id_key(id: &[u8]) -> u64 {
    id.first_chunk().copied().map_or(0, u64::from_be_bytes)
}
