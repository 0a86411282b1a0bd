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

use std::{cmp::Reverse, time::Duration};

use hashbrown::{HashMap, HashSet};

use crate::{
    clock::UnixNanos,
    tenant::TenantId,
    trace::{SentSpan, SentTrace, TraceId},
};

mod bounds;
pub mod limits;
mod open;
mod options;
mod run;
mod seal;
mod tenant;
#[cfg(test)]
mod tests;
mod turns;

use bounds::check_room;
pub use bounds::{Held, Refused, TenantBounds};
use open::OpenTrace;
pub use open::Unsealed;
pub use options::AssembleOptions;
pub(crate) use seal::{id_key, place};
pub use seal::{merge, without};
use tenant::{Tenant, Turn};
use turns::Turns;

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
    /// Traces that are open; not those that are cut and wait to be sealed.
    pub open_traces: usize,
    /// The spans of all that is open or cut, repetitions too.
    pub open_spans: usize,
    /// Their bytes as sent.
    pub open_bytes: usize,
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
    /// Each tenant that has something open has a place, by its `next_at`.
    turns: Turns,
    /// On how many traces' behalf each frame is kept.
    frames: HashMap<u64, u32>,
    held: Held,
}

impl Assembler {
    /// Starts with nothing open.
    pub fn new(options: AssembleOptions) -> Self {
        Self {
            options,
            tenants: Vec::new(),
            tenant_numbers: HashMap::new(),
            turns: Turns::default(),
            frames: HashMap::new(),
            held: Held::default(),
        }
    }

    /// Says whether so much more of the tenant may come.
    pub fn room_for(&self, tenant: &TenantId, more: Held) -> Result<(), Refused> {
        self.room_beside(tenant, more, Held::default(), &TenantBounds::default())
    }

    /// As [`Self::room_for`], where other spans are on their way here, of whichever tenant.
    pub fn room_beside(
        &self,
        tenant: &TenantId,
        more: Held,
        coming: Held,
        bounds: &TenantBounds,
    ) -> Result<(), Refused> {
        let of_tenant = self.of(tenant).map_or_else(Held::default, |t| t.held);
        let mut of_all = self.held;
        of_all.grow(coming);
        check_room(&self.options, tenant, more, (of_tenant, bounds), of_all)
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
        spans: &[SentSpan],
        arrival: Arrival,
        reopened: impl FnMut(TraceId) -> u32,
    ) -> Result<(), Refused> {
        self.room_for(tenant, Held::of(spans, arrival.bytes))?;
        self.readmit(tenant, spans, arrival, reopened);
        Ok(())
    }

    /// Takes spans that were acknowledged already, whatever the bounds: from the inbox, or after [`Self::room_for`].
    pub fn readmit(
        &mut self,
        tenant: &TenantId,
        spans: &[SentSpan],
        arrival: Arrival,
        mut reopened: impl FnMut(TraceId) -> u32,
    ) {
        let number = self.tenant_number(tenant);
        let Self {
            options,
            tenants,
            turns,
            frames,
            held,
            ..
        } = self;
        let Some(tenant) = tenants.get_mut(number as usize) else {
            return;
        };
        let share = arrival.bytes / spans.len().max(1);
        for mut run in run::runs(spans) {
            while let Some(first) = run.first() {
                let trace_id = first.trace_id;
                let mut before = Held::default();
                let open = tenant
                    .open
                    .entry(trace_id)
                    .and_modify(|open| before = open.held())
                    .or_insert_with(|| Box::new(OpenTrace::new(&arrival, reopened(trace_id))));
                let taken;
                (taken, run) = run.split_at(open.takes(share, options).min(run.len()));
                if open.push(taken, share, &arrival)
                    && let Some(frame) = arrival.frame
                {
                    *frames.entry(frame).or_default() += 1;
                }
                let too_large = open.is_too_large(options);
                for held in [&mut tenant.held, &mut *held] {
                    held.grow(open.held());
                    held.shrink(before);
                }
                if too_large {
                    tenant.cut(trace_id);
                    continue;
                }
                let due = open.due_at(options);
                if due < open.check_at {
                    open.check_at = due;
                    tenant.timers.push(Reverse((due, trace_id)));
                }
            }
        }
        if let Some(at) = tenant.next_at() {
            turns.wake(number, at);
        }
    }

    /// Returns when [`Self::due`] will have something, or may have: not before.
    pub fn next_due(&self) -> Option<Duration> {
        self.turns.next_at()
    }

    /// Takes out what is sealed by `now`. Of one tenant what is cut comes first, then the rest in order of time and trace id.
    pub fn due(&mut self, now: Duration) -> Vec<Sealed> {
        self.due_in_turns(now, usize::MAX, usize::MAX)
    }

