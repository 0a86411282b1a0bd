//! One call of a pack: a fresh store and instance, all its budgets, and what went wrong if it did.
//!
//! Isolation rests on this file: a store is made for one call and dropped with it, so nothing that a guest
//! wrote outlives its answer, and nothing of another tenant is ever in the same store. Every budget is set
//! before the first instruction of the guest, and the deadline again before the call, since a start
//! function runs on instantiation.

use std::{
    fs,
    sync::{Condvar, Mutex, PoisonError},
    time::Duration,
};

use wasmtime::{Engine, ResourceLimiter, Store, Trap, UpdateDeadline};

use crate::verdict::Reason;

use super::{
    bindings::{
        RulePack,
        exports::betrace::rules::pack::{Batch, Findings, Rule},
    },
    error::{CallError, RuleFault},
    limits::{
        DESCRIPTION_BYTES_MAX, EPOCH_TICK, MEMORY_BYTES_MAX, SandboxLimits, TABLE_ELEMENTS_MAX,
    },
    pack::PackPre,
};

/// What a call may use beyond what follows from its size.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CallBudget {
    /// How many times the usual deadline: a call that was stopped for time is repeated with more.
    pub deadlines: u32,
}

impl Default for CallBudget {
    fn default() -> Self {
        Self { deadlines: 1 }
    }
}

/// What a call answered.
#[derive(Clone, Debug)]
pub struct Answer {
    /// Within their ranges.
    pub findings: Findings,
    /// What it cost.
    pub fuel_spent: u64,
}

/// What a store holds beside the guest: its limits.
#[derive(Debug, Default)]
pub(super) struct Guest {
    /// Whether the guest was refused memory: then that is why it failed.
    denied: bool,
}

impl ResourceLimiter for Guest {
    fn memory_growing(
        &mut self,
        _current: usize,
        desired: usize,
        _maximum: Option<usize>,
    ) -> wasmtime::Result<bool> {
        let granted = desired <= MEMORY_BYTES_MAX;
        self.denied |= !granted;
        Ok(granted)
    }

    fn table_growing(
        &mut self,
        _current: usize,
        desired: usize,
        _maximum: Option<usize>,
    ) -> wasmtime::Result<bool> {
        let granted = desired <= TABLE_ELEMENTS_MAX;
        self.denied |= !granted;
        Ok(granted)
    }

    fn instances(&self) -> usize {
        1
    }

    fn tables(&self) -> usize {
        1
    }

    fn memories(&self) -> usize {
        1
    }
}

/// Judges `batch` by `rules`, positions in the pack, ascending. The findings are within their ranges.
pub(super) fn evaluate(
    engine: &Engine,
    limits: &SandboxLimits,
    pack: &PackPre,
    rules: &[u32],
    batch: &Batch,
    budget: CallBudget,
) -> Result<Answer, CallError> {
    let n_spans = batch.trace_ends.last().map_or(0, |end| *end as usize);
    let n_traces = batch.traces as usize;
    let fuel = limits.fuel(rules.len(), n_spans);
    let deadline = limits.deadline(fuel).saturating_mul(budget.deadlines);
    // What findings of the largest size take: for each rule and trace a verdict and all of a violation,
    // and each span a witness of each rule.
    let lifted = rules
        .len()
        .saturating_mul(n_traces.saturating_mul(16) + n_spans.saturating_mul(4))
        .saturating_add(4 << 10);
    let (findings, fuel_spent) = Call {
        engine,
        fuel,
        deadline,
        lifted,
    }
    .run(
        |store| pack.pre.instantiate(store),
        |pack, store| pack.betrace_rules_pack().call_evaluate(store, rules, batch),
    )?;
    super::findings::check(&findings, pack, rules, batch).map_err(|detail| RuleFault {
        kind: Reason::BadOutput,
        detail,
        fuel_spent,
    })?;
    Ok(Answer {
        findings,
        fuel_spent,
    })
}

/// Asks a pack what it holds.
pub(super) fn describe(
    engine: &Engine,
    limits: &SandboxLimits,
    pre: &super::bindings::RulePackPre<Guest>,
) -> Result<Vec<Rule>, CallError> {
    // As much as judging one batch by one rule.
    let fuel = limits.fuel(1, 0);
    let (rules, _) = Call {
        engine,
        fuel,
        deadline: limits.deadline(fuel),
        lifted: DESCRIPTION_BYTES_MAX,
    }
    .run(
        |store| pre.instantiate(store),
        |pack, store| pack.betrace_rules_pack().call_describe(store),
    )?;
    Ok(rules)
}

/// The budgets of one call.
struct Call<'a> {
    engine: &'a Engine,
    fuel: u64,
    deadline: Duration,
    /// Bytes that may come back.
    lifted: usize,
}

