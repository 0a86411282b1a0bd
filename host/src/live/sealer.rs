//! Sealed traces become listed blocks.
//!
//! A trace that is stored already (late spans reopened it) is merged with what is stored and written
//! whole into the newer block, whose listing supersedes the old rows. A trace that brings nothing which
//! is not stored changes nothing: that is what makes a repeated request, and a restart, harmless.
//!
//! A trace that never ends is not rewritten for ever: once it holds what one trace may, it counts as cut, and what
//! comes later stands by itself, a fragment for each time that something came.

use std::sync::Arc;

use hashbrown::HashSet;

use super::{Chain, LiveError};
use crate::{
    assemble::{AssembleOptions, Sealed, id_key, limits::CLOCK_OFF_MIN, merge, place, without},
    block::{Block, BlockBuilder, BlockError, BlockId},
    rules::Registry,
    store::{HOUR_NS, LastOpened, ListedBlock, Listing, Store, StoreError, Superseded},
    telemetry::{Telemetry, spans},
    tenant::TenantId,
    trace::{Facts, SentTrace, TraceId},
};

/// At how many spans a block is closed: also the most that one call of a component is shown.
pub const BLOCK_SPANS_MAX: usize = 16_384;

/// At how many bytes of spans, as sent, a block is closed: while it is made it is in memory two or three times.
pub(super) const BLOCK_BYTES_MAX: usize = 16 << 20;

/// At how many hours of T a block is closed. Coverage counts by rule and hour, and what is judged of a block is stored in one
/// commit: of one whose traces have each an hour of its own, as clocks that lie may have it, that would be a count for each
/// trace and rule.
pub(super) const BLOCK_HOURS_MAX: usize = 128;

/// With how many pieces of a cut trace what comes later is compared: enough for what a restart reads again, and a bound
/// on what each span costs of a trace that never ends.
const PIECES_COMPARED_MAX: usize = 16;

/// Writes sealed traces. Its calls are not to overlap: one thread owns it.
#[derive(Debug)]
pub struct Sealer {
    store: Store,
    registry: Arc<Registry>,
    telemetry: Arc<Telemetry>,
    trace_spans_max: usize,
    trace_bytes_max: usize,
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

impl SealReport {
    pub(super) fn add(&mut self, more: Self) {
        let Self {
            blocks,
            n_traces,
            n_spans,
            n_reopened,
            n_repeated,
        } = more;
        self.blocks.extend(blocks);
        self.n_traces += n_traces;
        self.n_spans += n_spans;
        self.n_reopened += n_reopened;
        self.n_repeated += n_repeated;
    }
}

/// Where a trace is stored already.
enum Stored {
    Nowhere,
    /// Its earlier part is damaged.
    Unreadable,
    At(Superseded, SentTrace),
}

/// A block in the making.
struct Open<'a> {
    tenant: &'a TenantId,
    builder: BlockBuilder,
    /// Of its spans, as sent.
    bytes: usize,
    traces: HashSet<TraceId>,
    /// In which its traces start, and those started whose place they take.
    hours: HashSet<u64>,
    supersedes: Vec<Superseded>,
}

impl<'a> Open<'a> {
    fn new(tenant: &'a TenantId) -> Self {
        Self {
            tenant,
            builder: BlockBuilder::new(tenant.clone()),
            bytes: 0,
            traces: HashSet::new(),
            hours: HashSet::new(),
            supersedes: Vec::new(),
        }
    }

    /// Whether the trace cannot come into this block: it is full, or holds an earlier piece of the trace.
    fn is_closed_to(&self, trace: &SentTrace) -> bool {
        let n_spans = self.builder.n_spans();
        let is_full = n_spans + trace.spans.len() > BLOCK_SPANS_MAX
            || self.bytes + trace.message_bytes() > BLOCK_BYTES_MAX
            || self.hours.len() >= BLOCK_HOURS_MAX;
        self.traces.contains(&trace.trace_id) || (n_spans > 0 && is_full)
    }
}

impl Sealer {
    /// Starts a sealer over a store. Of `options` it is bound by what one trace may hold.
    pub fn new(
        store: Store,
        registry: Arc<Registry>,
        telemetry: Arc<Telemetry>,
        options: &AssembleOptions,
    ) -> Self {
        Self {
            store,
            registry,
            telemetry,
            trace_spans_max: options.trace_spans_max,
            trace_bytes_max: options.trace_bytes_max,
        }
    }

