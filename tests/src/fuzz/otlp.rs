//! The walk over the bytes of a request against `opentelemetry-proto`, which spells them out.

use std::sync::Arc;

use betrace::{
    block::{BlockBuilder, EncodedBlock},
    clock::UnixNanos,
    ingest::{self, DecodeError},
    tenant::TenantId,
    trace::{
        Facts, ResourceRecord, ScopeRecord, SealedTrace, SentSpan, SentTrace, SpanId, SpanRecord,
        TraceId,
    },
};
use bytes::Bytes;
use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use prost::Message;

/// A request gives the same spans as `opentelemetry-proto` reads, and the block that these make, or both refuse it; of one
/// that it refuses we may take what can be read, if we say that not all of it can. What is read of a span is in its message.
/// Returns how many spans it gave.
///
/// Beyond what `opentelemetry-proto` refuses are groups, which are of before proto3, and the limits of ingest.
pub fn decode_otlp(bytes: &[u8]) -> usize {
    let ours = ingest::decode(&Bytes::copy_from_slice(bytes));
    for span in ours.iter().flat_map(|ours| &ours.records) {
        let (resource, scope) = (Arc::clone(&span.resource), Arc::clone(&span.scope));
        let again = SentSpan::of_message(span.message.clone(), resource, scope);
        assert_eq!(again, *span);
    }
    let theirs = ExportTraceServiceRequest::decode(bytes);
    let (ours, theirs) = match (ours, theirs) {
        (Ok(ours), Ok(theirs)) => (ours, theirs),
        (Ok(ours), Err(error)) => {
            // Spans that cannot be read alone are refused alone here.
            let n_told_of = ours.records.len() as u64 + ours.n_rejected();
            assert!(n_told_of > 0, "only they refuse it: {error}");
            return ours.records.len();
        }
        (Err(_), Err(_)) => return 0,
        (Err(error), Ok(_)) => {
            let limit = match &error {
                DecodeError::Malformed { what } => what == "it is not protobuf",
                DecodeError::TooMany { .. } => true,
            };
            assert!(limit, "only we refuse it: {error}");
            return 0;
        }
    };
    let (records, n_rejected) = split(theirs);
    assert_eq!(ours.n_rejected(), n_rejected);
    assert_eq!(ours.records.len(), records.len());
    let spelled = SentSpan::of_records(&records);
    for ((ours, theirs), spelled) in ours.records.iter().zip(&records).zip(spelled) {
        assert_eq!(bits(&ours.to_record()), bits(theirs));
        assert_eq!(ours.dropped, spelled.dropped, "{theirs:?}");
        assert_eq!(
            (
                ours.resource.attributes_dropped,
                ours.scope.attributes_dropped
            ),
            (
                spelled.resource.attributes_dropped,
                spelled.scope.attributes_dropped
            )
        );
    }
    let n_spans = records.len();
    assert_eq!(block(sent(ours.records)), block(sealed(records).into()));
    n_spans
}

/// What was taken of a request before its bytes were walked.
fn split(request: ExportTraceServiceRequest) -> (Vec<SpanRecord>, u64) {
    let (mut records, mut n_rejected) = (Vec::new(), 0);
    for of_resource in request.resource_spans {
        let resource = Arc::new(ResourceRecord {
            resource: of_resource.resource.unwrap_or_default(),
            schema_url: of_resource.schema_url,
        });
        for of_scope in of_resource.scope_spans {
            let scope = Arc::new(ScopeRecord {
                scope: of_scope.scope.unwrap_or_default(),
                schema_url: of_scope.schema_url,
            });
            for mut span in of_scope.spans {
                if span.parent_span_id == [0; 8] {
                    span.parent_span_id.clear();
                }
                if TraceId::from_bytes(&span.trace_id).is_none()
                    || SpanId::from_bytes(&span.span_id).is_none()
                    || !matches!(span.parent_span_id.len(), 0 | 8)
                {
                    n_rejected += 1;
                    continue;
                }
                records.push(SpanRecord {
                    span,
                    resource: Arc::clone(&resource),
                    scope: Arc::clone(&scope),
                });
            }
        }
    }
    (records, n_rejected)
}

/// Comparable bit by bit, which doubles are not.
fn bits(record: &SpanRecord) -> impl PartialEq + std::fmt::Debug + use<> {
    (
        record.span.encode_to_vec(),
        record.resource.resource.encode_to_vec(),
        record.resource.schema_url.clone(),
        record.scope.scope.encode_to_vec(),
        record.scope.schema_url.clone(),
    )
}

fn sealed(spans: Vec<SpanRecord>) -> SealedTrace {
    SealedTrace {
        trace_id: TraceId([1; 16]),
        spans,
        facts: Facts(0),
        arrived_first: UnixNanos(1),
        arrived_last: UnixNanos(2),
    }
}

fn sent(spans: Vec<SentSpan>) -> SentTrace {
    SentTrace {
        spans,
        ..sealed(Vec::new()).into()
    }
}

fn block(trace: SentTrace) -> EncodedBlock {
    let mut builder = BlockBuilder::new(TenantId::default_tenant());
    builder.push(trace);
    builder.finish()
}
