//! Spans gather here by tenant and trace id until their trace is complete enough to be judged: it is then *sealed*.
//!
//! | a trace is sealed | when |
//! |---|---|
//! | quiet | its root has ended and nothing of it came for `settle`, or nothing for `idle` where no root is known |
//! | deadline | it has been open for `deadline` |
//! | cut | it reached `trace_spans_max` or `trace_bytes_max`; its facts say so |
//! | flushed | the caller said so: at the end of an import, or to make room |
//!
//! The order of things: [`Assembler::room_for`] before spans are made durable, [`Assembler::add`] or
//! [`Assembler::readmit`] after, [`Assembler::due`] at [`Assembler::next_due`], and, once what was sealed is
//! stored, [`Assembler::release`], which says which inbox frames nothing rests on any longer.
//!
//! Pure: no clock, no thread, no IO. Time is what the caller passes; `now` is monotonic, `arrived` is the wall
//! clock and is only kept. Nothing that was added is ever dropped, except exact repetitions of a span.
//!
//! A repetition keeps an open trace waiting as any span does, and counts against the bounds until it is sealed.
//! Whether a trace was sealed before is not known here: the caller merges late spans with [`merge`], and keeps
//! what follows a cut apart.

use std::{cmp::Reverse, collections::BinaryHeap, time::Duration};

use hashbrown::{HashMap, HashSet};

use crate::{
    clock::UnixNanos,
    tenant::TenantId,
    trace::{Facts, SentSpan, SentTrace, TraceId},
};

mod bounds;
pub mod limits;
mod open;
mod options;
mod seal;
#[cfg(test)]
mod tests;

use bounds::{Held, check_room};
pub use bounds::{Refused, TenantBounds};
use open::OpenTrace;
pub use options::AssembleOptions;
pub use seal::{merge, without};

/// How a request came.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Arrival {
    /// Where it lies in the inbox; `None` where it lies in none.
    pub frame: Option<u64>,
    /// Its length as protobuf, for the bounds in bytes; each of its spans is taken for an equal share.
    pub bytes: usize,
    /// The monotonic time of its arrival.
    pub now: Duration,
    /// The wall clock of its arrival.
    pub arrived: UnixNanos,
}

/// A trace that left assembly.
#[derive(Clone, Debug, PartialEq)]
pub struct Sealed {
    /// Whose it is.
    pub tenant: TenantId,
    /// The trace.
    pub trace: SentTrace,
    /// The inbox frames in which its spans lie, for [`Assembler::release`].
    pub frames: Vec<u64>,
    /// How many exact repetitions of spans were dropped.
    pub repeated: usize,
}

/// What is open, for those who operate the server.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct AssemblerStats {
    /// Traces that are open.
    pub open_traces: usize,
    /// Their spans, repetitions too.
    pub open_spans: usize,
    /// Their bytes as sent.
    pub open_bytes: usize,
    /// The monotonic time at which the oldest of them was opened.
    pub oldest_opened_at: Option<Duration>,
    /// Frames on which something open, or sealed and not yet released, rests.
    pub frames: usize,
}

/// All open traces of all tenants. One thread owns it.
#[derive(Debug)]
pub struct Assembler {
    options: AssembleOptions,
    /// Tenants by number; a number is never given twice.
    tenants: Vec<Tenant>,
    tenant_numbers: HashMap<TenantId, u32>,
    /// One timer for each open trace at its `check_at`, and stale ones. A span that comes later than expected
    /// moves no timer: it is set anew when it fires.
    timers: BinaryHeap<Reverse<Timer>>,
    /// Cut, and not yet taken by `due`.
    cut: Vec<Sealed>,
    /// On how many traces' behalf each frame is kept.
    frames: HashMap<u64, u32>,
    held: Held,
}

type Timer = (Duration, u32, TraceId);

#[derive(Debug)]
struct Tenant {
    id: TenantId,
    open: HashMap<TraceId, OpenTrace>,
    held: Held,
}

impl Assembler {
    /// Starts with nothing open.
    pub fn new(options: AssembleOptions) -> Self {
        Self {
            options,
            tenants: Vec::new(),
            tenant_numbers: HashMap::new(),
            timers: BinaryHeap::new(),
            cut: Vec::new(),
            frames: HashMap::new(),
            held: Held::default(),
        }
    }

    /// Says whether so many more spans and bytes of the tenant may come.
    pub fn room_for(&self, tenant: &TenantId, spans: usize, bytes: usize) -> Result<(), Refused> {
        self.room_beside(tenant, (spans, bytes), (0, 0), &TenantBounds::default())
    }

