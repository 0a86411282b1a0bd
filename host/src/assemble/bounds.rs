//! How much may be open, of a tenant and in all.

use thiserror::Error;

use super::AssembleOptions;
use crate::tenant::TenantId;

/// Why spans are not taken. It passes: the same spans may be taken later.
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
        /// `spans` or `bytes`.
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
    /// All tenants together have.
    #[error("{open} of at most {max} {what} are in open traces")]
    All {
        /// How many are open.
        open: usize,
        /// How many may be.
        max: usize,
        /// `spans` or `bytes`.
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
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Held {
    pub(super) spans: usize,
    pub(super) bytes: usize,
}

impl Held {
    pub(super) fn grow(&mut self, spans: usize, bytes: usize) {
        self.spans += spans;
        self.bytes += bytes;
    }

    pub(super) fn shrink(&mut self, spans: usize, bytes: usize) {
        self.spans = self.spans.saturating_sub(spans);
        self.bytes = self.bytes.saturating_sub(bytes);
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
    let spans_max = bounds.spans.unwrap_or(options.tenant_open_spans_max);
    let bytes_max = bounds.bytes.unwrap_or(options.tenant_open_bytes_max);
    let spans = (spans_max, options.open_spans_max);
    let bytes = (bytes_max, options.open_bytes_max);
    for (what, more, tenant_open, open, (tenant_max, max)) in [
        ("spans", more.spans, of_tenant.spans, of_all.spans, spans),
        ("bytes", more.bytes, of_tenant.bytes, of_all.bytes, bytes),
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
