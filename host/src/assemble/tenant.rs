//! What is open of one tenant, and what of it is due.
//!
//! Knows nothing of other tenants: whose turn it is, and how much is sealed at once, is said to it.

use std::{
    cmp::Reverse,
    collections::{BinaryHeap, VecDeque},
    time::Duration,
};

use hashbrown::HashMap;

use super::{AssembleOptions, Sealed, bounds::Held, limits::KEPT_ROOM_TRACES, open::OpenTrace};
use crate::{
    tenant::TenantId,
    trace::{Facts, TraceId},
};

pub(super) type Timer = (Duration, TraceId);

#[derive(Debug)]
pub(super) struct Tenant {
    pub(super) id: TenantId,
    /// Boxed: the table's empty places are as large as what it holds, and it is up to half empty.
    pub(super) open: HashMap<TraceId, Box<OpenTrace>>,
    /// What is open, and what is cut and not yet taken.
    pub(super) held: Held,
    /// One timer for each open trace at its `check_at`, and stale ones. A span that comes later than expected
    /// moves no timer: it is set anew when it fires.
    pub(super) timers: BinaryHeap<Reverse<Timer>>,
    /// Cut, and not yet taken.
    cut: VecDeque<(TraceId, Box<OpenTrace>)>,
}

/// How a turn ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Turn {
    /// By the tenant: nothing more is due, or it had its share.
    Had,
    /// By the round: what comes next is more than what is left of it.
    RoundIsFull,
}

impl Tenant {
    pub(super) fn new(id: TenantId) -> Self {
        Self {
            id,
            open: HashMap::new(),
            held: Held::default(),
            timers: BinaryHeap::new(),
            cut: VecDeque::new(),
        }
    }

    /// Returns when something of it may be due; zero where it is at once.
    pub(super) fn next_at(&self) -> Option<Duration> {
        if self.cut.is_empty() {
            self.timers.peek().map(|Reverse((at, _))| *at)
        } else {
            Some(Duration::ZERO)
        }
    }

    /// Cuts a trace that is too large. It counts as open, and is not sealed, until it is taken.
    pub(super) fn cut(&mut self, trace_id: TraceId) {
        let open = self.open.remove(&trace_id);
        self.cut.extend(open.map(|open| (trace_id, open)));
    }

    /// Takes out what is cut and then what is due by `now`, about `share` spans of it and no more than are `left` of the
    /// round, of which `sealed` is what it has so far. A trace longer than that is taken where it comes first.
    pub(super) fn seal_due(
        &mut self,
        now: Duration,
        (share, left): (usize, &mut usize),
        options: &AssembleOptions,
        held: &mut Held,
        sealed: &mut Vec<Sealed>,
    ) -> Turn {
        let mut used = 0;
        while let Some(next) = self.next_due(now, options) {
            let n_spans = match next {
                Due::Cut(n_spans) | Due::Open(_, n_spans) => n_spans,
                Due::NotYet => 0,
            };
            if !sealed.is_empty() && n_spans > *left {
                return Turn::RoundIsFull;
            }
            if used > 0 && used + n_spans > share {
                return Turn::Had;
            }
            // A timer that was only looked at is work too.
            used += n_spans.max(1);
            *left = left.saturating_sub(n_spans.max(1));
            let taken = match next {
                Due::Cut(_) => self.next_cut(held),
                Due::Open(trace_id, _) => {
                    self.timers.pop();
                    self.seal(trace_id, held)
                }
                Due::NotYet => None,
            };
            sealed.extend(taken);
            if *left == 0 {
                break;
            }
        }
        self.give_back_room();
        Turn::Had
    }

    /// Looks at what comes next; a timer that fired too early is set anew.
    fn next_due(&mut self, now: Duration, options: &AssembleOptions) -> Option<Due> {
        if let Some((_, cut)) = self.cut.front() {
            return Some(Due::Cut(cut.held().spans));
        }
        let Reverse((at, trace_id)) = *self.timers.peek()?;
        if at > now {
            return None;
        }
        let Some(open) = self
            .open
            .get_mut(&trace_id)
            .filter(|open| open.check_at == at)
        else {
            self.timers.pop();
            return Some(Due::NotYet);
        };
        let due = open.due_at(options);
        if due > now {
            open.check_at = due;
            self.timers.pop();
            self.timers.push(Reverse((due, trace_id)));
            return Some(Due::NotYet);
        }
        Some(Due::Open(trace_id, open.held().spans))
    }

    /// Takes out all that is cut.
    pub(super) fn take_cut(&mut self, held: &mut Held, sealed: &mut Vec<Sealed>) {
        sealed.extend(std::iter::from_fn(|| self.next_cut(held)));
    }

    /// Seals an open trace and takes it out.
    pub(super) fn seal(&mut self, trace_id: TraceId, held: &mut Held) -> Option<Sealed> {
        let open = self.open.remove(&trace_id)?;
        Some(self.sealed((trace_id, open), Facts::default(), held))
    }

    fn next_cut(&mut self, held: &mut Held) -> Option<Sealed> {
        let cut = self.cut.pop_front()?;
        Some(self.sealed(cut, Facts(Facts::CUT), held))
    }

    fn sealed(
        &mut self,
        (trace_id, mut open): (TraceId, Box<OpenTrace>),
        known: Facts,
        held: &mut Held,
    ) -> Sealed {
        for held in [&mut self.held, held] {
            held.shrink(open.held());
        }
        let frames = std::mem::take(&mut open.frames);
        let (trace, repeated) = open.seal(trace_id, known);
        Sealed {
            tenant: self.id.clone(),
            trace,
            frames,
            repeated,
        }
    }

    /// Gives back the memory of a flood that has passed.
    pub(super) fn give_back_room(&mut self) {
        if self.open.is_empty() && self.open.capacity() > KEPT_ROOM_TRACES {
            self.open = HashMap::new();
            self.timers = BinaryHeap::new();
        }
    }
}

/// What comes next of a tenant.
enum Due {
    /// A trace that was cut, of so many spans.
    Cut(usize),
    /// A trace that is due, of so many spans, repetitions too.
    Open(TraceId, usize),
    /// A timer that was stale or too early.
    NotYet,
}
