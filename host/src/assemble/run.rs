//! The spans of an open trace, as the bytes in which they came.
//!
//! ```text
//! messages: | length, varint | Span | length, varint | Span | …
//! ```
//!
//! Open traces are most of what a server has in memory. A span that is read, with a place of its own for its bytes, takes
//! some 200 B beside them; what was read of it is in its bytes, and is read again when its trace is sealed.

use std::sync::Arc;

use bytes::{BufMut as _, Bytes, BytesMut};
use prost::encoding::{decode_varint, encode_varint, encoded_len_varint};

use crate::trace::{SentContext, SentSpan};

/// Spans of one request that stand one after the other, of one trace, resource and scope.
#[derive(Clone, Debug)]
pub(super) struct Run {
    messages: Bytes,
    resource: Arc<SentContext>,
    scope: Arc<SentContext>,
}

/// Splits the spans of a request into those that make a [`Run`].
pub(super) fn runs(spans: &[SentSpan]) -> impl Iterator<Item = &[SentSpan]> {
    spans.chunk_by(|a, b| {
        a.trace_id == b.trace_id
            && Arc::ptr_eq(&a.resource, &b.resource)
            && Arc::ptr_eq(&a.scope, &b.scope)
    })
}

impl Run {
    /// Copies what [`runs`] left together; `None` of no span.
    pub(super) fn of(spans: &[SentSpan]) -> Option<Self> {
        let first = spans.first()?;
        let len = |span: &SentSpan| span.message.len();
        let prefixed = |span| encoded_len_varint(len(span) as u64) + len(span);
        // A slice would keep the whole request for as long as the trace is open.
        let mut messages = BytesMut::with_capacity(spans.iter().map(prefixed).sum());
        for span in spans {
            encode_varint(len(span) as u64, &mut messages);
            messages.put_slice(&span.message);
        }
        Some(Self {
            messages: messages.freeze(),
            resource: Arc::clone(&first.resource),
            scope: Arc::clone(&first.scope),
        })
    }

    /// Reads the spans again, in their order. Their bytes stay where they are.
    pub(super) fn spans(&self) -> impl Iterator<Item = SentSpan> {
        let mut rest = self.messages.clone();
        std::iter::from_fn(move || {
            let len = decode_varint(&mut rest).ok()?;
            let message = rest.split_to(rest.len().min(usize::try_from(len).ok()?));
            let (resource, scope) = (Arc::clone(&self.resource), Arc::clone(&self.scope));
            Some(SentSpan::of_message(message, resource, scope))
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        assemble::tests::{sent, span},
        trace::SpanRecord,
    };

    #[test]
    fn spans_are_read_again_as_they_were() {
        let first = span(1, 1, 0);
        let beside = |trace, id| SpanRecord {
            resource: Arc::clone(&first.resource),
            scope: Arc::clone(&first.scope),
            ..span(trace, id, 1)
        };
        let records = [first.clone(), beside(1, 2), beside(2, 3), beside(1, 4)];
        let mut spans = sent(&records);
        // Of another scope.
        spans.extend(sent(&[span(1, 5, 1)]));
        let lens: Vec<usize> = runs(&spans).map(<[_]>::len).collect();
        assert_eq!(lens, [2, 1, 1, 1]);
        let kept: Vec<Run> = runs(&spans).filter_map(Run::of).collect();
        let again: Vec<SentSpan> = kept.iter().flat_map(Run::spans).collect();
        assert_eq!(again, spans);
    }
}