    /// Stores and lists the traces, in blocks of one tenant each. When it returns they are durable.
    pub fn seal(&self, sealed: Vec<Sealed>) -> Result<SealReport, LiveError> {
        let _span = spans::seal(sealed.len()).entered();
        let mut report = SealReport::default();
        let mut sealed = sealed;
        // Stable: pieces of one trace stay in the order in which they were sealed.
        sealed.sort_by(|a, b| a.tenant.cmp(&b.tenant));
        for of_tenant in sealed.chunk_by_mut(|a, b| a.tenant == b.tenant) {
            let Some(tenant) = of_tenant.first().map(|first| first.tenant.clone()) else {
                continue;
            };
            let repeated: usize = of_tenant.iter().map(|one| one.repeated).sum();
            self.telemetry.seals.repeated(&tenant, repeated as u64);
            // A million traces may come again that are stored: each block is read once, not once for each.
            of_tenant
                .sort_by_cached_key(|one| self.store.newest_block_of(&tenant, one.trace.trace_id));
            let mut last = LastOpened::default();
            let mut open = Open::new(&tenant);
            for one in of_tenant {
                let trace = std::mem::replace(&mut one.trace, empty());
                if open.is_closed_to(&trace) {
                    self.close(
                        std::mem::replace(&mut open, Open::new(&tenant)),
                        &mut report,
                    )?;
                }
                self.push(trace, &mut open, &mut last, &mut report)?;
            }
            self.close(open, &mut report)?;
        }
        Ok(report)
    }

    fn push(
        &self,
        trace: SentTrace,
        open: &mut Open<'_>,
        last: &mut LastOpened,
        report: &mut SealReport,
    ) -> Result<(), StoreError> {
        let trace_id = trace.trace_id;
        let trace = match self.stored(open.tenant, trace_id, last)? {
            Stored::Nowhere => trace,
            Stored::Unreadable => with_facts(trace, Facts::FRAGMENT),
            Stored::At(row, stored) => {
                open.hours.extend(hour(&stored));
                let was_cut = stored.facts.0 & Facts::CUT != 0;
                let reopened = if was_cut {
                    drop(stored);
                    self.beside_its_pieces(open.tenant, trace)
                } else {
                    merge(stored, trace).map(|merged| self.cut_if_too_large(merged))
                };
                let Some(reopened) = reopened else {
                    report.n_repeated += 1;
                    return Ok(());
                };
                report.n_reopened += 1;
                if !was_cut {
                    open.supersedes.push(row);
                }
                reopened
            }
        };
        let is_clock_off = is_clock_off(&trace);
        self.telemetry
            .seals
            .stored(open.tenant, trace.facts, is_clock_off);
        open.traces.insert(trace_id);
        open.hours.extend(hour(&trace));
        report.n_traces += 1;
        report.n_spans += trace.spans.len() as u64;
        open.bytes += trace.message_bytes();
        open.builder.push(trace);
        Ok(())
    }

    /// A trace that was cut is not reopened: what of it is not stored stands by itself.
    fn beside_its_pieces(&self, tenant: &TenantId, late: SentTrace) -> Option<SentTrace> {
        let mut rest = late;
        let pieces = self
            .store
            .find_pieces(tenant, rest.trace_id, PIECES_COMPARED_MAX);
        for (listed, trace) in pieces {
            // A piece that cannot be read holds back nothing: better twice than not at all.
            if let Ok(Some(piece)) = self.read_if_alike(&listed, trace, &rest) {
                rest = without(rest, &piece.spans)?;
            }
        }
        Some(with_facts(rest, Facts::CUT | Facts::FRAGMENT))
    }

    /// Reads a stored piece of a trace where it may have a span of `late`. That it has none is told by two of its columns:
    /// a piece is large, and each further one is compared with all before it.
    fn read_if_alike(
        &self,
        listed: &ListedBlock,
        trace: u32,
        late: &SentTrace,
    ) -> Result<Option<SentTrace>, StoreError> {
        let block = self.store.open_block(listed)?;
        if !is_alike(&block, trace, late)? {
            return Ok(None);
        }
        Ok(Some(block.spans(trace)?.into()))
    }

