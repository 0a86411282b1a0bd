//! Counts what a protobuf request holds without decoding it.
//!
//! Two bytes on the wire can become a span of 400 bytes in memory, so that a limit on the request's bytes alone
//! bounds nothing. The walk follows the messages of `opentelemetry/proto/trace/v1` and allocates nothing. It
//! stops where the bytes are no longer protobuf.

use super::limits::{ITEM_MEMORY_BYTES, MESSAGE_DEPTH_MAX, SPAN_MEMORY_BYTES};

/// What a request holds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Cost {
    pub(super) spans: usize,
    /// Everything else that repeats.
    pub(super) items: usize,
}

impl Cost {
    /// Returns about how much memory the decoded request takes, beside its text.
    pub(super) fn memory_bytes(self) -> usize {
        self.spans * SPAN_MEMORY_BYTES + self.items * ITEM_MEMORY_BYTES
    }
}

/// Counts; `None` where it is not protobuf, or nested too deeply.
pub(super) fn measure(request: &[u8]) -> Option<Cost> {
    let mut cost = Cost::default();
    walk(Message::Request, request, &mut cost, MESSAGE_DEPTH_MAX)?;
    Some(cost)
}

#[derive(Clone, Copy)]
enum Message {
    Request,
    ResourceSpans,
    ScopeSpans,
    Resource,
    Scope,
    Span,
    Event,
    Link,
    KeyValue,
    AnyValue,
    ArrayValue,
    KeyValueList,
    EntityRef,
}

impl Message {
    /// Returns what message a field of this one holds; `None` where it is a scalar or unknown.
    fn child(self, field: u64) -> Option<Self> {
        use Message as M;
        Some(match (self, field) {
            (M::Request, 1) => M::ResourceSpans,
            (M::ResourceSpans, 1) => M::Resource,
            (M::ResourceSpans, 2) => M::ScopeSpans,
            (M::ScopeSpans, 1) => M::Scope,
            (M::ScopeSpans, 2) => M::Span,
            (M::Resource | M::KeyValueList, 1)
            | (M::Scope | M::Event, 3)
            | (M::Span, 9)
            | (M::Link, 4) => M::KeyValue,
            (M::Resource, 3) => M::EntityRef,
            (M::Span, 11) => M::Event,
            (M::Span, 13) => M::Link,
            (M::KeyValue, 2) | (M::ArrayValue, 1) => M::AnyValue,
            (M::AnyValue, 5) => M::ArrayValue,
            (M::AnyValue, 6) => M::KeyValueList,
            _ => return None,
        })
    }
}

fn walk(message: Message, mut bytes: &[u8], cost: &mut Cost, depth: usize) -> Option<()> {
    let depth = depth.checked_sub(1)?;
    if matches!(message, Message::Span) {
        cost.spans += 1;
    } else {
        cost.items += 1;
    }
    while !bytes.is_empty() {
        let tag = varint(&mut bytes)?;
        match tag & 7 {
            0 => {
                varint(&mut bytes)?;
            }
            1 => take(&mut bytes, 8).map(drop)?,
            2 => {
                let len = varint(&mut bytes)?;
                let payload = take(&mut bytes, usize::try_from(len).ok()?)?;
                if let Some(child) = message.child(tag >> 3) {
                    walk(child, payload, cost, depth)?;
                } else if matches!((message, tag >> 3), (Message::EntityRef, 3 | 4)) {
                    cost.items += 1;
                }
            }
            5 => take(&mut bytes, 4).map(drop)?,
            // Groups are of before proto3.
            _ => return None,
        }
    }
    Some(())
}

fn take<'a>(bytes: &mut &'a [u8], len: usize) -> Option<&'a [u8]> {
    let (taken, rest) = bytes.split_at_checked(len)?;
    *bytes = rest;
    Some(taken)
}

/// Reads a varint of at most ten bytes.
pub(super) fn varint(bytes: &mut &[u8]) -> Option<u64> {
    let mut value = 0;
    for shift in (0..64).step_by(7) {
        let (&byte, rest) = bytes.split_first()?;
        *bytes = rest;
        value |= u64::from(byte & 0x7f) << shift;
        if byte < 0x80 {
            return Some(value);
        }
    }
    None
}
