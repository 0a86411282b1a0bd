//! Sealed traces become listed blocks.
//!
//! A trace that is stored already (late spans reopened it) is merged with what is stored and written
//! whole into the newer block, whose listing supersedes the old rows. A trace that brings nothing which
//! is not stored changes nothing: that is what makes a repeated request, and a restart, harmless.

use std::sync::Arc;

use hashbrown::HashSet;

use super::{Chain, LiveError};
use crate::{
    assemble::{Sealed, merge},
    block::{BlockBuilder, BlockId},
    rules::Registry,
    store::{Listing, Store, StoreError, Superseded},
    telemetry::Telemetry,
    tenant::TenantId,
    trace::{Facts, SealedTrace, TraceId},
};

/// At how many spans a block is closed: also the most that one call of a component is shown.
pub const BLOCK_SPANS_MAX: usize = 16_384;

/// Writes sealed traces. Its calls are not to overlap: one thread owns it.
#[derive(Debug)]
pub struct Sealer {
    store: Store,
    registry: Arc<Registry>,
    telemetry: Arc<Telemetry>,
}

/// What one call of [`Sealer::seal`] stored.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SealReport {
    /// The blocks that were listed, in order.
    pub blocks: Vec<BlockId>,
    /// Traces that are rows of those blocks.
    pub n_traces: u64,
    /// Their spans.
    pub n_spans: u64,
    /// How many of the traces were stored before.
    pub n_reopened: u64,
    /// Traces that brought nothing new.
    pub n_repeated: u64,
}

/// Where a trace is stored already.
enum Stored {
    Nowhere,
    /// Its earlier part is damaged.
    Unreadable,
    At(Superseded, SealedTrace),
}

/// A block in the making.
struct Open<'a> {
    tenant: &'a TenantId,
    builder: BlockBuilder,
    traces: HashSet<TraceId>,
    supersedes: Vec<Superseded>,
}

impl<'a> Open<'a> {
    fn new(tenant: &'a TenantId) -> Self {
        Self {
            tenant,
            builder: BlockBuilder::new(tenant.clone()),
            traces: HashSet::new(),
            supersedes: Vec::new(),
        }
    }

    /// Whether the trace cannot come into this block: it is full, or holds an earlier piece of the trace.
    fn is_closed_to(&self, trace: &SealedTrace) -> bool {
        let n_spans = self.builder.n_spans();
        self.traces.contains(&trace.trace_id)
            || (n_spans > 0 && n_spans + trace.spans.len() > BLOCK_SPANS_MAX)
    }
}

impl Sealer {
    /// Starts a sealer over a store.
    pub fn new(store: Store, registry: Arc<Registry>, telemetry: Arc<Telemetry>) -> Self {
        Self {
            store,
            registry,
            telemetry,
        }
    }

    /// Stores and lists the traces, in blocks of one tenant each. When it returns they are durable.
    pub fn seal(&self, sealed: Vec<Sealed>) -> Result<SealReport, LiveError> {
        let mut report = SealReport::default();
        let mut sealed = sealed;
        // Stable: pieces of one trace stay in the order in which they were sealed.
        sealed.sort_by(|a, b| a.tenant.cmp(&b.tenant));
        for of_tenant in sealed.chunk_by_mut(|a, b| a.tenant == b.tenant) {
            let Some(tenant) = of_tenant.first().map(|first| first.tenant.clone()) else {
                continue;
            };
            let mut open = Open::new(&tenant);
            for one in of_tenant {
                let trace = std::mem::replace(&mut one.trace, empty());
                if open.is_closed_to(&trace) {
                    self.close(
                        std::mem::replace(&mut open, Open::new(&tenant)),
                        &mut report,
                    )?;
                }
                self.push(trace, &mut open, &mut report)?;
            }
            self.close(open, &mut report)?;
        }
        Ok(report)
    }

    fn push(
        &self,
        trace: SealedTrace,
        open: &mut Open<'_>,
        report: &mut SealReport,
    ) -> Result<(), LiveError> {
        let trace_id = trace.trace_id;
        let trace = match self.stored(open.tenant, trace_id)? {
            Stored::Nowhere => trace,
            Stored::Unreadable => with_facts(trace, Facts::FRAGMENT),
            Stored::At(row, stored) => {
                let was_cut = stored.facts.0 & Facts::CUT != 0;
                let Some(merged) = merge(stored, trace.clone()) else {
                    report.n_repeated += 1;
                    return Ok(());
                };
                report.n_reopened += 1;
                if was_cut {
                    // A trace that was cut is not reopened: what follows stands by itself.
                    with_facts(trace, Facts::CUT | Facts::FRAGMENT)
                } else {
                    open.supersedes.push(row);
                    merged
                }
            }
        };
        open.traces.insert(trace_id);
        report.n_traces += 1;
        report.n_spans += trace.spans.len() as u64;
        open.builder.push(trace);
        Ok(())
    }

    /// Looks for a trace in the store. A damaged block does not hold up what arrives.
    fn stored(&self, tenant: &TenantId, trace_id: TraceId) -> Result<Stored, LiveError> {
        let found = match self.store.find_trace(tenant, trace_id) {
            Ok(Some(found)) => found,
            Ok(None) => return Ok(Stored::Nowhere),
            Err(error @ StoreError::Block(_)) => {
                tracing::error!(trace = %trace_id, error = %Chain(&error), "a stored trace cannot be looked up");
                return Ok(Stored::Unreadable);
            }
            Err(error) => return Err(error.into()),
        };
        let (listed, trace) = found;
        let row = Superseded {
            trace_id,
            block: listed.meta().id,
            trace,
        };
        match self.store.open_block(&listed)?.spans(trace) {
            Ok(stored) => Ok(Stored::At(row, stored)),
            Err(error) => {
                tracing::error!(trace = %trace_id, error = %Chain(&error), "a stored trace cannot be read");
                Ok(Stored::Unreadable)
            }
        }
    }

    fn close(&self, open: Open<'_>, report: &mut SealReport) -> Result<(), LiveError> {
        let Open {
            tenant,
            builder,
            traces,
            supersedes,
        } = open;
        if traces.is_empty() {
            return Ok(());
        }
        let n_reopened = supersedes.len() as u64;
        let block = builder.finish();
        let id = block.meta.id;
        // The rule set of this moment judges the block, whenever that comes about.
        let rule_set = self.registry.live(tenant)?.number();
        self.store.put_block(
            &block,
            &Listing {
                rule_set,
                supersedes,
            },
        )?;
        self.telemetry
            .sealed(tenant, traces.len() as u64, n_reopened);
        report.blocks.push(id);
        Ok(())
    }
}

fn with_facts(trace: SealedTrace, more: u8) -> SealedTrace {
    SealedTrace {
        facts: Facts(trace.facts.0 | more),
        ..trace
    }
}

fn empty() -> SealedTrace {
    SealedTrace {
        trace_id: TraceId([0; 16]),
        spans: Vec::new(),
        facts: Facts::default(),
        arrived_first: crate::clock::UnixNanos(0),
        arrived_last: crate::clock::UnixNanos(0),
    }
}