    /// As [`Self::room_for`], where other spans and bytes are on their way here, of whichever tenant.
    pub fn room_beside(
        &self,
        tenant: &TenantId,
        (spans, bytes): (usize, usize),
        (spans_coming, bytes_coming): (usize, usize),
        bounds: &TenantBounds,
    ) -> Result<(), Refused> {
        let of_tenant = self.of(tenant).map_or_else(Held::default, |t| t.held);
        let mut of_all = self.held;
        of_all.grow(spans_coming, bytes_coming);
        check_room(
            &self.options,
            tenant,
            Held { spans, bytes },
            (of_tenant, bounds),
            of_all,
        )
    }

    /// Says whether these spans may come, for the traces that they would open.
    pub fn room_for_traces(
        &self,
        tenant: &TenantId,
        spans: &[SentSpan],
        bounds: &TenantBounds,
    ) -> Result<(), Refused> {
        let max = bounds.traces.unwrap_or(self.options.tenant_open_traces_max);
        let of_tenant = self.of(tenant);
        let open = of_tenant.map_or(0, |t| t.open.len());
        // Nearly always: each span would have to be of a trace of its own.
        if open.saturating_add(spans.len()) <= max {
            return Ok(());
        }
        let is_open = |id: &TraceId| of_tenant.is_some_and(|t| t.open.contains_key(id));
        let ids = spans.iter().map(|span| span.trace_id);
        let opened: HashSet<TraceId> = ids.filter(|id| !is_open(id)).collect();
        if opened.is_empty() || open.saturating_add(opened.len()) <= max {
            return Ok(());
        }
        Err(Refused::Traces {
            tenant: tenant.clone(),
            open,
            max,
        })
    }

    /// Takes the spans of one request, all or none of them.
    ///
    /// `reopened` is asked once for each trace that this opens: how often the trace was sealed before (0: never).
    pub fn add(
        &mut self,
        tenant: &TenantId,
        spans: Vec<SentSpan>,
        arrival: Arrival,
        reopened: impl FnMut(TraceId) -> u32,
    ) -> Result<(), Refused> {
        self.room_for(tenant, spans.len(), arrival.bytes)?;
        self.readmit(tenant, spans, arrival, reopened);
        Ok(())
    }

    /// Takes spans that were acknowledged already, whatever the bounds: from the inbox, or after [`Self::room_for`].
    pub fn readmit(
        &mut self,
        tenant: &TenantId,
        spans: Vec<SentSpan>,
        arrival: Arrival,
        mut reopened: impl FnMut(TraceId) -> u32,
    ) {
        let number = self.tenant_number(tenant);
        let Self {
            options,
            tenants,
            timers,
            cut,
            frames,
            held,
            ..
        } = self;
        let Some(tenant) = tenants.get_mut(number as usize) else {
            return;
        };
        let share = arrival.bytes / spans.len().max(1);
        for span in spans {
            let trace_id = span.trace_id;
            let open = tenant
                .open
                .entry(trace_id)
                .or_insert_with(|| OpenTrace::new(&arrival, reopened(trace_id)));
            let before = (open.spans.len(), open.bytes);
            if open.push(span, share, &arrival)
                && let Some(frame) = arrival.frame
            {
                *frames.entry(frame).or_default() += 1;
            }
            let too_large = open.is_too_large(options);
            for held in [&mut tenant.held, &mut *held] {
                held.grow(open.spans.len(), open.bytes);
                held.shrink(before.0, before.1);
            }
            if too_large {
                cut.extend(seal_open(tenant, trace_id, Facts(Facts::CUT), held));
                continue;
            }
            let due = open.due_at(options);
            if due < open.check_at {
                open.check_at = due;
                timers.push(Reverse((due, number, trace_id)));
            }
        }
    }

    /// Returns when [`Self::due`] will have something, or may have: not before.
    pub fn next_due(&self) -> Option<Duration> {
        if self.cut.is_empty() {
            self.timers.peek().map(|Reverse((at, ..))| *at)
        } else {
            Some(Duration::ZERO)
        }
    }

    /// Takes out what is sealed by `now`, in order of time, tenant and trace id.
    pub fn due(&mut self, now: Duration) -> Vec<Sealed> {
        let mut sealed = std::mem::take(&mut self.cut);
        while let Some(Reverse((at, number, trace_id))) = self.timers.peek().copied()
            && at <= now
        {
            self.timers.pop();
            let Some(tenant) = self.tenants.get_mut(number as usize) else {
                continue;
            };
            let Some(open) = tenant.open.get_mut(&trace_id) else {
                continue;
            };
            if open.check_at != at {
                continue;
            }
            let due = open.due_at(&self.options);
            if due > now {
                open.check_at = due;
                self.timers.push(Reverse((due, number, trace_id)));
                continue;
            }
            sealed.extend(seal_open(
                tenant,
                trace_id,
                Facts::default(),
                &mut self.held,
            ));
        }
        sealed
    }

