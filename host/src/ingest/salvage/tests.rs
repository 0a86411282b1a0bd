//! What is left of a request, and that reading what is left needs no salvaging.

use opentelemetry_proto::tonic::{
    collector::trace::v1::ExportTraceServiceRequest,
    trace::v1::{ResourceSpans, ScopeSpans, Span},
};
use proptest::prelude::*;
use prost::Message;

use super::*;
use crate::ingest::decode::{Rejected, decode};

fn span(id: u8) -> Vec<u8> {
    let span = Span {
        trace_id: vec![id; 16],
        span_id: vec![id; 8],
        ..Span::default()
    };
    span.encode_to_vec()
}

fn not_utf8(id: u8) -> Vec<u8> {
    [span(id), vec![0x2a, 1, 0xff]].concat()
}

fn nest(number: u32, parts: &[Vec<u8>]) -> Vec<u8> {
    let mut to = Vec::new();
    for part in parts {
        put(number, Wire::Bytes(part), &mut to);
    }
    to
}

fn ids(decoded: &Decoded) -> Vec<u8> {
    decoded
        .records
        .iter()
        .map(|span| span.span_id.0[0])
        .collect()
}

fn rejected(spans: u64, reason: RejectReason) -> Rejected {
    Rejected { spans, reason }
}

#[test]
fn a_span_that_cannot_be_read_is_left_out_with_its_reason() {
    let wrong_type = [span(3), vec![0x28, 5]].concat();
    let scope = nest(2, &[span(1), not_utf8(2), wrong_type, span(4), vec![]]);
    let resource = nest(2, &[scope, nest(2, &[not_utf8(5), span(6)])]);
    let decoded = decode(&nest(1, &[resource]).into()).unwrap();
    assert_eq!(ids(&decoded), [1, 4, 6]);
    assert_eq!(
        decoded.rejected,
        [
            rejected(1, RejectReason::TraceId),
            rejected(2, RejectReason::NotUtf8),
            rejected(1, RejectReason::Unreadable),
        ]
    );
}

#[test]
fn spans_go_with_their_resource_or_scope() {
    // A resource whose schema URL is no text, and a scope.
    let no_url = vec![0x1a, 1, 0xff];
    let spans = nest(2, &[span(1), span(2)]);
    let of_resource = [
        nest(2, &[spans.clone(), nest(2, &[span(3)])]),
        no_url.clone(),
    ]
    .concat();
    let of_scope = nest(2, &[[spans, no_url].concat(), nest(2, &[span(4)])]);
    let decoded = decode(&nest(1, &[of_resource, of_scope]).into()).unwrap();
    assert_eq!(ids(&decoded), [4]);
    assert_eq!(decoded.rejected, [rejected(5, RejectReason::NotUtf8)]);
}

#[test]
fn what_is_kept_keeps_its_resource_and_scope() {
    let mut request = ExportTraceServiceRequest {
        resource_spans: vec![ResourceSpans {
            schema_url: "of the resource".into(),
            scope_spans: vec![ScopeSpans {
                schema_url: "of the scope".into(),
                ..ScopeSpans::default()
            }],
            ..ResourceSpans::default()
        }],
    };
    request.resource_spans[0].resource = Some(opentelemetry_proto::tonic::resource::v1::Resource {
        dropped_attributes_count: 7,
        ..Default::default()
    });
    let scope_spans = &mut request.resource_spans[0].scope_spans[0];
    scope_spans.spans.push(Span::decode(&span(1)[..]).unwrap());
    let scope = [scope_spans.encode_to_vec(), nest(2, &[not_utf8(2)])].concat();
    let scope_spans = std::mem::take(&mut request.resource_spans[0].scope_spans);
    let resource = [request.resource_spans[0].encode_to_vec(), nest(2, &[scope])].concat();
    request.resource_spans[0].scope_spans = scope_spans;

    let salvaged = salvage(&nest(1, &[resource]), &mut |_| true).ok().unwrap();
    assert_eq!(
        ExportTraceServiceRequest::decode(&salvaged.otlp[..]),
        Ok(request)
    );
}

#[test]
fn nothing_is_left_where_no_span_can_be_read_or_a_frame_is_broken() {
    let unreadable = nest(1, &[nest(2, &[nest(2, &[not_utf8(1)])])]);
    let broken = [
        nest(1, &[nest(2, &[nest(2, &[span(1), not_utf8(2)])])]),
        vec![0x0a, 9],
    ]
    .concat();
    for otlp in [unreadable, broken] {
        assert!(matches!(
            salvage(&otlp, &mut |_| true),
            Err(Lost::Unreadable)
        ));
        assert!(matches!(
            decode(&otlp.into()),
            Err(DecodeError::Malformed { .. })
        ));
    }
}

#[test]
fn salvaging_takes_no_more_memory_than_it_is_given() {
    let otlp = nest(1, &[nest(2, &[nest(2, &[span(1), not_utf8(2)])])]);
    let mut asked = 0;
    let mut admit = |bytes| {
        asked += bytes;
        false
    };
    assert!(matches!(salvage(&otlp, &mut admit), Err(Lost::NoRoom)));
    assert!(asked >= otlp.len());
}

#[test]
fn a_request_of_too_many_spans_is_not_salvaged() {
    let spans = vec![vec![0x28, 5]; REQUEST_SPANS_MAX + 1];
    let otlp = nest(1, &[nest(2, &[nest(2, &spans)])]);
    let error = decode(&otlp.into()).unwrap_err();
    assert!(
        matches!(error, DecodeError::TooMany { what: "spans", .. }),
        "{error}"
    );
}

proptest! {
    /// Whatever is salvaged is a request, and has as many spans as were counted.
    #[test]
    fn what_is_salvaged_can_be_read(at in any::<prop::sample::Index>(), with in any::<u8>()) {
        let scope = nest(2, &[span(1), not_utf8(2), span(3)]);
        let mut otlp = nest(1, &[nest(2, std::slice::from_ref(&scope)), nest(2, &[scope])]);
        let at = at.index(otlp.len());
        otlp[at] = with;
        if let Ok(salvaged) = salvage(&otlp, &mut |_| true) {
            let read = ExportTraceServiceRequest::decode(&salvaged.otlp[..]);
            prop_assert!(read.is_ok(), "{read:?}");
            prop_assert_eq!(decode(&salvaged.otlp).map(|read| read.rejected.iter()
                .filter(|r| matches!(r.reason, RejectReason::NotUtf8 | RejectReason::Unreadable)).count()), Ok(0));
        }
    }
}