    fn cut_if_too_large(&self, merged: SentTrace) -> SentTrace {
        if merged.spans.len() >= self.trace_spans_max
            || merged.message_bytes() >= self.trace_bytes_max
        {
            with_facts(merged, Facts::CUT)
        } else {
            merged
        }
    }

    /// Looks for a trace in the store. A damaged block, or file, does not hold up what arrives; a store that failed does,
    /// since what is not given today may be there tomorrow.
    fn stored(
        &self,
        tenant: &TenantId,
        trace_id: TraceId,
        last: &mut LastOpened,
    ) -> Result<Stored, StoreError> {
        let looked_up = match self.look_up(tenant, trace_id, last) {
            // The file is opened again for it: a read that fails once is not to cost a trace its first half.
            Err(error) if error.is_of_disk() => {
                *last = LastOpened::default();
                self.look_up(tenant, trace_id, last)
            }
            looked_up => looked_up,
        };
        match looked_up {
            Ok(Some((row, stored))) => Ok(Stored::At(row, stored)),
            Ok(None) => Ok(Stored::Nowhere),
            Err(error) if self.store.failed().borrow().is_some() => Err(error),
            Err(error) => {
                tracing::error!(trace = %trace_id, error = %Chain(&error), "a stored trace cannot be read");
                Ok(Stored::Unreadable)
            }
        }
    }

    fn look_up(
        &self,
        tenant: &TenantId,
        trace_id: TraceId,
        last: &mut LastOpened,
    ) -> Result<Option<(Superseded, SentTrace)>, StoreError> {
        let Some((listed, trace)) = self.store.find_trace_by(tenant, trace_id, last)? else {
            return Ok(None);
        };
        let row = Superseded {
            trace_id,
            block: listed.meta().id,
            trace,
        };
        let stored = self.store.open_block_once(&listed, last)?.spans(trace)?;
        Ok(Some((row, stored.into())))
    }

    fn close(&self, open: Open<'_>, report: &mut SealReport) -> Result<(), LiveError> {
        let Open {
            tenant,
            builder,
            bytes: _,
            traces,
            hours: _,
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

/// Whether a stored trace has a span where one of `late` stands.
fn is_alike(block: &Block, trace: u32, late: &SentTrace) -> Result<bool, BlockError> {
    let rows = block.span_rows(trace)?;
    let rows = rows.start as usize..rows.end as usize;
    let starts = block.starts()?.get(rows.clone()).unwrap_or_default();
    // Both are in order of start, and nearly always one has ended before the other begins.
    let of_late = late.spans.iter().map(|span| span.start_time_unix_nano);
    let (Some(first), Some(last)) = (of_late.clone().next(), of_late.last()) else {
        return Ok(false);
    };
    let from = starts.partition_point(|start| *start < first);
    let to = starts.partition_point(|start| *start <= last);
    if from == to {
        return Ok(false);
    }
    let places: HashSet<(u64, u64)> = late.spans.iter().map(place).collect();
    let ids = block.span_ids()?.get(rows).unwrap_or_default();
    let mut alike = starts.iter().zip(ids).skip(from).take(to - from);
    Ok(alike.any(|(start, id)| places.contains(&(*start, id_key(*id)))))
}

/// T of a trace: the start of its first span.
fn start(trace: &SentTrace) -> Option<u64> {
    trace.spans.first().map(|span| span.start_time_unix_nano)
}

fn hour(trace: &SentTrace) -> Option<u64> {
    start(trace).map(|start| start / HOUR_NS)
}

fn is_clock_off(trace: &SentTrace) -> bool {
    start(trace).is_some_and(|start| {
        let off_ns = start.abs_diff(trace.arrived_first.0);
        u128::from(off_ns) >= CLOCK_OFF_MIN.as_nanos()
    })
}

fn with_facts(trace: SentTrace, more: u8) -> SentTrace {
    SentTrace {
        facts: Facts(trace.facts.0 | more),
        ..trace
    }
}

fn empty() -> SentTrace {
    SentTrace {
        trace_id: TraceId([0; 16]),
        spans: Vec::new(),
        facts: Facts::default(),
        arrived_first: crate::clock::UnixNanos(0),
        arrived_last: crate::clock::UnixNanos(0),
    }
}
