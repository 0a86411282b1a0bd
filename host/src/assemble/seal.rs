//! From the spans of one trace, in any order, to the trace that is judged.
//!
//! The result depends on the set of spans alone: not on the order in which they arrived, on how they
//! were spread over requests, nor on how often each was sent.

use std::sync::Arc;

use hashbrown::HashSet;
use opentelemetry_proto::tonic::trace::v1::span::SpanKind;
use prost::Message;

use crate::trace::{Facts, SentContext, SentSpan, SentTrace};

/// Joins the spans that came late to a sealed trace; `None` where they hold nothing new.
///
/// What is missing is worked out again, except that a cut or a fragment stays one. The later arrival
/// counts even where only some of the late spans are new.
pub fn merge(old: SentTrace, late: SentTrace) -> Option<SentTrace> {
    let before = old.spans.len();
    let SentTrace {
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
    Some(SentTrace {
        trace_id,
        facts: Facts(missing(&spans).0 | sticky),
        spans,
        arrived_first: arrived_first.min(late.arrived_first),
        arrived_last: arrived_last.max(late.arrived_last),
    })
}

/// Leaves of what came late those spans that are not among `stored`; `None` where all of them are.
pub fn without(late: SentTrace, stored: &[SentSpan]) -> Option<SentTrace> {
    let of_late: HashSet<_> = late.spans.iter().map(place).collect();
    let alike = stored.iter().filter(|span| of_late.contains(&place(span)));
    // By content, not each with each: ten thousand spans may stand in one place.
    let contents: HashSet<Vec<u8>> = alike.map(content).collect();
    let is_new = |span: &SentSpan| contents.is_empty() || !contents.contains(&content(span));
    let SentTrace {
        spans: arrived,
        facts,
        ..
    } = late;
    let spans: Vec<SentSpan> = arrived.into_iter().filter(is_new).collect();
    if spans.is_empty() {
        return None;
    }
    let sticky = facts.0 & (Facts::CUT | Facts::FRAGMENT);
    Some(SentTrace {
        facts: Facts(missing(&spans).0 | sticky),
        spans,
        ..late
    })
}

/// Where a span stands, nearly always alone: its start, and its id as a number. Spans of other places are not the same.
pub(crate) fn place(span: &SentSpan) -> (u64, u64) {
    (span.start_time_unix_nano, id_key(span.span_id.0))
}

/// Puts spans in order of start, span id, end, content, and drops exact repetitions.
pub(super) fn order(spans: Vec<SentSpan>) -> Vec<SentSpan> {
    let mut keys: Vec<(u64, u64, u64, usize)> = spans
        .iter()
        .enumerate()
        .map(|(idx, span)| {
            let (start, id) = place(span);
            (start, id, span.end_time_unix_nano, idx)
        })
        .collect();
    keys.sort_unstable();
    // Taking a span leaves `None` behind: the span itself is moved once.
    let mut slots: Vec<Option<SentSpan>> = spans.into_iter().map(Some).collect();
    let mut ordered = Vec::with_capacity(slots.len());
    for alike in keys.chunk_by(|a, b| (a.0, a.1, a.2) == (b.0, b.1, b.2)) {
        let mut alike = alike
            .iter()
            .filter_map(|key| slots.get_mut(key.3).and_then(Option::take));
        let Some(first) = alike.next() else {
            continue;
        };
        let mut others: Vec<SentSpan> = alike.filter(|span| !sent_alike(span, &first)).collect();
        if others.is_empty() {
            ordered.push(first);
        } else {
            others.push(first);
            let mut by_content: Vec<_> = others
                .into_iter()
                .map(|span| (content(&span), span))
                .collect();
            by_content.sort_by(|a, b| a.0.cmp(&b.0));
            by_content.dedup_by(|b, a| a.0 == b.0);
            ordered.extend(by_content.into_iter().map(|(_, span)| span));
        }
    }
    ordered
}

/// Works out what is known to be missing of a trace, apart from what only its keeper knows (cut, fragment).
pub(super) fn missing(spans: &[SentSpan]) -> Facts {
    let mut ids: Vec<u64> = spans.iter().map(|span| id_key(span.span_id.0)).collect();
    ids.sort_unstable();
    let mut facts = 0;
    for span in spans {
        if parent_missing(span, &ids) {
            facts |= Facts::PARENTS_MISSING;
        }
        if span.resource.attributes_dropped || span.scope.attributes_dropped {
            facts |= Facts::ATTRIBUTES_DROPPED;
        }
        facts |= span.dropped.0;
    }
    Facts(facts)
}

/// The caller of a server or consumer span may just not be instrumented: such a span is a root.
fn parent_missing(span: &SentSpan, ids: &[u64]) -> bool {
    let is_called = |kind| kind == SpanKind::Server as i32 || kind == SpanKind::Consumer as i32;
    span.parent_span_id.is_some_and(|parent| {
        !is_called(span.kind) && ids.binary_search(&id_key(parent.0)).is_err()
    })
}

/// Whether two spans were sent as the same bytes: the same content then, while others may have it too.
fn sent_alike(a: &SentSpan, b: &SentSpan) -> bool {
    let shared = |a: &Arc<SentContext>, b: &Arc<SentContext>| Arc::ptr_eq(a, b) || a == b;
    a.message == b.message && shared(&a.resource, &b.resource) && shared(&a.scope, &b.scope)
}

/// The whole of a span as bytes that are equal where the content is: attributes as sent, a NaN equal to itself.
fn content(span: &SentSpan) -> Vec<u8> {
    let SentSpan {
        resource, scope, ..
    } = span;
    let mut bytes = span.span().encode_length_delimited_to_vec();
    bytes.extend(resource.resource().encode_length_delimited_to_vec());
    bytes.extend(resource.schema_url.encode_length_delimited_to_vec());
    bytes.extend(scope.scope().encode_length_delimited_to_vec());
    bytes.extend(scope.schema_url.encode_length_delimited_to_vec());
    bytes
}

/// A span id as a number that orders as its bytes do.
pub(crate) fn id_key(id: [u8; 8]) -> u64 {
    u64::from_be_bytes(id)
}
