//! How much may be open, of a tenant and in all.

use thiserror::Error;

use super::{
    AssembleOptions,
    limits::{OPEN_RUN_MEMORY_BYTES, OPEN_SPAN_MEMORY_BYTES, OPEN_TRACE_MEMORY_BYTES},
    run::runs,
};
use crate::{tenant::TenantId, trace::SentSpan};

/// Why spans are not taken. It passes, but for [`Refused::Request`]: the same spans may be taken later.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum Refused {
    /// The tenant has too many spans in open traces.
    #[error("tenant `{tenant}` has {open} of at most {max} {what} in open traces")]
    Tenant {
        /// Whose.
        tenant: TenantId,
        /// How many are open.
        open: usize,
        /// How many may be.
        max: usize,
        /// `spans`, `bytes` or `bytes of memory`.
        what: &'static str,
    },
    /// The tenant has too many open traces.
    #[error("tenant `{tenant}` has {open} of at most {max} open traces")]
    Traces {
        /// Whose.
        tenant: TenantId,
        /// How many are open.
        open: usize,
        /// How many may be.
        max: usize,
    },
    /// The request alone is more than may be open.
    #[error(
        "the request takes {needed} bytes of memory while its traces are open, of at most {max}: send fewer spans at once"
    )]
    Request {
        /// How much it takes.
        needed: usize,
        /// How much all may take.
        max: usize,
    },
    /// All tenants together have.
    #[error("{open} of at most {max} {what} are in open traces")]
    All {
        /// How many are open.
        open: usize,
        /// How many may be.
        max: usize,
        /// `spans`, `bytes` or `bytes of memory`.
        what: &'static str,
    },
}

/// How much of one tenant may be open, where that was set for it. What was not is as the options have it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct TenantBounds {
    /// Traces.
    pub traces: Option<usize>,
    /// Their spans.
    pub spans: Option<usize>,
    /// Their bytes as sent.
    pub bytes: Option<usize>,
}

/// What is open.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Held {
    /// Traces, or more.
    pub traces: usize,
    /// Spans of one request that stand together, as one.
    pub runs: usize,
    /// Their spans.
    pub spans: usize,
    /// How many of these are each a [`SentSpan`], as they are before and after they are open.
    pub read: usize,
    /// Their bytes as sent.
    pub bytes: usize,
}

impl Held {
    /// Counts what the spans of one request will hold. A trace whose spans do not stand together counts more than once.
    pub fn of(spans: &[SentSpan], bytes: usize) -> Self {
        Self {
            traces: spans.chunk_by(|a, b| a.trace_id == b.trace_id).count(),
            runs: runs(spans).count(),
            spans: spans.len(),
            read: 0,
            bytes,
        }
    }

    /// Returns what it takes in memory.
    pub fn memory_bytes(self) -> usize {
        let Self {
            traces,
            runs,
            spans,
            read,
            bytes,
        } = self;
        let parts = [
            traces.saturating_mul(OPEN_TRACE_MEMORY_BYTES),
            runs.saturating_mul(OPEN_RUN_MEMORY_BYTES),
            spans.saturating_mul(OPEN_SPAN_MEMORY_BYTES),
            read.saturating_mul(size_of::<SentSpan>()),
        ];
        parts.into_iter().fold(bytes, usize::saturating_add)
    }

    pub(crate) fn grow(&mut self, more: Self) {
        self.traces = self.traces.saturating_add(more.traces);
        self.runs = self.runs.saturating_add(more.runs);
        self.spans = self.spans.saturating_add(more.spans);
        self.read = self.read.saturating_add(more.read);
        self.bytes = self.bytes.saturating_add(more.bytes);
    }

    pub(crate) fn shrink(&mut self, less: Self) {
        self.traces = self.traces.saturating_sub(less.traces);
        self.runs = self.runs.saturating_sub(less.runs);
        self.spans = self.spans.saturating_sub(less.spans);
        self.read = self.read.saturating_sub(less.read);
        self.bytes = self.bytes.saturating_sub(less.bytes);
    }
}

/// Says whether `more` may come to what the tenant and all tenants hold.
pub(super) fn check_room(
    options: &AssembleOptions,
    tenant: &TenantId,
    more: Held,
    (of_tenant, bounds): (Held, &TenantBounds),
    of_all: Held,
) -> Result<(), Refused> {
    let memory_max = (
        options.tenant_open_memory_bytes_max,
        options.open_memory_bytes_max,
    );
    let needed = more.memory_bytes();
    let max = memory_max.0.min(memory_max.1);
    if needed > max {
        return Err(Refused::Request { needed, max });
    }
    let spans_max = bounds.spans.unwrap_or(options.tenant_open_spans_max);
    let bytes_max = bounds.bytes.unwrap_or(options.tenant_open_bytes_max);
    let (tenant_memory, memory) = (of_tenant.memory_bytes(), of_all.memory_bytes());
    let spans = (spans_max, options.open_spans_max);
    let bytes = (bytes_max, options.open_bytes_max);
    for (what, more, tenant_open, open, (tenant_max, max)) in [
        ("spans", more.spans, of_tenant.spans, of_all.spans, spans),
        ("bytes", more.bytes, of_tenant.bytes, of_all.bytes, bytes),
        ("bytes of memory", needed, tenant_memory, memory, memory_max),
    ] {
        if tenant_open.saturating_add(more) > tenant_max {
            return Err(Refused::Tenant {
                tenant: tenant.clone(),
                open: tenant_open,
                max: tenant_max,
                what,
            });
        }
        if open.saturating_add(more) > max {
            return Err(Refused::All { open, max, what });
        }
    }
    Ok(())
}
