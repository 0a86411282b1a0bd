//! A trace in the words of OpenTelemetry, before it becomes columns.
//!
//! What is looked at span by span has the message types of `opentelemetry-proto`; what this adds is the identity of a
//! trace, the resource and scope shared between spans, and what is known to be missing. On their way from a request to a
//! block spans stay bytes: [`SentSpan`].

use std::{fmt, sync::Arc};

use opentelemetry_proto::tonic::{
    common::v1::InstrumentationScope, resource::v1::Resource, trace::v1::Span,
};

use crate::clock::UnixNanos;

mod sent;
pub(crate) mod wire;

pub use sent::{SentContext, SentSpan, SentTrace};

/// Identifies a trace. Hexadecimal only at the edges.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct TraceId(pub [u8; 16]);

/// Identifies a span within its trace, nearly always: two halves of an RPC may share one.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct SpanId(pub [u8; 8]);

/// A span with the resource and scope that it arrived under.
///
/// `span.trace_id` is 16 bytes and `span.span_id` 8, neither all zero; `span.parent_span_id` is empty
/// or 8 bytes, not all zero; every string is UTF-8: decoding refuses the rest.
#[derive(Clone, Debug, PartialEq)]
pub struct SpanRecord {
    /// The span as it was sent.
    pub span: Span,
    /// Shared by the spans of one `ResourceSpans`.
    pub resource: Arc<ResourceRecord>,
    /// Shared by the spans of one `ScopeSpans`.
    pub scope: Arc<ScopeRecord>,
}

/// A resource and the schema that its attributes follow.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct ResourceRecord {
    /// The resource; the empty one where the request named none.
    pub resource: Resource,
    /// May be empty.
    pub schema_url: String,
}

/// An instrumentation scope and the schema that its spans follow.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct ScopeRecord {
    /// The scope; the empty one where the request named none.
    pub scope: InstrumentationScope,
    /// May be empty.
    pub schema_url: String,
}

/// What is known to be missing of a trace: the bits of `facts` in `wit/pack.wit`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Facts(pub u8);

impl Facts {
    /// Cut at a size limit.
    pub const CUT: u8 = 1;
    /// A span names a parent that is not there, and is not a server's or consumer's.
    pub const PARENTS_MISSING: u8 = 2;
    /// The SDK dropped attributes of a span, event, link, resource or scope.
    pub const ATTRIBUTES_DROPPED: u8 = 4;
    /// The SDK dropped events.
    pub const EVENTS_DROPPED: u8 = 8;
    /// The SDK dropped links.
    pub const LINKS_DROPPED: u8 = 16;
    /// The earlier part of the trace is gone.
    pub const FRAGMENT: u8 = 32;

    /// What an SDK said that it dropped of a span: attributes of it or below it, events, links.
    pub(crate) fn of_dropped(attributes: bool, events: bool, links: bool) -> Self {
        let bit = |is_dropped: bool, bit: u8| u8::from(is_dropped) * bit;
        Self(
            bit(attributes, Self::ATTRIBUTES_DROPPED)
                | bit(events, Self::EVENTS_DROPPED)
                | bit(links, Self::LINKS_DROPPED),
        )
    }

    /// Whether nothing is known to be missing.
    pub fn is_complete(self) -> bool {
        self.0 == 0
    }
}

/// A trace that is to be judged: its spans in order of start, span id, content, without exact duplicates.
#[derive(Clone, Debug, PartialEq)]
pub struct SealedTrace {
    /// The id that all its spans share.
    pub trace_id: TraceId,
    /// At least one.
    pub spans: Vec<SpanRecord>,
    /// What is missing.
    pub facts: Facts,
    /// When its first span arrived.
    pub arrived_first: UnixNanos,
    /// When its last span arrived.
    pub arrived_last: UnixNanos,
}

macro_rules! hex_id {
    ($ty:ident, $len:literal) => {
        impl $ty {
            /// Takes an id as OTLP carries it; `None` where it has another length or is all zero.
            pub fn from_bytes(bytes: &[u8]) -> Option<Self> {
                let id: [u8; $len] = bytes.try_into().ok()?;
                (id != [0; $len]).then_some(Self(id))
            }

            /// Parses hexadecimal of either case; `None` where it is not an id.
            pub fn from_hex(text: &str) -> Option<Self> {
                if text.len() != $len * 2 || !text.is_ascii() {
                    return None;
                }
                let mut id = [0; $len];
                for (byte, pair) in id.iter_mut().zip(text.as_bytes().chunks_exact(2)) {
                    *byte = u8::from_str_radix(std::str::from_utf8(pair).ok()?, 16).ok()?;
                }
                (!text.contains('+')).then_some(())?;
                Self::from_bytes(&id)
            }
        }

        impl fmt::Display for $ty {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                const DIGITS: &[char; 16] = &[
                    '0', '1', '2', '3', '4', '5', '6', '7', '8', '9', 'a', 'b', 'c', 'd', 'e', 'f',
                ];
                // A report may hold a hundred thousand of them: one text, not a formatted number a byte.
                let mut hex = String::with_capacity($len * 2);
                for digit in self.0.iter().flat_map(|byte| [byte >> 4, byte & 15]) {
                    hex.extend(DIGITS.get(usize::from(digit)));
                }
                f.write_str(&hex)
            }
        }

        impl fmt::Debug for $ty {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                fmt::Display::fmt(self, f)
            }
        }
    };
}

hex_id!(TraceId, 16);
hex_id!(SpanId, 8);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_are_hexadecimal_of_their_length_and_not_zero() {
        assert_eq!(
            SpanId::from_hex("00000000000000fF"),
            Some(SpanId([0, 0, 0, 0, 0, 0, 0, 255]))
        );
        for bad in [
            "",
            "0",
            "0000000000000000",
            "+1+1+1+1+1+1+1+1",
            "zz00000000000001",
            "00000000000001",
        ] {
            assert_eq!(SpanId::from_hex(bad), None, "{bad}");
        }
    }
}
