//! One trace while its spans gather.

use std::time::Duration;

use bytes::Bytes;

use super::{Arrival, AssembleOptions, Held, seal};
use crate::{
    clock::UnixNanos,
    trace::{Facts, SentSpan, SentTrace, TraceId},
};

/// The spans of a trace so far, as they arrived, repetitions too.
#[derive(Clone, Debug)]
pub(super) struct OpenTrace {
    pub(super) spans: Vec<SentSpan>,
    /// The share of its requests' bytes.
    pub(super) bytes: usize,
    /// The inbox frames that it rests on, each once.
    pub(super) frames: Vec<u64>,
    /// When it is looked at next; the timer whose time differs is stale.
    pub(super) check_at: Duration,
    pub(super) opened_at: Duration,
    pub(super) last_at: Duration,
    arrived_first: UnixNanos,
    arrived_last: UnixNanos,
    rooted: bool,
    reopened: u32,
    /// Repetitions that were dropped to make room.
    repeated: usize,
}

impl OpenTrace {
    pub(super) fn new(arrival: &Arrival, reopened: u32) -> Self {
        Self {
            // Of a trace of one span, and a million may be open, room for the usual four would be most of its memory.
            spans: Vec::with_capacity(1),
            bytes: 0,
            frames: Vec::with_capacity(1),
            check_at: Duration::MAX,
            opened_at: arrival.now,
            last_at: arrival.now,
            arrived_first: arrival.arrived,
            arrived_last: arrival.arrived,
            rooted: false,
            reopened,
            repeated: 0,
        }
    }

    /// Takes a span. Returns whether the trace now rests on a frame on which it did not before.
    pub(super) fn push(&mut self, span: SentSpan, bytes: usize, arrival: &Arrival) -> bool {
        self.rooted |= span.parent_span_id.is_none();
        self.spans.push(SentSpan {
            // A slice would keep the whole request for as long as the trace is open.
            message: Bytes::copy_from_slice(&span.message),
            ..span
        });
        self.bytes += bytes;
        self.last_at = self.last_at.max(arrival.now);
        self.arrived_first = self.arrived_first.min(arrival.arrived);
        self.arrived_last = self.arrived_last.max(arrival.arrived);
        // The spans of one request come together, so that the last frame is the only one to compare with.
        match arrival.frame {
            Some(frame) if self.frames.last() != Some(&frame) => {
                self.frames.push(frame);
                true
            }
            _ => false,
        }
    }

    /// Returns what the trace holds.
    pub(super) fn held(&self) -> Held {
        Held {
            traces: 1,
            spans: self.spans.len(),
            bytes: self.bytes,
        }
    }

    /// Returns when the trace is to be sealed if nothing more of it arrives.
    pub(super) fn due_at(&self, options: &AssembleOptions) -> Duration {
        // Of a reopened trace the root is nearly always among what is sealed already.
        let quiet = if self.rooted || self.reopened > 0 {
            options.settle
        } else {
            options.idle
        };
        let doubled = 2_u32
            .checked_pow(self.reopened)
            .and_then(|by| quiet.checked_mul(by))
            .unwrap_or(Duration::MAX)
            .min(options.reopened_quiet_max.max(quiet));
        let deadline = options.deadline.max(if self.reopened > 0 {
            doubled
        } else {
            Duration::ZERO
        });
        let quiet_at = self.last_at.saturating_add(doubled);
        quiet_at.min(self.opened_at.saturating_add(deadline))
    }

    /// Whether the trace holds more than one may. Repetitions that can be dropped are dropped first.
    ///
    /// A sixteenth of room must be gained by that, lest each further repetition costs a sorting: so a
    /// trace with repetitions is cut a little early.
    pub(super) fn is_too_large(&mut self, options: &AssembleOptions) -> bool {
        let spans_max = options.trace_spans_max;
        let full = |trace: &Self, spans: usize, bytes: usize| {
            trace.spans.len() >= spans || trace.bytes >= bytes
        };
        if !full(self, spans_max, options.trace_bytes_max) {
            return false;
        }
        let before = self.spans.len();
        self.spans = seal::order(std::mem::take(&mut self.spans));
        self.repeated += before - self.spans.len();
        self.bytes = self.bytes / before.max(1) * self.spans.len();
        full(
            self,
            spans_max - spans_max / 16,
            options.trace_bytes_max - options.trace_bytes_max / 16,
        )
    }

    /// Seals the trace. Returns it with the number of repetitions that were dropped.
    pub(super) fn seal(mut self, trace_id: TraceId, known: Facts) -> (SentTrace, usize) {
        let arrived = std::mem::take(&mut self.spans);
        let before = arrived.len();
        let trace = self.sealed(trace_id, arrived, known);
        let repeated = self.repeated + before - trace.spans.len();
        (trace, repeated)
    }

    fn sealed(&self, trace_id: TraceId, spans: Vec<SentSpan>, known: Facts) -> SentTrace {
        let spans = seal::order(spans);
        SentTrace {
            trace_id,
            facts: Facts(seal::missing(&spans).0 | known.0),
            spans,
            arrived_first: self.arrived_first,
            arrived_last: self.arrived_last,
        }
    }
}

/// A copy of an open trace.
#[derive(Clone, Debug)]
pub struct Unsealed {
    trace_id: TraceId,
    open: Box<OpenTrace>,
}

impl Unsealed {
    pub(super) fn new(trace_id: TraceId, open: &OpenTrace) -> Self {
        Self {
            trace_id,
            open: Box::new(open.clone()),
        }
    }

    /// Returns the trace as it would be sealed at the moment at which it was copied.
    pub fn seal(self) -> SentTrace {
        self.open.seal(self.trace_id, Facts::default()).0
    }
}
