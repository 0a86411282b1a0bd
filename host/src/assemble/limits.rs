//! The bounds of assembly. What a server configures is in [`super::AssembleOptions`]; these are its defaults.

use std::time::Duration;

use super::{open::OpenTrace, run::Run, tenant::Timer};
use crate::trace::TraceId;

/// Longer than the 5 s that SDKs wait between exports, so that the last batch of a trace is not late.
pub const SETTLE: Duration = Duration::from_secs(7);

/// How long a trace without its root is waited for.
pub const IDLE: Duration = Duration::from_secs(30);

/// How long a trace may stay open, however busy it is.
pub const DEADLINE: Duration = Duration::from_mins(5);

/// The quiet that a trace needs doubles with each reopening, up to this.
pub const REOPENED_QUIET_MAX: Duration = Duration::from_mins(10);

/// A trace of this many spans is cut. Four calls' worth of judging.
pub const TRACE_SPANS_MAX: usize = 65_536;

/// A trace of this many bytes as sent is cut.
pub const TRACE_BYTES_MAX: usize = 64 << 20;

/// Open traces of one tenant: as many as it may have spans, since each may be of one.
pub const TENANT_OPEN_TRACES_MAX: usize = 1_000_000;

/// Spans of open traces, of one tenant: at 50,000 spans/s and the default `settle`, three times what is needed.
pub const TENANT_OPEN_SPANS_MAX: usize = 1_000_000;

/// Spans of open traces, in all.
pub const OPEN_SPANS_MAX: usize = 2_000_000;

/// Bytes as sent of the spans of open traces, of one tenant.
pub const TENANT_OPEN_BYTES_MAX: usize = 512 << 20;

/// Bytes as sent of the spans of open traces, in all.
pub const OPEN_BYTES_MAX: usize = 1 << 30;

/// What a span of an open trace takes in memory beside its bytes: their length.
pub const OPEN_SPAN_MEMORY_BYTES: usize = 4;

/// What spans that came together take beside that: a place in a list that doubles when it is full, and what the allocator
/// adds to their bytes.
pub const OPEN_RUN_MEMORY_BYTES: usize = 2 * size_of::<Run>() + 32;

/// What an open trace takes beside its spans: itself and its frames; its places in a table and among the timers, which double
/// when they are full.
pub const OPEN_TRACE_MEMORY_BYTES: usize =
    size_of::<OpenTrace>() + 64 + 2 * (size_of::<(TraceId, usize)>() + size_of::<Timer>() + 1);

/// Spans that are sealed in one round, between which requests are taken: a block's worth, some tens of milliseconds of work
/// where each is a trace of its own.
pub const ROUND_SPANS_MAX: usize = 16_384;

/// Spans of one tenant in one turn, where others have something due too.
pub const TURN_SPANS: usize = 4_096;

/// A tenant that has nothing open keeps the room for so many traces; of a flood the memory is given back.
pub(super) const KEPT_ROOM_TRACES: usize = 4_096;

/// A trace that starts so long before it arrives, or after, has a clock that is off, or waited somewhere. It is counted, and
/// delays nothing: what waits here goes by when spans arrive.
pub const CLOCK_OFF_MIN: Duration = Duration::from_hours(24);
