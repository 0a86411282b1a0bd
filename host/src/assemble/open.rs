//! One trace while its spans gather.

use std::time::Duration;

use super::{
    Arrival, AssembleOptions, Held,
    run::{Run, runs},
    seal,
};
use crate::{
    clock::UnixNanos,
    trace::{Facts, SentSpan, SentTrace, TraceId},
};

/// The spans of a trace so far, as they arrived, repetitions too.
#[derive(Clone, Debug)]
pub(super) struct OpenTrace {
    runs: Vec<Run>,
    n_spans: usize,
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
            runs: Vec::with_capacity(1),
            n_spans: 0,
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

    /// Returns how many spans of so many bytes it takes until it may be too large; one at least.
    pub(super) fn takes(&self, bytes_each: usize, options: &AssembleOptions) -> usize {
        let by_count = options.trace_spans_max.saturating_sub(self.n_spans);
        let bytes = options.trace_bytes_max.saturating_sub(self.bytes);
        by_count.min(bytes.div_ceil(bytes_each.max(1))).max(1)
    }

    /// Takes spans that make a [`Run`], of so many bytes each. Returns whether the trace now rests on a frame on which it did
    /// not before.
    pub(super) fn push(
        &mut self,
        spans: &[SentSpan],
        bytes_each: usize,
        arrival: &Arrival,
    ) -> bool {
        self.rooted |= spans.iter().any(|span| span.parent_span_id.is_none());
        self.runs.extend(Run::of(spans));
        self.n_spans += spans.len();
        self.bytes += bytes_each * spans.len();
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
            runs: self.runs.len(),
            spans: self.n_spans,
            read: 0,
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
            trace.n_spans >= spans || trace.bytes >= bytes
        };
        if !full(self, spans_max, options.trace_bytes_max) {
            return false;
        }
        let before = self.n_spans;
        let spans = seal::order(self.spans());
        self.runs = runs(&spans).filter_map(Run::of).collect();
        self.n_spans = spans.len();
        self.repeated += before - self.n_spans;
        self.bytes = self.bytes / before.max(1) * self.n_spans;
        full(
            self,
            spans_max - spans_max / 16,
            options.trace_bytes_max - options.trace_bytes_max / 16,
        )
    }

    /// Seals the trace. Returns it with the number of repetitions that were dropped.
    pub(super) fn seal(self, trace_id: TraceId, known: Facts) -> (SentTrace, usize) {
        let spans = seal::order(self.spans());
        let repeated = self.repeated + self.n_spans - spans.len();
        let trace = SentTrace {
            trace_id,
            facts: Facts(seal::missing(&spans).0 | known.0),
            spans,
            arrived_first: self.arrived_first,
            arrived_last: self.arrived_last,
        };
        (trace, repeated)
    }

    fn spans(&self) -> Vec<SentSpan> {
        let mut spans = Vec::with_capacity(self.n_spans);
        spans.extend(self.runs.iter().flat_map(Run::spans));
        spans
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