    /// Seals all that is open.
    pub fn flush(&mut self) -> Vec<Sealed> {
        let mut sealed = std::mem::take(&mut self.cut);
        // Every open trace has a timer. In the order in which they would have been looked at.
        while let Some(Reverse((_, number, trace_id))) = self.timers.pop() {
            if let Some(tenant) = self.tenants.get_mut(number as usize) {
                sealed.extend(seal_open(
                    tenant,
                    trace_id,
                    Facts::default(),
                    &mut self.held,
                ));
            }
        }
        sealed
    }

    /// Seals the traces that have been quiet longest, until `spans` spans or more have left. Looks at all that is open.
    pub fn flush_quietest(&mut self, spans: usize) -> Vec<Sealed> {
        let mut sealed = std::mem::take(&mut self.cut);
        let mut by_quiet: Vec<Timer> = (0..)
            .zip(&self.tenants)
            .flat_map(|(number, tenant)| {
                let last = move |(id, open): (&TraceId, &OpenTrace)| (open.last_at, number, *id);
                tenant.open.iter().map(last)
            })
            .collect();
        by_quiet.sort_unstable();
        let keep = self.held.spans.saturating_sub(spans);
        for (_, number, trace_id) in by_quiet {
            if self.held.spans <= keep {
                break;
            }
            if let Some(tenant) = self.tenants.get_mut(number as usize) {
                sealed.extend(seal_open(
                    tenant,
                    trace_id,
                    Facts::default(),
                    &mut self.held,
                ));
            }
        }
        sealed
    }

    /// Takes out all that is open of a tenant, for it to be dropped: nobody is to see it. What rests on its frames is given
    /// up by [`Self::release`], as of any sealed trace.
    pub fn forget(&mut self, tenant: &TenantId) -> Vec<Sealed> {
        let cut = std::mem::take(&mut self.cut);
        let (mut gone, kept): (Vec<_>, Vec<_>) =
            cut.into_iter().partition(|sealed| sealed.tenant == *tenant);
        self.cut = kept;
        let number = self.tenant_numbers.get(tenant);
        let of_tenant = number.and_then(|number| self.tenants.get_mut(*number as usize));
        if let Some(of_tenant) = of_tenant {
            let ids: Vec<TraceId> = of_tenant.open.keys().copied().collect();
            for id in ids {
                gone.extend(seal_open(of_tenant, id, Facts::default(), &mut self.held));
            }
        }
        gone
    }

    /// Forgets that a sealed trace rests on its frames; call it when the trace is stored. Returns the frames that
    /// nothing rests on any longer.
    pub fn release(&mut self, frames: &[u64]) -> Vec<u64> {
        let mut free = Vec::new();
        for &frame in frames {
            let Some(kept) = self.frames.get_mut(&frame) else {
                continue;
            };
            *kept -= 1;
            if *kept == 0 {
                self.frames.remove(&frame);
                free.push(frame);
            }
        }
        free
    }

    /// Returns an open trace as it would be sealed at this moment.
    pub fn open(&self, tenant: &TenantId, trace_id: TraceId) -> Option<SentTrace> {
        let open = self.of(tenant)?.open.get(&trace_id)?;
        Some(open.view(trace_id))
    }

    /// Returns how many spans are open, repetitions too.
    pub fn open_spans(&self) -> usize {
        self.held.spans
    }

    /// Counts what is open. Looks at every open trace.
    pub fn stats(&self) -> AssemblerStats {
        let open = || self.tenants.iter().flat_map(|tenant| tenant.open.values());
        AssemblerStats {
            open_traces: self.tenants.iter().map(|tenant| tenant.open.len()).sum(),
            open_spans: self.held.spans,
            open_bytes: self.held.bytes,
            oldest_opened_at: open().map(|trace| trace.opened_at).min(),
            frames: self.frames.len(),
        }
    }

    fn of(&self, tenant: &TenantId) -> Option<&Tenant> {
        let number = *self.tenant_numbers.get(tenant)?;
        self.tenants.get(number as usize)
    }

    fn tenant_number(&mut self, tenant: &TenantId) -> u32 {
        if let Some(&number) = self.tenant_numbers.get(tenant) {
            return number;
        }
        let number = self.tenants.len() as u32;
        self.tenants.push(Tenant {
            id: tenant.clone(),
            open: HashMap::new(),
            held: Held::default(),
        });
        self.tenant_numbers.insert(tenant.clone(), number);
        number
    }
}

fn seal_open(
    tenant: &mut Tenant,
    trace_id: TraceId,
    known: Facts,
    held: &mut Held,
) -> Option<Sealed> {
    let mut open = tenant.open.remove(&trace_id)?;
    for held in [&mut tenant.held, held] {
        held.shrink(open.spans.len(), open.bytes);
    }
    let frames = std::mem::take(&mut open.frames);
    let (trace, repeated) = open.seal(trace_id, known);
    Some(Sealed {
        tenant: tenant.id.clone(),
        trace,
        frames,
        repeated,
    })
}
