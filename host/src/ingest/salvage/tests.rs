//! What is left of a request, and that reading what is left needs no salvaging.

use opentelemetry_proto::tonic::{
    collector::trace::v1::ExportTraceServiceRequest,
    trace::v1::{ResourceSpans, ScopeSpans, Span},
};
use proptest::prelude::*;
use prost::Message;

use super::protobuf::Protobuf;
use super::*;
use crate::{
    ingest::decode::{decode, decode_within},
    trace::wire::Wire,
};

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
        put(number, part, &mut to);
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

/// What is said of the spans that are refused.
fn told(decoded: &Decoded) -> Vec<String> {
    decoded.rejected.iter().map(ToString::to_string).collect()
}

fn salvaged(otlp: &[u8]) -> Result<Salvaged, Lost> {
    salvage(&mut Protobuf, Wire::Bytes(otlp), &mut |_| true)
}

#[test]
fn a_span_that_cannot_be_read_is_left_out_with_its_place_and_reason() {
    let wrong_type = [span(3), vec![0x28, 5]].concat();
    let scope = nest(2, &[span(1), not_utf8(2), wrong_type, span(4), vec![]]);
    let no_message = vec![0x10, 7];
    let resource = nest(
        2,
        &[
            scope,
            [nest(2, &[not_utf8(5), span(6)]), no_message].concat(),
        ],
    );
    let decoded = decode(&nest(1, &[resource]).into()).unwrap();
    assert_eq!(ids(&decoded), [1, 4, 6]);
    assert_eq!(
        told(&decoded),
        [
            "a text is not UTF-8 (2, the first at resourceSpans[0].scopeSpans[0].spans[1]: \
             Span.name: invalid string value: data is not UTF-8 encoded)",
            "it cannot be read (2, the first at resourceSpans[0].scopeSpans[0].spans[2]: \
             Span.name: invalid wire type: Varint (expected LengthDelimited))",
            "trace id is not 16 bytes, or is all zero (1, at resourceSpans[0].scopeSpans[0].spans[4])",
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
    assert_eq!(
        told(&decoded),
        ["a text is not UTF-8 (5, the first at resourceSpans[0]: \
          ResourceSpans.schema_url: invalid string value: data is not UTF-8 encoded)"]
    );
}

/// Where the fields of a resource are broken the next one begins all the same: how long it is stands before it.
#[test]
fn a_resource_whose_fields_are_broken_costs_its_own_spans_alone() {
    let spans = nest(2, &[nest(2, &[span(1), span(2)])]);
    let cut = [spans.clone(), vec![0x12, 9]].concat();
    let unknown = vec![0x12, 9];
    let decoded =
        decode(&nest(1, &[cut, nest(2, &[nest(2, &[span(3)])]), unknown]).into()).unwrap();
    assert_eq!(ids(&decoded), [3]);
    assert_eq!(
        told(&decoded),
        [
            "it cannot be read (3, the first at resourceSpans[0]: its fields are not protobuf, or are cut short)"
        ]
    );
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

    let salvaged = salvaged(&nest(1, &[resource])).ok().unwrap();
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
        assert!(matches!(salvaged(&otlp), Err(Lost::Unreadable)));
        assert!(matches!(
            decode(&otlp.into()),
            Err(DecodeError::Malformed { .. })
        ));
    }
}

#[test]
fn salvaging_takes_no_more_memory_than_it_is_given() {
    let otlp = Bytes::from(nest(1, &[nest(2, &[nest(2, &[span(1), not_utf8(2)])])]));
    // What reading it takes, and what keeping its copies takes, and nothing more.
    let mut refused_at = 0;
    for n in 0.. {
        let mut left = n;
        let decoded = decode_within(&otlp, &mut |_| {
            let is_left = left > 0;
            left -= u32::from(is_left);
            is_left
        });
        match decoded {
            Ok(None) => refused_at = n,
            decoded => {
                assert_eq!(
                    decoded.map(|decoded| decoded.unwrap_or_default().records.len()),
                    Ok(1)
                );
                break;
            }
        }
    }
    assert!(refused_at > 3, "{refused_at}");
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
        if let Ok(salvaged) = salvaged(&otlp) {
            let read = ExportTraceServiceRequest::decode(&salvaged.otlp[..]);
            prop_assert!(read.is_ok(), "{read:?}");
            prop_assert_eq!(decode(&salvaged.otlp).map(|read| read.rejected), Ok(vec![]));
        }
    }
}
