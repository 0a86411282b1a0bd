//! From an OTLP request to spans that are fit to be assembled.
//!
//! A request that cannot be read is refused whole. A span whose ids cannot be used is refused alone, and counted.

use std::{fmt, sync::Arc};

use opentelemetry_proto::tonic::{
    collector::trace::v1::ExportTraceServiceRequest,
    trace::v1::{ResourceSpans, ScopeSpans, Span},
};
use prost::Message;
use thiserror::Error;

use super::{
    limits::{REQUEST_ITEMS_MAX, REQUEST_SPANS_MAX},
    wire::{self, Cost},
};
use crate::trace::{ResourceRecord, ScopeRecord, SpanId, SpanRecord, TraceId};

/// The spans of a request.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Decoded {
    /// In the order in which they stand in the request.
    pub records: Vec<SpanRecord>,
    /// What was left out, one entry for each reason that occurred.
    pub rejected: Vec<Rejected>,
}

/// Spans that were refused one by one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rejected {
    /// How many.
    pub spans: u64,
    /// Why.
    pub reason: RejectReason,
}

/// Why a span is refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RejectReason {
    /// No trace could be told.
    TraceId,
    /// No span could be told.
    SpanId,
    /// It is neither absent nor an id.
    ParentSpanId,
}

impl fmt::Display for RejectReason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::TraceId => "trace id is not 16 bytes, or is all zero",
            Self::SpanId => "span id is not 8 bytes, or is all zero",
            Self::ParentSpanId => "parent span id is not 8 bytes",
        })
    }
}

/// Why a request is refused whole.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum DecodeError {
    /// It is not the protobuf or JSON of an `ExportTraceServiceRequest`.
    #[error("the request is not an OTLP trace request: {what}")]
    Malformed {
        /// What is wrong, and where.
        what: String,
    },
    /// It holds more than one request may.
    #[error("the request holds more than {max} {what}")]
    TooMany {
        /// Of what.
        what: &'static str,
        /// The limit.
        max: usize,
    },
}

impl Decoded {
    /// Returns how many spans were refused.
    pub fn n_rejected(&self) -> u64 {
        self.rejected.iter().map(|rejected| rejected.spans).sum()
    }

    /// Says what was refused and why, for `partial_success`; `None` where nothing was.
    pub fn rejection(&self) -> Option<String> {
        let reasons: Vec<String> = self
            .rejected
            .iter()
            .map(|rejected| format!("{} ({})", rejected.reason, rejected.spans))
            .collect();
        (!reasons.is_empty()).then(|| format!("spans refused: {}", reasons.join("; ")))
    }

    fn reject(&mut self, reason: RejectReason) {
        match self.rejected.iter_mut().find(|r| r.reason == reason) {
            Some(rejected) => rejected.spans += 1,
            None => self.rejected.push(Rejected { spans: 1, reason }),
        }
    }
}

/// Decodes the protobuf of an `ExportTraceServiceRequest`.
pub fn decode(otlp: &[u8]) -> Result<Decoded, DecodeError> {
    measure(otlp)?;
    decode_measured(otlp)
}

/// Counts what a request holds, before anything of it is allocated.
pub(super) fn measure(otlp: &[u8]) -> Result<Cost, DecodeError> {
    let cost = wire::measure(otlp).ok_or_else(|| DecodeError::Malformed {
        what: "it is not protobuf".into(),
    })?;
    for (count, max, what) in [
        (cost.spans, REQUEST_SPANS_MAX, "spans"),
        (
            cost.items,
            REQUEST_ITEMS_MAX,
            "attributes, events and links",
        ),
    ] {
        if count > max {
            return Err(DecodeError::TooMany { what, max });
        }
    }
    Ok(cost)
}

pub(super) fn decode_measured(otlp: &[u8]) -> Result<Decoded, DecodeError> {
    match ExportTraceServiceRequest::decode(otlp) {
        Ok(request) => Ok(split(request)),
        Err(error) => Err(DecodeError::Malformed {
            what: error.to_string(),
        }),
    }
}

/// Takes the spans out of a request.
pub(super) fn split(request: ExportTraceServiceRequest) -> Decoded {
    let mut decoded = Decoded::default();
    for of_resource in request.resource_spans {
        let ResourceSpans {
            resource,
            scope_spans,
            schema_url,
        } = of_resource;
        let resource = Arc::new(ResourceRecord {
            resource: resource.unwrap_or_default(),
            schema_url,
        });
        for of_scope in scope_spans {
            let ScopeSpans {
                scope,
                spans,
                schema_url,
            } = of_scope;
            let scope = Arc::new(ScopeRecord {
                scope: scope.unwrap_or_default(),
                schema_url,
            });
            decoded.records.reserve(spans.len());
            for mut span in spans {
                match check(&mut span) {
                    Ok(()) => decoded.records.push(SpanRecord {
                        span,
                        resource: Arc::clone(&resource),
                        scope: Arc::clone(&scope),
                    }),
                    Err(reason) => decoded.reject(reason),
                }
            }
        }
    }
    decoded
}

/// Checks a span's ids; those of its links are kept as they are. A parent id of zeros is what some write for none: it is taken out.
fn check(span: &mut Span) -> Result<(), RejectReason> {
    if TraceId::from_bytes(&span.trace_id).is_none() {
        return Err(RejectReason::TraceId);
    }
    if SpanId::from_bytes(&span.span_id).is_none() {
        return Err(RejectReason::SpanId);
    }
    match span.parent_span_id.len() {
        8 if span.parent_span_id == [0; 8] => span.parent_span_id.clear(),
        0 | 8 => {}
        _ => return Err(RejectReason::ParentSpanId),
    }
    Ok(())
}