impl Call<'_> {
    /// Instantiates and calls; returns the answer and the fuel that it cost.
    fn run<T>(
        &self,
        instantiate: impl FnOnce(&mut Store<Guest>) -> wasmtime::Result<RulePack>,
        call: impl FnOnce(&RulePack, &mut Store<Guest>) -> wasmtime::Result<T>,
    ) -> Result<(T, u64), CallError> {
        let mut store = Store::new(self.engine, Guest::default());
        store.limiter(|guest| guest);
        store.set_fuel(self.fuel).map_err(|error| host(&error))?;
        store.set_hostcall_fuel(self.lifted);
        self.watch(&mut store);
        store.set_epoch_deadline(ticks(self.deadline / 2));
        let pack = match instantiate(&mut store) {
            Ok(pack) => pack,
            Err(error) if error.is::<Trap>() || store.data().denied => {
                return Err(self.fault(&store, &error).into());
            }
            // Whatever else fails here failed for want of something of the host's: this component was
            // instantiated when it was loaded.
            Err(error) => return Err(host(&error)),
        };
        store.set_epoch_deadline(ticks(self.deadline / 2));
        match call(&pack, &mut store) {
            Ok(answer) => Ok((answer, self.spent(&store))),
            Err(error) => Err(self.fault(&store, &error).into()),
        }
    }

    /// Stops the guest once it has computed for its deadline.
    ///
    /// The epoch counts time that passes, and on a busy machine most of that is not the guest's: half of the
    /// deadline passes unmeasured, since asking the system at the start would cost every call; from then on
    /// what counts is the processor time of this thread.
    fn watch(&self, store: &mut Store<Guest>) {
        let computes = self.deadline / 2;
        let mut since = None;
        store.epoch_deadline_callback(move |_| {
            let Some(now) = thread_cpu_time() else {
                return Ok(UpdateDeadline::Interrupt);
            };
            let since = *since.get_or_insert(now);
            let left = computes.saturating_sub(now.saturating_sub(since));
            Ok(if left.is_zero() {
                UpdateDeadline::Interrupt
            } else {
                UpdateDeadline::Continue(ticks(left))
            })
        });
    }

    fn spent(&self, store: &Store<Guest>) -> u64 {
        self.fuel.saturating_sub(store.get_fuel().unwrap_or(0))
    }

    fn fault(&self, store: &Store<Guest>, error: &wasmtime::Error) -> RuleFault {
        let trap = error.downcast_ref::<Trap>();
        let kind = match trap {
            Some(Trap::OutOfFuel) => Reason::OutOfFuel,
            Some(Trap::Interrupt) => Reason::DeadlineExceeded,
            // A guest that is refused memory gives up in its own way, mostly by `unreachable`.
            _ if store.data().denied => Reason::MemoryLimit,
            Some(_) => Reason::Trapped,
            // No trap, so the answer, or the room for the question, was not where the guest said.
            None => Reason::BadOutput,
        };
        let detail = match (kind, trap) {
            (Reason::OutOfFuel, _) => format!("spent all of its {} units of fuel", self.fuel),
            (Reason::DeadlineExceeded, _) => {
                format!("computed for more than {} ms", self.deadline.as_millis())
            }
            (Reason::MemoryLimit, _) => format!(
                "asked for more than {} MiB of memory",
                MEMORY_BYTES_MAX >> 20
            ),
            (_, Some(trap)) => format!("{trap} {error}"),
            (_, None) => format!("{error:#}"),
        };
        RuleFault {
            kind,
            detail: detail.trim_end().to_owned(),
            fuel_spent: self.spent(store),
        }
    }
}

fn host(error: &wasmtime::Error) -> CallError {
    CallError::Host {
        what: format!("{error:#}"),
    }
}

/// Returns a time in ticks of the epoch. The tick under way counts for nothing.
fn ticks(time: Duration) -> u64 {
    let ticks = time.as_nanos().div_ceil(EPOCH_TICK.as_nanos());
    u64::try_from(ticks)
        .unwrap_or(u64::MAX >> 1)
        .saturating_add(1)
}

/// Returns how long this thread has run on a processor; `None` where the system does not say. Reads
/// `schedstat` (proc(5)): run time in ns comes first.
fn thread_cpu_time() -> Option<Duration> {
    let text = fs::read_to_string("/proc/thread-self/schedstat").ok()?;
    let nanos = text.split_ascii_whitespace().next()?;
    nanos.parse().ok().map(Duration::from_nanos)
}

/// Lets at most as many calls run as there are instances; the rest wait their turn.
#[derive(Debug)]
pub(super) struct Turnstile {
    free: Mutex<u32>,
    freed: Condvar,
}

impl Turnstile {
    pub(super) fn new(places: u32) -> Self {
        Self {
            free: Mutex::new(places),
            freed: Condvar::new(),
        }
    }

    /// Waits for a place and runs `call` in it. The call must not enter again.
    pub(super) fn enter<T>(&self, call: impl FnOnce() -> T) -> T {
        let mut free = self.free.lock().unwrap_or_else(PoisonError::into_inner);
        while *free == 0 {
            free = self
                .freed
                .wait(free)
                .unwrap_or_else(PoisonError::into_inner);
        }
        *free -= 1;
        drop(free);
        let _place = Place(self);
        call()
    }
}

/// A place that is given back even where the call unwinds.
struct Place<'a>(&'a Turnstile);

impl Drop for Place<'_> {
    fn drop(&mut self) {
        *self.0.free.lock().unwrap_or_else(PoisonError::into_inner) += 1;
        self.0.freed.notify_one();
    }
}