    /// Takes out a round of what is sealed by `now`: `round` spans at most, or one longer trace, of which tenants that have
    /// something due take turns of about `turn` spans. What is left is due at once: [`Self::next_due`] says zero.
    pub fn due_in_turns(&mut self, now: Duration, round: usize, turn: usize) -> Vec<Sealed> {
        let Self {
            options,
            tenants,
            turns,
            held,
            ..
        } = self;
        let (mut sealed, mut left) = (Vec::new(), round);
        while left > 0
            && let Some(number) = turns.next(now)
        {
            let Some(tenant) = tenants.get_mut(number as usize) else {
                continue;
            };
            let share = (turn, &mut left);
            match tenant.seal_due(now, share, options, held, &mut sealed) {
                Turn::Had => {
                    if let Some(at) = tenant.next_at() {
                        turns.wake(number, at);
                    }
                }
                Turn::RoundIsFull => {
                    turns.again(number);
                    break;
                }
            }
        }
        sealed
    }

    /// Seals all that is open.
    pub fn flush(&mut self) -> Vec<Sealed> {
        self.flush_in_order(0, |open| open.check_at)
    }

    /// Seals the traces that have been quiet longest, until `spans` spans or more have left. Looks at all that is open.
    pub fn flush_quietest(&mut self, spans: usize) -> Vec<Sealed> {
        let keep = self.held.spans.saturating_sub(spans);
        self.flush_in_order(keep, |open| open.last_at)
    }

    /// Takes out what is cut, and seals what is open, until no more than `keep` spans are.
    fn flush_in_order(
        &mut self,
        keep: usize,
        order: impl Fn(&OpenTrace) -> Duration,
    ) -> Vec<Sealed> {
        let mut sealed = Vec::new();
        for tenant in &mut self.tenants {
            tenant.take_cut(&mut self.held, &mut sealed);
        }
        let mut ordered: Vec<(Duration, usize, TraceId)> = Vec::new();
        for (number, tenant) in self.tenants.iter().enumerate() {
            let open = tenant.open.iter();
            ordered.extend(open.map(|(id, open)| (order(open), number, *id)));
        }
        ordered.sort_unstable();
        for (_, number, trace_id) in ordered {
            if self.held.spans <= keep {
                break;
            }
            if let Some(tenant) = self.tenants.get_mut(number) {
                sealed.extend(tenant.seal(trace_id, &mut self.held));
            }
        }
        self.tenants.iter_mut().for_each(Tenant::give_back_room);
        sealed
    }

    /// Takes out all that is open of a tenant, for it to be dropped: nobody is to see it. What rests on its frames is given
    /// up by [`Self::release`], as of any sealed trace.
    pub fn forget(&mut self, tenant: &TenantId) -> Vec<Sealed> {
        let mut gone = Vec::new();
        let number = self.tenant_numbers.get(tenant);
        let of_tenant = number.and_then(|number| self.tenants.get_mut(*number as usize));
        if let Some(of_tenant) = of_tenant {
            of_tenant.take_cut(&mut self.held, &mut gone);
            let ids: Vec<TraceId> = of_tenant.open.keys().copied().collect();
            for id in ids {
                gone.extend(of_tenant.seal(id, &mut self.held));
            }
            of_tenant.give_back_room();
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

    /// Returns a copy of an open trace. To order its spans is the caller's work: nobody has to wait for that.
    pub fn open(&self, tenant: &TenantId, trace_id: TraceId) -> Option<Unsealed> {
        let open = self.of(tenant)?.open.get(&trace_id)?;
        Some(Unsealed::new(trace_id, open))
    }

    /// Returns how many spans are open, repetitions too.
    pub fn open_spans(&self) -> usize {
        self.held.spans
    }

    /// Counts what is open. Looks at every tenant, and at no trace.
    pub fn stats(&self) -> AssemblerStats {
        AssemblerStats {
            open_traces: self.tenants.iter().map(|tenant| tenant.open.len()).sum(),
            open_spans: self.held.spans,
            open_bytes: self.held.bytes,
            frames: self.frames.len(),
        }
    }

    /// Returns when the oldest open trace was opened. Looks at every open trace.
    pub fn oldest_opened_at(&self) -> Option<Duration> {
        let open = self.tenants.iter().flat_map(|tenant| tenant.open.values());
        open.map(|trace| trace.opened_at).min()
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
        self.tenants.push(Tenant::new(tenant.clone()));
        self.tenant_numbers.insert(tenant.clone(), number);
        number
    }
}
